"""Neighbours of an assembly that changes between the looks have the losses of the slow reference."""

import numpy as np
import pytest

from jaxsolve import backend, engine
from jaxsolve.engine import NEIGHBOURHOODS
from jaxsolve.puzzle import Assembly
from jaxsolve.run import Evaluator, OutOfTime, Run
from tests import reference


def expected_losses(puzzle, assembly, moves):
    pairs = zip(moves.ins, moves.outs, strict=True)
    return [reference.loss(puzzle, assembly.ins[i], assembly.outs[j]) for i, j in pairs]


@pytest.mark.parametrize("name", NEIGHBOURHOODS)
@pytest.mark.parametrize("n", [1, 2, 6])
def test_losses_stay_right_while_moves_are_taken(name, n):
    puzzle, answer = reference.random_puzzle(n, n=n)
    looker = Evaluator(engine.to_device(puzzle), answer, run := Run())
    moves = NEIGHBOURHOODS[name](n).take(slice(None))
    assembly, rng = answer, np.random.default_rng(1)
    for _ in range(4):
        np.testing.assert_allclose(looker.losses(moves), expected_losses(puzzle, assembly, moves), rtol=1e-3, atol=1e-9)
        assert looker.loss() == pytest.approx(reference.loss(puzzle, *assembly), rel=1e-4, abs=1e-9)
        for _ in range(2):
            if moves.size:
                m = int(rng.integers(moves.size))
                looker.take(moves, m)
                assembly = Assembly(assembly.ins[moves.ins[m]], assembly.outs[moves.outs[m]])
    np.testing.assert_array_equal(looker.assembly.ins, assembly.ins)
    assert run.evaluations == (4 * moves.size or 1)  # its own loss comes with those of its neighbours


def test_more_moves_than_fit_into_one_call():
    puzzle, answer = reference.random_puzzle(8, n=8, rows=4)
    moves = NEIGHBOURHOODS["insertions"](8).take(slice(None))
    assert moves.size > 16 * backend.mesh().size
    looker = Evaluator(engine.to_device(puzzle), answer, Run())
    looker.room = 16
    np.testing.assert_allclose(looker.losses(moves), expected_losses(puzzle, answer, moves), rtol=1e-3, atol=1e-9)


def test_lanes_of_an_accelerator_give_the_same(monkeypatch):
    puzzle, answer = reference.random_puzzle(8, n=6)
    moves, problem = NEIGHBOURHOODS["swaps"](6).take(slice(None)), engine.to_device(puzzle)
    alone = Evaluator(problem, answer, Run()).losses(moves)
    monkeypatch.setattr(engine, "best_way", lambda problem: "batched")
    np.testing.assert_allclose(Evaluator(problem, answer, Run()).losses(moves), alone, rtol=1e-5)


def test_an_overflowing_assembly_has_an_infinite_loss():
    puzzle, answer = reference.random_puzzle(1, n=3)
    blown = puzzle.replace(w_out=puzzle.w_out * 1e30, w_in=puzzle.w_in * 1e30)
    assert Evaluator(engine.to_device(blown), answer, Run()).loss() == np.inf


def test_a_spent_budget_stops_between_looks():
    puzzle, answer = reference.random_puzzle(1, n=3)
    with pytest.raises(OutOfTime):
        Evaluator(engine.to_device(puzzle), answer, Run(budget=1e-9)).loss()


@pytest.mark.parametrize("rows_at_once", [1, 5, 12])
def test_rows_in_parts_give_the_same_and_stay_right_while_moves_are_taken(rows_at_once):
    puzzle, answer = reference.random_puzzle(8, n=4, rows=12)
    problem = engine.to_device(puzzle)
    memory = next(m for m in range(10**6) if engine.rows_that_fit(problem, "sequential", m) == rows_at_once)
    looker = Evaluator(problem, answer, Run(memory=memory))
    looker.loss()
    assert max(part.rows for part in looker._parts) <= rows_at_once
    moves, assembly = NEIGHBOURHOODS["joint_moves"](4).take(slice(None)), answer
    for m in (3, 1):
        np.testing.assert_allclose(looker.losses(moves), expected_losses(puzzle, assembly, moves), rtol=1e-3, atol=1e-9)
        looker.take(moves, m)
        assembly = Assembly(assembly.ins[moves.ins[m]], assembly.outs[moves.outs[m]])
        assert looker.loss() == pytest.approx(reference.loss(puzzle, *assembly), rel=1e-4, abs=1e-9)


def test_half_of_what_is_free_is_used():
    problem = engine.to_device(reference.random_puzzle(8, n=4, rows=12)[0])
    free = backend.free_memory(problem.over)
    assert free > 1 << 20
    assert engine.rows_that_fit(problem, "batched", 1e9) < engine.rows_that_fit(problem, "sequential", 1e9)
    assert engine.rows_that_fit(problem, "sequential", 1) == 1


def test_evaluators_of_a_run_take_turns_in_the_same_memory():
    puzzle, answer = reference.random_puzzle(8, n=5)
    problem, run = engine.to_device(puzzle), Run()
    other = Assembly(answer.outs, answer.ins)
    moves = NEIGHBOURHOODS["joint_moves"](5).take(slice(None))
    first, second = Evaluator(problem, answer, run), Evaluator(problem, other, run)
    for looker, assembly in ((first, answer), (second, other), (first, answer), (first, answer), (second, other)):
        np.testing.assert_allclose(looker.losses(moves), expected_losses(puzzle, assembly, moves), rtol=1e-3, atol=1e-9)
    assert len(run.slots) == 1
    smaller = Evaluator(engine.first_rows(problem, 7), answer, run)
    assert smaller.loss() == pytest.approx(reference.loss(puzzle, *answer, rows=7), abs=1e-9)
    assert len(run.slots) == 1
