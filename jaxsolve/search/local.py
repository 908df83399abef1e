"""Host: local searches, each a list of neighbourhoods and a rule for which improving moves to take.

With several neighbourhoods, the next larger one is tried only where the smaller ones hold no improving
move (variable neighbourhood descent: Mladenović & Hansen 1997, https://doi.org/10.1016/S0305-0548(97)00031-2).
"""

from dataclasses import dataclass
from typing import Literal

from jaxsolve import engine
from jaxsolve.engine import NEIGHBOURHOODS
from jaxsolve.errors import UsageError
from jaxsolve.run import Evaluator, Run
from jaxsolve.search.descent import Descent, recorded
from jaxsolve.search.sweeps import SWEEPS


@dataclass(frozen=True)
class LocalSearch:
    """Neighbourhoods from small to large, and which moves of them are taken."""

    neighbourhoods: tuple[str, ...]
    take: Literal["first", "best", "screened", "raced"] = "first"
    """Every improving move at once, or only the best, or as many of the best as help, or the best of a race."""


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
    "screened": LocalSearch(("reorderings",), "screened"),
    "raced": LocalSearch(("reorderings",), "raced"),
    "joint_screened": LocalSearch(("joint_moves",), "screened"),
}


def search_named(name: str) -> LocalSearch:
    """Return a search by name; `UsageError` if there is none."""
    if name not in SEARCHES:
        raise UsageError(f"no search {name!r}; choose one of {', '.join(SEARCHES)}")
    return SEARCHES[name]


def descend(problem: "engine.Problem", descent: Descent, name: str, run: Run, *, floor: float = 0.0) -> None:
    """Improve an assembly in place until no neighbourhood of the search improves it.

    Stops early when the loss is at most `floor`. Sweeps decide in float32 on the rows of `problem`.

    Raises
    ------
    OutOfTime
        The budget of `run` is spent; `descent` holds the best so far.
    """
    search = search_named(name)
    sweep = SWEEPS[search.take]
    evaluator = Evaluator(problem, descent.assembly, run)
    level = 0
    while level < len(search.neighbourhoods) and descent.loss > floor:
        neighbourhood, before = search.neighbourhoods[level], descent.moves
        with recorded(descent, neighbourhood, run):
            sweep(evaluator, descent, NEIGHBOURHOODS[neighbourhood](problem.blocks), run, floor)
        level = 0 if descent.moves > before else level + 1
