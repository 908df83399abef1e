"""Sweeps run every combination once, whenever they are stopped, and say what the best runs agree on."""

import itertools
import json

import pytest

from jaxsolve.errors import OutputError, UsageError
from jaxsolve.experiment import sweep
from jaxsolve.experiment.sweep import RESULTS, Outcome, consensus, read_outcomes, run_sweep, runs_left
from jaxsolve.files import unsealed
from jaxsolve.run import Run
from tests import reference
from tests.experiment.test_plan import GRID, described


@pytest.fixture(scope="module")
def puzzle():
    one, _ = reference.random_puzzle(71, n=3, rows=40)
    return one.replace(y=one.y[::-1].copy())


def swept(puzzle, plan, folder, run=None, most=None):
    done = read_outcomes(folder, puzzle)
    return list(itertools.islice(run_sweep(puzzle, plan, run or Run(), folder, done), most)), done


def test_every_run_is_kept_and_none_is_repeated(puzzle, tmp_path, monkeypatch):
    plan, searched = described(tmp_path), []
    search = sweep.joint_search
    monkeypatch.setattr(sweep, "joint_search", lambda *a, **k: searched.append(a[1]) or search(*a, **k))
    assert len(swept(puzzle, plan, tmp_path, most=2)[0]) == 2
    found, done = swept(puzzle, plan, tmp_path)
    assert len(found) == 2
    assert searched == [config for _, config in plan.runs]
    assert [one.setting for one in done] == [setting for setting, _ in plan.runs]
    for one in done:
        assert one.mse == pytest.approx(reference.loss(puzzle, *puzzle.assembly(one.permutation)), rel=1e-9)
        assert one.loss == pytest.approx(reference.loss(puzzle, *puzzle.assembly(one.permutation), rows=12), rel=1e-4)
    assert read_outcomes(tmp_path, puzzle) == done
    assert swept(puzzle, plan, tmp_path)[0] == []


def test_a_line_that_was_cut_off_is_run_again_and_other_puzzles_are_not_counted(puzzle, tmp_path):
    plan = described(tmp_path)
    swept(puzzle, plan, tmp_path)
    file = tmp_path / RESULTS
    file.write_text(file.read_text()[:-20])
    assert len(read_outcomes(tmp_path, puzzle)) == 3
    assert read_outcomes(tmp_path, puzzle.first_rows(30)) == []


def test_after_a_line_that_was_cut_off_nothing_is_lost(puzzle, tmp_path):
    plan = described(tmp_path)
    swept(puzzle, plan, tmp_path, most=2)
    file = tmp_path / RESULTS
    file.write_text(file.read_text()[:-20])
    swept(puzzle, plan, tmp_path)
    assert len(read_outcomes(tmp_path, puzzle)) == 4


def test_a_spent_budget_or_an_end_asked_for_begins_no_further_run(puzzle, tmp_path):
    plan = described(tmp_path)
    assert swept(puzzle, plan, tmp_path, Run(budget=1e-9))[0] == []
    run = Run()
    run.stop()
    assert swept(puzzle, plan, tmp_path, run)[0] == []
    assert not (tmp_path / RESULTS).exists()


def test_results_that_cannot_be_written_are_said(puzzle, tmp_path):
    plan = described(tmp_path)
    with pytest.raises(OutputError, match="missing: results cannot be written"):
        list(run_sweep(puzzle, plan, Run(), tmp_path / "missing", []))


THEN = (
    GRID
    + """
[then]
best = 2
method = "annealing"
rows = 20
[then.options]
chains = 1
steps = 30
[then.grid]
seed = [5, 6]
"""
)


def test_the_best_answers_are_gone_on_from(puzzle, tmp_path, monkeypatch):
    plan, begun = described(tmp_path, THEN), []
    search = sweep.joint_search
    monkeypatch.setattr(sweep, "joint_search", lambda *a, **k: begun.append(k["start"]) or search(*a, **k))
    found, done = swept(puzzle, plan, tmp_path)
    first, after = done[:4], done[4:]
    best = sorted(first, key=lambda one: one.mse)
    best = [one for one in best if one.permutation != best[0].permutation][:1]
    best = [min(first, key=lambda one: one.mse), *best]
    assert len(best) == 2
    assert len(found) == 8
    assert [one.config["start"] for one in after] == [one.permutation for one in best for _ in range(2)]
    assert begun[:4] == [None] * 4
    assert [puzzle.permutation(one) for one in begun[4:]] == [one.config["start"] for one in after]
    assert [one.setting for one in after] == [
        one.setting | {"then": "annealing", "then.seed": seed} for one in best for seed in (5, 6)
    ]
    for one in after:
        assert one.config["rows"] == 20
        assert one.loss <= reference.loss(puzzle, *puzzle.assembly(one.config["start"]), rows=20) * (1 + 1e-4)
    assert runs_left(plan, done) == 0
    assert [runs_left(plan, done[:k]) for k in (0, 3, 4, 5, 7)] == [8, 5, 4, 3, 1]
    assert swept(puzzle, plan, tmp_path)[0] == []


def test_the_best_are_those_of_all_runs_wherever_a_sweep_was_stopped(puzzle, tmp_path):
    whole = swept(puzzle, described(tmp_path, THEN), tmp_path)[1]
    parts = tmp_path / "parts"
    parts.mkdir()
    plan = described(parts, THEN)
    for _ in range(3):
        swept(puzzle, plan, parts, most=3)
    assert [(one.setting, one.permutation) for one in read_outcomes(parts, puzzle)] == [
        (one.setting, one.permutation) for one in whole
    ]


def outcome(*permutation):
    return Outcome({}, {}, "unsolved", 1.0, 1.0, 1, 1.0, list(permutation), "")


def test_a_consensus_counts_pairs_the_most_frequent_first():
    runs = [outcome(0, 3, 1, 4, 6), outcome(1, 4, 0, 3, 6), outcome(1, 4, 0, 5, 6)]
    assert consensus(runs) == [((1, 4), 3), ((0, 3), 2), ((0, 5), 1)]
    assert consensus([]) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("setting", []), ("config", {}), ("status", 1), ("mse", "x"), ("mse", -1), ("loss", []), ("evaluations", 0.5), ("seconds", {}),
     ("permutation", [1, 2]), ("permutation", [[]]), ("mse", ...), ("more", 1)],
)  # fmt: skip
def test_results_with_what_no_sweep_has_written_are_run_again(puzzle, tmp_path, key, value):
    plan = described(tmp_path)
    swept(puzzle, plan, tmp_path)
    file = tmp_path / RESULTS
    first, *others = file.read_text().splitlines()
    damaged = {k: v for k, v in (unsealed(first) | {key: value}).items() if v is not ...}
    file.write_text("\n".join([json.dumps(damaged), *others]))
    assert len(read_outcomes(tmp_path, puzzle)) == 3


def test_a_run_without_a_network_has_an_infinite_loss_when_it_is_read_again(puzzle, tmp_path):
    plan = described(tmp_path)
    swept(puzzle, plan, tmp_path)
    file = tmp_path / RESULTS
    file.write_text(json.dumps(unsealed(file.read_text().splitlines()[0]) | {"loss": float("inf")}))
    assert read_outcomes(tmp_path, puzzle)[0].loss == float("inf")


def test_results_of_more_than_anybody_goes_on_with_are_left_alone(puzzle, tmp_path):
    (tmp_path / RESULTS).write_bytes(b"{}\n" * (1 << 24))
    with pytest.raises(UsageError, match="results of more than 32 MiB; choose another folder for --out"):
        read_outcomes(tmp_path, puzzle)
