"""First-order predictions equal finite differences of the slow reference, and rank moves."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from jaxsolve.certificate.neighbour import first_order_losses, single_moves
from jaxsolve.puzzle import ACTIVATIONS, Assembly
from tests import reference

STEP = 1e-5


def predictions_from(puzzle, h, ins, outs):
    """Predictions of the rest of a network that starts in the states `h`."""
    final = reference.states(puzzle.replace(x=h), ins, outs, len(h))[-1]
    return final @ puzzle.w_last + puzzle.b_last


def effect(puzzle, before, i, j, ins, outs):
    """Derivative of the predictions in the direction of the update of block (i, j), by central differences."""
    here = reference.states(puzzle.replace(x=before), [], [], len(before))[-1]
    update = reference.states(puzzle.replace(x=here), [i], [j], len(before))[-1] - here
    return (
        update,
        lambda after: (
            (
                predictions_from(puzzle, after + STEP * update, ins, outs)
                - predictions_from(puzzle, after - STEP * update, ins, outs)
            )
            / (2 * STEP)
        ),
    )


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_predictions_are_the_first_order_effects(activation):
    n = 4
    puzzle, _ = reference.random_puzzle(4, n=n, rows=5, activation=activation)
    ins, outs = np.array([2, 0, 3, 1]), np.array([1, 3, 0, 2])
    states = reference.states(puzzle, ins, outs, 5)
    effects = np.zeros((n, n, 5))
    for t in range(n):
        for s in range(n):
            _, derivative = effect(puzzle, states[t], ins[s], outs[s], ins[t + 1 :], outs[t + 1 :])
            effects[t, s] = derivative(states[t + 1])
    error = states[-1] @ puzzle.w_last + puzzle.b_last - puzzle.y
    moves = single_moves(n).take(slice(None))
    expected = [
        np.mean((error + sum(effects[t, s] - effects[t, t] for t, s in enumerate(source))) ** 2) for source in moves.ins
    ]
    predicted = first_order_losses(puzzle, Assembly(ins, outs), puzzle.rows)
    np.testing.assert_allclose(predicted, expected, rtol=2e-3)


def test_predictions_rank_moves():
    puzzle, start = reference.random_puzzle(4, n=6, scale=0.3)
    moves = single_moves(6).take(slice(None))
    predicted = first_order_losses(puzzle, start, puzzle.rows)
    exact = np.array([reference.loss(puzzle, *(half[source] for half in start)) for source in moves.ins])
    assert spearmanr(predicted, exact).statistic > 0.6
