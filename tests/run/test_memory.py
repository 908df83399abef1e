"""Where memory runs out, on a device or on the host, work goes on in smaller parts, or ends with what was found."""

import numpy as np
import pytest
from jax.errors import JaxRuntimeError

from jaxsolve import backend, engine
from jaxsolve.backend import memory
from jaxsolve.cli import app
from jaxsolve.engine import NEIGHBOURHOODS
from jaxsolve.errors import OutOfMemoryError, out_of_memory
from jaxsolve.experiment.search import JointConfig, joint_search
from jaxsolve.puzzle import demo_puzzle
from jaxsolve.run import Evaluator, Run, screen
from jaxsolve.solver import Config, solve
from tests import reference

FAILURES = [JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 99 bytes."), MemoryError("99 bytes")]
ids = [type(failure).__name__ for failure in FAILURES]


class Device:
    """Stands for devices that hold so many rows of a problem: what asks for more fails as JAX or NumPy would."""

    def __init__(self, monkeypatch, function: str, rows: float, failure: Exception = FAILURES[0]) -> None:
        self.asked: list[int] = []
        original = getattr(engine, function)

        def limited(problem, *args, **options):
            self.asked.append(problem.rows)
            if problem.rows > rows:
                raise failure
            return original(problem, *args, **options)

        monkeypatch.setattr(engine, function, limited)


@pytest.mark.parametrize("failure", FAILURES, ids=ids)
def test_fewer_rows_go_together_from_then_on(monkeypatch, failure):
    puzzle, answer = reference.random_puzzle(8, n=4, rows=12)
    problem, moves = engine.to_device(puzzle), NEIGHBOURHOODS["joint_moves"](4)
    whole = Evaluator(problem, answer, Run()).losses(moves)
    device, run = Device(monkeypatch, "path_losses", 5, failure), Run(memory=1e6, least_memory=1)
    looker = Evaluator(problem, answer, run)
    np.testing.assert_allclose(looker.losses(moves), whole, rtol=1e-5)
    assert run.memory < 1e6
    assert device.asked[0] == 12
    assert run.evaluations == moves.size
    device.asked.clear()
    np.testing.assert_allclose(looker.losses(moves), whole, rtol=1e-5)
    Evaluator(problem, answer, run).loss()
    assert max(device.asked) <= 5


@pytest.mark.parametrize("failure", FAILURES, ids=ids)
def test_moves_are_screened_on_fewer_rows(monkeypatch, failure):
    puzzle, answer = reference.random_puzzle(8, n=4, rows=200)
    problem, moves = engine.to_device(puzzle), NEIGHBOURHOODS["reorderings"](4)
    few = screen(engine.first_rows(problem, 50), answer, moves, Run())
    device = Device(monkeypatch, "first_order_changes", 60, failure)
    found = screen(problem, answer, moves, Run(memory=1e6, least_memory=1))
    assert device.asked[0] == 200
    assert 1 <= device.asked[-1] <= 60
    assert np.isfinite(found).all()
    assert len(found) == len(few)


def test_a_puzzle_is_solved_all_the_same(monkeypatch):
    puzzle = demo_puzzle()
    device = Device(monkeypatch, "path_losses", 200)
    solution = solve(puzzle, run=Run(memory=1e9, least_memory=1))
    assert solution.status == "solved"
    assert max(device.asked) > 200 >= device.asked[-1]


def test_one_line_says_that_nothing_fits(monkeypatch, capsys):
    Device(monkeypatch, "path_losses", 0)
    arguments = ["--memory", "8kB", "--no-record", "--method", "descent", "--activation", "relu", "--rows", "8"]
    assert app.run(["search", "demo", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "jaxsolve: error: out of memory (Out of memory allocating 99 bytes.); fewer rows, states or chains take less\n"
    )


def test_what_was_found_before_is_not_lost(monkeypatch, tmp_path, capsys):
    puzzle, _ = reference.random_puzzle(3, n=4)
    puzzle = puzzle.replace(y=puzzle.y[::-1].copy())
    Device(monkeypatch, "chains_placed", 0)
    solution = joint_search(puzzle, JointConfig("beam,annealing"))
    assert solution.status == "out_of_memory"
    assert solution.message.startswith("Not solved in the memory there is (fewer rows take less); best so far: MSE ")
    assert sorted(solution.certificate.permutation) == list(range(9))
    soon = {"relaxation.steps": 1, "relaxation.patience": 1, "open_relaxation.steps": 1}
    solution = solve(puzzle, Config(budget=600, options=soon))
    assert solution.status == "out_of_memory"
    assert solution.message.startswith("Not solved in the memory there is (fewer rows take less), after ")
    with pytest.raises(OutOfMemoryError, match="fewer rows, states or chains"):
        joint_search(puzzle, JointConfig("annealing"))
    ended = app.run(
        ["search", "demo", "--method", "beam,annealing", "--out", str(tmp_path), "--rows", "32", "--activation", "relu"]
    )
    assert ended == 1
    assert "best so far" in capsys.readouterr().out
    assert (tmp_path / "answer.json").exists()
    assert (tmp_path / "checkpoint.npz").exists()


def test_several_processes_cannot_take_less_each_for_itself(monkeypatch):
    monkeypatch.setattr(memory.jax, "process_count", lambda: 2)
    tried = []

    def work(size: float) -> None:
        tried.append(size)
        raise MemoryError

    with pytest.raises(OutOfMemoryError):
        backend.halving(work, 100.0)
    assert tried == [100.0]


def test_other_failures_are_others():
    assert out_of_memory(MemoryError()).args == ("out of memory; fewer rows, states or chains take less",)
    assert out_of_memory(ValueError("RESOURCES")) is None
    with pytest.raises(ZeroDivisionError):
        backend.halving(lambda size: 1 / 0, 100.0)
