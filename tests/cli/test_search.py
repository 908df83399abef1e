"""`search` and `sweep` as commands: what they print and keep, and how a search goes on."""

import json

import pytest

from jaxsolve.puzzle import write_puzzle
from tests import reference
from tests.cli import call

KEYS = {
    "status", "message", "permutation", "sha256", "mse", "pairs", "method", "options", "rows", "loss", "given_pairs",
    "prior", "curve", "evaluations", "seconds", "seed", "puzzle", "devices", "versions",
}  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Folders of a puzzle that a beam solves, and of one without an answer, and the answer."""
    folder = tmp_path_factory.mktemp("small")
    puzzle, answer = reference.random_puzzle(71, n=3, rows=40)
    write_puzzle(puzzle, folder / "right")
    write_puzzle(puzzle.replace(y=puzzle.y[::-1].copy()), folder / "wrong")
    return folder / "right", folder / "wrong", puzzle.permutation(answer)


def last_line(result) -> str:
    return [line for line in result.stderr.splitlines() if line.strip()][-1]


def test_a_solved_search_exits_with_0_and_keeps_its_answer(small, tmp_path):
    right, _, answer = small
    result = call(
        "search", right, "--method", "beam", "--set", "width=36", "--rows", "all", "--json", "--out", tmp_path / "out"
    )
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert set(found) >= KEYS
    assert (found["status"], found["permutation"], found["rows"]) == ("solved", answer, 40)
    assert (found["method"], found["options"]) == ("beam", {"width": 36})
    assert found["curve"][-1]["loss"] == found["loss"]
    assert json.loads((tmp_path / "out" / "answer.json").read_text()) == found
    assert (tmp_path / "out" / "checkpoint.npz").exists()
    shown = call("search", right, "--method", "beam", "--set", "width=36", "--rows", "all").stdout
    assert shown.startswith("Solved: all 40 predictions")
    assert ",".join(map(str, answer)) in shown


def test_the_demo_is_searched_and_not_solved_by_little(data_home):
    result = call(
        "search",
        "demo",
        "--method",
        "beam",
        "--set",
        "width=1",
        "--rows",
        16,
        "--pairing",
        "trace",
        "--activation",
        "relu",
        "--json",
    )
    assert result.exit_code == 1, result.stderr
    found = json.loads(result.stdout)
    assert (found["status"], found["given_pairs"], found["rows"]) == ("unsolved", "trace", 16)
    assert sorted(found["permutation"]) == list(range(33))
    assert list(data_home.rglob("answer.json"))


def test_a_spent_budget_exits_with_1_and_says_how_to_go_on_which_works(small, tmp_path):
    _, wrong, _ = small
    out, given = tmp_path / "out", ("--method", "annealing", "--set", "steps=512", "--set", "chains=2", "--json")
    whole = json.loads(call("search", wrong, *given).stdout)
    result = call("search", wrong, *given, "--budget", 1e-9, "--out", out)
    assert (result.exit_code, json.loads(result.stdout)["status"]) == (1, "out_of_time")
    assert last_line(result) == f"jaxsolve: go on with: jaxsolve search {wrong} --resume {out}"
    call("search", wrong, *given, "--out", tmp_path / "other")
    again = json.loads(call("search", wrong, "--resume", tmp_path / "other", "--json").stdout)
    for key in ("status", "permutation", "loss", "mse", "evaluations", "options"):
        assert again[key] == whole[key]


def test_what_contradicts_a_search_that_is_resumed_is_refused(small, tmp_path):
    right, wrong, answer = small
    out = tmp_path / "out"
    call("search", wrong, "--method", "beam", "--set", "width=2", "--seed", 3, "--out", out)
    ids = ",".join(map(str, answer))
    for extra, why in (
        (["--set", "width=3"], "width is 3"),
        (["--method", "annealing"], "--method is annealing"),
        (["--seed", 4], "--seed is 4"),
        (["--rows", 7], "--rows is 7"),
        (["--rows", "all"], "--rows is all"),
        (["--set", "signature=1"], "signature is 1"),
        (["--start", ids], "leave --start out"),
        (["--out", tmp_path / "x"], "leave --out out"),
    ):
        result = call("search", wrong, "--resume", out, *extra)
        assert result.exit_code == 2, why
        assert why in last_line(result)
    assert call("search", wrong, "--resume", out, "--set", "width=2", "--seed", 3, "--method", "beam").exit_code == 1
    assert "belongs to another puzzle" in last_line(call("search", right, "--resume", out))


def test_it_begins_from_an_answer(small):
    right, _, answer = small
    start = ",".join(map(str, [*answer[2:4], *answer[:2], *answer[4:]]))
    result = call("search", right, "--method", "descent", "--set", "search=two_opt", "--start", start, "--json")
    assert json.loads(result.stdout)["permutation"] == answer


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--method", "nonsense"], "no method 'nonsense'"),
        (["--set", "nonsense=1"], "relaxation and reannealing have no option 'nonsense'"),
        (["--set", "widht=1"], "no option 'widht'; did you mean 'width'? They have"),
        (["--set", "width"], "--set 'width' has no value"),
        (["--set", "width=x"], "width is 'x'"),
        (["--method", "beam", "--set", "chains=2"], "beam has no option 'chains'"),
        (["--rows", "few"], "--rows is 'few'"),
        (["--rows", "0"], "rows is 0"),
        (["--budget", "0"], "--budget is 0"),
        (["--seed", "-1"], "seed is -1"),
        (["--memory", "much"], "--memory is 'much'"),
        (["--pairing", "nonsense"], "no pairing 'nonsense'"),
        (["--resume", "/nowhere"], "/nowhere: nothing to resume from"),
        (["--start", "1,2,3"], "3 piece ids"),
        (["--start", "/nowhere"], "/nowhere: no readable answer"),
        (["--method", "beam", "--set", "width=1000", "--memory", "1kB", "--activation", "relu"], "fit into memory"),
    ],
)
def test_mistakes_are_one_line_and_exit_with_2(small, arguments, why):
    result = call("search", small[1], *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert why in result.stderr


def test_a_sweep_of_two_runs_agrees_on_pairs_and_is_not_repeated(small, tmp_path):
    (tmp_path / "grid.toml").write_text('method = "beam"\n[grid]\nwidth = [1, 2]\n')
    arguments = ("sweep", small[1], tmp_path / "grid.toml", "--out", tmp_path / "out", "--best", 1)
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert sorted(run["setting"]["width"] for run in found["runs"]) == [1, 2]
    assert found["runs"][0]["mse"] <= found["runs"][1]["mse"]
    best = found["runs"][0]["permutation"]
    assert sorted(one["pair"] for one in found["consensus"]) == sorted([best[k : k + 2] for k in (0, 2, 4)])
    again = call(*arguments)
    assert "of the best 1 runs" in again.stdout
    assert "1 of 2" not in again.stderr
    assert "no readable TOML" in call("sweep", small[1], tmp_path / "missing.toml").stderr
