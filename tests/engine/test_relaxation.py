"""Mixtures, their derivatives and the steps of their shares equal their definitions in float64."""

import numpy as np
import pytest

from jaxsolve import backend, engine
from jaxsolve.backend.devices import plain_way
from jaxsolve.engine import mixtures, relaxation
from jaxsolve.engine.mixtures import PAIRS, ROOM
from tests import reference

N, K, ROWS, STEP = 5, 3, 40, 1e-5
ACTIVATIONS = "relu", "gelu", "gelu_tanh", "tanh", "silu"


def example(activation="relu", seed=8):
    """Pieces, and positions that run some of their pairs: halves in any combination, shares of all sizes."""
    puzzle, answer = reference.random_puzzle(seed, n=N, rows=ROWS, activation=activation)
    rng = np.random.default_rng(seed)
    ins = np.stack([rng.choice(N, K, replace=False) for _ in range(N)])
    outs = np.stack([rng.choice(N, K, replace=False) for _ in range(N)])
    shares = rng.dirichlet(np.ones(K), N)
    return puzzle, answer, ins, outs, shares


def mixed_states(puzzle, ins, outs, shares):
    """States before every position and after the last: each adds the weighted sum of what blocks add."""
    states = [puzzle.x]
    for at in zip(ins, outs, shares, strict=True):
        h = states[-1]
        blocks = zip(*at, strict=True)
        states.append(h + sum(c * (reference.final_state(puzzle, [i], [j], h) - h) for i, j, c in blocks))
    return np.stack(states)


def predictions(puzzle, ins, outs, shares):
    return mixed_states(puzzle, ins, outs, shares)[-1] @ puzzle.w_last + puzzle.b_last


def derivatives(puzzle, ins, outs, shares):
    """Of all predictions by all shares, `[R, T, K]`, by central differences."""
    found = np.empty((ROWS, N, K))
    for t, k in np.ndindex(N, K):
        step = np.zeros((N, K))
        step[t, k] = STEP
        up, down = (predictions(puzzle, ins, outs, shares + sign * step) for sign in (1, -1))
        found[:, t, k] = (up - down) / (2 * STEP)
    return found


class Device:
    """What the device makes of a mixture on some rows."""

    def __init__(self, puzzle, ins, outs, shares, *, devices=None, rows=None, room=ROOM):
        self.problem = engine.to_device(puzzle, devices=devices)
        self.shape, where = shares.shape, np.nonzero(shares)
        self.pairs = np.ravel_multi_index(where, shares.shape)
        self.mixture, self.places = engine.mixture(
            self.problem, where[0], *(part[where] for part in (ins, outs, shares)), room
        )
        rows = np.arange(puzzle.rows) if rows is None else rows
        self.count, self.rows = len(rows), engine.tiled(self.problem, rows)
        errors, self.states, self.last = engine.mixed(self.problem, self.rows, self.mixture)
        self.errors = np.asarray(errors).ravel()[: self.count]

    @property
    def tiles(self):
        return engine.jacobian(self.problem, self.rows, self.mixture, self.states, self.last)

    def by_pair(self, found):
        """Of a pair that a position does not run nothing is found, `[..., T, K]`."""
        table = np.full((*found.shape[:-1], np.prod(self.shape)), np.nan)
        table[..., self.pairs] = found[..., self.places]
        return table.reshape(*found.shape[:-1], *self.shape)

    @property
    def jacobian(self):
        """`[R, T, K]`"""
        return self.by_pair(np.asarray(self.tiles).swapaxes(1, 2).reshape(-1, len(self.mixture.shares))[: self.count])

    @property
    def equations(self):
        return engine.normal_equations(self.problem, self.mixture, self.tiles, count=self.count)

    def step(self, damping, free=0.0):
        """Changes of the shares, and of the logarithm of what multiplies all of them."""
        given = self.problem, self.mixture, self.tiles, self.equations, self.errors, np.float32(damping)
        shares, grown = engine.gauss_newton_step(*given, np.float32(free))
        return self.by_pair(np.asarray(shares)), float(grown)

    def changes(self, damping):
        return self.step(damping)[0]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_positions_add_the_weighted_sum_of_what_their_blocks_add(activation):
    puzzle, _, *of = example(activation)
    found = Device(puzzle, *of)
    expected = mixed_states(puzzle, *of)
    states = np.asarray(found.states).swapaxes(1, 2).reshape(-1, N, puzzle.features).swapaxes(0, 1)
    np.testing.assert_allclose(states[:, :ROWS], expected[:-1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.errors, predictions(puzzle, *of) - puzzle.y, rtol=1e-4, atol=1e-4)


def test_whole_shares_are_an_assembly():
    puzzle, answer, *_ = example()
    shares = np.tile([0.0, 1.0], (N, 1))
    ins, outs = (np.stack([np.roll(half, 1), half], axis=1) for half in answer)
    wrong = np.stack([answer.ins, np.roll(answer.ins, 1)], axis=1), outs
    np.testing.assert_allclose(Device(puzzle, ins, outs, shares).errors, 0, atol=1e-5)
    loss = reference.loss(puzzle, np.roll(answer.ins, 1), answer.outs)
    assert np.mean(np.square(Device(puzzle, *wrong, shares).errors)) == pytest.approx(loss, rel=1e-4)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_jacobian_has_the_derivatives_of_the_predictions_by_the_shares(activation):
    puzzle, _, *of = example(activation)
    np.testing.assert_allclose(Device(puzzle, *of).jacobian, derivatives(puzzle, *of), rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize(("halves", "pairs"), [(1, 4), (3, 1), (8, 4)])
def test_neither_sizes_of_chunks_nor_room_for_more_matter(monkeypatch, halves, pairs):
    for name, size in ("HALVES", dict.fromkeys(mixtures.HALVES, halves)), ("PAIRS", pairs), ("ROOM", 4 * pairs):
        for module in (mixtures, relaxation):
            monkeypatch.setattr(module, name, size)
    puzzle, _, ins, outs, shares = example("gelu", seed=11)
    shares[1], shares[3, 1] = [0.0, 0.0, 1.0], 0.0
    some = puzzle.first_rows(ROWS - 2 * halves - pairs // 4)  # programs are kept by shapes
    room = engine.room_for((shares > 0).sum(axis=1))
    assert room >= (shares > 0).sum()
    found = [Device(some, ins, outs, shares, room=room << more) for more in (0, 1)]
    shown = shares > 0
    for one in found:
        np.testing.assert_allclose(one.errors, predictions(some, ins, outs, shares) - some.y, rtol=1e-4, atol=1e-4)
        expected = derivatives(puzzle, ins, outs, shares)[: some.rows]
        np.testing.assert_allclose(one.jacobian[:, shown], expected[:, shown], rtol=2e-3, atol=2e-4)
    np.testing.assert_allclose(found[0].changes(0.1)[shown], found[1].changes(0.1)[shown], rtol=1e-3, atol=1e-5)


def test_pairs_that_have_a_half_in_common_share_it():
    puzzle, _, ins, outs, shares = example(seed=12)
    ins[:, 1], outs[:, 2] = ins[:, 0], outs[:, 0]
    found = Device(puzzle, ins, outs, shares)
    chunk = mixtures.HALVES[plain_way(found.problem.over)]
    for half, own in zip((ins, outs), found.mixture[:2], strict=True):
        own = np.asarray(own).reshape(-1, chunk)[:N]
        assert [set(some[:2]) for some in own] == [set(row) for row in half]
        assert not own[:, 2:].any()
    np.testing.assert_allclose(found.errors, predictions(puzzle, ins, outs, shares) - puzzle.y, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.jacobian, derivatives(puzzle, ins, outs, shares), rtol=2e-3, atol=2e-4)


def test_there_is_room_for_whole_chunks_of_the_pairs_of_every_position():
    for pairs in ([1] * N, [PAIRS] * N, [ROOM, 0, 0, 0, 0], [ROOM - PAIRS, 1, 1, 0, 0], [3 * ROOM] * N):
        room = engine.room_for(np.array(pairs))
        needed = sum(-(-some // PAIRS) * PAIRS for some in pairs)
        assert room % ROOM == 0
        assert max(needed, ROOM) <= room < 2 * max(needed, ROOM)


def test_normal_equations_are_products_and_sums_of_derivatives_by_shares():
    puzzle, _, ins, outs, shares = example()
    found = Device(puzzle, ins, outs, shares)
    slopes = found.jacobian.astype(np.float64)
    products = sum(slopes[:, t] @ np.diag(shares[t]) @ slopes[:, t].T for t in range(N))
    sums = np.zeros((ROWS, 3 * N))
    for t, k in np.ndindex(N, K):
        for where in (t, N + ins[t, k], 2 * N + outs[t, k]):
            sums[:, where] += shares[t, k] * slopes[:, t, k]
    np.testing.assert_allclose(found.equations.of_rows, products, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.equations.of_sums, sums, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("free", [0.0, 0.3, 3.0])
@pytest.mark.parametrize("damping", [1e-4, 1e-2, 10.0])
def test_gauss_newton_steps_minimise_what_they_say(damping, free):
    puzzle, _, ins, outs, shares = example(seed=9)
    shares[0, 0], shares[1] = 0.0, [0.0, 0.0, 1.0]
    slopes = derivatives(puzzle, ins, outs, shares).reshape(ROWS, -1)
    errors = predictions(puzzle, ins, outs, shares) - puzzle.y
    sums = [np.repeat(np.eye(N), K, axis=1)]
    sums += [np.equal.outer(np.arange(N), half.ravel()).astype(float) for half in (ins, outs)]
    table = np.concatenate(
        [
            slopes / np.sqrt(ROWS),
            np.sqrt(damping * 1e3) * np.concatenate(sums),
            np.diag(np.sqrt(damping / np.maximum(shares.ravel(), 1e-12))),
        ]
    )
    by_factor = np.concatenate([slopes @ shares.ravel() / np.sqrt(ROWS), np.zeros(len(table) - ROWS)])
    cost = np.eye(1, N * K + 1, N * K) * np.sqrt(damping / max(free, 1e-12))
    table = np.concatenate([np.column_stack([table, by_factor]), cost])
    wanted = np.concatenate([-errors / np.sqrt(ROWS), np.zeros(len(table) - ROWS)])
    *expected, factor = np.linalg.lstsq(table, wanted)[0]
    found, grown = Device(puzzle, ins, outs, shares).step(damping, free)
    most = np.abs(expected).max()
    found = np.where(shares > 0, found, 0.0)
    np.testing.assert_allclose(found, np.reshape(expected, (N, K)), rtol=2e-2, atol=2e-3 * most)
    assert grown == pytest.approx(factor, rel=2e-2, abs=2e-3 * most)
    assert free or not grown


def test_a_small_step_lowers_the_error_about_as_much_as_it_says():
    puzzle, _, ins, outs, shares = example("gelu", seed=10)
    found = Device(puzzle, ins, outs, shares)
    change = found.changes(30.0)
    after = predictions(puzzle, ins, outs, shares + change) - puzzle.y
    said = found.errors + np.einsum("rtk,tk->r", found.jacobian, change)
    assert np.mean(after**2) < np.mean(np.square(found.errors))
    np.testing.assert_allclose(after, said, atol=0.1 * np.abs(said - found.errors).max())


@pytest.mark.skipif(backend.mesh().size < 2, reason="one device only")
@pytest.mark.parametrize("rows", [39, 1])
def test_mixtures_depend_neither_on_devices_nor_on_rows_that_fill_tiles_up(monkeypatch, rows):
    monkeypatch.setattr(mixtures, "TILES", dict.fromkeys(mixtures.TILES, 8))
    puzzle, _, *of = example()
    chosen = np.random.default_rng(rows).permutation(ROWS)[:rows]
    found = []
    for devices in (1, 2):
        one = Device(puzzle, *of, devices=devices, rows=chosen)
        assert one.rows.x.shape[0] % devices == 0
        found.append((one.errors, one.jacobian, *one.equations, one.changes(1e-3)))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
    expected = predictions(puzzle, *of) - puzzle.y
    np.testing.assert_allclose(found[0][0], expected[chosen], rtol=1e-4, atol=1e-4)


def test_rows_are_dealt_out_in_their_order(monkeypatch):
    monkeypatch.setattr(mixtures, "TILES", dict.fromkeys(mixtures.TILES, 2))
    puzzle, *_ = example()
    rows = np.array([7, 3, 20])
    dealt = engine.tiled(engine.to_device(puzzle), rows)
    flat = lambda table: np.asarray(table).reshape(-1, *table.shape[2:])
    np.testing.assert_array_equal(flat(dealt.x)[:3], puzzle.x[rows].astype(np.float32))
    np.testing.assert_array_equal(flat(dealt.y)[:3], puzzle.y[rows].astype(np.float32))
    np.testing.assert_array_equal(flat(dealt.counts), [1, 1, 1, 0])
