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

Messages = tuple[NDArray[np.float64], ...]


class Matching(NamedTuple):
    """A posterior over matchings."""

    posterior: NDArray[np.float64]
    """`[N, M]` probability of every pair."""
    evidence: float
    """Logarithm of the mean over all matchings of the product of the odds of their pairs."""
    messages: Messages = ()
    """Where the messages stood at the end: those for nearly the same odds settle sooner from there."""


def matching(
    log_odds: NDArray[np.float64],
    begun: Messages = (),
    *,
    rounds: int = 200,
    tolerance: float = 1e-6,
    damping: float = 0.5,
) -> Matching:
    """Return the posterior of every pair, all halves of the smaller side being matched, and the evidence for the odds.

    Parameters
    ----------
    log_odds
        `[N, M]` logarithm of how much likelier what is seen of a pair is if it belongs together than if not; finite.
    begun
        Messages of a matching for nearly the same odds, to begin with.
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
        found = matching(log_odds.T, begun, rounds=rounds, tolerance=tolerance, damping=damping)
        return found._replace(posterior=found.posterior.T)
    odds, across = np.ascontiguousarray(log_odds, np.float64), np.ascontiguousarray(log_odds.T, np.float64)
    to_rows, to_columns = begun or (np.zeros(odds.shape), np.zeros(across.shape))
    idle = 0.0 if many > few else -np.inf
    p = _sigmoid(odds + to_rows + to_columns.T) if begun else np.zeros(odds.shape)
    for sent in range(rounds):
        keep = damping if sent or begun else 0.0
        to_columns = keep * to_columns - (1 - keep) * _others(across + to_rows.T, idle)
        to_rows = keep * to_rows - (1 - keep) * _others(odds + to_columns.T, -np.inf)
        before, p = p, _sigmoid(odds + to_rows + to_columns.T)
        if np.abs(p - before).max() < tolerance:
            break
    alone = np.maximum(1 - p.sum(axis=0), 0.0) if many > few else np.zeros(many)
    free = (p * odds).sum() - _entropies(p).sum() - _entropies(alone).sum() + _entropies(1 - p).sum()
    return Matching(p, float(free) - lgamma(many + 1) + lgamma(many - few + 1), (to_rows, to_columns))


def matching_of_all(
    log_odds: NDArray[np.float64],
    begun: Messages = (),
    *,
    rounds: int = 200,
    tolerance: float = 1e-6,
    damping: float = 0.5,
) -> Matching:
    """Return the posterior of every pair in which each of N pieces is one half, and the evidence for the odds.

    Parameters
    ----------
    log_odds
        `[N, N]` as in `matching`, of a piece (row) as the first half and another as the second.
    begun, rounds, tolerance, damping
        As in `matching`.
    """
    n = len(log_odds)
    odds = np.where(np.eye(n, dtype=np.bool_), -np.inf, log_odds)
    either = np.logaddexp(odds, odds.T)
    either[np.arange(n), np.arange(n)] = -1e3  # no piece goes with itself
    (messages,) = begun or (np.zeros((n, n)),)
    p = _sigmoid(either + messages + messages.T) if begun else np.zeros((n, n))
    for sent in range(rounds):
        keep = damping if sent or begun else 0.0
        messages = keep * messages - (1 - keep) * _others(either + messages.T, -np.inf)
        before, p = p, _sigmoid(either + messages + messages.T)
        if np.abs(p - before).max() < tolerance:
            break
    free = 0.5 * ((p * either).sum() - _entropies(p).sum() + _entropies(1 - p).sum())
    return Matching(p * np.exp(np.minimum(odds - either, 0.0)), float(free), (messages,))


def _others(values: NDArray[np.float64], idle: float) -> NDArray[np.float64]:
    """Return log sum exp of all other entries of a row, and of `idle`, for each; very little if there are none.

    What is sent is asked for a million times, so that arrays are used again; `values` are lost.
    """
    best = np.maximum(values.max(axis=1, keepdims=True), idle)
    values -= best
    weights = np.exp(values, out=values)
    top = weights.argmax(axis=1) + np.arange(len(weights)) * weights.shape[1]
    largest = weights.ravel()[top]
    weights.ravel()[top] = 0.0  # the rest of a row without its largest is summed, for a difference would lose it
    rest = weights.sum(axis=1) + np.exp(idle - best[:, 0])
    without = np.subtract((rest + largest)[:, None], weights, out=weights)
    without.ravel()[top] = rest
    np.maximum(without, np.finfo(np.float64).tiny, out=without)
    np.log(without, out=without)
    without += best
    return without


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-values)), whose exponential may overflow."""
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-values))


def _entropies(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p log p."""
    return p * np.log(np.maximum(p, np.finfo(np.float64).tiny))
