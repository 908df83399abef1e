"""Losses of neighbourhoods equal the slow reference, and sweeps decide as a plain loop over it does."""

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.engine import NEIGHBOURHOODS, Moves
from jaxsolve.puzzle import Assembly
from jaxsolve.run import Run, chunks, move_losses
from tests import reference

LANES = [1, 4, 64]


def assembly_of(halves) -> Assembly:
    return Assembly(*(np.asarray(half, np.int32) for half in halves))


@pytest.mark.parametrize("name", NEIGHBOURHOODS)
@pytest.mark.parametrize("n", [1, 2, 6])
def test_losses_equal_the_reference(name, n):
    puzzle, start = reference.random_puzzle(n, n=n)
    moves = NEIGHBOURHOODS[name](n)
    losses = move_losses(engine.place(puzzle), assembly_of(start), moves, run := Run())
    expected = [
        reference.loss(puzzle, start[0][ins], start[1][outs]) for ins, outs in zip(moves.ins, moves.outs, strict=True)
    ]
    np.testing.assert_allclose(losses, expected, rtol=1e-4, atol=1e-12)
    assert run.evaluations == moves.size


@pytest.mark.parametrize("lanes", LANES)
def test_losses_do_not_depend_on_lanes_or_padding(lanes):
    puzzle, start = reference.random_puzzle(7, n=6)
    problem, moves = engine.place(puzzle), NEIGHBOURHOODS["swaps"](6)
    chunk, count = next(chunks(moves))
    losses = np.asarray(engine.neighbourhood_losses(problem, assembly_of(start), chunk, count, lanes=lanes))
    assert np.isinf(losses[count:]).all()
    np.testing.assert_allclose(losses[:count], move_losses(problem, assembly_of(start), moves, Run()), rtol=1e-5)


def plain_sweep(puzzle, ins, outs, loss, moves: Moves, floor: float):
    """First improvement by the book: try, keep if better."""
    taken = tried = 0
    for source_ins, source_outs in zip(moves.ins, moves.outs, strict=True):
        if loss <= floor:
            break
        tried += 1
        candidate = reference.loss(puzzle, ins[source_ins], outs[source_outs])
        if candidate < loss:
            ins, outs, loss, taken = ins[source_ins], outs[source_outs], candidate, taken + 1
    return ins, outs, loss, taken, tried


@pytest.mark.parametrize("name", NEIGHBOURHOODS)
@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("floor_share", [0.0, 0.5])
def test_sweeps_decide_as_the_book(name, lanes, floor_share):
    puzzle, _ = reference.random_puzzle(11, n=6, rows=10)
    rng = np.random.default_rng(5)
    ins, outs = rng.permutation(6), rng.permutation(6)
    loss = reference.loss(puzzle, ins, outs)
    floor = floor_share * loss
    moves = NEIGHBOURHOODS[name](6)
    chunk, count = next(chunks(moves))
    start = engine.Incumbent(assembly_of((ins, outs)), np.float32(loss), np.int32(0), np.int32(0))
    end = engine.first_improvement_sweep(engine.place(puzzle), start, chunk, count, np.float32(floor), lanes=lanes)
    first = chunk.take(slice(int(count)))
    expected_ins, expected_outs, expected, taken, tried = plain_sweep(puzzle, ins, outs, loss, first, floor)
    np.testing.assert_array_equal(end.assembly.ins, expected_ins)
    np.testing.assert_array_equal(end.assembly.outs, expected_outs)
    assert (int(end.taken), int(end.evaluations)) == (taken, tried)
    assert taken > 0
    assert float(end.loss) == pytest.approx(expected, rel=1e-5)


def test_nothing_to_try_changes_nothing():
    puzzle, start = reference.random_puzzle(3, n=1)
    assert move_losses(engine.place(puzzle), assembly_of(start), NEIGHBOURHOODS["swaps"](1), Run()).shape == (0,)
