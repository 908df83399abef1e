"""What happens between the steps of chains: cooling, exchanges between temperatures."""

import itertools

import numpy as np

from jaxsolve import engine
from jaxsolve.run import Run
from jaxsolve.search import Setting
from jaxsolve.search.annealing import Annealing, Tempering
from tests import reference
from tests.search import states

N, ROWS, CHUNK = 4, 40, 16


def setting(seed=0, prior=None, places=None):
    puzzle, _ = reference.random_puzzle(71, n=N, rows=ROWS)
    return puzzle, Setting(engine.to_device(puzzle), Run(), seed, prior=prior, places=places)


def test_temperatures_fall_geometrically_from_hot_to_cold():
    method = Annealing(chunk=CHUNK, chains=2, steps=4 * CHUNK, hot=0.3, cold=0.003)
    seen = states(method, setting()[1])
    found = [state.temperature[0] for state in seen]
    np.testing.assert_allclose(found, np.geomspace(0.3, 0.003, 5), rtol=1e-9)


def test_sums_are_those_of_the_assemblies_and_the_best_only_get_better():
    puzzle, given = setting()
    seen = states(Annealing(chunk=CHUNK, chains=2, steps=3 * CHUNK, hot=1.0, cold=0.1), given)
    for before, after in itertools.pairwise(seen):
        assert (after.best_sums <= before.best_sums).all()
        assert (after.best_sums <= after.sums).all()
        for kind in ("", "best_"):
            halves = (getattr(after, f"{kind}{half}") for half in ("ins", "outs"))
            expected = [ROWS * reference.loss(puzzle, *one) for one in zip(*halves, strict=True)]
            np.testing.assert_allclose(getattr(after, f"{kind}sums"), expected, rtol=1e-4, atol=1e-5)


def test_counts_add_up_to_the_moves_that_were_decided():
    given = setting()[1]
    last = states(Annealing(chunk=CHUNK, chains=2, steps=3 * CHUNK), given)[-1]
    assert last.proposed.sum() == 2 * last.step == 2 * 3 * CHUNK
    assert (last.accepted <= last.proposed).all()
    assert 0 < float(last.applied) <= 2 * 3 * CHUNK * N
    assert given.run.evaluations == 2 + 2 * 3 * CHUNK


def test_preferred_pairs_come_more_often():
    prior = np.ones((N, N))
    prior[np.arange(N), [2, 3, 1, 0]] = -1.0
    method = Annealing(chunk=CHUNK, chains=4, steps=4 * CHUNK, hot=100.0, cold=100.0, prior=5.0)
    last = states(method, setting(prior=prior)[1])[-1]
    np.testing.assert_array_equal(last.outs, np.array([2, 3, 1, 0])[last.ins])


def test_blocks_come_more_often_where_they_are_expected():
    places = np.ones((N, N))
    places[[2, 3, 1, 0], np.arange(N)] = -1.0
    method = Annealing(chunk=CHUNK, chains=4, steps=4 * CHUNK, hot=100.0, cold=100.0, places=5.0)
    last = states(method, setting(places=places)[1])[-1]
    np.testing.assert_array_equal(last.ins, np.tile([2, 3, 1, 0], (4, 1)))
    assert len(np.unique(last.outs, axis=0)) > 1


def test_where_blocks_are_expected_counts_by_its_weight_and_not_at_all_where_nothing_is_known():
    places = np.random.default_rng(1).normal(size=(N, N))
    method = lambda weight: Annealing(chunk=CHUNK, chains=2, steps=3 * CHUNK, hot=1.0, cold=0.1, places=weight)
    ends = {
        (weight, name): states(method(weight), setting(places=table)[1])[-1]
        for weight in (0.0, 1.0, 4.0)
        for name, table in (("none", None), ("once", places), ("four", 4 * places))
    }
    assert Annealing().places == 1.0
    for alike in ([(0.0, "once"), (1.0, "none"), (4.0, "none")], [(4.0, "once"), (1.0, "four")]):
        for end in alike[1:]:
            for one, other in zip(ends[alike[0]], ends[end], strict=True):
                np.testing.assert_array_equal(one, other)
    assert len({ends[end].accepted.tobytes() for end in [(1.0, "none"), (1.0, "once"), (4.0, "once")]}) == 3


def test_exchanges_pass_temperatures_on_and_are_decided_by_the_book():
    method = Tempering(chunk=CHUNK, chains=4, steps=6 * CHUNK, hot=3.0, cold=0.1)
    given = setting()[1]
    seen = states(method, given)
    ladder, tried, made = np.geomspace(0.1, 3.0, 4), np.zeros(3, int), np.zeros(3, int)
    for looks, (before, after) in enumerate(itertools.pairwise(seen), 1):
        temperature, losses = before.temperature.copy(), after.sums.astype(np.float64) / ROWS
        odds = np.log(given.rng(int(after.step)).random(4))
        for k in range(looks % 2, 3, 2):
            a, b = (int(np.flatnonzero(np.isclose(temperature, ladder[rung]))[0]) for rung in (k, k + 1))
            tried[k] += 1
            if np.log(1) + (1 / ladder[k] - 1 / ladder[k + 1]) * (losses[a] - losses[b]) > odds[k]:
                made[k] += 1
                temperature[a], temperature[b] = temperature[b], temperature[a]
        np.testing.assert_array_equal(after.temperature, temperature)
        np.testing.assert_array_equal(after.exchanges, [tried, made])
    assert 0 < made.sum() < tried.sum()
