"""Networks that may leave blocks out are judged, and their moves decided, as a slow loop in float64 does."""

import jax
import numpy as np
import pytest

from jaxsolve import backend, engine
from jaxsolve.engine.grand_canonical import GROWTH_KINDS, proposal
from jaxsolve.engine.metropolis import Tiles
from tests import reference

N, ROWS, STEPS, SEED, CHAINS = 5, 150, 150, 7, 4
SHARES = (0.15, 0.1, 0.1, 0.2, 0.25, 0.2)
LENGTHS = np.array([0, 2, 5, 3], np.int32)


def parameters(confidence=1e30, temperature=0.5, potential=0.3, ridge=0.1):
    return engine.GrowthParameters(*map(np.float32, (temperature, potential, ridge, confidence, SHARES)))


def networks(chains=CHAINS):
    rng = np.random.default_rng(2)
    ins = rng.permuted(np.tile(np.arange(N, dtype=np.int32), (CHAINS, 1)), axis=1)
    return engine.Networks(*(part[:chains] for part in (ins, rng.permuted(ins, axis=1), LENGTHS)))


def placed(devices=None):
    puzzle, _ = reference.random_puzzle(51, n=N, rows=ROWS)
    return puzzle, engine.to_device(puzzle, devices=devices)


def run(problem, given, chains=CHAINS, calls=2):
    """Networks and what was said of them after each call."""
    at, cache, ends = networks(chains), engine.ensemble_placed(problem, np.arange(chains, dtype=np.int32)), []
    for call in range(calls):
        seeds = np.array([SEED, call * STEPS], np.int32)
        at, did, cache = engine.grown_canonically(problem, at, cache, given, seeds, steps=STEPS)
        at, did = jax.tree.map(np.asarray, (at, did))
        ends.append((at, did))
    return ends


def of(networks, b):
    length = networks.length[b]
    return networks.ins[b][:length], networks.outs[b][:length]


def errors_of_fitted(puzzle, start, now, ridge):
    """Squared errors of some networks by the readout that is fitted to another."""
    weights, bias = reference.fitted_readout(puzzle, reference.final_state(puzzle, *start, puzzle.x), ridge)
    return lambda word: (reference.final_state(puzzle, *word, puzzle.x) @ weights + bias - puzzle.y) ** 2


@pytest.mark.parametrize("confidence", [2.0, 1e30])
def test_losses_are_those_of_the_readout_fitted_at_the_start_and_of_the_networks_own(confidence):
    puzzle, problem = placed()
    given = parameters(confidence)
    before = networks()
    for after, did in run(problem, given):
        assert (after.length != before.length).any()
        for b in range(CHAINS):
            fitted = errors_of_fitted(puzzle, of(before, b), of(after, b), float(given.ridge))
            assert did.probed[b] == pytest.approx(np.mean(fitted(of(after, b))), rel=1e-4)
            assert did.losses[b] == pytest.approx(np.mean(reference.squared_errors(puzzle, *of(after, b))), rel=1e-4)
        before = after


@backend.compiled()
def drawn(s, number):
    return jax.random.uniform(jax.random.fold_in(jax.random.fold_in(jax.random.key(SEED), s), number), (10,))


@backend.compiled()
def proposed(length, u, shares):
    return proposal(N, length, u, shares)


def by_the_book(puzzle, start, number, given, first):
    """Where one chain is after its moves, each decided on all rows, and how many of each kind it accepted."""
    ins, outs, length = start.ins[number], start.outs[number], start.length[number]
    fitted = errors_of_fitted(puzzle, of(start, number), None, float(given.ridge))
    loss, accepted = np.mean(fitted((ins[:length], outs[:length]))), np.zeros(len(GROWTH_KINDS), int)
    for s in range(first, first + STEPS):
        u = np.asarray(drawn(np.int32(s), np.int32(number)))
        move = jax.tree.map(np.asarray, proposed(length, u[:8], given.shares))
        if not move.legal:
            continue
        to = ins[move.ins], outs[move.outs], move.length
        found = np.mean(fitted((to[0][: to[2]], to[1][: to[2]])))
        dearer = float(given.chemical_potential) * (int(move.length) - int(length))
        if found - loss < float(given.temperature) * (-np.log1p(-float(u[8])) - dearer):
            (ins, outs, length), loss = to, found
            accepted[move.kind] += 1
    return (ins, outs, length), accepted


def test_sure_decisions_are_those_on_all_rows():
    puzzle, problem = placed()
    assert len(Tiles.of(problem).y) == 3
    given, before = parameters(), networks()
    for call, (after, did) in enumerate(run(problem, given)):
        for b in range(CHAINS):
            at, accepted = by_the_book(puzzle, before, b, given, call * STEPS)
            np.testing.assert_array_equal(after.ins[b], at[0])
            np.testing.assert_array_equal(after.outs[b], at[1])
            assert after.length[b] == at[2]
            np.testing.assert_array_equal(did.counts.accepted[b], accepted)
        before = after


@pytest.mark.parametrize("confidence", [0.5, 1e30])
def test_networks_have_each_half_once_and_counts_add_up(confidence):
    for after, did in run(placed()[1], parameters(confidence, 3.0)):
        for half in (after.ins, after.outs):
            np.testing.assert_array_equal(np.sort(half), np.tile(np.arange(N), (CHAINS, 1)))
        assert ((after.length >= 0) & (after.length <= N)).all()
        assert (did.counts.proposed.sum(axis=1) == STEPS).all()
        assert (did.counts.accepted <= did.counts.proposed).all()
        assert (did.counts.accepted.sum(axis=0) > 0).all()


def test_few_rows_take_less_work_than_all():
    problem = placed()[1]
    few, every = (sum(did.counts.applied.sum() for _, did in run(problem, parameters(c, 0.05))) for c in (0.5, 1e30))
    assert few < 0.9 * every


def test_neither_devices_nor_company_change_a_bit():
    together = run(placed()[1], parameters(2.0))
    for (after, did), (other, other_did) in zip(run(placed(devices=1)[1], parameters(2.0), 3), together, strict=True):
        for one, all_of_them in zip(*map(jax.tree.leaves, ((after, did), (other, other_did))), strict=True):
            np.testing.assert_array_equal(one, all_of_them[:3])


def test_hopeless_networks_are_not_entered():
    puzzle, _ = reference.random_puzzle(51, n=N, rows=ROWS)
    w_out = puzzle.w_out.copy()
    w_out[0] *= 1e30
    given = parameters(2.0)
    empty = networks()._replace(length=np.zeros(CHAINS, np.int32))
    problem = engine.to_device(puzzle.replace(w_out=w_out))
    cache = engine.ensemble_placed(problem, np.arange(CHAINS, dtype=np.int32))
    after, did, _ = engine.grown_canonically(problem, empty, cache, given, np.array([0, 0], np.int32), steps=STEPS)
    assert (np.asarray(after.length) > 0).any()
    assert not any(0 in np.asarray(after.outs[b])[: int(after.length[b])] for b in range(CHAINS))
    assert np.isfinite(did.losses).all()


@pytest.mark.parametrize("kind", range(len(GROWTH_KINDS)))
@pytest.mark.parametrize("length", range(N + 1))
def test_moves_are_what_they_are_called(kind, length):
    shares, name, stay = np.eye(len(GROWTH_KINDS), dtype=np.float32)[kind], GROWTH_KINDS[kind], np.arange(N)
    legal = 0
    for u in np.random.default_rng(length).random((60, 8), np.float32):
        move = jax.tree.map(np.asarray, proposed(np.int32(length), u, shares))
        assert move.kind == kind
        if not move.legal:
            continue
        legal += 1
        assert sorted(move.ins) == sorted(move.outs) == stay.tolist()
        assert move.length - length == {"add": 1, "remove": -1}.get(name, 0)
        assert 0 <= move.first <= min(length, move.length)
        for half in (move.ins, move.outs):
            np.testing.assert_array_equal(half[: move.first], stay[: move.first])
        changed = [np.flatnonzero(half != stay) for half in (move.ins, move.outs)]
        if name in ("first", "second"):
            assert [len(one) for one in changed] == ([2, 0] if name == "first" else [0, 2])
        if name in ("swap", "insertion"):
            np.testing.assert_array_equal(move.ins, move.outs)
            assert changed[0].max() < length
        if name == "insertion" or (name == "swap" and len(changed[0]) > 2):
            low, high = changed[0].min(), changed[0].max()
            by = (move.ins[low] - low) % (high - low + 1)
            np.testing.assert_array_equal(move.ins[low : high + 1], np.roll(np.arange(low, high + 1), -by))
            assert min(by, high - low + 1 - by) <= (4 if name == "insertion" else 1)
        if name == "add":
            for half in (move.ins, move.outs):
                assert half[move.first] >= length
                np.testing.assert_array_equal(np.delete(half[: length + 1], move.first), stay[:length])
        if name == "remove":
            for half in (move.ins, move.outs):
                np.testing.assert_array_equal(half[: length - 1], np.delete(stay[:length], move.first))
    can = {"add": length < N, "remove": length > 0, "first": length > 0, "second": length > 0, "swap": length > 1}
    assert (legal > 0) == can.get(name, length > 1)
