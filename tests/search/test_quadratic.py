"""Quadratic errors of exchanges, their least squares and their local optima, against sums over columns in float64."""

import itertools

import numpy as np
import pytest

from jaxsolve.puzzle import Assembly
from jaxsolve.search.quadratic import Change, Exchanges, Quadratic

N, U, ROWS = 5, 3, 200
DOUBTFUL = np.array([0, 2, 3])
ORDERS = list(itertools.permutations(range(N)))
STAY = Change(np.arange(N), np.arange(U))


def example(seed=0, window=N, noise=0.0, change=STAY):
    """Columns, errors that a change makes up for, and the quadratic error."""
    rng = np.random.default_rng(seed)
    ahead, behind = np.triu_indices(N, 1)
    near = behind - ahead <= window
    known = Exchanges(N, ahead[near], behind[near], DOUBTFUL)
    table = rng.normal(size=(known.orders + U * U, ROWS))
    table[known.orders :: U + 1] = 0  # the second half that is there
    errors = -values(known, change) @ table + noise * rng.normal(size=ROWS)
    return table, errors, Quadratic(known, table @ table.T / ROWS, table @ errors / ROWS)


def values(known, change):
    """Which exchanges a change makes, one by one."""
    place = {position: k for k, position in enumerate(change.order)}
    orders = [place[p] > place[q] for p, q in zip(known.ahead, known.behind, strict=True)]
    partners = [change.partners[a] == b for a in range(U) for b in range(U)]
    return np.array([*orders, *partners], np.float64)


def error(known, table, errors, change):
    return np.mean((errors + values(known, change) @ table) ** 2)


def neighbours(change):
    for position, to in itertools.product(range(N), range(N)):
        order = np.delete(change.order, np.flatnonzero(change.order == position))
        yield Change(np.insert(order, to, position), change.partners)


@pytest.mark.parametrize("seed", range(6))
def test_local_optima_have_no_better_neighbour(seed):
    table, errors, quadratic = example(seed, noise=3.0)
    rng = np.random.default_rng(seed)
    start = Change(rng.permutation(N), rng.permutation(U))
    told, down = quadratic.descended(start, np.random.default_rng(1))
    lowest = error(quadratic.exchanges, table, errors, down)
    assert told == pytest.approx((lowest - np.mean(errors**2)) / 2)
    assert lowest <= error(quadratic.exchanges, table, errors, start)
    assert lowest <= min(error(quadratic.exchanges, table, errors, other) for other in neighbours(down)) + 1e-9
    np.testing.assert_array_equal(down.partners, start.partners)


@pytest.mark.parametrize("seed", range(4))
def test_kicks_find_local_optima_that_are_no_worse(seed):
    table, errors, quadratic = example(seed, noise=3.0)
    down = quadratic.descended(STAY, np.random.default_rng(1))
    assert quadratic.improved(down, np.random.default_rng(1), 0) is down
    told, further = quadratic.improved(down, np.random.default_rng(1), 40)
    of = lambda change: error(quadratic.exchanges, table, errors, change) / 2
    assert of(further) <= of(down.change)
    assert of(further) == pytest.approx(min(of(Change(np.array(order), STAY.partners)) for order in ORDERS))
    for adds, change in (down, (told, further)):
        assert adds == pytest.approx(of(change) - np.mean(errors**2) / 2)


def test_least_squares_are_those_of_the_columns_with_a_ridge():
    table, errors, quadratic = example(noise=1.0)
    p = quadratic.exchanges.orders
    swapped, partners = quadratic.least_squares(0.3, rarer=4.0, tight=0.5)
    other = ~np.eye(U, dtype=bool)
    scale, of_partners = (np.diag(quadratic.gram)[part].mean() for part in (slice(p), slice(p, None)))
    uses = []
    for j in range(U):  # those who get second half j, less those for whom its position gives it up
        row = np.zeros((U, U))
        row[:, j] += 1
        row[j, :] -= 1
        uses.append(np.concatenate([np.zeros(p), row[other]]))
    free = np.concatenate([table[:p], table[p:][other.ravel()]]).T
    ridges = np.sqrt(0.3 * scale * np.where(np.arange(free.shape[1]) < p, 1.0, 4.0))
    rows = np.concatenate([free / np.sqrt(ROWS), np.sqrt(0.5 * of_partners) * np.array(uses), np.diag(ridges)])
    target = np.concatenate([-errors / np.sqrt(ROWS), np.zeros(U + len(ridges))])
    right = np.linalg.lstsq(rows, target, rcond=None)[0]
    np.testing.assert_allclose(swapped, right[:p], atol=1e-9)
    np.testing.assert_allclose(partners[other], right[p:], atol=1e-9)
    np.testing.assert_allclose(partners.sum(axis=1), 1.0)
    alone = np.linalg.lstsq(
        np.concatenate([table[:p].T / np.sqrt(ROWS), np.sqrt(0.3 * scale) * np.eye(p)]),
        np.concatenate([-errors / np.sqrt(ROWS), np.zeros(p)]),
        rcond=None,
    )[0]
    swapped, partners = quadratic.least_squares(0.3, pairs=False)
    np.testing.assert_allclose(swapped, alone, atol=1e-9)
    np.testing.assert_array_equal(partners, np.eye(U))


@pytest.mark.parametrize("order", [(4, 3, 2, 1, 0), (1, 0, 2, 4, 3), (2, 0, 1, 3, 4)])
@pytest.mark.parametrize("partners", [(0, 1, 2), (2, 0, 1)])
def test_what_the_errors_are_made_of_is_found(order, partners):
    change = Change(np.array(order), np.array(partners))
    quadratic = example(3, change=change)[2]
    rounded = quadratic.rounded(*quadratic.least_squares(1e-9, tight=1e-9))
    np.testing.assert_array_equal(rounded.order, order)
    np.testing.assert_array_equal(rounded.partners, partners)
    down = quadratic.descended(rounded, np.random.default_rng(0)).change
    np.testing.assert_array_equal(down.order, order)


def test_what_lies_farther_apart_than_there_are_columns_keeps_its_order():
    quadratic = example(3, window=1, noise=5.0)[2]
    for seed in range(5):
        down = quadratic.descended(STAY, np.random.default_rng(seed)).change.order
        place = np.argsort(down)
        assert all(place[p] < place[q] for p, q in itertools.combinations(range(N), 2) if q - p > 1)


@pytest.mark.parametrize("side", [0, 1])
def test_a_change_moves_halves_of_one_side_and_then_blocks(side):
    none = np.arange(0)
    known, assembly = Exchanges(N, none, none, DOUBTFUL, side), Assembly(np.arange(N) + 10, np.arange(N) + 20)
    there = known.changed(assembly, Change(np.array([4, 3, 2, 1, 0]), np.array([1, 2, 0])))
    stayed, moved = there if side else there[::-1]
    first = 20 if side else 10
    np.testing.assert_array_equal(stayed, np.array([4, 3, 2, 1, 0]) + 30 - first)
    np.testing.assert_array_equal(moved, np.array([4, 0, 3, 1, 2]) + first)


def test_a_gram_matrix_that_rounding_has_spoilt_is_refused():
    quadratic = example()[2]
    spoilt = Quadratic(quadratic.exchanges, -quadratic.gram, quadratic.pull)
    with pytest.raises(np.linalg.LinAlgError):
        spoilt.least_squares(1e-9)
    undefined = Quadratic(quadratic.exchanges, quadratic.gram, np.full(len(quadratic.pull), np.nan))
    with pytest.raises(np.linalg.LinAlgError):
        undefined.least_squares(1e-3)
