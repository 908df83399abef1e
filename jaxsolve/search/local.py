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

from jaxsolve import engine
from jaxsolve.engine import NEIGHBOURHOODS, Moves
from jaxsolve.errors import UsageError
from jaxsolve.puzzle import Assembly
from jaxsolve.run import Run, chunks, move_losses


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


def search_named(name: str) -> LocalSearch:
    """Return a search by name; `UsageError` if there is none."""
    if name not in SEARCHES:
        raise UsageError(f"no search {name!r}; choose one of {', '.join(SEARCHES)}")
    return SEARCHES[name]


def begin(problem: "engine.Problem", assembly: Assembly, run: Run, rounds: Sequence[Round] = ()) -> Descent:
    """Return the start of a descent from an assembly, with the rounds that led to it."""
    stay = np.arange(problem.blocks, dtype=np.int32)[None]
    loss = move_losses(problem, assembly, Moves(stay, stay, np.zeros(1, np.int32)), run)[0]
    return Descent(assembly, float(np.where(np.isnan(loss), np.inf, loss)), rounds=[*rounds])


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
    level = 0
    while level < len(search.neighbourhoods) and descent.loss > floor:
        neighbourhood, before = search.neighbourhoods[level], descent.moves
        with _round(descent, neighbourhood, run):
            sweep(problem, descent, NEIGHBOURHOODS[neighbourhood](problem.blocks), run, floor)
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


def _take_each(problem: "engine.Problem", descent: Descent, moves: Moves, run: Run, floor: float) -> None:
    """Try every move once, taking each that improves at once."""
    for chunk, count in chunks(moves):
        start = engine.Incumbent(descent.assembly, np.float32(descent.loss), np.int32(0), np.int32(0))
        end = engine.first_improvement_sweep(
            problem, start, chunk, count, np.float32(floor), lanes=engine.default_lanes()
        )
        descent.assembly = Assembly(*map(np.asarray, end.assembly))
        descent.loss = float(end.loss)
        descent.moves += int(end.taken)
        run.loss = min(run.loss, descent.loss)
        run.spend(int(end.evaluations))
        if descent.loss <= floor:
            return


def _take_best(problem: "engine.Problem", descent: Descent, moves: Moves, run: Run, floor: float) -> None:
    """Evaluate every move and take the best, the first of equals, if it improves."""
    losses = move_losses(problem, descent.assembly, moves, run)
    if not len(losses):
        return
    best = int(np.argmin(np.where(np.isnan(losses), np.inf, losses)))
    if losses[best] < descent.loss:
        ins, outs = descent.assembly
        descent.assembly = Assembly(ins[moves.ins[best]], outs[moves.outs[best]])
        descent.loss = float(losses[best])
        descent.moves += 1
        run.loss = min(run.loss, descent.loss)
