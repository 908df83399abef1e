"""Chains decide as a slow Metropolis loop in float64 does that evaluates every proposal on all rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsolve import backend, engine
from jaxsolve.engine.annealing import MOVE_KINDS, proposal, shuffled_tiles
from tests import reference

N, ROWS, STEPS, SEED = 5, 150, 120, 3
SHARES = (0.4, 0.3, 0.15, 0.15)


NOTHING = np.zeros((N, N), np.float32)


def parameters(chains, temperature=0.3, factor=0.99, shares=SHARES, prior=NOTHING, places=NOTHING, confidence=np.inf):
    hot = np.full(chains, temperature, np.float32)
    steady = np.float32(shares), np.float32(1.5), prior, places, np.float32(confidence)
    return engine.AnnealingParameters(hot, np.float32(factor), *steady)


def starts(chains, partner=None):
    rng = np.random.default_rng(1)
    ins = rng.permuted(np.tile(np.arange(N, dtype=np.int32), (chains, 1)), axis=1)
    return ins, rng.permuted(ins, axis=1) if partner is None else partner[ins]


def begun(problem, ins, outs, way=None):
    sums, cache = engine.chains_placed(problem, ins, outs, way=way)
    sums = np.asarray(sums)
    return engine.Chains(ins, outs, sums, ins, outs, sums), cache


def run(problem, ins, outs, given, calls=2, way=None):
    """Chains after `STEPS` steps in some calls, and all that they did."""
    (chains, cache), total, steps = begun(problem, ins, outs, way), 0.0, STEPS // calls
    for call in range(calls):
        now = given._replace(temperature=given.temperature * np.float32(given.factor) ** (call * steps))
        seeds = np.array([SEED, call * steps], np.int32)
        chains, did, cache = engine.annealed(problem, chains, cache, now, seeds, steps=steps, way=way)
        chains = engine.Chains(*map(np.asarray, chains))
        total = total + np.concatenate([did.proposed, did.accepted, did.applied[:, None]], axis=1)
    return chains, total


@backend.compiled()
def drawn(numbers, shares, given):
    """First positions, moves and last uniform numbers of all steps and chains, as chains draw them."""

    def one(s, number):
        common = jax.random.fold_in(jax.random.key(SEED), s)
        f = jax.random.randint(common, (), 0, N - 1)
        u = jax.random.uniform(jax.random.fold_in(common, 1 + number), (5,))
        return f, *proposal(N, f, u[:4], given), u[4]

    return jax.vmap(lambda s: jax.vmap(lambda number: one(s, number))(numbers))(jnp.arange(STEPS))


def looked_at(errors, before, limit, confidence, tile, tiles):
    """Tiles of rows until a move is refused, by the squared errors of all rows after and before it."""
    if tiles == 1:
        return 1
    for k in range(tiles):
        rows = min(k * tile, ROWS)
        changes = (errors - before)[:rows]
        if errors[:rows].sum() > before.sum() + ROWS * limit:
            return k
        deviation = np.sqrt(changes.var() / rows * (1 - rows / ROWS)) if rows else np.inf
        if rows and np.isfinite(confidence) and changes.mean() > limit + confidence * deviation:
            return k
    return tiles


def by_the_book(puzzle, ins, outs, given, way):
    """What Metropolis chains that evaluate everything do, in NumPy: where they are, their best, and their counts."""
    tiles, tile = shuffled_tiles(engine.to_device(puzzle), way).y.shape
    order = np.asarray(jax.random.permutation(jax.random.key(0), ROWS))
    draws = list(map(np.asarray, drawn(np.arange(len(ins)), given.shares, given)))
    errors_of = lambda halves: reference.squared_errors(puzzle, *halves)[order]
    loss = lambda *halves: np.mean(errors_of(halves))
    places = lambda ins: sum(float(given.places[i, t]) for t, i in enumerate(ins))
    ends = []
    for b in range(len(ins)):
        at, temperature = (ins[b], outs[b]), float(given.temperature[b])
        best, counts, applied = at, np.zeros((2, len(MOVE_KINDS)), int), 0.0
        for f, of_ins, of_outs, kind, u in zip(*(part[:, b] for part in draws), strict=True):
            to = at[0][of_ins], at[1][of_outs]
            worse = given.prior[to].sum() - given.prior[at].sum() + places(to[0]) - places(at[0])
            limit = temperature * (-np.log1p(-float(u)) - worse)
            seen = looked_at(errors_of(to), errors_of(at), limit, float(given.confidence), tile, tiles)
            accept = seen == tiles and loss(*to) <= loss(*at) + limit
            applied += seen * tile * (N - f) / ROWS
            counts[:, kind] += 1, accept
            at = to if accept else at
            best = at if loss(*at) < loss(*best) else best
            temperature *= float(given.factor)
        ends.append((at, best, [*counts.ravel(), applied]))
    return ends


def placed(devices=None, activation="relu", rows=ROWS):
    puzzle, _ = reference.random_puzzle(41, n=N, rows=rows, activation=activation)
    return puzzle, engine.to_device(puzzle, devices=devices)


PRIOR, PLACES = np.random.default_rng(4).normal(size=(2, N, N)).astype(np.float32)


@pytest.mark.parametrize(
    ("activation", "prior", "places", "way", "confidence"),
    [
        ("relu", NOTHING, NOTHING, "sequential", np.inf),
        ("relu", PRIOR, NOTHING, "sequential", np.inf),
        ("relu", NOTHING, PLACES, "sequential", np.inf),
        ("relu", PRIOR, PLACES, "sequential", 2.0),
        ("tanh", NOTHING, NOTHING, "sequential", 0.5),
        ("silu", PRIOR, PLACES, "batched", 0.5),
    ],
)
def test_decisions_are_those_of_a_slow_loop_that_evaluates_everything(activation, prior, places, way, confidence):
    puzzle, problem = placed(activation=activation)
    assert len(shuffled_tiles(problem, "sequential").y) == 3
    halves, given = starts(4), parameters(4, prior=prior, places=places, confidence=confidence)
    chains, counts = run(problem, *halves, given, way=way)
    ends = by_the_book(puzzle, *halves, given, way)
    assert 0 < counts[:, len(MOVE_KINDS) : -1].sum() < 4 * STEPS
    for b, (at, best, expected) in enumerate(ends):
        np.testing.assert_array_equal([chains.ins[b], chains.outs[b]], at)
        np.testing.assert_array_equal([chains.best_ins[b], chains.best_outs[b]], best)
        np.testing.assert_allclose(counts[b], expected, rtol=1e-4)
        assert chains.sums[b] == pytest.approx(ROWS * reference.loss(puzzle, *at), rel=1e-4, abs=1e-6)
        assert chains.best_sums[b] == pytest.approx(ROWS * reference.loss(puzzle, *best), rel=1e-4, abs=1e-6)


def test_doubtful_moves_are_refused_with_fewer_rows_and_nothing_else_is_accepted():
    problem = placed()[1]
    sure, counts = run(problem, *starts(4), parameters(4, 1e-12), way="sequential")
    found, did = run(problem, *starts(4), parameters(4, 1e-12, confidence=4.0), way="sequential")
    np.testing.assert_array_equal(found.ins, sure.ins)
    assert did[:, -1].sum() < counts[:, -1].sum()


def test_neither_devices_nor_company_change_a_bit():
    halves = starts(4)
    together, counts = run(placed()[1], *halves, parameters(4), way="sequential")
    found, did = run(placed(devices=1)[1], *(part[:3] for part in halves), parameters(3), way="sequential")
    for one, other in zip(found, together, strict=True):
        np.testing.assert_array_equal(one, other[:3])
    np.testing.assert_array_equal(did, counts[:3])


def test_kept_states_are_those_of_the_assembly():
    puzzle, problem = placed()
    ins, outs = starts(4)
    chains, cache = begun(problem, ins, outs)
    expected = [ROWS * np.mean(reference.squared_errors(puzzle, *half)) for half in zip(ins, outs, strict=True)]
    np.testing.assert_allclose(chains.sums, expected, rtol=1e-5)
    chains, _, cache = engine.annealed(
        problem, chains, cache, parameters(4), np.array([SEED, 0], np.int32), steps=STEPS // 2
    )
    _, anew = engine.chains_placed(problem, np.asarray(chains.ins), np.asarray(chains.outs))
    for b in range(4):
        for t in range(N + 1):
            np.testing.assert_array_equal(cache.states[b, cache.slot[b, t], t], anew.states[b, 0, t])


def test_hardly_any_temperature_accepts_nothing_worse():
    _, problem = placed()
    chains, counts = run(problem, *starts(4), parameters(4, 1e-12))
    assert (counts[:, len(MOVE_KINDS) : -1].sum(axis=1) > 0).all()
    np.testing.assert_array_equal(chains.sums, chains.best_sums)
    np.testing.assert_array_equal(chains.ins, chains.best_ins)


def test_blocks_end_where_places_cost_nothing_whatever_their_partners():
    there = np.array([3, 1, 4, 0, 2], np.int32)
    places = np.full((N, N), 20, np.float32)
    places[there, np.arange(N)] = 0
    _, problem = placed()
    chains, counts = run(problem, *starts(4), parameters(4, 1e6, 1.0, places=places))
    np.testing.assert_array_equal(chains.ins, np.tile(there, (4, 1)))
    accepted = dict(zip(MOVE_KINDS, counts[:, len(MOVE_KINDS) : -1].sum(axis=0), strict=True))
    assert accepted["partner"] > accepted["swap"]


def test_given_pairs_stay_pairs_and_halves_stay_permutations():
    _, problem = placed()
    partner = np.random.default_rng(2).permutation(N).astype(np.int32)
    chains, counts = run(problem, *starts(4, partner), parameters(4, shares=(0.5, 0, 0.25, 0.25)))
    for ins, outs in ((chains.ins, chains.outs), (chains.best_ins, chains.best_outs)):
        np.testing.assert_array_equal(np.sort(ins), np.tile(np.arange(N), (4, 1)))
        np.testing.assert_array_equal(outs, partner[ins])
    moved = counts[:, len(MOVE_KINDS) + MOVE_KINDS.index("swap")]
    assert moved.sum() > 0
    assert counts[:, MOVE_KINDS.index("partner")].sum() == 0


def test_counts_add_up_to_the_steps():
    counts = run(placed()[1], *starts(4), parameters(4))[1]
    proposed, accepted = counts[:, : len(MOVE_KINDS)], counts[:, len(MOVE_KINDS) : -1]
    assert (proposed.sum(axis=1) == STEPS).all()
    assert (accepted <= proposed).all()
    assert (proposed.sum(axis=0) > 0).all()


@pytest.mark.parametrize("kind", range(len(MOVE_KINDS)))
def test_moves_keep_what_is_before_them_and_are_what_they_are_called(kind):
    shares = np.eye(len(MOVE_KINDS), dtype=np.float32)[kind]
    f, ins, outs, kinds, _ = map(np.asarray, drawn(np.arange(4), shares, parameters(4, shares=shares)))
    assert (kinds == kind).all()
    for first, i, j in zip(f.ravel(), ins.reshape(-1, N), outs.reshape(-1, N), strict=True):
        moved, name = (i if (i != np.arange(N)).any() else j), MOVE_KINDS[kind]
        assert sorted(i) == sorted(j) == list(range(N))
        changed = np.flatnonzero(moved != np.arange(N))
        end = changed.max()
        assert changed.min() == first
        if name == "partner":
            assert ((i == np.arange(N)).all(), (j == np.arange(N)).all()).count(True) == 1
        else:
            np.testing.assert_array_equal(i, j)
        if name in ("swap", "partner"):
            assert changed.tolist() == [first, end]
        if name == "reversal":
            np.testing.assert_array_equal(moved[first : end + 1], np.arange(first, end + 1)[::-1])
        if name == "insertion":
            by = (moved[first] - first) % (end + 1 - first)
            np.testing.assert_array_equal(moved[first : end + 1], np.roll(np.arange(first, end + 1), -by))
            assert min(by, end + 1 - first - by) <= 4


def test_a_move_and_the_one_that_takes_it_back_are_equally_likely():
    numbers = np.arange(300)
    f, ins, outs, *_ = map(np.asarray, drawn(numbers, np.float32(SHARES), parameters(1)))
    words = np.concatenate([f[..., None], ins, outs], axis=-1).reshape(-1, 1 + 2 * N)
    back = np.concatenate([f[..., None], np.argsort(ins), np.argsort(outs)], axis=-1).astype(np.int32)
    back = back.reshape(words.shape)
    moves, counts = np.unique(words, axis=0, return_counts=True)
    taken_back = dict(zip(map(bytes, back), map(bytes, words), strict=True))
    known = dict(zip(map(bytes, moves), counts.tolist(), strict=True))
    assert len(known) > 40
    for move, count in known.items():
        other = known[taken_back[move]]
        assert abs(count - other) < 6 * np.sqrt(count + other)
