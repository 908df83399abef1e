"""Host: an order from all pairwise comparisons inside a seed.

Bradley & Terry (1952), https://doi.org/10.2307/2334029; Hunter (2004), MM algorithms for generalized
Bradley-Terry models, https://doi.org/10.1214/aos/1079120141; Park (2026), https://arxiv.org/abs/2602.19845,
section 4.3. choix fits the same model, but half a second of import for ten lines of NumPy is too much.
"""

import numpy as np
from numpy.typing import NDArray

from jaxsolve.engine import NEIGHBOURHOODS
from jaxsolve.ordering.paired import Order, Paired
from jaxsolve.ordering.sorting import delta_norm
from jaxsolve.run import Evaluator

Matrix = NDArray[np.float64]


def bradley_terry(paired: Paired, *, temperature: float = 0.001) -> Order:
    """Rank the blocks by the strengths that all swaps inside the delta-norm seed suggest, at a temperature.

    The seed runs in the direction that has the lower loss. The temperature is Park's.
    """
    seed = delta_norm(paired)
    ascending, descending = paired.losses([seed, seed[::-1]])
    seed = seed if ascending <= descending else seed[::-1]
    strengths = fit_strengths(swap_gaps(paired, seed), temperature)
    return seed[np.argsort(-strengths, kind="stable")]


def swap_gaps(paired: Paired, order: Order, positions: NDArray[np.integer] | None = None) -> Matrix:
    """Return the antisymmetric change of loss `[N, N]` when the blocks at two positions are swapped.

    Entry [s, t], s < t, is positive where the order is better as it is: the block at s should stay first. With
    `positions`, `[P]` ascending, only blocks at those are swapped: `[P, P]`.
    """
    swaps, upper = NEIGHBOURHOODS["swaps"](paired.blocks), np.triu_indices(paired.blocks, 1)
    if positions is None:
        positions = np.arange(paired.blocks)
    swaps = swaps.only(np.isin(upper[0], positions) & np.isin(upper[1], positions))
    evaluator = Evaluator(paired.problem, paired.assembly(order), paired.run)
    gaps = np.zeros((len(positions),) * 2)
    with np.errstate(invalid="ignore"):  # infinite losses are neither better nor worse than each other
        gaps[np.triu_indices(len(positions), 1)] = evaluator.losses(swaps) - evaluator.loss()
        return gaps - gaps.T


def fit_strengths(gaps: Matrix, temperature: float) -> NDArray[np.float64]:
    """Return the Bradley-Terry strengths `[N]`, geometric mean 1, of comparisons won by `gaps` at a temperature.

    A gap g counts as 1/(1 + exp(-g/temperature)) of a win, so that a large margin weighs more than a
    narrow one. Maximum likelihood by minorisation-maximisation (Hunter 2004, equation 3).
    """
    with np.errstate(over="ignore", invalid="ignore"):
        wins = np.nan_to_num(1.0 / (1.0 + np.exp(-gaps / temperature)), nan=0.5)
    # a block that never loses would be infinitely strong: the least weight float64 can feel keeps it finite
    wins = np.clip(wins, 1e-12, 1.0)
    np.fill_diagonal(wins, 0.0)
    strengths = np.ones(len(gaps))
    if len(gaps) < 2:
        return strengths
    for _ in range(10_000):
        before = strengths
        games = (wins + wins.T) / (before[:, None] + before)
        np.fill_diagonal(games, 0.0)
        strengths = wins.sum(axis=1) / games.sum(axis=1)
        strengths /= np.exp(np.log(strengths).mean())
        if np.abs(np.log(strengths / before)).max() < 1e-10:
            break
    return strengths


def three_cycles(gaps: Matrix) -> int:
    """Return how many triples contradict themselves: a before b, b before c, c before a."""
    ahead = (gaps > 0).astype(np.float64)
    return round(np.trace(ahead @ ahead @ ahead) / 3)
