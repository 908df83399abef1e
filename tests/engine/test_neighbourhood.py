"""Losses of moves equal the slow reference, however many lanes and whatever states were kept."""

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.engine import NEIGHBOURHOODS, Moves
from jaxsolve.puzzle import Assembly
from tests import reference

LANES = [1, 4, 16]
ROOM = 48


def padded(moves: Moves) -> Moves:
    return moves.take(np.minimum(np.arange(ROOM), moves.size - 1))


@pytest.mark.parametrize("name", NEIGHBOURHOODS)
@pytest.mark.parametrize("lanes", LANES)
def test_losses_and_states_equal_the_reference(name, lanes):
    puzzle, answer = reference.random_puzzle(6, n=6)
    problem, moves = engine.place(puzzle), NEIGHBOURHOODS[name](6).take(slice(37))
    losses, states = engine.neighbourhood_losses(
        problem, answer, engine.input_states(problem), np.int32(0), padded(moves), np.int32(moves.size), lanes=lanes
    )
    expected = [
        reference.loss(puzzle, answer.ins[ins], answer.outs[outs])
        for ins, outs in zip(moves.ins, moves.outs, strict=True)
    ]
    np.testing.assert_allclose(losses[: moves.size], expected, rtol=1e-4)
    assert np.isinf(losses[moves.size :]).all()
    np.testing.assert_allclose(states, reference.states(puzzle, *answer, puzzle.rows), rtol=2e-5, atol=2e-5)


def test_only_states_behind_the_last_valid_one_are_renewed():
    puzzle, answer = reference.random_puzzle(6, n=6)
    problem, moves = engine.place(puzzle), padded(NEIGHBOURHOODS["adjacent"](6).take(slice(None)))
    start = np.int32(0), moves, np.int32(5)
    _, states = engine.neighbourhood_losses(problem, answer, engine.input_states(problem), *start, lanes=1)
    kept = np.array(states)
    kept[:4] += 1.0
    spoilt = Assembly(answer.ins[::-1].copy(), answer.outs)
    renewed = engine.neighbourhood_losses(problem, spoilt, kept.copy(), np.int32(3), *start[1:], lanes=1)[1]
    np.testing.assert_array_equal(renewed[:4], kept[:4])
    assert not np.isclose(renewed[4:], kept[4:]).all()


def test_the_loss_of_a_row_subset_is_over_the_first_rows():
    puzzle, answer = reference.random_puzzle(7, n=3, rows=20)
    problem = engine.place(puzzle, 6)
    stay = np.arange(3, dtype=np.int32)[None]
    moves = padded(Moves(stay, stay, np.full(1, 3, np.int32)))
    other = Assembly(answer.ins[::-1].copy(), answer.outs)
    losses, _ = engine.neighbourhood_losses(
        problem, other, engine.input_states(problem), np.int32(0), moves, np.int32(1), lanes=1
    )
    assert float(losses[0]) == pytest.approx(reference.loss(puzzle, *other, rows=6), rel=1e-5)
