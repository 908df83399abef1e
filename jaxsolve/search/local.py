"""Host: local searches, each a list of neighbourhoods and a rule for which improving moves to take.

With several neighbourhoods, the next larger one is tried only where the smaller ones hold no improving
move (variable neighbourhood descent: Mladenović & Hansen 1997, https://doi.org/10.1016/S0305-0548(97)00031-2).
"""

from dataclasses import dataclass

from jaxsolve import engine
from jaxsolve.engine import NEIGHBOURHOODS
from jaxsolve.errors import UsageError, no_such
from jaxsolve.run import Evaluator, Run
from jaxsolve.search.descent import Descent, recorded
from jaxsolve.search.sweeps import SWEEPS


@dataclass(frozen=True)
class LocalSearch:
    """Neighbourhoods from small to large, each with the rule for which moves of it are taken."""

    levels: tuple[tuple[str, str], ...]


def _each(*neighbourhoods: str, take: str = "first") -> LocalSearch:
    return LocalSearch(tuple((neighbourhood, take) for neighbourhood in neighbourhoods))


SEARCHES: dict[str, LocalSearch] = {
    "bubble": _each("adjacent"),
    "bubble_best": _each("adjacent", take="best"),
    "two_opt": _each("swaps"),
    "two_opt_best": _each("swaps", take="best"),
    "or_opt": _each("insertions"),
    "or_opt_best": _each("insertions", take="best"),
    "descent": _each("adjacent", "swaps", "insertions"),
    "descent_best": _each("adjacent", "swaps", "insertions", take="best"),
    "joint_descent": _each("adjacent", "partner_swaps", "swaps", "insertions"),
    "screened": LocalSearch((("adjacent", "first"), ("reorderings", "screened"))),
    "joint_screened": LocalSearch((("adjacent", "first"), ("joint_moves", "screened"))),
    "shortlisted": LocalSearch((("adjacent", "first"), ("reorderings", "shortlisted"))),
    "joint_shortlisted": LocalSearch((("adjacent", "first"), ("joint_moves", "shortlisted"), ("adjacent", "combined"))),
}


def search_named(name: str) -> LocalSearch:
    """Return a search by name; `UsageError` if there is none."""
    if name not in SEARCHES:
        raise UsageError(no_such("search", name, SEARCHES))
    return SEARCHES[name]


def descend(
    problem: "engine.Problem",
    descent: Descent,
    name: str,
    run: Run,
    *,
    floor: float = 0.0,
    most: float = float("inf"),
    falling: float = 0.0,
) -> bool:
    """Improve an assembly in place until no neighbourhood of the search improves it; return whether it came to that.

    Stops early when the loss is at most `floor`, and between two passes after `most` evaluations, unless it has fallen
    to its share `falling` in them: then it gets as many once more. Sweeps decide in float32 on the rows of `problem`.

    Raises
    ------
    OutOfTime
        The budget of `run` is spent; `descent` holds the best so far.
    """
    search = search_named(name)
    evaluator, level = Evaluator(problem, descent.assembly, run), 0
    last, before = run.evaluations + most, descent.loss
    while level < len(search.levels) and descent.loss > floor:
        if run.evaluations >= last:
            if not descent.loss <= falling * before:
                return False
            last, before = run.evaluations + most, descent.loss
        level = one_pass(evaluator, descent, search, level, run, floor=floor)
    return True


def one_pass(
    evaluator: Evaluator, descent: Descent, search: LocalSearch, level: int, run: Run, *, floor: float = 0.0
) -> int:
    """Go once through the neighbourhood of a level; return the next level, one behind the last at a local optimum."""
    (neighbourhood, take), before = search.levels[level], descent.moves
    with recorded(descent, neighbourhood, run):
        SWEEPS[take](evaluator, descent, NEIGHBOURHOODS[neighbourhood](evaluator.problem.blocks), run, floor)
    return 0 if descent.moves > before else level + 1
