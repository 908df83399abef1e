"""Null halves add exactly nothing, and answers that leave pieces out come back as they went in."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from jaxsolve.architecture import ACTIVATIONS, Network
from jaxsolve.errors import AnswerError
from jaxsolve.puzzle import Assembly, fitting, padded, predict, running, unpadded, unused
from jaxsolve.puzzle.types import Puzzle
from tests import reference

PIECES = ("w_in", "b_in", "w_out", "b_out", "w_last", "b_last", "in_ids", "out_ids", "last_id")


def uneven(n_in: int, n_out: int, seed: int = 1, **sizes) -> Puzzle:
    """The pieces of a random puzzle with some halves taken away."""
    puzzle, _ = reference.random_puzzle(seed, n=max(n_in, n_out), **sizes)
    return puzzle.replace(
        w_in=puzzle.w_in[:n_in], b_in=puzzle.b_in[:n_in], in_ids=puzzle.in_ids[:n_in],
        w_out=puzzle.w_out[:n_out], b_out=puzzle.b_out[:n_out], out_ids=puzzle.out_ids[:n_out],
    )  # fmt: skip


def assert_same(one, other):
    for name in PIECES:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_whole_answer_predicts_what_it_did(activation):
    puzzle, answer = reference.random_puzzle(2, n=6, activation=activation, rows=30)
    wide = padded(puzzle, 3)
    assembly = wide.assembly(puzzle.permutation(answer))
    np.testing.assert_array_equal(assembly.ins[:6], answer.ins)
    expected = predict(puzzle, answer)
    np.testing.assert_allclose(predict(wide, assembly), expected, rtol=0, atol=2e-14 * np.abs(expected).max())


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_null_half_on_either_side_adds_exactly_nothing(activation):
    puzzle = padded(uneven(3, 5, activation=activation), 2)
    network = Network(puzzle, activation)
    for i in range(7):
        for j in range(7):
            added = network.residual(puzzle.x, i, j)
            assert (added == 0).all() == puzzle.silent(Assembly(np.array(i), np.array(j)))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("seed", range(4))
def test_silent_blocks_anywhere_against_the_slow_network(activation, seed):
    rng = np.random.default_rng(seed)
    given = uneven(4, 5, seed, activation=activation)
    wide = padded(given, 2)
    ins, outs = rng.permutation(7), rng.permutation(7)
    loud = (ins < 4) & (outs < 5)
    states = reference.states(given, ins[loud], outs[loud], 12)[-1]
    found = Network(wide, activation).states(wide.x, Assembly(ins, outs))[-1]
    np.testing.assert_allclose(found, states, rtol=1e-12, atol=1e-13)
    permutation = wide.permutation(Assembly(ins, outs))
    pairs = [piece for i, j in zip(ins[loud], outs[loud], strict=True) for piece in (given.in_ids[i], given.out_ids[j])]
    assert permutation == [*pairs, given.last_id]


@pytest.mark.parametrize(("n_in", "n_out"), [(4, 4), (1, 4), (5, 2)])
def test_padding_leaves_rows_where_they_are_and_is_undone(n_in, n_out):
    given = uneven(n_in, n_out)
    wide, blocks = padded(given, 1), max(n_in, n_out) + 1
    assert (wide.blocks, wide.hidden, wide.given_hidden, wide.features) == (blocks, 7, 6, 4)
    assert wide.w_out.shape == (blocks, 4, 7)
    assert (wide.in_ids[:n_in].tolist(), wide.out_ids[:n_out].tolist()) == (
        given.in_ids.tolist(),
        given.out_ids.tolist(),
    )
    ids = [*wide.in_ids[wide.null_ins], *wide.out_ids[wide.null_outs]]
    assert len(set(ids)) == len(ids) == 2 * blocks - n_in - n_out
    assert max(ids) < 0
    assert wide.padded
    assert not given.padded
    assert_same(unpadded(wide), given)
    assert_same(padded(padded(given, 1), 2), padded(given, 3))
    assert padded(wide) is wide
    assert_same(unpadded(wide.first_rows(3)), given)
    assert wide.first_rows(None).fingerprint == wide.fingerprint != padded(given, 2).fingerprint


def test_an_even_puzzle_is_not_touched():
    puzzle, _ = reference.random_puzzle(1)
    assert padded(puzzle) is puzzle
    assert unpadded(puzzle) is puzzle
    assert puzzle.given_hidden == puzzle.hidden == 6


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_biases_of_float64_come_back_to_the_last_place(activation):
    puzzle, _ = reference.random_puzzle(1, activation=activation)
    b_out = np.random.default_rng(0).normal(size=puzzle.b_out.shape)
    found = unpadded(padded(puzzle.replace(b_out=b_out, dtype="float64"), 1)).b_out
    np.testing.assert_allclose(found, b_out, rtol=3e-16)


def test_biases_that_are_folded_in_keep_the_activation():
    puzzle, _ = reference.random_puzzle(1)
    wide = padded(puzzle, 1)
    assert wide.replace(activation="relu", name="other").name == "other"
    with pytest.raises(ValueError, match="activation of a padded puzzle cannot be replaced"):
        wide.replace(activation="tanh")


@st.composite
def answers(draw):
    """A puzzle, and an answer that runs some of its pieces."""
    n_in, n_out = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    given = uneven(n_in, n_out, draw(st.integers(0, 3)), rows=3)
    blocks = draw(st.integers(0, min(n_in, n_out)))
    ins, outs = (draw(st.permutations(ids.tolist()))[:blocks] for ids in (given.in_ids, given.out_ids))
    permutation = [piece for pair in zip(ins, outs, strict=True) for piece in pair] + [given.last_id]
    return given, permutation, draw(st.integers(0, 4))


@given(answers())
def test_answers_come_back_as_they_went_in(case):
    given, permutation, spare = case
    for puzzle in (given, padded(given, spare)):
        fitted, assembly = fitting(puzzle, permutation)
        alone, order = running(puzzle, permutation)
        for half in assembly:
            assert sorted(half) == list(range(fitted.blocks))
        assert fitted.permutation(assembly) == alone.permutation(order) == permutation
        assert alone.blocks == len(permutation) // 2 == (~fitted.silent(assembly)).sum()
        assert not alone.padded
        expected = predict(alone, order)
        np.testing.assert_allclose(predict(fitted, assembly), expected, rtol=1e-12, atol=1e-12)
        assert set(unused(puzzle, permutation)) == {*given.in_ids.tolist(), *given.out_ids.tolist()} - set(permutation)


@given(answers())
def test_a_padded_puzzle_takes_what_it_has_null_halves_for(case):
    given, permutation, spare = case
    puzzle = padded(given, spare)
    enough = len(given.in_ids) + len(given.out_ids) - len(permutation) // 2 <= puzzle.blocks
    if puzzle.padded and not enough:
        with pytest.raises(AnswerError, match="piece ids; expected at least"):
            puzzle.assembly(permutation)
    elif enough:
        assert puzzle.permutation(puzzle.assembly(permutation)) == permutation


def test_no_more_null_halves_than_are_needed():
    puzzle, answer = reference.random_puzzle(1, n=5)
    permutation = puzzle.permutation(answer)
    assert fitting(puzzle, permutation)[0] is puzzle
    assert fitting(puzzle, permutation[4:])[0].blocks == 7
    assert fitting(padded(puzzle, 3), permutation[4:])[0].blocks == 8
    with pytest.raises(AnswerError, match="the answer has 7 piece ids; this puzzle has 11 pieces"):
        puzzle.assembly(permutation[4:])
    with pytest.raises(AnswerError, match="the answer has 7 piece ids; expected at least 9 of the 11 pieces"):
        padded(puzzle, 1).assembly(permutation[4:])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda p: [], "the answer is empty"),
        (lambda p: p[:-1], "the readout is piece"),
        (lambda p: p[1:], "6 piece ids; expected two for each block, and the readout"),
        (lambda p: [99, *p[1:]], "piece 99, which this puzzle does not have"),
        (lambda p: [-1, *p[1:]], "piece -1, which this puzzle does not have"),
        (lambda p: [p[0], -2, *p[2:]], "piece -2, which this puzzle does not have"),
        (lambda p: [p[2], *p[1:]], "more than once"),
        (lambda p: [p[-1], *p[1:-1], p[0]], "the readout is piece"),
        (lambda p: [p[1], p[0], *p[2:]], "which its shape does not fit"),
    ],
)
def test_wrong_answers_are_named(change, why):
    puzzle = padded(uneven(4, 3))
    permutation = change(puzzle.permutation(Assembly(np.arange(4), np.arange(4))))
    for refuse in (puzzle.assembly, lambda p: fitting(puzzle, p), lambda p: running(puzzle, p)):
        with pytest.raises(AnswerError, match=why):
            refuse(permutation)
