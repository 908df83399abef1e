"""What an answer leaves is called noise only where no move, and nothing that is known, takes any of it away."""

import math

import numpy as np
import pytest

from jaxsolve.certificate import quantum, weigh
from jaxsolve.certificate.first_order import (
    effects_of_partner_swaps,
    effects_of_single_moves,
    first_order_changes,
    single_moves,
)
from jaxsolve.certificate.neighbour import rivals
from jaxsolve.certificate.residual import loo_predictions
from jaxsolve.engine import NEIGHBOURHOODS, union
from jaxsolve.puzzle import Assembly, demo_puzzle, predict
from jaxsolve.solver import solve
from tests import reference
from tests.reference import exchanged, single

RNG = np.random.default_rng


@pytest.fixture(scope="module")
def demo():
    puzzle = demo_puzzle()
    return puzzle.first_rows(1000), puzzle.assembly(solve(puzzle).certificate.permutation)


def noisy(puzzle, sigma, seed=0):
    return puzzle.replace(y=single(puzzle.y + sigma * RNG(seed).normal(size=puzzle.rows)))


def with_twins(puzzle, answer, i, j, names):
    """The puzzle in which position j has the pieces of position i, and its predictions."""
    weights = {name: getattr(puzzle, name).copy() for name in names}
    for name, table in weights.items():
        half = answer.ins if name.endswith("in") else answer.outs
        table[half[j]] = table[half[i]]
    twins = puzzle.replace(**weights)
    return twins.replace(y=predict(twins, answer))


# --- grids ---


@pytest.mark.parametrize("decimals", range(6))
@pytest.mark.parametrize("rows", [8, 5000])
def test_decimals_are_found_also_in_float32(decimals, rows):
    y = (RNG(1).normal(size=rows) * 3).round(decimals)
    for stored in (y, single(y)):
        found = quantum(stored)
        assert found is not None
        assert found.decimals == decimals
        assert found.steps(stored) == pytest.approx(10.0**-decimals)


def test_decimals_of_small_and_large_numbers_together():
    y = single((RNG(1).normal(size=2000) * np.logspace(-3, 3, 2000)).round(3))
    assert quantum(y).decimals == 3


@pytest.mark.parametrize("bits", [8, 11])
def test_short_floats_are_found(bits):
    raw = RNG(2).normal(size=500)
    mantissa, exponent = np.frexp(raw)
    y = np.ldexp(np.rint(mantissa * 2.0**bits) / 2.0**bits, exponent)
    found = quantum(y)
    assert found.name == {8: "bfloat16", 11: "float16"}[bits]
    assert (np.abs(y - raw) <= found.steps(y) / 2).all()
    if bits == 11:
        np.testing.assert_array_equal(found.steps(y), np.spacing(np.abs(y).astype(np.float16)))


def test_full_precision_is_on_no_grid():
    for seed in range(20):
        y = RNG(seed).normal(size=300) * 10.0 ** RNG(seed).integers(-6, 6)
        assert quantum(y) is None
        assert quantum(single(y)) is None
        assert quantum(single(y[:4])) is None


def test_constants_and_whole_numbers():
    assert quantum(np.zeros(50)) is None
    assert quantum(np.full(50, 0.25)) is None
    assert quantum(np.array([])) is None
    assert quantum(np.array([np.inf, 1.0, 2.0])) is None
    assert quantum(np.array([1e200, -3e150, 2e190])) is None
    assert quantum(RNG(0).integers(-40, 40, 60).astype(float)).decimals == 0


# --- formulas ---


def test_leave_one_out_is_refitting():
    rng = RNG(3)
    features, y = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
    kernel, expected = features @ features.T, np.empty((30, 2))
    for n in range(30):
        rest = np.arange(30) != n
        weights = np.linalg.solve(kernel[np.ix_(rest, rest)] + 0.3 * np.eye(29), y[rest])
        expected[n] = kernel[n, rest] @ weights
    np.testing.assert_allclose(loo_predictions(kernel, 0.3, y), expected, atol=1e-10)


@pytest.mark.parametrize("n", [2, 4])
def test_rivals_are_the_slow_reference(n):
    puzzle, answer = reference.random_puzzle(34, n=n, rows=40)
    puzzle = puzzle.replace(y=puzzle.y + 0.1 * RNG(0).normal(size=40))
    base = reference.squared_errors(puzzle, *answer)
    found = [rival for some in rivals(puzzle, answer, predict(puzzle, answer) - puzzle.y) for rival, _ in some]
    moves = union(single_moves(n), NEIGHBOURHOODS["partner_swaps"](n)).take(slice(None))
    assert len(found) == moves.size
    assert len({(*rival.assembly.ins, *rival.assembly.outs) for rival in found}) == moves.size
    for rival in found:
        d = reference.squared_errors(puzzle, *rival.assembly) - base
        assert rival.difference == pytest.approx(d.mean(), rel=1e-9)
        assert rival.t == pytest.approx(d.mean() / (d.std(ddof=1) / math.sqrt(40)), rel=1e-9)
        i, j = rival.positions
        if rival.kind != "block moved":
            by_kind = {"blocks exchanged": (True, True), "first halves exchanged": (True, False)}
            again = exchanged(answer, i, j, *by_kind.get(rival.kind, (False, True)))
        else:
            order = np.insert(np.delete(np.arange(n), i), j, i)
            again = Assembly(answer.ins[order], answer.outs[order])
        np.testing.assert_array_equal(np.stack(again), np.stack(rival.assembly))


def test_effects_of_partners_are_first_order():
    """Second halves enter linearly: with tiny differences between them, first order is all there is."""
    puzzle, answer = reference.random_puzzle(35, n=4, rows=20, activation="tanh")
    close = {
        name: getattr(puzzle, name)[:1] + 1e-4 * getattr(puzzle, name) for name in ("w_in", "b_in", "w_out", "b_out")
    }
    puzzle = puzzle.replace(**close)
    changes = first_order_changes(puzzle, answer, slice(None))
    effects = np.concatenate([*effects_of_single_moves(changes), *effects_of_partner_swaps(changes)])[-12:]
    moves = NEIGHBOURHOODS["partner_swaps"](4).take(slice(None))
    base = predict(puzzle, answer)
    exact = [predict(puzzle, Assembly(answer.ins[i], answer.outs[j])) - base for i, j in zip(*moves[:2], strict=True)]
    np.testing.assert_allclose(effects, exact, atol=2e-2 * np.abs(exact).max())


# --- verdicts ---


@pytest.mark.parametrize("sigma", [1e-3, 0.1])
def test_the_answer_under_noise_leaves_noise(demo, sigma):
    puzzle, answer = demo
    evidence = weigh(noisy(puzzle, sigma), answer)
    assert evidence.is_noise
    assert evidence.noise == pytest.approx(sigma, rel=0.1)
    assert evidence.explained < 4
    assert not evidence.alike
    assert "is noise with a standard deviation of" in evidence.sentence


@pytest.mark.parametrize("decimals", [1, 4])
def test_the_answer_under_rounding_leaves_rounding(demo, decimals):
    puzzle, answer = demo
    evidence = weigh(puzzle.replace(y=single(puzzle.y.round(decimals))), answer)
    assert evidence.is_noise
    assert evidence.rounded
    assert evidence.step == pytest.approx(10.0**-decimals)
    assert evidence.mse == pytest.approx(evidence.step**2 / 12, rel=0.1)
    assert "no row is off by more than half a step" in evidence.sentence


def test_the_exact_answer_leaves_float32_rounding(demo):
    evidence = weigh(*demo)
    assert evidence.is_noise
    assert evidence.exact
    assert "float32 rounding" in evidence.sentence


@pytest.mark.parametrize(
    ("halves", "sigma"), [((True, True), 0.01), ((False, True), 0.01), ((False, True), 0.0), ((True, False), 0.01)]
)
def test_one_wrong_move_is_no_noise(demo, halves, sigma):
    puzzle, answer = demo
    puzzle, wrong = noisy(puzzle, sigma), exchanged(answer, 4, 9, *halves)
    evidence = weigh(puzzle, wrong, every=True)
    assert not evidence.is_noise
    assert evidence.best_rival.difference < 0
    if halves != (True, True):
        np.testing.assert_array_equal(np.stack(evidence.best_rival.assembly), np.stack(answer))
    assert evidence.explained > 8
    assert "is not shown to be noise" in evidence.sentence


def test_a_small_mistake_far_from_the_answer_is_predicted(demo):
    """Where no single move helps, the states still know: here half of what is left of them is a wrong block's."""
    puzzle, answer = demo
    puzzle = puzzle.replace(y=puzzle.y + 0.05 * predict(puzzle, exchanged(answer, 2, 7)), label=None)
    evidence = weigh(noisy(puzzle, 0.05), answer)
    assert evidence.best_rival.difference > 0
    assert evidence.explained > 4
    assert "inputs and states predict part of it" in evidence.sentence


def test_rounding_finds_out_what_errors_hide(demo):
    puzzle, answer = demo
    rounded = puzzle.replace(y=puzzle.y.round(1))
    nudged = rounded.replace(b_last=puzzle.b_last + 0.01)
    evidence = weigh(nudged, answer)
    assert not evidence.is_noise
    assert "rows are off by more than rounding to 1 decimals" in evidence.sentence


def test_few_rows_are_said_to_be_few(demo):
    puzzle, answer = demo
    few = noisy(puzzle, 0.01).first_rows(60)
    evidence = weigh(few, answer)
    assert not evidence.is_noise
    assert "60 rows are too few" in evidence.sentence


@pytest.mark.parametrize("sigma", [0.0, 0.01])
def test_equal_blocks_are_alike(demo, sigma):
    puzzle, answer = demo
    twins = noisy(with_twins(puzzle, answer, 3, 8, ("w_in", "b_in", "w_out", "b_out")), sigma)
    evidence = weigh(twins, answer)
    assert evidence.is_noise
    assert {rival.kind for rival in evidence.alike} == {
        "blocks exchanged", "first halves exchanged", "second halves exchanged",
    }  # fmt: skip
    assert evidence.alike_positions == (3, 8)
    assert all(abs(rival.difference) < 1e-12 for rival in evidence.alike)
    assert "other answers fit equally well" in evidence.sentence


def test_equal_halves_are_alike(demo):
    puzzle, answer = demo
    twins = noisy(with_twins(puzzle, answer, 3, 8, ("w_out", "b_out")), 0.01)
    evidence = weigh(twins, answer)
    assert evidence.is_noise
    assert [(rival.kind, rival.positions) for rival in evidence.alike] == [("second halves exchanged", (3, 8))]
    assert "one other answer fits equally well" in evidence.sentence


@pytest.mark.parametrize("y", [0.0, 1e200])
def test_hostile_predictions_prove_nothing(demo, y):
    puzzle, answer = demo
    constant = weigh(puzzle.replace(y=np.full(puzzle.rows, y)), answer)
    assert not constant.is_noise
    one = puzzle.y.copy()
    one[5] = y or 1e6
    spoilt = weigh(puzzle.replace(y=one), answer)
    assert not spoilt.is_noise
    assert spoilt.sentence


def test_overflow_and_small_networks(demo):
    puzzle, answer = demo
    assert "overflows" in weigh(puzzle.replace(w_out=puzzle.w_out * 1e200), answer).sentence
    for n in (1, 2):
        small, right = reference.random_puzzle(36, n=n, rows=30)
        assert weigh(small, right, every=True).is_noise
