"""Probes that read hidden units or rollouts leave what least squares in float64 leave, however they are dealt out."""

import jax
import numpy as np
import pytest

from jaxsolve import engine
from tests import reference
from tests.engine.test_expansion import WORDS, grown

RIDGE = 1e-3


def found(puzzle, halves, devices=None, at_once=4):
    problem = engine.to_device(puzzle, devices=devices)
    states, halves = grown(problem), np.array(halves, np.int32)
    parts = [
        engine.unit_probe_errors(problem, states, np.int32(first), halves, np.float32(RIDGE), count=at_once)
        for first in range(0, 4, at_once)
    ]
    return np.concatenate([np.asarray(part) for part in parts])


@pytest.mark.parametrize(("activation", "rows"), [("relu", 200), ("tanh", 131)])
def test_they_leave_what_least_squares_leave(activation, rows):
    puzzle, _ = reference.random_puzzle(31, n=4, rows=rows, activation=activation)
    states = [reference.states(puzzle, [i], [j], rows)[-1] for i, j in WORDS.tolist()]
    expected = [
        reference.unit_probe(puzzle, h, [reference.hidden_units(puzzle, h, i) for i in (2, 0)], RIDGE) for h in states
    ]
    np.testing.assert_allclose(found(puzzle, [2, 0]), expected, rtol=2e-4)


def test_gates_norms_and_several_outputs_are_read_as_well():
    form = {"form": ("rms_norm", "gelu", "none"), "gated": True, "outputs": 2}
    puzzle, _ = reference.formed_puzzle(3, n=4, rows=90, **form)
    states = [reference.formed_states(puzzle, [i], [j], puzzle.x)[-1] for i, j in WORDS.tolist()]
    expected = [
        reference.unit_probe(puzzle, h, [reference.formed_units(puzzle, h, i) for i in (2, 0)], RIDGE) for h in states
    ]
    np.testing.assert_allclose(found(puzzle, [2, 0]), expected, rtol=2e-4)


def test_units_that_never_change_tell_nothing():
    puzzle, _ = reference.random_puzzle(31, n=4, rows=200)
    silent = puzzle.replace(b_in=np.where(np.arange(4)[:, None] == 1, -1e3, puzzle.b_in).astype(np.float32))
    np.testing.assert_allclose(found(silent, [0, 1]), found(silent, [0]), rtol=1e-5)


def test_neither_devices_nor_chunks_change_a_bit():
    puzzle, _ = reference.random_puzzle(31, n=4, rows=200)
    expected = found(puzzle, [1, 3], devices=1)
    for devices, at_once in ((1, 2), (jax.device_count(), 4), (jax.device_count(), 1)):
        np.testing.assert_array_equal(found(puzzle, [1, 3], devices, at_once), expected)


ROLLOUTS = (
    np.array([1, 0, 3], np.int32),
    *np.array([[[0, 2, 3], [2, 3, 1], [1, 0, 2]], [[3, 1, 0], [2, 0, 1], [0, 3, 1]]], np.int32),
)
"""From which state three networks go on, and with which halves."""


def rolled(puzzle, there=3, devices=None, some=slice(None)):
    problem = engine.to_device(puzzle, devices=devices)
    parents, ins, outs = (part[some] for part in ROLLOUTS)
    given = problem, grown(problem), parents, ins, outs, np.int32(there), np.float32(RIDGE)
    return np.asarray(engine.rollout_probe_errors(*given, every=2))


def least_squares_of_rollouts(puzzle, behind, there):
    """The errors of readouts of the states behind one block and behind three, or the last of those there are."""
    for w, ins, outs in zip(*ROLLOUTS, strict=True):
        i, j = WORDS[w]
        seen = behind([i, *ins[:there].tolist()], [j, *outs[:there].tolist()])
        yield reference.unit_probe(puzzle, seen[2], [seen[-1]], RIDGE)


@pytest.mark.parametrize(("activation", "rows", "there"), [("relu", 200, 3), ("tanh", 131, 3), ("relu", 90, 2)])
def test_rollouts_leave_what_least_squares_leave(activation, rows, there):
    puzzle, _ = reference.random_puzzle(32, n=4, rows=rows, activation=activation)
    behind = lambda ins, outs: reference.states(puzzle, ins, outs, rows)
    np.testing.assert_allclose(rolled(puzzle, there), [*least_squares_of_rollouts(puzzle, behind, there)], rtol=5e-4)


def test_rollouts_of_gates_norms_and_several_outputs():
    puzzle, _ = reference.formed_puzzle(3, n=4, rows=90, form=("rms_norm", "gelu", "none"), gated=True, outputs=2)
    behind = lambda ins, outs: reference.formed_states(puzzle, ins, outs, puzzle.x)
    np.testing.assert_allclose(rolled(puzzle), [*least_squares_of_rollouts(puzzle, behind, 3)], rtol=5e-4)


def test_neither_devices_nor_company_change_a_bit_of_rollouts():
    puzzle, _ = reference.random_puzzle(32, n=4, rows=200)
    expected = rolled(puzzle, devices=1)
    np.testing.assert_array_equal(rolled(puzzle, devices=jax.device_count()), expected)
    np.testing.assert_array_equal(rolled(puzzle, some=slice(1, 2)), expected[1:2])


def test_states_far_from_zero_are_told_apart():
    puzzle, _ = reference.random_puzzle(32, n=4, rows=200)
    far = puzzle.replace(b_out=puzzle.b_out + 300.0)
    near = far.replace(b_in=puzzle.b_in - 300.0 * far.w_in.sum(axis=2))
    assert np.isfinite(rolled(near, there=1)).all()
    behind = lambda ins, outs: reference.states(near, ins, outs, 200)
    np.testing.assert_allclose(rolled(near, 1), [*least_squares_of_rollouts(near, behind, 1)], rtol=2e-3)
