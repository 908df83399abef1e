"""Only the original, or the expected hash, is called solved."""

import numpy as np
import pytest

from jaxsolve.certificate import certify, tolerance, with_neighbour
from jaxsolve.certificate.first_order import single_moves
from jaxsolve.puzzle import Assembly, predict, sha256_of
from tests import reference


@pytest.fixture(scope="module")
def given():
    return reference.random_puzzle(31, n=4, rows=40)


def other(answer):
    ins, outs = (half.copy() for half in answer)
    ins[[0, 1]], outs[[0, 1]] = ins[[1, 0]], outs[[1, 0]]
    return Assembly(ins, outs)


def test_the_original_is_solved(given):
    puzzle, answer = given
    certificate = certify(puzzle, answer)
    assert certificate.solved
    assert certificate.exact
    assert certificate.mse == pytest.approx(reference.loss(puzzle, *answer), rel=1e-9)
    assert certificate.sha256 == sha256_of(puzzle.permutation(answer))
    assert "all 40 predictions are reproduced" in certificate.sentence
    error = f"MSE {certificate.mse:.3g}, {certificate.fit_words} on 40 rows"
    assert repr(certificate) == f"Certificate(solved, {error}, sha256 {certificate.sha256[:12]}…)"


def test_another_assembly_is_not(given):
    puzzle, answer = given
    certificate = certify(puzzle, other(answer))
    assert not certificate.solved
    assert "float32 rounding explains at most" in certificate.sentence


def test_the_certificate_is_the_same_bit_by_bit_on_any_number_of_cores_and_beside_anything(monkeypatch):
    puzzle, answer = reference.random_puzzle(33, n=4, rows=2500)
    found = []
    for cores in (1, 2, 5):
        monkeypatch.setattr("jaxsolve.architecture.network.CORES", cores)
        for _ in range(2):
            found.append(certify(puzzle, answer))
            certify(puzzle, other(answer))
    assert len({one.mse for one in found}) == len({one.tolerance for one in found}) == 1


def test_an_expected_hash_decides(given):
    puzzle, answer = given
    right = sha256_of(puzzle.permutation(answer))
    assert certify(puzzle, answer, expected_sha256=right).solved
    refused = certify(puzzle, answer, expected_sha256="0" * 64)
    assert refused.exact
    assert not refused.solved
    assert "the SHA-256 is NOT the expected one" in refused.sentence
    rounded = puzzle.replace(y=puzzle.y.round(2), expected_sha256=right)
    assert certify(rounded, answer).solved
    assert not certify(rounded, answer).exact


def test_the_tolerance_is_far_below_any_other_assembly(given):
    puzzle, answer = given
    losses = [reference.loss(puzzle, *(half[s] for half in answer)) for s in single_moves(4).take(slice(None)).ins]
    assert reference.loss(puzzle, *answer) < tolerance(puzzle, answer) < 1e-4 * min(losses)


@pytest.mark.parametrize("n", [2, 4])
def test_the_neighbour_is_the_closest_single_move(n):
    puzzle, answer = reference.random_puzzle(32, n=n, rows=40)
    losses = [reference.loss(puzzle, *(half[s] for half in answer)) for s in single_moves(n).take(slice(None)).ins]
    certificate = with_neighbour(puzzle, certify(puzzle, answer))
    assert certificate.neighbour is not None
    assert certificate.neighbour.moves == len(losses)
    assert certificate.neighbour.mse == pytest.approx(min(losses), rel=1e-4)
    assert certificate.neighbour.gap == certificate.neighbour.mse - certificate.mse


def test_one_block_has_no_neighbour():
    puzzle, answer = reference.random_puzzle(33, n=1)
    assert with_neighbour(puzzle, certify(puzzle, answer)).neighbour is None


def test_equal_blocks_are_said_to_be_indistinguishable(given):
    puzzle, answer = given
    ins, outs = answer
    weights = {name: getattr(puzzle, name).copy() for name in ("w_in", "b_in", "w_out", "b_out")}
    for name, half in (("w_in", ins), ("b_in", ins), ("w_out", outs), ("b_out", outs)):
        weights[name][half[1]] = weights[name][half[0]]
    twins = puzzle.replace(**weights)
    twins = twins.replace(y=reference.states(twins, ins, outs, 40)[-1] @ twins.w_last + twins.b_last)
    certificate = with_neighbour(twins, certify(twins, answer))
    assert certificate.solved
    assert "the data cannot tell it from this answer" in certificate.sentence


def test_an_overflow_is_infinite(given):
    puzzle, answer = given
    blown = puzzle.replace(w_out=puzzle.w_out * 1e200)
    certificate = certify(blown, answer)
    assert certificate.mse == np.inf
    assert not certificate.solved


def test_single_moves_are_distinct():
    moves = single_moves(48).take(slice(None))
    assert moves.size == 2209 + 1128 - 47
    assert len(np.unique(moves.ins, axis=0)) == moves.size


def test_nothing_is_certain_where_rounding_drowns_the_answer():
    puzzle, answer = reference.random_puzzle(40, n=20, d=4, h=16, rows=40, activation="tanh")
    chaotic = puzzle.replace(w_in=puzzle.w_in * 60)
    chaotic = chaotic.replace(y=predict(chaotic, answer, dtype=np.float32))
    rng = np.random.default_rng(0)
    wrong = Assembly(rng.permutation(20), rng.permutation(20))
    assert tolerance(chaotic, wrong) <= 1e-6 * np.mean(chaotic.y**2)
    assert not certify(chaotic, wrong).solved


def test_predictions_beyond_all_bounds_prove_nothing(given):
    puzzle, answer = given
    huge = puzzle.replace(y=np.where(np.arange(40) == 7, 1e200, puzzle.y))
    assert not certify(huge, answer).solved


def test_hundreds_of_blocks_are_certified():
    puzzle, answer = reference.random_puzzle(41, n=250, d=2, h=3, rows=190, scale=0.1)
    certificate = with_neighbour(puzzle, certify(puzzle, answer))
    assert certificate.solved
    assert certificate.neighbour is not None
    assert certificate.neighbour.moves == 249**2 + 250 * 249 // 2 - 249
