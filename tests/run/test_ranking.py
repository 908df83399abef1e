"""Screens fit into the memory there is."""

import numpy as np

from jaxsolve import backend, engine
from jaxsolve.engine import NEIGHBOURHOODS
from jaxsolve.run import Run, screen, screen_rows
from tests import reference


def test_little_memory_means_fewer_screened_rows_not_none():
    puzzle, answer = reference.random_puzzle(4, n=5, rows=20)
    problem, moves = engine.to_device(puzzle), NEIGHBOURHOODS["joint_moves"](5)
    rows = [screen_rows(problem, True, memory) for memory in (1, 1e5, 1e9)]
    assert rows[0] == 1
    assert rows == sorted(rows)
    assert rows[-1] == 20
    assert np.isfinite(screen(problem, answer, moves, Run(memory=1))).all()


def test_memory_is_looked_up_once_in_a_run(monkeypatch):
    problem, run = engine.to_device(reference.random_puzzle(4, n=5)[0]), Run()
    before = run.memory_on(problem)
    monkeypatch.setattr(backend, "free_memory", lambda over: 1)
    assert run.memory_on(problem) == before == run.memory
