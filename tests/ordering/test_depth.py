"""How deep blocks lie, by loops; and a block that an order has far from where its weights belong."""

from statistics import NormalDist

import numpy as np
import pytest

from jaxsolve.ordering import Paired, expected_places, place_costs, seed_order
from jaxsolve.ordering.depth import depth_statistics
from jaxsolve.puzzle import padded
from jaxsolve.run import Run
from tests import reference


def paired_of(n, seed=8):
    puzzle, _ = reference.random_puzzle(seed, n=n, rows=20)
    return puzzle, np.random.default_rng(seed).permutation(n).astype(np.int32)


def trained(n=20, trend=8.0, shift=4):
    """A puzzle whose block k takes back more of the readout's direction the larger k is, and its pairs."""
    puzzle, _ = reference.random_puzzle(8, n=n, d=6, h=10, rows=20)
    rng, partner = np.random.default_rng(shift), np.roll(np.arange(n), shift)
    u, via = puzzle.w_last / np.linalg.norm(puzzle.w_last), rng.normal(size=(n, 10)) / np.sqrt(10)
    w_out = puzzle.w_out.copy()
    w_out[partner] -= trend * np.linspace(0, 1, n)[:, None, None] * u[:, None] * via[:, None]
    return puzzle.replace(w_in=puzzle.w_in + trend * via[..., None] * u, w_out=w_out), partner


def scale(values):
    values = np.array(values) - np.mean(values)
    return values / np.sqrt(np.mean(values**2))


def table_by_loops(puzzle, partner):
    unit = lambda v: v / np.sqrt(v @ v)
    x, y = puzzle.x - np.mean(puzzle.x, axis=0), puzzle.y - np.mean(puzzle.y)
    u, b = unit(puzzle.w_last), unit(np.linalg.pinv(x) @ y)
    covariance = np.mean([np.outer(row, row) for row in x], axis=0)
    balance = lambda w, bias, out: np.corrcoef([r @ r + c * c for r, c in zip(w, bias, strict=True)], (out**2).sum(0))
    of_pairs = {
        "uu": lambda w, bias, out: u @ out @ w @ u,
        "bb": lambda w, bias, out: b @ out @ w @ b,
        "spread": lambda w, bias, out: np.trace(out @ w @ covariance),
        "balance": lambda w, bias, out: balance(w, bias, out)[0, 1],
    }
    columns = {}
    for name, value in of_pairs.items():
        every = np.array(
            [[value(w, c, out) for out in puzzle.w_out] for w, c in zip(puzzle.w_in, puzzle.b_in, strict=True)]
        )
        own = [every[k, j] - np.mean(every[k]) - np.mean(every[:, j]) + np.mean(every) for k, j in enumerate(partner)]
        columns[name] = scale(own)
    columns["in"] = scale([np.sqrt(np.sum(w**2)) for w in puzzle.w_in])
    columns["out"] = scale([np.sqrt(np.sum(puzzle.w_out[j] ** 2)) for j in partner])
    return columns


@pytest.mark.parametrize("n", [3, 7])
def test_statistics_are_those_of_a_loop_over_blocks(n):
    puzzle, partner = paired_of(n)
    expected = np.column_stack([*table_by_loops(puzzle, partner).values()])
    np.testing.assert_allclose(depth_statistics(puzzle, partner), expected, rtol=1e-9, atol=1e-11)


def test_blocks_that_take_back_little_of_the_readout_come_first():
    puzzle, partner = paired_of(9)
    known = table_by_loops(puzzle, partner)
    expected = np.argsort(0.5 * known["spread"] - known["uu"] - 0.5 * known["bb"])
    found = seed_order(Paired(puzzle, partner, Run()), "contraction")
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.int32


def test_contraction_puts_blocks_in_the_order_that_training_left():
    puzzle, partner = trained()
    order = seed_order(Paired(puzzle, partner.astype(np.int32), Run()), "contraction")
    assert np.corrcoef(order, np.arange(20))[0, 1] > 0.7


@pytest.mark.parametrize("n", [5, 8, 20])
def test_each_place_is_predicted_by_a_regression_on_all_other_blocks(n):
    puzzle, partner = paired_of(n)
    order = np.random.default_rng(3).permutation(n)
    known, position = depth_statistics(puzzle, partner), np.argsort(order)
    penalty = np.diag([0.0] + [7.0] * known.shape[1])
    predicted = []
    for k in range(n):
        others = np.arange(n) != k
        design = np.column_stack([np.ones(n - 1), known[others]])
        slopes = np.linalg.inv(design.T @ design + penalty) @ design.T @ position[others]
        predicted.append(slopes[0] + known[k] @ slopes[1:])
    expected, deviation = expected_places(puzzle, partner, order, ridge=7.0)
    np.testing.assert_allclose(expected, predicted, rtol=1e-9)
    assert deviation == pytest.approx(max(2.0, np.std(position - predicted)))


def test_where_blocks_are_expected_is_never_known_too_well():
    puzzle, partner = paired_of(3)
    expected, deviation = expected_places(puzzle, partner, np.array([1, 0, 2]), narrowest=3.0)
    assert np.isfinite(expected).all()
    assert deviation == 3.0


@pytest.mark.parametrize("displaced", [1, 5, 18])
def test_a_block_that_is_out_of_place_stands_out(displaced):
    puzzle, partner = trained()
    right = np.arange(20)
    wrong = np.insert(np.delete(right, displaced), 19 - displaced, displaced)
    position = np.argsort(wrong)
    expected, deviation = expected_places(puzzle, partner, wrong)
    assert np.abs(position - expected).argmax() == displaced
    assert abs(expected[displaced] - displaced) < abs(expected[displaced] - position[displaced])
    costs = place_costs(expected, deviation)
    assert costs[right, wrong.argsort()].argmax() == displaced
    assert costs[displaced, displaced] < costs[displaced, position[displaced]] - 1


def test_costs_of_places_are_log_odds_of_a_normal_distribution():
    expected, deviation = np.array([-0.6, 1.0, 2.7]), 1.7
    costs = place_costs(expected, deviation)
    for k, t in np.ndindex(3, 3):
        normal = NormalDist(expected[k], deviation)
        assert costs[k, t] == pytest.approx(np.log(normal.pdf(expected[k]) / normal.pdf(t)))


@pytest.mark.parametrize(("lost_ins", "lost_outs"), [(0, 2), (3, 0), (0, 0)])
def test_null_halves_have_places_too(lost_ins, lost_outs):
    puzzle, partner = paired_of(6)
    wide = padded(
        puzzle.replace(
            w_in=puzzle.w_in[lost_ins:], b_in=puzzle.b_in[lost_ins:], in_ids=puzzle.in_ids[lost_ins:],
            w_out=puzzle.w_out[lost_outs:], b_out=puzzle.b_out[lost_outs:], out_ids=puzzle.out_ids[lost_outs:],
        ),
        1,
    )  # fmt: skip
    partner = np.append(partner, 6).astype(np.int32)
    order = seed_order(Paired(wide, partner, Run()), "contraction")
    assert sorted(order) == list(range(7))
    expected, deviation = expected_places(wide, partner, order)
    assert np.isfinite(depth_statistics(wide, partner)).all()
    assert np.isfinite(place_costs(expected, deviation)).all()


@pytest.mark.parametrize("n", [1, 2])
def test_few_blocks_have_finite_places(n):
    puzzle, partner = paired_of(n)
    expected, deviation = expected_places(puzzle, partner, np.arange(n))
    assert np.isfinite(place_costs(expected, deviation)).all()


def test_weights_that_say_nothing_expect_every_block_at_the_mean_place_of_the_others():
    puzzle, partner = paired_of(5)
    puzzle = puzzle.replace(w_in=0 * puzzle.w_in, b_in=0 * puzzle.b_in, w_out=0 * puzzle.w_out)
    expected, _ = expected_places(puzzle, partner, np.arange(5))
    np.testing.assert_allclose(expected, [2.5, 2.25, 2.0, 1.75, 1.5])
    order = seed_order(Paired(puzzle, partner, Run()), "contraction")
    np.testing.assert_array_equal(order, np.arange(5))
