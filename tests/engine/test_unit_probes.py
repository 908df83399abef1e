"""Probes that read hidden units leave what least squares in float64 leave, however states and rows are dealt out."""

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
