"""The compiled network and its losses equal the slow float64 reference."""

import jax
import numpy as np
import pytest

from jaxsolve import backend, engine
from jaxsolve.architecture import ACTIVATIONS
from jaxsolve.engine.network import prefix_states
from jaxsolve.puzzle import Assembly, mean_squared_error, predict
from tests import reference


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_states_and_predictions(activation):
    puzzle, _ = reference.random_puzzle(1, activation=activation)
    rng = np.random.default_rng(2)
    ins, outs = rng.permutation(5), rng.permutation(5)
    expected = reference.states(puzzle, ins, outs, puzzle.rows)
    assembly = Assembly(ins.astype(np.int32), outs.astype(np.int32))
    states = backend.compiled()(prefix_states)(engine.to_device(puzzle), assembly)
    np.testing.assert_allclose(states, expected, rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(predict(puzzle, (ins, outs)), expected[-1] @ puzzle.w_last + puzzle.b_last, rtol=1e-12)
    assert mean_squared_error(puzzle, (ins, outs)) == pytest.approx(reference.loss(puzzle, ins, outs), rel=1e-11)


def test_placing_fewer_rows_takes_the_first():
    puzzle, _ = reference.random_puzzle(3)
    problem = engine.to_device(puzzle, 5)
    assert (problem.rows, problem.blocks) == (5, 5)
    np.testing.assert_array_equal(problem.x, puzzle.x[:5].astype(np.float32))
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(problem))
