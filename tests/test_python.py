"""The names at the top of the package: what completion shows, and what they do without being told more."""

import shutil
from pathlib import Path

import pytest

import jaxsolve
from jaxsolve.puzzle.demo import DEMO_FILE
from tests import reference


def test_completion_shows_what_users_need():
    for name in (
        "solve",
        "read_puzzle",
        "Config",
        "Run",
        "Observer",
        "Progress",
        "joint_search",
        "read_answer",
        "Limits",
    ):
        assert name in dir(jaxsolve)
    assert set(jaxsolve.__all__) <= set(dir(jaxsolve))


def test_demo_is_the_embedded_puzzle_and_a_folder_of_that_name_is_not(tmp_path, monkeypatch):
    puzzle = jaxsolve.read_puzzle("demo")
    assert puzzle.fingerprint == jaxsolve.demo_puzzle().fingerprint
    monkeypatch.chdir(tmp_path)
    with pytest.raises(jaxsolve.PuzzleError):
        jaxsolve.read_puzzle(Path("demo"))
    other, _ = reference.random_puzzle(3, n=2)
    jaxsolve.write_puzzle(other, Path("demo"))
    assert jaxsolve.read_puzzle("demo").fingerprint == puzzle.fingerprint
    assert jaxsolve.read_puzzle("./demo").blocks == jaxsolve.read_puzzle(Path("demo")).blocks == 2


def test_nobody_has_said_an_activation_until_somebody_does(tmp_path):
    path = Path(shutil.copy(DEMO_FILE, tmp_path / "p.zip"))
    puzzle = jaxsolve.read_puzzle(path)
    assert (puzzle.activation, puzzle.activation_given) == ("relu", False)
    assert jaxsolve.read_puzzle(path, activation="relu").activation_given


def test_solve_finds_out_the_activation_of_what_was_read_without_one(tmp_path):
    puzzle, answer = reference.random_puzzle(60, n=3, rows=60, activation="tanh")
    jaxsolve.write_puzzle(puzzle, tmp_path / "p")
    solution = jaxsolve.solve(jaxsolve.read_puzzle(tmp_path / "p"), jaxsolve.Config(budget=60))
    assert solution.puzzle.activation == "tanh"
    assert solution.certificate.permutation == puzzle.permutation(answer)


def wrong():
    puzzle = jaxsolve.demo_puzzle()
    return puzzle.replace(y=puzzle.y[::-1].copy())


def test_a_run_without_a_budget_has_that_of_the_configuration():
    heard = []
    run = jaxsolve.Run(watch=heard.append)
    solution = jaxsolve.solve(wrong(), jaxsolve.Config(budget=1.0), run)
    assert run.budget == 1.0
    assert "Not solved in the budget of 1 s" in solution.message
    assert {type(progress) for progress in heard} == {jaxsolve.Progress}
    own = jaxsolve.Run(budget=0.5)
    jaxsolve.solve(wrong(), jaxsolve.Config(budget=60.0), own)
    assert own.budget == 0.5


def test_a_joint_search_ends_with_the_budget_of_its_configuration():
    config = jaxsolve.JointConfig("annealing", {"steps": 10**9}, rows=50, budget=1.0)
    solution = jaxsolve.joint_search(wrong(), config)
    assert solution.status == "out_of_time"
    assert solution.message.startswith("Not solved in 1 s")


def test_a_budget_is_not_part_of_what_a_search_is_stored_with():
    kept = []
    jaxsolve.joint_search(wrong(), jaxsolve.JointConfig("beam", {"width": 4}, rows=50, budget=50), keep=kept.append)
    assert "budget" not in kept[0][0]["config"]
    assert {"method", "options", "rows", "seed", "exact"} <= set(kept[0][0]["config"])


@pytest.mark.parametrize("config", [jaxsolve.Config, jaxsolve.JointConfig])
@pytest.mark.parametrize("budget", [0, -1.0, float("nan")])
def test_budgets_that_no_time_is_as_long_as_are_refused(config, budget):
    with pytest.raises(jaxsolve.UsageError, match="expected more than 0 seconds"):
        config(budget=budget)


def test_a_watcher_may_stop_a_run():
    run = jaxsolve.Run(watch=lambda progress: run.stop() if progress.evaluations else None)
    assert jaxsolve.solve(wrong(), run=run).status == "interrupted"
