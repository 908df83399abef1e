"""Expansions of partial networks have the losses of the slow reference, however states and rows are dealt out."""

import itertools

import jax
import numpy as np
import pytest

from jaxsolve import backend, engine
from jaxsolve.engine.expansion import tiles
from tests import reference

N = 4
WORDS = np.array([[0, 1], [3, 0], [2, 2], [1, 3]], np.int32)
"""First and second half of the one block of each of four states."""


def left(words):
    return np.array([[k for k in range(N) if k != word] for word in words], np.int32)


INS, OUTS = left(WORDS[:, 0]), left(WORDS[:, 1])


def grown(problem, words=WORDS):
    zeros = np.zeros(len(words), np.int32)
    return engine.grown(problem, engine.inputs_spread(problem), zeros, words[:, 0].copy(), words[:, 1].copy())


def expanded(problem, at_once=4, ins=INS, outs=OUTS, noise=0.0, seed=5, keep=36, paired=False):
    """Expansions of all states, so many states at a time, as rows (state, first half, second half, ranked, loss)."""
    states, found, have = grown(problem), [], np.full(len(ins), N - 1, np.int32)
    for first in range(0, len(ins), at_once):
        rows = slice(first, first + at_once)
        some = engine.best_expansions(
            problem, states, np.int32(first), ins[rows], outs[rows], have[rows], drawn(seed, noise, ins, outs, paired)[rows],
            keep=keep, paired=paired,
        )  # fmt: skip
        found.append(np.stack([some.state, some.ins, some.outs, some.ranked, some.losses], axis=1, dtype=np.float64))
    return np.concatenate(found)


def drawn(seed, noise, ins, outs, paired):
    shape = len(ins), ins.shape[1], 1 if paired else outs.shape[1]
    return np.float32(noise) * np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def in_order(found):
    """Expansions by state and halves, without those that are undefined."""
    found = found[np.isfinite(found[:, 4])]
    return found[np.lexsort(found[:, 2::-1].T)]


def expected(puzzle, triples):
    before = [reference.states(puzzle, [i], [j], puzzle.rows)[-1] for i, j in WORDS]
    after = lambda w, i, j: reference.states(puzzle.replace(x=before[w]), [i], [j], puzzle.rows)[-1]
    return [reference.readout_loss(puzzle, after(int(w), int(i), int(j))) for w, i, j in triples]


def placed(rows=200, activation="relu", devices=None):
    puzzle, _ = reference.random_puzzle(31, n=N, rows=rows, activation=activation)
    return puzzle, engine.to_device(puzzle, devices=devices)


@pytest.mark.parametrize(("activation", "rows"), [("relu", 200), ("gelu", 130)])
def test_all_expansions_have_the_losses_of_the_reference_the_best_first(activation, rows):
    puzzle, problem = placed(rows, activation)
    found = expanded(problem)
    assert (found[:, 4] == np.sort(found[:, 4])).all()
    np.testing.assert_array_equal(found[:, 3], found[:, 4])
    every = [(w, i, j) for w in range(4) for i, j in itertools.product(INS[w], OUTS[w])]
    assert sorted(map(tuple, found[:, :3].astype(int).tolist())) == sorted(every)
    np.testing.assert_allclose(found[:, 4], expected(puzzle, found[:, :3]), rtol=1e-4)


def test_paired_halves_go_with_each_other_alone():
    puzzle, problem = placed()
    found = expanded(problem, paired=True)
    assert sorted(map(tuple, found[:, :3].astype(int).tolist())) == sorted(
        (w, i, j) for w in range(4) for i, j in zip(INS[w], OUTS[w], strict=True)
    )
    np.testing.assert_allclose(found[:, 4], expected(puzzle, found[:, :3]), rtol=1e-4)


def test_states_have_the_losses_of_the_network_that_grew_to_them():
    puzzle, problem = placed()
    tile, own = tiles(200, problem.over.size)
    assert own * problem.over.size > 1
    assert tile < 200
    states = np.asarray(grown(problem))[:, :200]
    for state, (i, j) in zip(states, WORDS, strict=True):
        np.testing.assert_allclose(state, reference.states(puzzle, [i], [j], 200)[-1], rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_neither_devices_nor_chunks_change_a_bit(noise):
    all_at_once = in_order(expanded(placed()[1], noise=noise))
    for devices, at_once in [(1, 4), (backend.mesh().size, 1)]:
        other = in_order(expanded(placed(devices=devices)[1], at_once, noise=noise))
        if jax.default_backend() == "cpu":
            np.testing.assert_array_equal(other, all_at_once)
        np.testing.assert_allclose(other, all_at_once, rtol=1e-5)  # other products of a GPU differ in their last bits


def test_noise_ranks_and_does_not_change_losses():
    problem = placed()[1]
    plain, noisy = expanded(problem), expanded(problem, noise=0.3)
    np.testing.assert_array_equal(in_order(noisy)[:, 4], in_order(plain)[:, 4])
    assert (noisy[:, 3] == np.sort(noisy[:, 3])).all()
    added = in_order(noisy)[:, 3] - in_order(noisy)[:, 4]
    assert 0.2 < added.std() < 0.4
    assert len(set(added.tolist())) == len(added)


def test_only_the_best_are_kept_and_halves_beyond_those_left_are_not_used():
    problem = placed()[1]
    wider = [np.pad(halves, ((0, 0), (0, 2)), constant_values=1) for halves in (INS, OUTS)]
    np.testing.assert_array_equal(expanded(problem, 4, *wider, keep=7), expanded(problem)[:7])


def test_states_without_anything_left_have_no_expansions():
    problem = placed()[1]
    have = np.array([3, 3, 0, 0], np.int32)
    none = np.zeros((4, 3, 3), np.float32)
    found = engine.best_expansions(problem, grown(problem), np.int32(0), INS, OUTS, have, none, keep=36)
    assert np.isfinite(found.losses).sum() == 18
    assert set(np.asarray(found.state)[np.isfinite(found.losses)].tolist()) == {0, 1}


def test_expansions_that_overflow_come_last():
    puzzle, _ = reference.random_puzzle(31, n=N, rows=200)
    w_out = puzzle.w_out.copy()
    w_out[0] *= 1e30
    found = expanded(engine.to_device(puzzle.replace(w_out=w_out)), keep=36)
    assert (found[:, 2] != 0)[np.isfinite(found[:, 4])].all()
    assert np.isfinite(found[:18, 4]).all()
    assert not np.isnan(found).any()


def test_outputs_are_those_of_the_readout_on_the_first_rows():
    puzzle, problem = placed()
    parents, ins, outs = np.array([0, 3, 0], np.int32), np.array([1, 0, 2], np.int32), np.array([0, 2, 3], np.int32)
    found = engine.outputs(problem, grown(problem), parents, ins, outs, rows=16)
    words = [([WORDS[w, 0], i], [WORDS[w, 1], j]) for w, i, j in zip(parents, ins, outs, strict=True)]
    after = [reference.states(puzzle, *word, 16)[-1] @ puzzle.w_last for word in words]
    np.testing.assert_allclose(found, after, rtol=1e-4, atol=1e-4)
