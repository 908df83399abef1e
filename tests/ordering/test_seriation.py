"""Blocks in a line: similarities and fits by loops, and orders that are known."""

import itertools

import numpy as np
import pytest

from jaxsolve.ordering import Paired, seed_order, seriate
from jaxsolve.ordering.seriation import _Sweep, line, similarities, spectral_order
from jaxsolve.puzzle import padded
from jaxsolve.run import OutOfTime, Run
from tests import reference


def drifting(n=16, noise=0.1, seed=0, weights=("w_out", "b_out", "w_in")):
    """A puzzle whose block k has what a walk of k steps has come to added to its random weights, and its pairs."""
    puzzle, _ = reference.random_puzzle(8, n=n, d=10, h=16, rows=20)
    rng, changed = np.random.default_rng(seed), {}
    partner = rng.permutation(n).astype(np.int32)
    for name in weights:
        own = getattr(puzzle, name)
        walk = np.cumsum(rng.normal(size=own.shape), axis=0) / np.sqrt(n)
        changed[name] = noise * rng.normal(size=own.shape)
        changed[name][np.arange(n) if name == "w_in" else partner] += walk
    return puzzle.replace(**changed), partner


def paired_of(puzzle, partner, budget=np.inf):
    return Paired(puzzle, partner.astype(np.int32), Run(budget))


def kendall(a, b):
    place = {block: k for k, block in enumerate(b)}
    return np.mean([place[i] > place[j] for i, j in itertools.combinations(a, 2)])


def similarities_by_loops(puzzle, partner, blocks):
    rows = range(puzzle.rows)
    of_blocks = {name: [] for name in ("added", "product", "read", "square", "bias", "out")}
    for k in blocks:
        j = partner[k]
        w_in, b_in, w_out = (np.array(part, float) for part in (puzzle.w_in[k], puzzle.b_in[k], puzzle.w_out[j]))
        states = reference.states(puzzle, [k], [j], puzzle.rows)
        of_blocks["added"].append([states[1][r] - states[0][r] for r in rows])
        of_blocks["product"].append(w_out @ w_in)
        of_blocks["read"].append(
            [sum(u * v for u, v in zip(puzzle.w_last, col, strict=True)) for col in (w_out @ w_in).T]
        )
        of_blocks["square"].append([[a @ b for b in w_out] for a in w_out])
        of_blocks["bias"].append(w_out @ b_in)
        of_blocks["out"].append(puzzle.b_out[j])
    found = []
    for parts in of_blocks.values():
        flat = [np.ravel(part) - np.mean([np.ravel(one) for one in parts], axis=0) for part in parts]
        found.append([[a @ b / np.sqrt((a @ a) * (b @ b)) for b in flat] for a in flat])
    return np.array(found)


def test_similarityes_are_those_of_a_loop_over_blocks():
    puzzle, partner = drifting(5)
    expected = similarities_by_loops(puzzle, partner, range(5))
    np.testing.assert_allclose(similarities(paired_of(puzzle, partner)), expected, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("at_once", [1, 50 * 3])
def test_wide_blocks_are_compared_part_by_part(at_once):
    puzzle, partner = drifting(5)
    expected = similarities(paired_of(puzzle, partner))
    found = similarities(paired_of(puzzle, partner), at_once=at_once)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_null_blocks_are_like_nothing_and_change_nothing():
    puzzle, partner = drifting(5)
    wide = padded(puzzle, 2)
    found = similarities(paired_of(wide, np.append(partner, [6, 5])))
    assert not found[:, 5:].any()
    assert not found[:, :, 5:].any()
    np.testing.assert_allclose(found[:, :5, :5], similarities(paired_of(puzzle, partner)), atol=1e-5)
    order, _ = seriate(paired_of(wide, np.append(partner, [6, 5])))
    assert sorted(order) == list(range(7))


def test_profiles_are_means_that_do_not_rise_with_the_distance():
    rng = np.random.default_rng(1)
    alike = rng.normal(size=(2, 5, 5))
    alike += alike.swapaxes(1, 2)
    order = rng.permutation(5)
    found = line(alike, np.array([1.0, 0.5]), order.astype(np.int32))
    for k in range(2):
        seen = {
            away: [alike[k][a, b] for a, b in itertools.combinations(order, 2) if abs(place(order, a, b)) == away]
            for away in range(1, 5)
        }
        pools = [[values] for values in seen.values()]
        mean = lambda pool: np.mean(np.concatenate(pool))
        while any(mean(a) < mean(b) for a, b in itertools.pairwise(pools)):  # adjacent violators are pooled
            k_th = next(i for i in range(len(pools) - 1) if mean(pools[i]) < mean(pools[i + 1]))
            pools[k_th : k_th + 2] = [pools[k_th] + pools[k_th + 1]]
        expected = [0.0, *(mean(pool) for pool in pools for _ in pool)]
        np.testing.assert_allclose(found.profiles[k], expected)
        away = [(v - expected[d]) ** 2 for d, values in seen.items() for v in values]
        assert found.noise[k] == pytest.approx(np.mean(away))
    assert found.evidence == pytest.approx(-5 * (np.log(found.noise[0]) + 0.5 * np.log(found.noise[1])))


def place(order, a, b):
    order = order.tolist()
    return order.index(a) - order.index(b)


def test_a_place_fits_by_the_sum_of_similarities_times_profiles():
    rng = np.random.default_rng(2)
    n, alike, profiles = 6, rng.normal(size=(3, 6, 6)), rng.normal(size=(3, 6))
    alike += alike.swapaxes(1, 2)
    order = rng.permutation(n).astype(np.int32)

    def fit(some):
        return sum(
            alike[k, some[a], some[b]] * profiles[k, b - a]
            for k in range(3)
            for a, b in itertools.combinations(range(n), 2)
        )

    for now in range(n):
        rest = [block for block in order if block != order[now]]
        expected = np.array([fit([*rest[:p], order[now], *rest[p:]]) for p in range(n)])
        found = _Sweep(alike, profiles, order).fits(now)
        np.testing.assert_allclose(found - found[now], expected - expected[now], atol=1e-12)
        sweep = _Sweep(alike, profiles, order)
        sweep.place(order[now])
        best = int(expected.argmax())
        assert sweep.order.tolist() == [*rest[:best], order[now], *rest[best:]]


def test_the_spectral_order_of_a_line_is_that_line():
    order = np.random.default_rng(3).permutation(12)
    place = np.argsort(order)
    found = spectral_order(np.exp(-np.abs(place[:, None] - place) / 3)[None])
    assert found.tolist() in (order.tolist(), order[::-1].tolist())


@pytest.mark.parametrize("seed", range(3))
def test_what_training_has_left_tells_the_order(seed):
    puzzle, partner = drifting(24, seed=seed)
    order, away = seriate(paired_of(puzzle, partner))
    assert order.dtype == np.int32
    assert min(kendall(order, range(24)), kendall(order[::-1], range(24))) < 0.05
    assert away < 0.07


@pytest.mark.parametrize("seed", range(3))
def test_an_order_by_nothing_is_no_line(seed):
    puzzle, _ = reference.random_puzzle(seed, n=24, d=6, h=10, rows=20)
    order, away = seriate(paired_of(puzzle, np.random.default_rng(seed).permutation(24)))
    assert sorted(order) == list(range(24))
    assert 0.1 < away <= 0.5


def test_the_direction_is_that_of_contraction():
    puzzle, partner = drifting(20)
    for some in (puzzle, puzzle.replace(w_last=puzzle.w_last[::-1].copy())):
        paired = paired_of(some, partner)
        assert kendall(seed_order(paired, "seriation"), seed_order(paired, "contraction")) <= 0.5


def test_equal_blocks_leave_nothing_to_tell():
    puzzle, partner = drifting(4)
    same = {name: np.repeat(getattr(puzzle, name)[:1], 4, axis=0) for name in ("w_in", "b_in", "w_out", "b_out")}
    paired = paired_of(puzzle.replace(**same), partner)
    assert not similarities(paired).any()
    assert sorted(seed_order(paired, "seriation")) == list(range(4))
    found = line(similarities(paired), np.ones(6), np.arange(4, dtype=np.int32), least_noise=0.5)
    assert (found.noise == 0.5).all()


def test_weights_that_overflow_are_ordered_all_the_same():
    puzzle, partner = drifting(6)
    huge = puzzle.replace(w_in=np.where(np.arange(6)[:, None, None] == 2, 1e38, puzzle.w_in))
    assert sorted(seed_order(paired_of(huge, partner), "seriation")) == list(range(6))


def test_no_more_time_is_taken_than_there_is():
    puzzle, partner = drifting(6)
    with pytest.raises(OutOfTime):
        seriate(paired_of(puzzle, partner, budget=1e-9))
