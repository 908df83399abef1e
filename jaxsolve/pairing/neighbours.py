"""Host: what pairs have in common with the pairs near them in depth.

Blocks near each other in depth see nearly the same states and nearly the same gradients, so that training leaves
nearly the same in their products M = W_out W_in. What a wrong pair's random beginnings leave there is like nothing. So
the mean product of the blocks around a place is a template, which the pair that belongs there is more like than others.
"""

import numpy as np
from numpy.typing import NDArray

from jaxsolve.pairing.discriminant import (
    RESPONSE_ROWS,
    Learned,
    Pairs,
    assigned,
    best_learned,
    learned,
    means_of,
    statistics,
)
from jaxsolve.pairing.scores import Array, Scores, of_pairs, readout_trace, responses
from jaxsolve.puzzle import Puzzle

WIDTH = 0.2
"""How far apart in depth blocks are alike: standard deviation of a Gaussian, in units of the number of blocks."""
ROUNDS = 10
"""Most times that templates are made anew."""

Factors = tuple[Array, Array]
"""Of first halves, `[N, H, m]`, and of second ones, `[N, d, H]`: the products of pairs, `[d, m]`, are compared."""


def factors(puzzle: Puzzle) -> dict[str, Factors]:
    """Return the factors of what is compared of pairs: M, uᵀM, Mu and W_out E[a y], without what is one half's alone.

    u is the readout, a hidden units on the inputs, and y the predictions without their mean.
    """
    few = puzzle.first_rows(RESPONSE_ROWS)
    answers = responses(few, few.y - few.y.mean())
    first, second, told = (half - half.mean(axis=0) for half in (puzzle.w_in, puzzle.w_out, answers))
    return {
        "near": (first, second),
        "near_left": (first, (puzzle.w_last @ second)[:, None]),
        "near_right": ((first @ puzzle.w_last)[..., None], second),
        "near_told": (told[..., None], second),
    }


def likeness(known: dict[str, Factors], pairs: Pairs, depths: NDArray[np.floating]) -> dict[str, Scores]:
    """Return how like every pair is to those that are near its first half in depth, `[N, N]` for each of `factors`.

    Parameters
    ----------
    known
        What is compared.
    pairs, depths
        Pairs that are taken for right, and how deep each lies, `[K]`, in blocks. None counts for its own halves.
    """
    ins, outs = pairs
    near = np.exp(-0.5 * ((depths[:, None] - depths) / (WIDTH * len(depths))) ** 2)
    np.fill_diagonal(near, 0)
    found = {}
    for name, (first, second) in known.items():
        templates = np.tensordot(near, second[outs] @ first[ins], 1)
        scores = np.zeros((len(first), len(second)))
        with np.errstate(all="ignore"):
            seen = templates @ first[ins].swapaxes(1, 2)
            scores[ins] = seen.reshape(len(ins), -1) @ second.reshape(len(second), -1).T
        found[name] = of_pairs(np.nan_to_num(scores))
    return found


def neighbours(puzzle: Puzzle) -> Scores:
    """Return the discriminant with likeness to neighbours among its statistics, by turns with the pairs it gives.

    Once from the pairs of the discriminant without it on, once from those of `readout_trace`; that for which there is
    more evidence is returned. How deep pairs lie is not known yet: they are sorted by uᵀMu, which falls with depth,
    or rises (`ordering.depth`).
    """
    known, compared = statistics(puzzle), factors(puzzle)
    ends = [_settled(known, compared, scores) for scores in (best_learned(known).scores, readout_trace(puzzle))]
    return max(ends, key=lambda one: one.evidence).scores


def _settled(known: dict[str, Scores], compared: dict[str, Factors], scores: Scores) -> Learned:
    """Return what is learned where pairs no longer change, or have come round again."""
    seen: list[Array] = []
    pairs = assigned(scores)
    while True:
        depths = known["uu"][pairs].argsort(kind="stable").argsort(kind="stable").astype(np.float64)
        more = known | likeness(compared, pairs, depths)
        found = learned(more, means_of(more, pairs))
        seen.append(pairs[1])
        pairs = assigned(found.scores)
        if len(seen) == ROUNDS or any(np.array_equal(pairs[1], one) for one in seen):
            return found
