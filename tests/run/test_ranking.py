"""Races keep what few rows call best, and decide on all rows."""

import numpy as np
import pytest

from jaxsolve import backend, engine
from jaxsolve.engine import NEIGHBOURHOODS
from jaxsolve.run import Run, race, rungs, screen, screen_rows
from tests import reference


def test_rungs_grow_to_all_rows():
    assert rungs(10_000) == [625, 2500, 10_000]
    assert rungs(512) == [512]
    assert rungs(1024) == [256, 1024]
    assert rungs(3) == [3]


def test_a_race_drops_by_the_rule_and_decides_on_all_rows():
    puzzle, answer = reference.random_puzzle(4, n=5, rows=64)
    problem, moves, run = engine.place(puzzle), NEIGHBOURHOODS["reorderings"](5), Run()
    left, losses = race(problem, answer, moves, run, few_rows=4, finalists=3)

    def loss(m, rows):
        (ins,), (outs,), _ = moves.take(slice(m, m + 1))
        return reference.loss(puzzle, answer.ins[ins], answer.outs[outs], rows=rows)

    stay, spent = list(range(moves.size)), 0
    for rows in (4, 16):
        spent += len(stay)
        stay = sorted(sorted(stay, key=lambda m: loss(m, rows))[: max(3, -(-len(stay) // 4))])
    assert left.tolist() == stay
    np.testing.assert_allclose(losses, [loss(m, 64) for m in stay], rtol=1e-4)
    assert run.evaluations == spent + len(stay)


@pytest.mark.parametrize("n", [1, 2])
def test_races_of_few_moves(n):
    puzzle, answer = reference.random_puzzle(4, n=n)
    moves = NEIGHBOURHOODS["swaps"](n)
    left, losses = race(engine.place(puzzle), answer, moves, Run())
    assert left.tolist() == list(range(moves.size))
    assert losses.shape == (moves.size,)


def test_little_memory_means_fewer_screened_rows_not_none():
    puzzle, answer = reference.random_puzzle(4, n=5, rows=20)
    problem, moves = engine.place(puzzle), NEIGHBOURHOODS["joint_moves"](5)
    rows = [screen_rows(problem, True, memory) for memory in (1, 1e5, 1e9)]
    assert rows[0] == 1
    assert rows == sorted(rows)
    assert rows[-1] == 20
    assert np.isfinite(screen(problem, answer, moves, Run(memory=1))).all()


def test_memory_is_looked_up_once_in_a_run(monkeypatch):
    problem, run = engine.place(reference.random_puzzle(4, n=5)[0]), Run()
    before = run.memory_on(problem)
    monkeypatch.setattr(backend, "free_memory", lambda over: 1)
    assert run.memory_on(problem) == before == run.memory
