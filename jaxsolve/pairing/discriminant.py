"""Host: a pair score that learns from the pairs themselves what right pairs have in common.

What training leaves in the products M = W_out W_in of right pairs differs from net to net: how much of the identity,
of the readout's direction, of the directions in which the inputs tell something about the predictions. Each is a
statistic of all pairs, and so is how what they would add varies with what is not linear in the inputs. A good part of
a first guess is right where it is better than chance, so that the mean of its pairs against all others says how to
weigh the statistics, and better weights make a better guess.
"""

import numpy as np
from numpy.typing import NDArray

from jaxsolve.pairing.scores import (
    Array,
    Scores,
    nonlinear_responses,
    norm_balance,
    of_pairs,
    readout_trace,
    standardised,
    traces,
)
from jaxsolve.puzzle import Puzzle

SHRINKAGE = 0.3
"""Added to the variance 1 of every statistic: few right pairs do not tell how statistics of equal meaning differ."""
ROUNDS = 10
"""Most times that weights are learned."""
RESPONSE_ROWS = 4000
"""Rows from which hidden units' responses are taken."""

Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Rows and columns of some entries of a score matrix."""


def statistics(puzzle: Puzzle) -> dict[str, Scores]:
    """Return statistics of the products M = W_out W_in of all pairs, `[N, N]` each.

    Their means over all pairs of either half are taken off: what belongs to one half says nothing about its partner.
    With u the readout's direction, c that of the covariance of inputs and predictions, b that of the predictions'
    slope on the inputs, m that of the mean input and S the inputs' covariance, they are uᵀMu, uᵀMc, uᵀMb, uᵀMm,
    uᵀW_out·b_in, bᵀMb, tr M, tr MS, `norm_balance`, and `probe` along u and along b.
    """
    centred, target = puzzle.x - puzzle.x.mean(axis=0), puzzle.y - puzzle.y.mean()
    right = {
        "u": _direction(puzzle.w_last),
        "c": _direction(centred.T @ target),
        "b": _direction(np.linalg.lstsq(centred, target)[0]),
        "m": _direction(puzzle.x.mean(axis=0)),
    }
    first = {name: puzzle.w_in @ direction for name, direction in right.items()} | {"1": puzzle.b_in}
    second = {name: right[name] @ puzzle.w_out for name in "ub"}
    found = {f"u{name}": first[name] @ second["u"].T for name in first}
    found["bb"] = first["b"] @ second["b"].T
    responses = nonlinear_responses(puzzle.first_rows(RESPONSE_ROWS))
    found |= {f"{name}e": responses @ second[name].T for name in "ub"}
    found["trace"] = traces(puzzle)
    found["spread"] = traces(puzzle.replace(w_in=puzzle.w_in @ (centred.T @ centred / max(1, puzzle.rows))))
    found["balance"] = norm_balance(puzzle)
    return {name: of_pairs(np.nan_to_num(values)) for name, values in found.items()}


def discriminant(puzzle: Puzzle) -> Scores:
    """Return Fisher's linear discriminant of pairs against all others, learned from the pairs that it gives.

    Fisher (1936), https://doi.org/10.1111/j.1469-1809.1936.tb02137.x, by turns with the assignment until the pairs
    stay as they are: once from those of `readout_trace` on, once from those that the data prefer. That which tells
    its pairs from their rivals more clearly is returned.
    """
    return best_learned(puzzle, statistics(puzzle))


def best_learned(puzzle: Puzzle, known: dict[str, Scores]) -> Scores:
    """Return `discriminant` by the puzzle's `statistics`."""
    ends = [learned(known, assigned(first)) for first in (readout_trace(puzzle), known["ue"])]
    return max(ends, key=_clearness)


def learned(known: dict[str, Scores], pairs: Pairs) -> Scores:
    """Return the discriminant of `statistics` that begins with some pairs."""
    table = np.stack([standardised(values) for name, values in known.items() if name != "bb"], axis=-1)
    scores = np.zeros(table.shape[:2])
    for _ in range(ROUNDS):
        scores = _fisher(table, pairs)
        before, pairs = pairs, assigned(scores)
        if np.array_equal(before[1], pairs[1]) and np.array_equal(before[0], pairs[0]):
            break
    return scores


def assigned(scores: Scores) -> Pairs:
    """Return the pairs with the largest total score; as many as the shorter side has."""
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(scores, maximize=True)


def _clearness(scores: Scores) -> float:
    """Return the median of what pairs score above the best other of either half, in standard deviations."""
    pairs, rivals = assigned(scores), standardised(scores)
    own = rivals[pairs]
    rivals[pairs] = -np.inf
    above = own - np.maximum(rivals.max(axis=1)[pairs[0]], rivals.max(axis=0)[pairs[1]])
    return float(np.median(above))


def _fisher(table: NDArray[np.float64], pairs: Pairs) -> Scores:
    """Return the projection of statistics `[N, N, K]` that tells pairs from all others best."""
    are = np.zeros(table.shape[:2], np.bool_)
    are[pairs] = True
    if are.all():
        return np.zeros(are.shape)
    others = table[~are]
    spread = others - others.mean(axis=0)
    within = spread.T @ spread / len(others) + SHRINKAGE * np.eye(table.shape[2])
    return table @ np.linalg.solve(within, table[are].mean(axis=0) - others.mean(axis=0))


def _direction(vector: Array) -> Array:
    size = np.linalg.norm(vector)
    return vector / size if 0 < size < np.inf else np.zeros_like(vector)
