"""Gains of second halves equal their definition in float64, gradients by finite differences."""

import numpy as np
import pytest

from jaxsolve import backend, engine
from jaxsolve.engine.network import probe
from jaxsolve.puzzle import Assembly
from tests import reference

N, ROWS, STEP = 4, 60, 1e-6


def left_over(puzzle, h):
    """What the fitted readout of states leaves of the target."""
    weights, bias = reference.fitted_readout(puzzle, h, 1e-6)
    return puzzle.y - h @ weights - bias


def mean_gradient(puzzle, ins, outs, h):
    """Mean change of the predictions with each feature of the states before some blocks."""
    answer = lambda h: reference.final_state(puzzle, ins, outs, h) @ puzzle.w_last
    return [np.mean(answer(h + step) - answer(h - step)) / (2 * STEP) for step in STEP * np.eye(puzzle.features)]


@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh"])
def test_partners_gain_what_the_hidden_units_and_the_error_have_in_common(activation):
    puzzle, _ = reference.random_puzzle(8, n=N, rows=ROWS, activation=activation)
    ins, outs = np.array([2, 0, 3, 1], np.int32), np.array([1, 3, 0, 2], np.int32)
    expected = np.zeros((N, N))
    for t in range(N):
        h = reference.final_state(puzzle, ins[:t], outs[:t], puzzle.x)
        behind = reference.final_state(puzzle, ins[: t + 1], outs[: t + 1], puzzle.x)
        g = np.array(mean_gradient(puzzle, ins[t + 1 :], outs[t + 1 :], behind))
        common = left_over(puzzle, h) @ reference.hidden_units(puzzle, h, ins[t]) / ROWS
        expected[t] = [g @ puzzle.w_out[j] @ common for j in range(N)]
    found = engine.partner_gains(engine.to_device(puzzle), Assembly(ins, outs))
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-4)


def test_inputs_gain_what_a_network_of_one_block_would():
    puzzle, _ = reference.random_puzzle(9, n=N, rows=ROWS)
    e = left_over(puzzle, puzzle.x)
    expected = [
        [puzzle.w_last @ puzzle.w_out[j] @ (e @ reference.hidden_units(puzzle, puzzle.x, i) / ROWS) for j in range(N)]
        for i in range(N)
    ]
    np.testing.assert_allclose(engine.input_gains(engine.to_device(puzzle)), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("ridge", [1e-6, 0.003, 100.0])
def test_probes_are_least_squares_drawn_towards_the_readout(ridge):
    puzzle, _ = reference.random_puzzle(9, n=N, rows=ROWS)
    problem = engine.to_device(puzzle)
    weights, bias, errors = backend.compiled()(probe)(problem, problem.x, np.float32(ridge))
    expected = reference.fitted_readout(puzzle, puzzle.x, ridge)
    np.testing.assert_allclose(weights, expected[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(bias, expected[1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(errors, puzzle.x @ expected[0] + expected[1] - puzzle.y, rtol=1e-3, atol=1e-4)


def test_a_probe_without_restraint_leaves_nothing_that_is_linear():
    puzzle, _ = reference.random_puzzle(9, n=N, rows=ROWS)
    problem = engine.to_device(puzzle)
    errors = np.asarray(backend.compiled()(probe)(problem, problem.x, np.float32(0))[2], np.float64)
    np.testing.assert_allclose(errors @ np.column_stack([np.ones(ROWS), puzzle.x]) / ROWS, 0, atol=1e-6)


@pytest.mark.parametrize("ridge", [1e-6, 1.0])
def test_probes_of_states_that_do_not_vary_are_defined(ridge):
    puzzle, _ = reference.random_puzzle(9, n=N, rows=ROWS)
    flat = puzzle.replace(x=np.zeros_like(puzzle.x))
    weights, bias, errors = backend.compiled()(probe)(problem := engine.to_device(flat), problem.x, np.float32(ridge))
    np.testing.assert_allclose(weights, puzzle.w_last, rtol=1e-6)
    assert float(bias) == pytest.approx(puzzle.y.mean(), rel=1e-5)
    np.testing.assert_allclose(errors, puzzle.y.mean() - puzzle.y, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(backend.mesh().size < 2, reason="one device only")
def test_gains_do_not_depend_on_devices():
    puzzle, answer = reference.random_puzzle(8, n=N, rows=ROWS)
    found = [engine.partner_gains(engine.to_device(puzzle, devices=devices), answer) for devices in (1, 2)]
    np.testing.assert_array_equal(*found)
