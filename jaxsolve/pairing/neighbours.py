"""Host: what pairs have in common with the pairs near them in depth.

Blocks near each other in depth see nearly the same states and nearly the same gradients, so that training leaves
nearly the same in their products M = W_out W_in. What a wrong pair's random beginnings leave there is like nothing. So
the mean product of the blocks around a place is a template, which the pair that belongs there is more like than others.
Of what training leaves, a few directions hold nearly all, and of what is random none more than its share: templates are
rid of what is not larger than that.
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
from jaxsolve.pairing.scores import Array, Scores, of_pairs, readout_trace, responses, standardised
from jaxsolve.puzzle import Puzzle

WIDTH = 0.4
"""How far apart in depth blocks are alike: standard deviation of a Gaussian, in units of the number of blocks."""
WIDER = 0.5
"""How far apart what else right pairs have in common is, likewise."""
DEPTH = {"uu": -1.0, "bb": -0.5, "spread": 0.5}
"""How statistics of the products go along with depth, in units of their standard deviations over the blocks."""
DIRECTIONS = 64
"""Of the strongest directions of templates, as many are looked at."""
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


def contracted(known: dict[str, Scores], pairs: Pairs) -> NDArray[np.float64]:
    """Return what falls with the depth of pairs, by the `statistics`, `[K]`, where weight decay does not turn it round.

    Later blocks see more of the answer in their states, and take back more of the direction that is read out (uᵀMu)
    and of the direction in which the inputs tell the predictions (bᵀMb).
    """
    return sum((weight * standardised(known[name][pairs]) for name, weight in DEPTH.items()), np.zeros(len(pairs[0])))


def around(depths: NDArray[np.floating], width: float) -> NDArray[np.float64]:
    """Return how near each depth is to each other, `[K, K]`, by a Gaussian of a width in units of their number."""
    return np.exp(-0.5 * ((depths[:, None] - depths) / (width * len(depths))) ** 2)


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
    near = around(depths, WIDTH)
    np.fill_diagonal(near, 0)
    near /= np.maximum(near.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    found = {}
    for name, (first, second) in known.items():
        scores = np.zeros((len(first), len(second)))
        with np.errstate(all="ignore"):
            means = np.tensordot(near, second[outs] @ first[ins], 1)
            templates = denoised(means, _deviation(first, second) * np.linalg.norm(near, axis=1))
            seen = templates @ first[ins].swapaxes(1, 2)
            scores[ins] = seen.reshape(len(ins), -1) @ second.reshape(len(second), -1).T
        found[name] = of_pairs(np.nan_to_num(scores))
    return found


def denoised(means: Array, noise: Array) -> Array:
    """Return matrices, `[K, d, m]`, without the noise that has a standard deviation, `[K]`, in all their entries.

    Singular values as large as those of noise alone are nothing, and others lose what noise has added to them, by the
    shrinkage that is optimal for the Frobenius norm (Gavish & Donoho 2017, https://doi.org/10.1109/TIT.2017.2653801).
    Vectors have no other directions that would tell noise, and stay as they are.
    Of large matrices, only the `DIRECTIONS` strongest on either side, of all together, are kept.
    """
    few, many = sorted(means.shape[1:])
    if few == 1 or not np.isfinite(means).all():
        return means
    if few > DIRECTIONS:
        left, right = (_strongest(some) for some in (means, means.swapaxes(1, 2)))
        return left @ _shrunk(left.T @ means @ right, noise, few, many) @ right.T
    return _shrunk(means, noise, few, many)


def _shrunk(means: Array, noise: Array, few: int, many: int) -> Array:
    """Return matrices, parts of `[few, many]` ones, with the singular values that those have without noise."""
    left, values, right = np.linalg.svd(means, full_matrices=False)
    most, least = (noise[:, None] * (np.sqrt(many) + sign * np.sqrt(few)) for sign in (1, -1))  # of noise alone
    kept = np.sqrt(np.maximum(values**2 - most**2, 0)) * np.sqrt(np.maximum(values**2 - least**2, 0))
    return (left * np.divide(kept, values, out=np.zeros_like(kept), where=kept > 0)[:, None]) @ right


def _strongest(matrices: Array) -> Array:
    """Return an orthonormal basis of the directions that are strongest in the columns of all matrices."""
    return np.linalg.eigh(np.tensordot(matrices, matrices, ((0, 2), (0, 2))))[1][:, -DIRECTIONS:]


def _deviation(first: Array, second: Array) -> float:
    """Return the root mean square of all entries of the products of all pairs."""
    grams = (first @ first.swapaxes(1, 2)).mean(axis=0), (second.swapaxes(1, 2) @ second).mean(axis=0)
    return float(np.sqrt(np.maximum((grams[0] * grams[1]).sum(), 0) / (first.shape[2] * second.shape[1])))


def neighbours(puzzle: Puzzle) -> Scores:
    """Return the discriminant with likeness to neighbours among its statistics, by turns with the pairs it gives.

    Once from the pairs of the discriminant without it on, once from those of `readout_trace`; that for which there is
    more evidence is returned. How deep pairs lie is not known yet: they are sorted as they are `contracted`.
    """
    known, compared = statistics(puzzle), factors(puzzle)
    ends = [_settled(known, compared, scores) for scores in (best_learned(known).scores, readout_trace(puzzle))]
    return max(ends, key=lambda one: one.evidence).scores


def _settled(known: dict[str, Scores], compared: dict[str, Factors], scores: Scores) -> Learned:
    """Return what is learned where pairs no longer change, or have come round again."""
    seen: list[Array] = []
    pairs = assigned(scores)
    while True:
        depths = contracted(known, pairs).argsort(kind="stable").argsort(kind="stable").astype(np.float64)
        found = learned_around(known | likeness(compared, pairs, depths), pairs, depths)
        seen.append(pairs[1])
        pairs = assigned(found.scores)
        if len(seen) == ROUNDS or any(np.array_equal(pairs[1], one) for one in seen):
            return found


def learned_around(known: dict[str, Scores], pairs: Pairs, depths: NDArray[np.floating]) -> Learned:
    """Return what statistics say of pairs, learned by turns from some on, by those near each first half in depth.

    Halves that are in none of the pairs may be anywhere.
    """
    near = np.ones((len(known["uu"]),) * 2)
    near[np.ix_(pairs[0], pairs[0])] = around(depths, WIDER)
    return learned(known, means_of(known, pairs, near), near=near)
