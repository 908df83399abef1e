"""Sweeps run every combination once, whenever they are stopped, and say what the best runs agree on."""

import itertools
import json

import pytest

from jaxsolve.errors import OutputError, UsageError
from jaxsolve.experiment import sweep
from jaxsolve.experiment.sweep import RESULTS, Outcome, configurations, consensus, read_outcomes, run_sweep
from jaxsolve.files import unsealed
from jaxsolve.run import Run
from tests import reference

GRID = """
method = "beam"
rows = 12
[options]
noise = 0.1
[grid]
seed = [0, 1]
width = [1, 2]
"""


@pytest.fixture(scope="module")
def puzzle():
    one, _ = reference.random_puzzle(71, n=3, rows=40)
    return one.replace(y=one.y[::-1].copy())


def described(tmp_path, text=GRID):
    path = tmp_path / "sweep.toml"
    path.write_text(text)
    return configurations(path)


def swept(puzzle, todo, folder, run=None, most=None):
    done = read_outcomes(folder, puzzle)
    return list(itertools.islice(run_sweep(puzzle, todo, run or Run(), folder, done), most)), done


def test_every_combination_is_a_run_of_its_own(tmp_path):
    todo = described(tmp_path)
    assert [setting for setting, _ in todo] == [{"seed": seed, "width": width} for seed in (0, 1) for width in (1, 2)]
    for setting, config in todo:
        assert (config.seed, config.rows, config.method) == (setting["seed"], 12, "beam")
        assert config.options == {"noise": 0.1, "width": setting["width"]}


def test_a_grid_may_be_of_methods_and_of_one_stage_and_settings_without_a_list(tmp_path):
    todo = described(
        tmp_path, 'seed = 3\n[grid]\nmethod = ["beam,descent", "beam"]\nrows = 5\n[grid.beam]\nwidth = [1, 2]\n'
    )
    assert [(c.method, c.rows, c.seed, dict(c.options)) for _, c in todo] == [
        (method, 5, 3, {"beam.width": width}) for method in ("beam,descent", "beam") for width in (1, 2)
    ]


def test_without_a_grid_there_is_one_run(tmp_path):
    ((setting, config),) = described(tmp_path, 'method = "annealing"')
    assert (setting, config.method) == ({}, "annealing")


def test_every_run_is_kept_and_none_is_repeated(puzzle, tmp_path, monkeypatch):
    todo, searched = described(tmp_path), []
    search = sweep.joint_search
    monkeypatch.setattr(sweep, "joint_search", lambda *a, **k: searched.append(a[1]) or search(*a, **k))
    assert len(swept(puzzle, todo, tmp_path, most=2)[0]) == 2
    found, done = swept(puzzle, todo, tmp_path)
    assert len(found) == 2
    assert searched == [config for _, config in todo]
    assert [one.setting for one in done] == [setting for setting, _ in todo]
    for one in done:
        assert one.mse == pytest.approx(reference.loss(puzzle, *puzzle.assembly(one.permutation)), rel=1e-9)
        assert one.loss == pytest.approx(reference.loss(puzzle, *puzzle.assembly(one.permutation), rows=12), rel=1e-4)
    assert read_outcomes(tmp_path, puzzle) == done
    assert swept(puzzle, todo, tmp_path)[0] == []


def test_a_line_that_was_cut_off_is_run_again_and_other_puzzles_are_not_counted(puzzle, tmp_path):
    todo = described(tmp_path)
    swept(puzzle, todo, tmp_path)
    file = tmp_path / RESULTS
    file.write_text(file.read_text()[:-20])
    assert len(read_outcomes(tmp_path, puzzle)) == 3
    assert read_outcomes(tmp_path, puzzle.first_rows(30)) == []


def test_after_a_line_that_was_cut_off_nothing_is_lost(puzzle, tmp_path):
    todo = described(tmp_path)
    swept(puzzle, todo, tmp_path, most=2)
    file = tmp_path / RESULTS
    file.write_text(file.read_text()[:-20])
    swept(puzzle, todo, tmp_path)
    assert len(read_outcomes(tmp_path, puzzle)) == 4


def test_a_spent_budget_or_an_end_asked_for_begins_no_further_run(puzzle, tmp_path):
    todo = described(tmp_path)
    assert swept(puzzle, todo, tmp_path, Run(budget=1e-9))[0] == []
    run = Run()
    run.stop()
    assert swept(puzzle, todo, tmp_path, run)[0] == []
    assert not (tmp_path / RESULTS).exists()


def test_results_that_cannot_be_written_are_said(puzzle, tmp_path):
    todo = described(tmp_path)
    with pytest.raises(OutputError, match="missing: results cannot be written"):
        list(run_sweep(puzzle, todo, Run(), tmp_path / "missing", []))


def outcome(*permutation):
    return Outcome({}, {}, "unsolved", 1.0, 1.0, 1, 1.0, list(permutation), "")


def test_a_consensus_counts_pairs_the_most_frequent_first():
    runs = [outcome(0, 3, 1, 4, 6), outcome(1, 4, 0, 3, 6), outcome(1, 4, 0, 5, 6)]
    assert consensus(runs) == [((1, 4), 3), ((0, 3), 2), ((0, 5), 1)]
    assert consensus([]) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("method = ", "no readable TOML"),
        (
            "method = 'beam'\nwidth = 3",
            "no setting 'width'; there are exact, method, pairing, prior, rows, seed, sha256, spare, tolerance",
        ),
        ("[options]\nnonsense = 1", "relaxation and reannealing have no option 'nonsense'"),
        ("[grid]\nnonsense = [1]", "relaxation and reannealing have no option 'nonsense'"),
        ("[grid]\nwidth = []", "the grid has 0 combinations"),
        ("[grid]\nmethod = ['beam', 'nonsense']", "no method 'nonsense'"),
        ("grid = 3", "grid and options are tables"),
        ("[grid]\nwidth = ['wide']", "width is 'wide'; expected a number"),
        ("[grid]\nwidth = [[1, 2]]", "width is [1, 2]; expected a number"),
        ("method = 3", "method is 3; expected names of methods"),
        ("seed = 'one'", "seed is 'one'; expected a whole number"),
        ("rows = 2.5", "rows is 2.5; expected a whole number"),
        ("rows = 'all'", "rows is 'all'; expected a whole number"),
        ("pairing = 'nonsense'", "no pairing 'nonsense'"),
        ("pairing = 3", "pairing"),
        ("seed = 1.5", "seed is 1.5"),
        ("sha256 = 3", "a setting has a value of the wrong kind"),
        (f"[grid]\nseed = {list(range(400))}\nrows = {list(range(1, 400))}", "the grid has 159600 combinations"),
    ],
    ids=str,
)
def test_mistakes_in_a_file_are_said_in_one_line(tmp_path, text, why):
    with pytest.raises(UsageError) as error:
        described(tmp_path, text)
    assert why in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"missing.toml: no readable TOML \(No such file or directory\)"):
        configurations(tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("key", "value"),
    [("setting", []), ("config", {}), ("status", 1), ("mse", "x"), ("mse", -1), ("loss", []), ("evaluations", 0.5), ("seconds", {}),
     ("permutation", [1, 2]), ("permutation", [[]]), ("mse", ...), ("more", 1)],
)  # fmt: skip
def test_results_with_what_no_sweep_has_written_are_run_again(puzzle, tmp_path, key, value):
    todo = described(tmp_path)
    swept(puzzle, todo, tmp_path)
    file = tmp_path / RESULTS
    first, *others = file.read_text().splitlines()
    damaged = {k: v for k, v in (unsealed(first) | {key: value}).items() if v is not ...}
    file.write_text("\n".join([json.dumps(damaged), *others]))
    assert len(read_outcomes(tmp_path, puzzle)) == 3


def test_a_run_without_a_network_has_an_infinite_loss_when_it_is_read_again(puzzle, tmp_path):
    todo = described(tmp_path)
    swept(puzzle, todo, tmp_path)
    file = tmp_path / RESULTS
    file.write_text(json.dumps(unsealed(file.read_text().splitlines()[0]) | {"loss": float("inf")}))
    assert read_outcomes(tmp_path, puzzle)[0].loss == float("inf")


def test_results_of_more_than_anybody_goes_on_with_are_left_alone(puzzle, tmp_path):
    (tmp_path / RESULTS).write_bytes(b"{}\n" * (1 << 24))
    with pytest.raises(UsageError, match="results of more than 32 MiB; choose another folder for --out"):
        read_outcomes(tmp_path, puzzle)


@pytest.mark.parametrize(
    "text",
    ["a" + ".a" * 3000 + " = 1", "[grid]\na" + ".a" * 3000 + " = 1", "rows = " + "9" * 5000, "a" + ".a" * 40_000 + " = 1", f"rows = 0x{'f' * 5000}", "method = [" + "[" * 3000,
     "rows = nan", "seed = 1979-05-27", "method = {a = 1}", "options = 3", "[options]\nwidth = [[1]]", "pairing = []"],
)  # fmt: skip
def test_hostile_descriptions_are_refused_in_one_line(tmp_path, text):
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(UsageError) as error:
        configurations(tmp_path / "x.toml")
    assert str(error.value).isprintable()
