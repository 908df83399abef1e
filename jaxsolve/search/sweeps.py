"""Host: rules for which improving moves of a neighbourhood to take."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from jaxsolve.engine import Moves, Neighbourhood
from jaxsolve.run import Evaluator, Run, screen
from jaxsolve.search.descent import Descent, take

Sweep = Callable[[Evaluator, Descent, Neighbourhood, Run, float], None]


def first_improvement(evaluator: Evaluator, descent: Descent, moves: Neighbourhood, run: Run, floor: float) -> None:
    """Try every move once, taking each that improves at once.

    Looking at several moves together, taking the first that improves and going on behind it decides as
    trying one after the other does. What is looked at behind it is lost, so that fewer are looked at
    together while moves are taken, and more again while none is.
    """
    narrowest = 1 if evaluator.way == "sequential" else 64  # side by side, few take as long as many
    start, width = 0, max(narrowest, 8)  # what is looked at behind a taken move is lost
    while start < moves.size and descent.loss > floor:
        window = moves.take(slice(start, start + width))
        losses = evaluator.losses(window)
        improving = np.flatnonzero(losses < descent.loss)
        if improving.size:
            take(evaluator, descent, window, int(improving[0]), float(losses[improving[0]]), run)
            start, width = start + int(improving[0]) + 1, max(narrowest, width // 2)
        else:
            start, width = start + width, min(Evaluator.room, 2 * width)


def best_improvement(evaluator: Evaluator, descent: Descent, moves: Neighbourhood, run: Run, floor: float) -> None:
    """Look at every move and take the best, the first of equals, if it improves."""
    losses = evaluator.losses(moves)
    if losses.size and losses.min() < descent.loss:
        take(evaluator, descent, moves, int(losses.argmin()), float(losses.min()), run)


def screened_improvement(evaluator: Evaluator, descent: Descent, moves: Neighbourhood, run: Run, floor: float) -> None:
    """Rank all moves to first order, evaluate the best exactly, and take as many of them at once as helps.

    Where none of the shortlist improves, those behind it are evaluated, four times as many each time: only
    a local optimum ends a search.
    """
    _take_ranked(evaluator, descent, moves, run, moves.size)


def shortlisted_improvement(
    evaluator: Evaluator, descent: Descent, moves: Neighbourhood, run: Run, floor: float
) -> None:
    """Do the same, but leave it at the best of the ranking: what ends such a search may not be a local optimum."""
    _take_ranked(evaluator, descent, moves, run, 5 * 128)  # the shortlist, and the four times as many behind it


def combined_improvement(evaluator: Evaluator, descent: Descent, moves: Neighbourhood, run: Run, floor: float) -> None:
    """Take together those moves that help together, though none of them may help alone.

    What moves do to the predictions adds up where blocks add little each, so that the loss is quadratic in which of
    them are made. Losses of all moves and of all pairs that do not touch each other give its terms; its lowest values
    are looked for from the best pairs, and what is found there is evaluated exactly.
    """
    if moves.size < 2:
        return
    each = moves.take(slice(None))
    touched = _touched(each).astype(np.float32)
    a, b = np.nonzero(np.triu(touched @ touched.T == 0))
    pairs = np.zeros((len(a), each.size), np.bool_)
    pairs[np.arange(len(a)), a] = pairs[np.arange(len(a)), b] = True
    alone, both = evaluator.losses(each), evaluator.losses(_made_together(each, pairs))
    if not (np.isfinite(alone).all() and np.isfinite(both).all()):
        return
    once = alone - descent.loss
    twice = np.full((each.size, each.size), 1e6 * (descent.loss + alone.max()))
    np.fill_diagonal(twice, 0.0)
    twice[a, b] = twice[b, a] = both - alone[a] - alone[b] + descent.loss
    begun = np.concatenate([np.eye(each.size, dtype=np.bool_), pairs[np.argsort(both, kind="stable")[:64]]])
    sets = np.unique(_lowest(once, twice, begun), axis=0)
    losses = evaluator.losses(_made_together(each, sets))
    m = int(losses.argmin())
    if losses[m] < descent.loss:
        chosen = sets[m : m + 1]
        take(evaluator, descent, _made_together(each, chosen), 0, float(losses[m]), run, count=int(chosen.sum()))


def _lowest(once: NDArray[np.float64], twice: NDArray[np.float64], sets: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return where a quadratic function of sets, `[S, M]`, leads from some by the steepest single changes."""
    sets = sets.copy()
    for _ in range(sets.shape[1]):
        change = np.where(sets, -1.0, 1.0) * (once + sets @ twice)
        steepest = change.argmin(axis=1)
        falling = np.flatnonzero(change[np.arange(len(sets)), steepest] < 0)
        if not falling.size:
            break
        sets[falling, steepest[falling]] ^= True
    return sets


def _made_together(each: Moves, sets: NDArray[np.bool_]) -> Moves:
    """Return as moves those that make several moves that do not touch each other, `[S, M]`, at once."""
    blocks, of = each.ins.shape[1], sets.astype(np.float32)  # whole numbers below 2²⁴ are exact, and products are fast
    stay = np.arange(blocks, dtype=np.float32)
    moved = lambda half: (stay + of @ (half - stay)).astype(np.int32)
    first = np.where(sets, each.first, blocks).min(axis=1, initial=blocks)
    return Moves(moved(each.ins), moved(each.outs), first.astype(np.int32))


def _take_ranked(evaluator: Evaluator, descent: Descent, moves: Neighbourhood, run: Run, at_most: int) -> None:
    ranked = np.argsort(screen(evaluator.problem, descent.assembly, moves, run), kind="stable")[:at_most]
    start, size = 0, 128  # these hold 30 to 32 of the best 32 moves (bench/screening.py)
    while start < len(ranked) and not _take_many(evaluator, descent, moves.only(ranked[start : start + size]), run):
        start, size = start + size, 4 * size


def _take_many(evaluator: Evaluator, descent: Descent, moves: Neighbourhood, run: Run) -> bool:
    """Evaluate moves exactly and take those that help together; return whether there were any.

    Of those that improve and do not touch each other, the best 1, 2, 4, … are tried together, exactly.
    """
    losses = evaluator.losses(moves)
    best_first = np.argsort(losses, kind="stable")
    improving = best_first[losses[best_first] < descent.loss]
    if not improving.size:
        return False
    few = moves.take(improving)
    sets, sizes = together(few, apart(few, np.arange(few.size)))
    losses = evaluator.losses(sets)
    m = int(losses.argmin())
    if not losses[m] < descent.loss:  # side by side a loss depends a little on its company
        return False
    take(evaluator, descent, sets, m, float(losses[m]), run, count=sizes[m])
    return True


def apart(moves: Moves, best_first: NDArray[np.intp]) -> list[int]:
    """Return those moves, in the order given, that touch no position that one before them touches."""
    touched = _touched(moves)
    taken = np.zeros(touched.shape[1], bool)
    chosen = []
    for m in best_first:
        if not (touched[m] & taken).any():
            taken |= touched[m]
            chosen.append(int(m))
    return chosen


def _touched(moves: Moves) -> NDArray[np.bool_]:
    """Return which positions each move touches, `[M, N]`."""
    positions = np.arange(moves.ins.shape[1])
    return (moves.ins != positions) | (moves.outs != positions)


def together(moves: Moves, chosen: list[int]) -> tuple[Moves, list[int]]:
    """Return as moves the first 1, 2, 4, … and all of some moves that do not touch each other, and how many."""
    sizes = sorted({1 << k for k in range(len(chosen).bit_length())} | {len(chosen)})
    sets = np.zeros((len(sizes), moves.size), np.bool_)
    for some, size in zip(sets, sizes, strict=True):
        some[chosen[:size]] = True
    return _made_together(moves, sets), sizes


SWEEPS: dict[str, Sweep] = {
    "first": first_improvement,
    "best": best_improvement,
    "screened": screened_improvement,
    "shortlisted": shortlisted_improvement,
    "combined": combined_improvement,
}
