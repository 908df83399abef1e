"""Host: what scores say of every pair when each half belongs to one other: a posterior over all matchings.

The best matching looks clear even where scores are noise, for it is the best of N! ones. What a pair's odds are over
all of them, and whether all of them together speak for the scores, takes permanents of matrices. Sum-product messages
give those of Bethe, cheaply and closely, but that where two pairs might as well exchange halves one way is taken for
sure (Huang & Jebara 2009, https://arxiv.org/abs/0908.1769; Vontobel 2013, https://doi.org/10.1109/TIT.2012.2227109).
"""

from math import lgamma
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Matching(NamedTuple):
    """A posterior over matchings."""

    posterior: NDArray[np.float64]
    """`[N, M]` probability of every pair."""
    evidence: float
    """Logarithm of the mean over all matchings of the product of the odds of their pairs."""


def matching(
    log_odds: NDArray[np.float64], *, rounds: int = 200, tolerance: float = 1e-6, damping: float = 0.5
) -> Matching:
    """Return the posterior of every pair, all halves of the smaller side being matched, and the evidence for the odds.

    Parameters
    ----------
    log_odds
        `[N, M]` logarithm of how much likelier what is seen of a pair is if it belongs together than if not; finite.
    rounds
        Most times that messages are sent.
    tolerance
        Change of every probability below which messages have settled; they themselves need not.
    damping
        Share of the message before in each.
    """
    few, many = sorted(log_odds.shape)
    if not few:
        return Matching(np.zeros(log_odds.shape), 0.0)
    if log_odds.shape[0] > few:
        found = matching(log_odds.T)
        return Matching(found.posterior.T, found.evidence)
    to_rows = to_columns = np.zeros(log_odds.shape)
    idle = 0.0 if many > few else -np.inf
    p = before = np.zeros(log_odds.shape)
    for sent in range(rounds):
        keep = damping if sent else 0.0
        to_columns = keep * to_columns - (1 - keep) * _others(log_odds + to_rows, 0, idle)
        to_rows = keep * to_rows - (1 - keep) * _others(log_odds + to_columns, 1, -np.inf)
        before, p = p, np.exp(-np.logaddexp(0.0, -(log_odds + to_rows + to_columns)))
        if np.abs(p - before).max() < tolerance:
            break
    alone = np.maximum(1 - p.sum(axis=0), 0.0) if many > few else np.zeros(many)
    free = (p * log_odds).sum() - _entropies(p).sum() - _entropies(alone).sum() + _entropies(1 - p).sum()
    return Matching(p, float(free) - lgamma(many + 1) + lgamma(many - few + 1))


def matching_of_all(
    log_odds: NDArray[np.float64], *, rounds: int = 200, tolerance: float = 1e-6, damping: float = 0.5
) -> Matching:
    """Return the posterior of every pair in which each of N pieces is one half, and the evidence for the odds.

    Parameters
    ----------
    log_odds
        `[N, N]` as in `matching`, of a piece (row) as the first half and another as the second.
    rounds, tolerance, damping
        As in `matching`.
    """
    n = len(log_odds)
    odds = np.where(np.eye(n, dtype=np.bool_), -np.inf, log_odds)
    either = np.logaddexp(odds, odds.T)
    either[np.arange(n), np.arange(n)] = -1e3  # no piece goes with itself
    messages = p = before = np.zeros((n, n))
    for sent in range(rounds):
        keep = damping if sent else 0.0
        messages = keep * messages - (1 - keep) * _others(either + messages.T, 1, -np.inf)
        before, p = p, np.exp(-np.logaddexp(0.0, -(either + messages + messages.T)))
        if np.abs(p - before).max() < tolerance:
            break
    free = 0.5 * ((p * either).sum() - _entropies(p).sum() + _entropies(1 - p).sum())
    return Matching(p * np.exp(np.minimum(odds - either, 0.0)), float(free))


def _others(values: NDArray[np.float64], axis: int, idle: float) -> NDArray[np.float64]:
    """Return log sum exp of all other entries along an axis, and of `idle`, for each; very little if there are none."""
    best = np.maximum(values.max(axis=axis, keepdims=True), idle)
    weights = np.exp(values - best)
    top = weights.argmax(axis=axis, keepdims=True)
    rest = weights.copy()
    np.put_along_axis(rest, top, 0.0, axis)
    rest = rest.sum(axis=axis, keepdims=True) + np.exp(idle - best)
    without = np.maximum(rest + np.take_along_axis(weights, top, axis) - weights, 0.0)
    np.put_along_axis(without, top, rest, axis)
    return np.log(np.maximum(without, np.finfo(np.float64).tiny)) + best


def _entropies(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p log p."""
    return p * np.log(np.maximum(p, np.finfo(np.float64).tiny))
