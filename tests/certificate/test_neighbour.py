"""First-order predictions equal finite differences of the slow reference, and rank moves."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from jaxsolve.architecture import ACTIVATIONS
from jaxsolve.certificate.first_order import first_order_losses, single_moves
from jaxsolve.puzzle import Assembly
from tests import reference

STEP = 1e-5


def predictions_from(puzzle, h, ins, outs):
    """Predictions of the rest of a network that starts in the states `h`."""
    final = reference.states(puzzle.replace(x=h), ins, outs, len(h))[-1]
    return final @ puzzle.w_last + puzzle.b_last


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_predictions_are_the_first_order_effects(activation):
    n = 4
    puzzle, _ = reference.random_puzzle(4, n=n, rows=5, activation=activation)
    ins, outs = np.array([2, 0, 3, 1]), np.array([1, 3, 0, 2])
    states = reference.states(puzzle, ins, outs, 5)

    def effect(p: int, s: int, after: int) -> np.ndarray:
        """Derivative of the predictions when what s adds at position p is added to the states `after`."""
        h = states[p] - (states[s + 1] - states[s] if s < p else 0)
        update = reference.states(puzzle.replace(x=h), [ins[s]], [outs[s]], 5)[-1] - h
        ends = (
            predictions_from(puzzle, states[after] + sign * STEP * update, ins[after:], outs[after:])
            for sign in (1, -1)
        )
        return np.subtract(*ends) / (2 * STEP)

    own = [effect(t, t, t + 1) for t in range(n)]
    error = states[-1] @ puzzle.w_last + puzzle.b_last - puzzle.y
    expected = []
    for i, a, j, b in single_moves(n).segments.tolist():
        if a == b == 1 and j > i + 1:
            change = effect(i, j, i + 1) - own[i] + effect(j, i, j + 1) - own[j]
        elif a == 1:
            change = effect(j + b, i, j + b) - own[i]
        else:
            change = effect(i, j, i) - own[j]
        expected.append(np.mean((error + change) ** 2))
    predicted = first_order_losses(puzzle, Assembly(ins, outs), puzzle.rows)
    np.testing.assert_allclose(predicted, expected, rtol=2e-3)


def test_predictions_rank_moves():
    puzzle, start = reference.random_puzzle(4, n=6, scale=0.3)
    moves = single_moves(6).take(slice(None))
    predicted = first_order_losses(puzzle, start, puzzle.rows)
    exact = np.array([reference.loss(puzzle, *(half[source] for half in start)) for source in moves.ins])
    assert spearmanr(predicted, exact).statistic > 0.6
