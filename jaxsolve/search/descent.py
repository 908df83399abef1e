"""Host: an assembly on its way down, and the record of it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from jaxsolve import engine
from jaxsolve.engine import Moves, Neighbourhood
from jaxsolve.puzzle import Assembly
from jaxsolve.run import Evaluator, Pass, Run


@dataclass(frozen=True, eq=False)
class Round:
    """One pass over one neighbourhood in which moves were taken."""

    neighbourhood: str
    moves: int
    assembly: Assembly
    """The assembly after the round."""
    loss: float
    """Its mean squared error over the rows of the search."""
    evaluations: int
    seconds: float
    mse: float | None = None
    """Its float64 mean squared error over all rows, where the run measures it."""


@dataclass(eq=False)
class Descent:
    """An assembly on its way down; always the best found, also when the search is stopped in the middle."""

    assembly: Assembly
    loss: float
    moves: int = 0
    rounds: list[Round] = field(default_factory=list)

    @property
    def measured(self) -> float | None:
        """Mean squared error over all rows, if the last round was judged and nothing moved since."""
        return self.rounds[-1].mse if self.rounds and self.rounds[-1].assembly is self.assembly else None


def begin(problem: "engine.Problem", assembly: Assembly, run: Run, rounds: Sequence[Round] = ()) -> Descent:
    """Return the start of a descent from an assembly, with the rounds that led to it."""
    return Descent(assembly, Evaluator(problem, assembly, run).loss(), rounds=[*rounds])


def take(
    evaluator: Evaluator,
    descent: Descent,
    moves: Moves | Neighbourhood,
    m: int,
    loss: float,
    run: Run,
    *,
    count: int = 1,
) -> None:
    """Apply move m, which stands for `count` moves and leads to a loss, to an assembly and its evaluator."""
    evaluator.take(moves, m)
    descent.assembly, descent.loss = evaluator.assembly, loss
    descent.moves += count
    run.found(descent.assembly, descent.loss)


@contextmanager
def recorded(descent: Descent, neighbourhood: str, run: Run) -> Iterator[None]:
    """Record what a pass did, also one that is cut short, unless it did nothing."""
    moves, evaluations, began = descent.moves, run.evaluations, time.perf_counter()
    try:
        yield
    finally:
        taken, spent = descent.moves - moves, run.evaluations - evaluations
        seconds = time.perf_counter() - began
        run.passed(Pass(neighbourhood, descent.loss, seconds, taken, max(0, spent - taken)))
        if taken:
            done = Round(neighbourhood, taken, descent.assembly, descent.loss, spent, seconds)
            descent.rounds.append(done)
    if taken and run.measure:
        with run.phase("certify"):
            descent.rounds[-1] = replace(descent.rounds[-1], mse=run.measure(descent.assembly))
