"""No verdict is better than its evidence: wrong answers are never called right, right ones nearly always."""

import itertools
import math

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.architecture import ACTIVATIONS
from jaxsolve.certificate import certify, concluded, find_cause, information, weigh
from jaxsolve.certificate.arithmetic import ARITHMETICS, predicted_in
from jaxsolve.certificate.neighbour import all_moves
from jaxsolve.puzzle import Assembly, conditioned, demo_puzzle, mean_squared_error, padded
from jaxsolve.run import Run
from jaxsolve.search import begin, descend
from jaxsolve.solver import solve
from tests import reference
from tests.reference import exchanged, single

RNG = np.random.default_rng


@pytest.fixture(scope="module")
def demo():
    puzzle = demo_puzzle()
    answer = puzzle.assembly(solve(puzzle).certificate.permutation)
    return puzzle.replace(expected_sha256=None).first_rows(1200), answer


@pytest.fixture(scope="module")
def small():
    return reference.random_puzzle(91, n=3, rows=300)


def others(puzzle, answer):
    """All other assemblies of a small puzzle."""
    orders = [np.array(order) for order in itertools.permutations(range(puzzle.blocks))]
    every = (Assembly(ins, outs) for ins in orders for outs in orders)
    return [one for one in every if puzzle.permutation(one) != puzzle.permutation(answer)]


def rounded_to(bits):
    """Round to so many significant bits, ties to even, with exact arithmetic on fractions of powers of two."""

    def one(value):
        if value == 0:
            return 0.0
        mantissa, exponent = math.frexp(value)
        return math.ldexp(round(mantissa * 2**bits), exponent - bits)

    return np.vectorize(one, otypes=[float])


def slowly(puzzle, answer, operand, result=lambda v: v, slope=0.0):
    """What a ReLU network predicts in another arithmetic, sums in float64."""
    h = puzzle.x
    for i, j in zip(*answer, strict=True):
        hidden = result(operand(h) @ operand(puzzle.w_in[i]).T + puzzle.b_in[i])
        hidden = result(np.where(hidden > 0, hidden, slope * hidden))
        h = h + result(operand(hidden) @ operand(puzzle.w_out[j]).T + puzzle.b_out[j])
    return result(operand(h) @ operand(puzzle.w_last) + puzzle.b_last)


# --- offsets and scales ---


@pytest.mark.parametrize("spreads", [1e3, 1e4, 1e5, 1e6, 1e7])
def test_a_large_offset_never_makes_a_wrong_answer_right(small, spreads):
    puzzle, answer = small
    offset = spreads * puzzle.y.std()
    moved = conditioned(puzzle.replace(y=single(puzzle.y + offset), b_last=float(np.float32(puzzle.b_last + offset))))
    for other in others(puzzle, answer):
        assert not concluded(moved, certify(moved, other)).settled
    right = concluded(moved, certify(moved, answer))
    assert right.verdict == ("solved" if spreads < 1e7 else right.verdict)
    assert right.verdict in ("solved", "identified", "unidentifiable", "unsolved")


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e-6, 1e6, 1e19, 1e30])
def test_any_scale_of_the_readout_is_judged_alike(small, scale):
    puzzle, answer = small
    scaled = puzzle.replace(y=puzzle.y * scale, w_last=puzzle.w_last * scale, b_last=puzzle.b_last * scale)
    own = conditioned(scaled)
    assert 1e-3 <= own.y.std() <= 1e3
    assert concluded(own, certify(own, answer)).solved
    wrong = concluded(own, certify(own, exchanged(answer, 0, 1)))
    assert wrong.verdict == "unsolved"
    plain = mean_squared_error(puzzle, exchanged(answer, 0, 1))
    assert wrong.told(wrong.mse) == pytest.approx(plain * scale**2, rel=1e-6)


# --- what data can tell ---


def test_what_no_data_can_tell_is_said_before_anybody_searches(small):
    puzzle, answer = small
    constant = puzzle.replace(y=np.full(puzzle.rows, 0.25))
    assert "all predictions are the same" in information(constant).lacking
    one = puzzle.first_rows(1)
    assert "one row of data" in information(one).lacking
    again = puzzle.replace(x=np.repeat(puzzle.x[:1], 300, axis=0), y=np.repeat(puzzle.y[:1], 300))
    assert information(again).lacking
    for given in (constant, one, again):
        assert solve(given).status == "unidentifiable"
        assert solve(given).certificate is None
        assert certify(given, answer).verdict == "unidentifiable"
    assert information(puzzle).lacking is None
    assert information(puzzle.first_rows(4)).lacking is None


def test_rows_that_are_needed_number_the_answers():
    puzzle, _ = reference.random_puzzle(92, n=30, d=3, h=4, rows=40, scale=0.1)
    answers = 2 * math.log2(math.factorial(30))
    found = information(puzzle)
    assert found.answers == pytest.approx(answers)
    assert found.needed == math.ceil((answers + 20) / found.bits_per_row)
    assert information(puzzle.first_rows(found.needed)).lacking is None
    assert f"at least {found.needed} different rows" in information(puzzle.first_rows(found.needed - 2)).lacking
    coarse = puzzle.replace(y=np.sign(puzzle.y - np.median(puzzle.y)))
    assert information(coarse).bits_per_row == pytest.approx(1)
    assert information(coarse).lacking


def test_one_block_has_one_answer():
    puzzle, answer = reference.random_puzzle(93, n=1, rows=30)
    assert information(puzzle.first_rows(2)).lacking is None
    assert concluded(puzzle, certify(puzzle, answer)).solved


# --- neighbours ---


def test_a_neighbour_that_fits_as_well_is_listed(demo):
    """First halves whose units never open may change places, however different they are."""
    puzzle, answer = demo
    shut = puzzle.b_in.copy()
    shut[answer.ins[[2, 9]]] = -1e3
    dead = puzzle.replace(b_in=shut)
    dead = dead.replace(y=single(reference.final_state(dead, *answer, dead.x) @ dead.w_last + dead.b_last))
    certificate = concluded(dead, certify(dead, answer))
    assert certificate.solved
    kinds = {(rival.kind, rival.positions) for rival in certificate.evidence.alike}
    assert ("first halves exchanged", (2, 9)) in kinds
    assert "cannot be told from it" in certificate.sentence


def test_the_nearest_moves_are_those_of_the_slow_reference():
    puzzle, answer = reference.random_puzzle(94, n=4, rows=200)
    puzzle = puzzle.replace(y=puzzle.y + 0.02 * puzzle.y.std() * RNG(0).normal(size=200))
    base = reference.squared_errors(puzzle, *answer)
    moves = all_moves(4).take(slice(None))
    found = []
    for ins, outs in zip(moves.ins, moves.outs, strict=True):
        d = reference.squared_errors(puzzle, answer.ins[ins], answer.outs[outs]) - base
        found.append((d.mean(), d.mean() / (d.std(ddof=1) / math.sqrt(200))))
    evidence = weigh(puzzle, answer)
    assert evidence.moves == len(found)
    assert evidence.least_rise == pytest.approx(min(rise for rise, _ in found), rel=1e-9)
    assert evidence.least_t == pytest.approx(min(t for _, t in found), rel=1e-9)


def test_the_threshold_is_students_for_the_family_of_all_moves(demo):
    from scipy.stats import t

    evidence = weigh(*demo)
    assert evidence.needed_t == pytest.approx(
        t.isf(evidence.bounds.family_wise_error / evidence.moves, evidence.rows - 1)
    )


# --- other arithmetics ---


@pytest.mark.parametrize(("name", "bits"), [("tf32", 11), ("bfloat16", 8), ("float16", 11)])
def test_arithmetics_are_those_of_exact_rounding(name, bits):
    puzzle, answer = reference.random_puzzle(95, n=4, rows=60)
    found = predicted_in(puzzle, answer, ARITHMETICS[name], np.float64)
    expected = slowly(puzzle, answer, rounded_to(bits))
    plain = slowly(puzzle, answer, np.asarray)
    assert np.mean((found - expected) ** 2) < 1e-2 * np.mean((plain - expected) ** 2)


def perturbed(puzzle, answer, kind):
    """A puzzle whose predictions were computed otherwise than its pieces say."""
    y = slowly(puzzle, answer, np.asarray)
    rounded = lambda digits: {name: digits(getattr(puzzle, name)) for name in ("w_in", "w_out")}

    def int8(weights):
        step = np.abs(weights).max(axis=-1, keepdims=True) / 127
        return single(np.rint(weights / step) * step)

    match kind:
        case "tf32":
            return puzzle.replace(y=slowly(puzzle, answer, rounded_to(11)))
        case "bfloat16":
            return puzzle.replace(y=slowly(puzzle, answer, rounded_to(8)))
        case "results":
            return puzzle.replace(y=slowly(puzzle, answer, rounded_to(8), rounded_to(8)))
        case "leaky":
            return puzzle.replace(y=slowly(puzzle, answer, np.asarray, slope=0.02))
        case "float16 pieces":
            return puzzle.replace(y=y, **rounded(lambda w: w.astype(np.float16).astype(float)))
        case "int8 pieces":
            return puzzle.replace(y=y, **rounded(int8))
        case "pieces of 3 decimals":
            return puzzle.replace(y=y, **rounded(lambda w: w.round(3)))
        case "inputs of 1 decimal":
            return puzzle.replace(y=y, x=puzzle.x.round(1))
    raise ValueError(kind)


@pytest.mark.parametrize(
    ("kind", "verdict", "cause"),
    [
        ("tf32", "solved", "computed with TF32 products"),
        ("bfloat16", "solved", "computed with bfloat16 products"),
        ("results", "solved", "computed with bfloat16 products and results"),
        ("leaky", "solved", "a leaky ReLU of slope 0.02"),
        ("float16 pieces", "identified", "rounded to float16"),
        ("int8 pieces", "identified", "a few levels a row"),
        ("pieces of 3 decimals", "identified", "rounded to 3 decimals"),
        ("inputs of 1 decimal", "identified", "inputs before they were rounded to 1 decimals"),
    ],
)
def test_right_answers_of_other_computations_are_known_with_their_cause(demo, kind, verdict, cause):
    puzzle, answer = demo
    given = conditioned(perturbed(puzzle.first_rows(500), answer, kind))
    given = given.replace(y=single(given.y))
    certificate = concluded(given, certify(given, answer))
    assert certificate.verdict in ((verdict,) if verdict else ("solved", "identified"))
    assert cause in certificate.evidence.cause.words
    assert not certificate.exact
    for i, j, ins, outs in ((2, 3, True, True), (4, 9, False, True), (1, 7, True, False)):
        wrong = exchanged(answer, i, j, ins, outs)
        assert concluded(given, certify(given, wrong)).verdict == "unsolved"


def test_a_leaky_relu_of_another_slope_is_known(demo):
    puzzle, answer = demo
    given = perturbed(puzzle.first_rows(500), answer, "leaky").replace(activation="leaky_relu")
    cause = find_cause(given, answer, mean_squared_error(given, answer))
    assert cause is not None
    assert cause.words == "computed with a leaky ReLU of slope 0.02"


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_lower_precision_is_told_of_every_activation(activation):
    puzzle, answer = reference.random_puzzle(96, n=4, d=8, h=12, rows=200, scale=0.5, activation=activation)
    assert certify(puzzle, answer).exact
    given = puzzle.replace(y=predicted_in(puzzle, answer, ARITHMETICS["bfloat16"]))
    cause = find_cause(given, answer, mean_squared_error(given, answer))
    assert cause is not None
    assert "bfloat16 products" in cause.words


def test_local_optima_are_not_identified(demo):
    """Where a search has come to from elsewhere, moves are worse, too, but by far less than what is left."""
    puzzle, answer = demo
    given = puzzle.first_rows(400)
    problem, run = engine.to_device(given), Run()
    for seed in range(3):
        order = RNG(seed).permutation(puzzle.blocks).astype(np.int32)
        descent = begin(problem, Assembly(answer.ins[order], answer.outs[order]), run)
        descend(problem, descent, "descent", run)
        if puzzle.permutation(descent.assembly) != puzzle.permutation(answer):
            certificate = concluded(puzzle, certify(puzzle, descent.assembly))
            assert certificate.verdict == "unsolved"
            assert certificate.evidence.confusable is not None


def test_silent_blocks_do_not_stand_in_the_way(demo):
    puzzle, answer = demo
    wide = padded(perturbed(puzzle, answer, "int8 pieces"), 1)
    certificate = concluded(wide, certify(wide, wide.assembly(puzzle.permutation(answer))))
    assert certificate.verdict == "identified"
    assert find_cause(puzzle, answer, mean_squared_error(puzzle, answer)) is not None
