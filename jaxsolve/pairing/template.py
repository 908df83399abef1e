"""Host: what pairs have in common with the pairs near them in depth.

Blocks near each other in depth see nearly the same states and nearly the same gradients, so that training leaves
nearly the same in their products M = W_out W_in. What a wrong pair's random beginnings leave there is like nothing. So
the mean product of the blocks around a place is a template, which the pair that belongs there is more like than others.
Of what training leaves, a few directions hold nearly all, and of what is random none more than its share: templates are
rid of what is not larger than that.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve.pairing.discriminant import Discriminant, Learned, assigned, learned, statistics
from jaxsolve.pairing.scores import Array, Scores, of_pairs, readout_trace, responses, standardised
from jaxsolve.puzzle import Puzzle

DEPTH = {"uu": -1.0, "bb": -0.5, "spread": 0.5}
"""How statistics of the products go along with depth, in units of their standard deviations over the blocks."""

Posterior = NDArray[np.float64]
"""How likely pairs are, `[N, M]`; 1 for those that are taken for right, if one is given."""


class Factors(NamedTuple):
    """What the products of pairs, `[d, m]`, that are compared are made of."""

    first: Array
    """`[N, H, m]` of first halves"""
    second: Array
    """`[M, d, H]` of second halves"""
    deviation: float
    """Root mean square of all entries of all products"""


def factors(puzzle: Puzzle, *, response_rows: int = 4000) -> dict[str, Factors]:
    """Return the factors of what is compared of pairs: M, uᵀM, Mu and W_out E[a y], without what is one half's alone.

    u is the readout, a hidden units on the inputs, and y the predictions without their mean, of `response_rows` rows.
    """
    few = puzzle.first_rows(response_rows)
    targets = (few.y - few.y.mean(axis=0)).reshape(few.rows, -1).T
    answers = np.stack([responses(few, one) for one in targets], axis=-1)
    first, second, told = (half - half.mean(axis=0) for half in (puzzle.w_in, puzzle.w_out, answers))
    made_of = {
        "near": (first, second),
        "near_left": (first, puzzle.reads @ second),
        "near_right": (first @ puzzle.reads.T, second),
        "near_told": (told, second),
    }
    with np.errstate(all="ignore"):
        return {name: Factors(*halves, _deviation(*halves)) for name, halves in made_of.items()}


def depth_score(known: dict[str, Scores], posterior: Posterior) -> Array:
    """Return what falls with the depth of first halves' pairs, `[N]`, where weight decay does not turn it round.

    Later blocks see more of the answer in their states, and take back more of the direction that is read out (uᵀMu)
    and of the direction in which the inputs tell the predictions (bᵀMb). `known` are the `statistics`.
    """
    of_blocks = ((weight, (posterior * known[name]).sum(axis=1)) for name, weight in DEPTH.items())
    return sum((weight * standardised(own) for weight, own in of_blocks), np.zeros(len(posterior)))


def around(depths: NDArray[np.floating], width: float) -> Array:
    """Return how near each depth is to each other, `[N, N]`, by a Gaussian of a width in units of their number."""
    return np.exp(-0.5 * ((depths[:, None] - depths) / (width * len(depths))) ** 2)


def similarity(
    compared: dict[str, Factors],
    posterior: Posterior,
    depths: NDArray[np.floating],
    *,
    width: float = 0.4,
    directions: int = 64,
) -> dict[str, Scores]:
    """Return how like every pair is to those that are near its first half in depth, `[N, M]` for each of `factors`.

    Parameters
    ----------
    compared
        What is compared.
    posterior, depths
        `[N, M]` how likely pairs are, and `[N]` how deep that of each first half lies, in blocks. None counts for its
        own first half.
    width
        Distance in depth at which pairs are alike: standard deviation of a Gaussian, in units of N.
    directions
        Strongest directions of the templates that are looked at, at most.
    """
    near = around(depths, width)
    np.fill_diagonal(near, 0)
    total = (near @ posterior.sum(axis=1))[:, None]
    near = np.divide(near, total, out=np.zeros_like(near), where=total > 1e-9)  # no pair near, no template
    noise = np.sqrt(near**2 @ (posterior**2).sum(axis=1))
    found = {}
    for name, (first, second, deviation) in compared.items():
        with np.errstate(all="ignore"):
            means = np.tensordot(near, np.tensordot(posterior, second, 1) @ first, 1)
            seen = denoised(means, deviation * noise, directions) @ first.swapaxes(1, 2)
            scores = seen.reshape(len(first), -1) @ second.reshape(len(second), -1).T
        found[name] = of_pairs(np.nan_to_num(scores))
    return found


def denoised(means: Array, noise: Array, directions: int = 64) -> Array:
    """Return matrices, `[K, d, m]`, without the noise that has a standard deviation, `[K]`, in all their entries.

    Singular values as large as those of noise alone are nothing, and others lose what noise has added to them, by the
    shrinkage that is optimal for the Frobenius norm (Gavish & Donoho 2017, https://doi.org/10.1109/TIT.2017.2653801).
    Of large matrices, only the `directions` strongest on either side, of all together, are kept. Vectors have no other
    directions that would tell noise, and stay as they are.
    """
    few, many = sorted(means.shape[1:])
    unit = float(np.abs(means).max(initial=0.0))  # squares neither overflow nor vanish
    if few == 1 or not 0 < unit < np.inf:
        return means
    means, noise = means / unit, noise / unit
    if few > directions:
        left, right = (_strongest(some, directions) for some in (means, means.swapaxes(1, 2)))
        return unit * left @ _shrunk(left.T @ means @ right, noise, few, many) @ right.T
    return unit * _shrunk(means, noise, few, many)


def _shrunk(means: Array, noise: Array, few: int, many: int) -> Array:
    """Return matrices, parts of `[few, many]` ones, with the singular values that those have without noise."""
    left, values, right = np.linalg.svd(means, full_matrices=False)
    most, least = (noise[:, None] * (np.sqrt(many) + sign * np.sqrt(few)) for sign in (1, -1))  # of noise alone
    kept = np.sqrt(np.maximum(values**2 - most**2, 0)) * np.sqrt(np.maximum(values**2 - least**2, 0))
    return (left * np.divide(kept, values, out=np.zeros_like(kept), where=kept > 0)[:, None]) @ right


def _strongest(matrices: Array, directions: int) -> Array:
    """Return an orthonormal basis of the directions that are strongest in the columns of all matrices."""
    return np.linalg.eigh(np.tensordot(matrices, matrices, ((0, 2), (0, 2))))[1][:, -directions:]


def _deviation(first: Array, second: Array) -> float:
    """Return the root mean square of all entries of the products of all pairs, which need not be formed."""
    grams = (first @ first.swapaxes(1, 2)).mean(axis=0), (second.swapaxes(1, 2) @ second).mean(axis=0)
    return float(np.sqrt(np.maximum((grams[0] * grams[1]).sum(), 0) / (first.shape[2] * second.shape[1])))


def learned_around(
    known: dict[str, Scores], posterior: Posterior, depths: NDArray[np.floating], *, width: float = 0.5
) -> Learned:
    """Return what statistics say of pairs, learned from a posterior on, by those near each first half in depth.

    `width` is how far apart in depth they have it in common: standard deviation of a Gaussian, in units of N.
    """
    return Discriminant().learned_from(known, posterior, around(depths, width))


def template(puzzle: Puzzle, *, rounds: int = 12, tolerance: float = 1e-2) -> Scores:
    """Return the discriminant with similarity to neighbours among its statistics, by turns with the posterior it gives.

    Once from the posterior of the discriminant without it on, once from the pairs of `readout_trace`; that for which
    there is more evidence is returned. How deep pairs lie is not known yet: they are sorted as they are `depth_score`.

    Parameters
    ----------
    puzzle
        The puzzle.
    rounds
        Most times that templates are made anew.
    tolerance
        Change of every probability below which they need not be.
    """
    known, compared = statistics(puzzle), factors(puzzle)
    pairs = np.zeros((len(puzzle.w_in), len(puzzle.w_out)))
    pairs[assigned(readout_trace(puzzle))] = 1
    starts = learned(puzzle).posterior, pairs
    ends = [_settled(known, compared, start, rounds, tolerance) for start in starts]
    return max(ends, key=lambda one: one.evidence).scores


def _settled(
    known: dict[str, Scores], compared: dict[str, Factors], posterior: Posterior, rounds: int, tolerance: float
) -> Learned:
    """Return what is learned where the posterior no longer changes, or after some rounds."""
    while True:
        depths = depth_score(known, posterior).argsort(kind="stable").argsort(kind="stable").astype(np.float64)
        found = learned_around(known | similarity(compared, posterior, depths), posterior, depths)
        rounds -= 1
        if not rounds or np.abs(found.posterior - posterior).max(initial=0.0) < tolerance:
            return found
        posterior = found.posterior
