"""Host: which activation a puzzle has, before a search that has to keep to one."""

from typing import NamedTuple

import numpy as np

from jaxsolve.certificate import reachable
from jaxsolve.puzzle import Assembly, Puzzle
from jaxsolve.run import Run
from jaxsolve.search import descend
from jaxsolve.solver.activations import rank_activations
from jaxsolve.solver.config import Config
from jaxsolve.solver.initial import first_start
from jaxsolve.solver.portfolio import Policy, Portfolio


class Guess(NamedTuple):
    """How well an activation fits."""

    activation: str
    loss: float
    """Mean squared error of a descent under it, on a few hundred rows."""
    assembly: Assembly | None
    """Where that ended; None: it was not made."""


def guess_activation(puzzle: Puzzle, run: Run, devices: int | None = None) -> list[Guess]:
    """Return activations by the mean squared error of a descent under each, on a few hundred rows, lowest first.

    Those behind one that fits exactly are not tried, nor any after the budget of `run` is spent.
    """
    config, found = Config(search="shortlisted", devices=devices), dict[str, Guess]()
    with run.stoppable():
        with run.phase("pair"):
            first = first_start(puzzle, config)
        portfolio = Portfolio.begun(Policy(patience=0), puzzle, config, run, first)
        while (hypothesis := portfolio.select()) is not None and hypothesis.puzzle.activation not in found:
            attempt = hypothesis.advance()
            if attempt is None:
                portfolio.exhausted()
                continue
            floor = reachable(hypothesis.puzzle, attempt.descent.assembly)
            with run.phase("search"):
                descend(attempt.problem, attempt.descent, config.search, run, floor=floor)
            end = attempt.descent.assembly
            akin = rank_activations(puzzle, [end], attempt.problem.rows)[0]
            for name, loss in ((hypothesis.puzzle.activation, attempt.descent.loss), akin):
                if name not in found or loss < found[name].loss:
                    found[name] = Guess(name, loss, end)
            if min(one.loss for one in found.values()) <= floor:
                break
            portfolio.update(hypothesis, attempt)
    return sorted(found.values(), key=lambda one: one.loss) or [Guess(puzzle.activation, np.inf, None)]
