"""What is measured with an answer and without, of odd puzzles and of large ones, and what is refused in one line."""

import itertools
import tracemalloc
from dataclasses import fields, is_dataclass

import numpy as np
import pytest

from jaxsolve.analysis import MEASUREMENTS, analyze, residuals, subject_of, transitivity
from jaxsolve.errors import AnswerError, UsageError
from jaxsolve.ordering import QUICK_SEEDS, Paired, seed_order
from jaxsolve.pairing import PAIRINGS, rank_pairings
from jaxsolve.puzzle import Assembly, mean_squared_error, padded
from jaxsolve.run import Run
from tests import reference


def uneven(lost_ins, lost_outs, activation="relu"):
    """A puzzle of which some halves are missing, and what is left of its answer."""
    puzzle, answer = reference.random_puzzle(5, n=6, activation=activation)
    pairs = zip(puzzle.in_ids[answer.ins], puzzle.out_ids[answer.outs], strict=True)
    left = padded(
        puzzle.replace(
            w_in=puzzle.w_in[lost_ins:], b_in=puzzle.b_in[lost_ins:], in_ids=puzzle.in_ids[lost_ins:],
            w_out=puzzle.w_out[lost_outs:], b_out=puzzle.b_out[lost_outs:], out_ids=puzzle.out_ids[lost_outs:],
        )
    )  # fmt: skip
    kept = [pair for pair in pairs if pair[0] in left.in_ids and pair[1] in left.out_ids]
    return left, [*map(int, itertools.chain(*kept)), puzzle.last_id]


def numbers(found):
    """Every number in a result."""
    if is_dataclass(found):
        for field in fields(found):
            yield from numbers(getattr(found, field.name))
    elif isinstance(found, dict):
        for one in found.values():
            yield from numbers(one)
    elif isinstance(found, list | tuple):
        for one in found:
            yield from numbers(one)
    elif isinstance(found, np.ndarray | float | int):
        yield from np.ravel(found)


def test_without_an_answer_the_best_supported_pairs_run_in_the_best_quick_order():
    puzzle, _ = reference.random_puzzle(3, n=6)
    subject = subject_of(puzzle)
    pairing = next(rank_pairings(puzzle, PAIRINGS))
    assert not subject.known
    assert subject.pairing == pairing.name
    assert subject.order_seed in QUICK_SEEDS
    assert subject.source == f"pairs by {pairing.name}, order by {subject.order_seed}"
    assert (pairing.partner[subject.assembly.ins] == subject.assembly.outs).all()
    paired = Paired(puzzle, pairing.partner.astype(np.int32), Run())
    losses = [mean_squared_error(puzzle, paired.assembly(seed_order(paired, name))) for name in QUICK_SEEDS]
    assert subject.mse == pytest.approx(min(losses), rel=1e-6)


def test_with_an_answer_blocks_run_as_it_says():
    puzzle, answer = reference.random_puzzle(3, n=6)
    subject = subject_of(puzzle, puzzle.permutation(answer), rows=5)
    assert subject.known
    assert subject.permutation == puzzle.permutation(answer)
    assert subject.mse < 1e-10
    assert (subject.blocks, subject.rows, len(subject.x)) == (6, 5, 5)
    assert subject_of(puzzle, puzzle.permutation(answer), rows=1000).rows == puzzle.rows


@pytest.mark.parametrize("lost", [(0, 2), (2, 0)])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("given", [True, False])
def test_halves_without_a_partner_have_norms_and_scores_but_are_no_blocks(lost, activation, given):
    puzzle, permutation = uneven(*lost, activation)
    found = analyze(subject_of(puzzle, permutation if given else None))
    subject, results = found.subject, found.results
    assert set(found.skipped) == (set() if given else {"seeds"})
    ins, outs = 6 - lost[0], 6 - lost[1]
    assert subject.blocks == (len(permutation) // 2 if given else 4)
    assert len(results["norms"].w_in) == ins
    assert len(results["norms"].w_out) == outs
    # the unit that carries biases, which padding adds, is measured nowhere
    assert results["norms"].summaries["b_in"].max < 2
    assert results["residuals"].ratios.shape == (ins, outs)
    for score in results["pair_scores"]:
        assert score.scores.shape == score.right.shape == (ins, outs)
        assert score.right.sum() == len(score.margins) == subject.blocks
    assert len(results["products"].matrices) == subject.blocks
    assert results["forward"].state_norm.shape == (subject.blocks + 1,)


def test_an_answer_may_leave_out_decoys():
    puzzle, answer = reference.random_puzzle(3, n=6)
    permutation = puzzle.permutation(answer)[2:]  # a pair is no block
    found = analyze(subject_of(puzzle, permutation))
    assert not found.skipped
    assert found.subject.blocks == 5
    assert [len(score.margins) for score in found.results["pair_scores"]] == [5] * len(PAIRINGS)


def test_one_block_has_neither_an_order_nor_others_to_compare_with():
    puzzle, answer = reference.random_puzzle(0, n=1)
    found = analyze(subject_of(puzzle, puzzle.permutation(answer)))
    assert found.skipped == {
        "transitivity": "transitivity is about three blocks; there are 1",
        "seeds": "a single block has no order",
    }
    score = found.results["pair_scores"][0]
    assert (score.others, score.gap, score.margins.tolist()) == (None, None, [np.inf])
    assert found.results["isometry"].correlation is None


@pytest.mark.parametrize("value", [0.0, 2.5])
def test_inputs_that_are_all_alike(value):
    puzzle, answer = reference.random_puzzle(2, n=4)
    puzzle = puzzle.replace(x=np.full_like(puzzle.x, value))
    found = analyze(subject_of(puzzle, puzzle.permutation(answer)))
    reason = {"residuals": "all inputs are zero: nothing can be compared with their norm"}
    assert found.skipped == (reason if value == 0 else {})
    for name in found.results:
        unknown = ["ratio"] if name == "forward" and value == 0 else []  # of the first block, which is given zeros
        assert np.isfinite([*numbers(found.results[name])]).all() or unknown, name


def test_halves_of_zeros_and_halves_that_overflow_are_said_in_one_line():
    puzzle, answer = reference.random_puzzle(2, n=4)
    permutation = puzzle.permutation(answer)
    found = analyze(subject_of(puzzle.replace(w_out=0 * puzzle.w_out), permutation))
    assert set(found.skipped) == {"rescaling"}
    assert found.results["products"].effective_rank.tolist() == [0] * 4
    assert found.results["isometry"].ratio is None
    found = analyze(subject_of(puzzle.replace(w_in=1e200 * puzzle.w_in, w_out=1e200 * puzzle.w_out), permutation))
    assert set(found.skipped) >= {"pair_scores", "products", "forward", "isometry"}
    assert "states overflow behind position 0" in found.skipped["forward"]
    assert found.skipped["isometry"] == found.skipped["forward"]
    assert all("\n" not in why for why in found.skipped.values())


def test_residuals_of_192_blocks_do_not_hold_every_pair_at_once():
    puzzle, answer = reference.random_puzzle(1, n=192, d=4, h=6, rows=300)
    subject = subject_of(puzzle, puzzle.permutation(answer))
    tracemalloc.start()
    found = residuals(subject)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.ratios.shape == (192, 192)
    assert peak < 192 * 192 * 300 * 4  # one number of every pair and row, let alone four


def test_192_blocks_are_measured_with_a_sample_of_exchanges():
    puzzle, answer = reference.random_puzzle(1, n=192, d=4, h=6, rows=16, scale=0.1)
    subject = subject_of(puzzle, puzzle.permutation(answer))
    found = analyze(subject, transitivity={"work": 1e8}, seeds={"work": 1e8})
    assert not found.skipped
    exchanged = found.results["transitivity"]
    assert len(exchanged.positions) < 192 == exchanged.blocks
    assert set(found.results["seeds"].left_out) == {"greedy_insertion", "bradley_terry"}


def test_fewer_rows_are_taken_where_all_would_take_too_long():
    puzzle, answer = reference.random_puzzle(1, n=4, rows=600)
    assert residuals(subject_of(puzzle, puzzle.permutation(answer)), work=1.0).rows == 256


def test_measurements_by_name_and_what_they_need():
    puzzle, answer = reference.random_puzzle(2, n=4)
    subject, begun = subject_of(puzzle, puzzle.permutation(answer)), []
    assert set(analyze(subject, ["isometry"], begun.append).results) == {"isometry"}
    assert begun == ["forward", "isometry"]
    with pytest.raises(UsageError, match="no measurement 'size'; choose one of norms, rescaling"):
        analyze(subject, ["size"])
    assert set(analyze(subject).results) == set(MEASUREMENTS)


def test_what_cannot_be_measured_at_all():
    puzzle, answer = reference.random_puzzle(2, n=4)
    with pytest.raises(AnswerError, match="the answer runs no block"):
        subject_of(puzzle, [puzzle.last_id])
    with pytest.raises(UsageError, match="rows is 0"):
        subject_of(puzzle, rows=0)
    with pytest.raises(UsageError, match="no rows of data"):
        subject_of(puzzle.first_rows(0), puzzle.permutation(answer))


def test_preferences_without_an_answer_have_no_depth():
    puzzle, _ = reference.random_puzzle(3, n=5)
    found = transitivity(subject_of(puzzle))
    assert (found.depth, found.spans) == (None, None)


def test_the_order_of_the_pieces_in_the_puzzle_changes_nothing():
    puzzle, answer = reference.random_puzzle(3, n=5)
    flipped = puzzle.replace(
        w_in=puzzle.w_in[::-1], b_in=puzzle.b_in[::-1], in_ids=puzzle.in_ids[::-1],
    )  # fmt: skip
    permutation = puzzle.permutation(answer)
    names = ["products", "forward", "isometry"]
    results = [analyze(subject_of(one, permutation), names).results for one in (puzzle, flipped)]
    for one, other in zip(*(numbers([*found.values()]) for found in results), strict=True):
        assert one == other or one == pytest.approx(other, rel=1e-12, abs=1e-14)
    assert flipped.permutation(Assembly(4 - answer.ins, answer.outs)) == permutation
