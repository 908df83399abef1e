"""Host: local searches, each a list of neighbourhoods and a rule for which improving move to take.

With several neighbourhoods, the next larger one is tried only where the smaller ones hold no improving
move (variable neighbourhood descent: Mladenović & Hansen 1997, https://doi.org/10.1016/S0305-0548(97)00031-2).
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from jaxsolve import engine
from jaxsolve.engine import NEIGHBOURHOODS, Moves, Neighbourhood
from jaxsolve.errors import UsageError
from jaxsolve.puzzle import Assembly
from jaxsolve.run import CHUNK, Evaluator, Run

FIRST_LOOK = 8
"""Moves that a sweep looks at together at first."""


@dataclass(frozen=True)
class LocalSearch:
    """Neighbourhoods from small to large, and whether a sweep takes every improving move or only the best of all."""

    neighbourhoods: tuple[str, ...]
    take: Literal["first", "best"] = "first"


SEARCHES: dict[str, LocalSearch] = {
    "bubble": LocalSearch(("adjacent",)),
    "bubble_best": LocalSearch(("adjacent",), "best"),
    "two_opt": LocalSearch(("swaps",)),
    "two_opt_best": LocalSearch(("swaps",), "best"),
    "or_opt": LocalSearch(("insertions",)),
    "or_opt_best": LocalSearch(("insertions",), "best"),
    "descent": LocalSearch(("adjacent", "swaps", "insertions")),
    "descent_best": LocalSearch(("adjacent", "swaps", "insertions"), "best"),
    "joint_descent": LocalSearch(("adjacent", "partner_swaps", "swaps", "insertions")),
}


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


def search_named(name: str) -> LocalSearch:
    """Return a search by name; `UsageError` if there is none."""
    if name not in SEARCHES:
        raise UsageError(f"no search {name!r}; choose one of {', '.join(SEARCHES)}")
    return SEARCHES[name]


def begin(problem: "engine.Problem", assembly: Assembly, run: Run, rounds: Sequence[Round] = ()) -> Descent:
    """Return the start of a descent from an assembly, with the rounds that led to it."""
    return Descent(assembly, Evaluator(problem, assembly, run).loss(), rounds=[*rounds])


def descend(problem: "engine.Problem", descent: Descent, name: str, run: Run, *, floor: float = 0.0) -> None:
    """Improve an assembly in place until no neighbourhood of the search improves it.

    Stops early when the loss is at most `floor`. Sweeps decide in float32 on the rows of `problem`.

    Raises
    ------
    OutOfTime
        The budget of `run` is spent; `descent` holds the best so far.
    """
    search = search_named(name)
    sweep = {"first": _take_each, "best": _take_best}[search.take]
    evaluator = Evaluator(problem, descent.assembly, run)
    level = 0
    while level < len(search.neighbourhoods) and descent.loss > floor:
        neighbourhood, before = search.neighbourhoods[level], descent.moves
        with _round(descent, neighbourhood, run):
            sweep(evaluator, descent, NEIGHBOURHOODS[neighbourhood](problem.blocks), run, floor)
        level = 0 if descent.moves > before else level + 1


@contextmanager
def _round(descent: Descent, neighbourhood: str, run: Run) -> Iterator[None]:
    """Record what a pass did, also one that is cut short, unless it did nothing."""
    moves, evaluations, began = descent.moves, run.evaluations, time.perf_counter()
    try:
        yield
    finally:
        taken, spent = descent.moves - moves, run.evaluations - evaluations
        if taken:
            seconds = time.perf_counter() - began
            done = Round(neighbourhood, taken, descent.assembly, descent.loss, spent, seconds)
            descent.rounds.append(done)
    if taken and run.measure:
        with run.phase("certify"):
            descent.rounds[-1] = replace(descent.rounds[-1], mse=run.measure(descent.assembly))


def _take_each(evaluator: Evaluator, descent: Descent, moves: Neighbourhood, run: Run, floor: float) -> None:
    """Try every move once, taking each that improves at once.

    Looking at several moves together, taking the first that improves and going on behind it decides as
    trying one after the other does. What is looked at behind it is lost, so that fewer are looked at
    together while moves are taken, and more again while none is.
    """
    narrowest = engine.default_lanes()
    start, width = 0, max(narrowest, FIRST_LOOK)
    while start < moves.size and descent.loss > floor:
        window = moves.take(slice(start, start + width))
        losses = evaluator.losses(window)
        improving = np.flatnonzero(losses < descent.loss)
        if improving.size:
            _take(evaluator, descent, window, int(improving[0]), losses, run)
            start, width = start + int(improving[0]) + 1, max(narrowest, width // 2)
        else:
            start, width = start + width, min(CHUNK, 2 * width)


def _take_best(evaluator: Evaluator, descent: Descent, moves: Neighbourhood, run: Run, floor: float) -> None:
    """Look at every move and take the best, the first of equals, if it improves."""
    losses = np.nan_to_num(evaluator.losses(moves), nan=np.inf)
    if losses.size and losses.min() < descent.loss:
        _take(evaluator, descent, moves, int(losses.argmin()), losses, run)


def _take(
    evaluator: Evaluator,
    descent: Descent,
    moves: Moves | Neighbourhood,
    m: int,
    losses: NDArray[np.float64],
    run: Run,
) -> None:
    evaluator.take(moves, m)
    descent.assembly, descent.loss = evaluator.assembly, float(losses[m])
    descent.moves += 1
    run.loss = min(run.loss, descent.loss)
