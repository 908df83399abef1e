"""`jaxsolve runs` lists, shows and compares what commands have kept."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import groupby
from pathlib import Path

import pytest

from jaxsolve.files import unsealed
from jaxsolve.puzzle import write_puzzle
from jaxsolve.records import COLUMNS
from tests import reference
from tests.cli import call

STORED = Path(__file__).parent.parent / "records" / "format-1"
JAXSOLVE = [sys.executable, "-c", "from jaxsolve.cli import main; main()"]


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "jaxsolve"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder with the runs of a search, twice, and of a sweep."""
    folder = tmp_path_factory.mktemp("kept")
    puzzle, _ = reference.random_puzzle(71, n=3, rows=40)
    write_puzzle(puzzle, folder / "three")
    write_puzzle(puzzle.replace(y=puzzle.y[::-1].copy()), folder / "wrong")
    (folder / "grid.toml").write_text("rows = 40\n[grid]\nwidth = [1, 2]\n")
    given, runs = ("--rows", "all", "--activation", "relu"), folder / "runs"
    call("search", folder / "three", "--set", "width=36", *given, "--out", runs / "right")
    call("search", folder / "wrong", "--set", "width=2", "--seed", 3, *given, "--out", runs / "wrong")
    call("search", folder / "wrong", "--resume", runs / "wrong", "--activation", "relu")
    call("sweep", folder / "three", folder / "grid.toml", "--activation", "relu", "--out", runs / "swept")
    return runs


def listed(*arguments: object) -> list[dict]:
    return json.loads(call("runs", "list", *arguments, "--json").stdout)["runs"]


def test_without_runs_that_is_said(data):
    result = call("runs")
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"no runs in {data} yet" in result.stderr


def test_a_solve_is_recorded_and_found_without_a_path(data):
    assert call("solve", "--no-record").exit_code == 0
    assert not data.exists()
    assert call("solve").exit_code == 0
    (one,) = json.loads(call("runs", "--json").stdout)["runs"]
    assert (one["command"], one["puzzle"], one["status"], one["seed"]) == ("solve", "demo", "solved", 0)
    found = json.loads(call("runs", "show", one["run"][:9], "--json").stdout)
    assert found["report"]["permutation"] == found["permutation"] == found["certificate"]["permutation"]
    assert (found["puzzle"]["path"], found["settings"]["pairing"], found["mse"]) == (
        "demo",
        "auto",
        found["report"]["mse"],
    )
    assert call("verify", "demo", data / one["run"] / "record.json").exit_code == 0
    shown = call("runs", "show", "last").stdout
    assert "Solved: all 2000 predictions" in shown
    assert "MSE at most" in shown


def test_lists_are_filtered_the_oldest_first(kept):
    names = [one["run"] for one in listed("--in", kept)]
    assert names == ["right", "wrong", "wrong:2", "swept"]
    assert [one["run"] for one in listed("--in", kept, "--last", 2)] == names[2:]
    assert [one["run"] for one in listed("--in", kept, "--status", "solved")] == ["right"]
    assert [one["run"] for one in listed("--in", kept, "--puzzle", "wrong", "--command", "search")] == names[1:3]
    assert listed("--in", kept, "--command", "solve") == []
    assert "none of 4 runs has command solve" in call("runs", "--in", kept, "--command", "solve").stderr
    text = call("runs", "--in", kept, "--last", 1)
    assert text.stdout.splitlines()[-1].startswith("swept")
    assert "3 older ones are not shown; --last 4 lists all" in text.stderr


def test_a_resumed_search_and_a_sweep_are_shown(kept):
    again = json.loads(call("runs", "show", "wrong:2", "--in", kept, "--json").stdout)
    assert (again["resumed"], again["status"], again["seed"]) == (True, "unsolved", 3)
    swept = json.loads(call("runs", "show", kept / "swept", "--json").stdout)
    assert (swept["command"], swept["status"], len(swept["report"]["runs"])) == ("sweep", "finished", 2)
    trace = [json.loads(line) for line in (kept / "swept" / "trace.jsonl").read_text().splitlines()]
    widths = [event["setting"]["width"] for event in trace if event["event"] == "attempt"]
    assert [width for width, _ in groupby(widths)] == [1, 2]
    assert all(event["evaluations"] <= trace[-1]["evaluations"] for event in trace)


def test_two_runs_are_compared(kept):
    found = json.loads(call("runs", "diff", "right", "wrong:1", "--in", kept, "--json").stdout)
    assert found["runs"] == ["right", "wrong"]
    assert found["differences"]["settings.options.width"] == [36, 2]
    assert found["differences"]["seed"] == [0, 3]
    assert "versions.numpy" not in found["differences"]
    assert found["outcomes"]["status"] == ["solved", "unsolved"]
    assert found["shared"] is None
    assert found["milestones"][-1]["reached"][1] is None
    text = call("runs", "diff", "wrong:1", "wrong:2", "--in", kept).stdout
    assert "The answers share 3 of 3 pairs; 3 stand at the same position." in text
    assert "resumed" in text
    assert "settings.options.width" not in text


def test_an_old_record_is_shown_and_compared_with_a_new_one(kept):
    assert call("runs", "show", STORED).stdout.startswith("run       format-1, solved")
    shared = json.loads(call("runs", "diff", STORED, kept / "right", "--json").stdout)["shared"]
    assert shared == {"pairs": 3, "positions": 3, "of": 3}


def test_a_killed_run_is_unfinished_and_says_what_was_known(data, kept, tmp_path):
    command = [*JAXSOLVE, "search", str(kept.parent / "wrong"), "--activation", "relu"]
    command += ["--method", "annealing", "--set", "steps=100000000"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ})
    end = time.monotonic() + 60
    while time.monotonic() < end and not any('"frame"' in path.read_text() for path in data.rglob("trace.jsonl")):
        time.sleep(0.1)
    assert [one["status"] for one in listed()] == ["running"]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert [one["status"] for one in listed()] == ["unfinished"]
    assert call("runs", "list", "--status", "unfinished").stdout.count("search-wrong-") == 1
    assert call("runs", "show", "search").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["show", "nonsense"], "no run 'nonsense' in"),
        (["show", "/nowhere"], "no run '/nowhere' in"),
        (["show", ""], "no run '' in"),
        (["export", "nonsense"], "no run 'nonsense' in"),
        (["export", "right", "-o", "/proc/x.csv"], "/proc/x.csv: cannot be written"),
        (["show", "wrong:7"], "no run 'wrong:7'"),
        (["diff", "right", "nonsense"], "no run 'nonsense' in"),
        (["list", "--in", "/nowhere"], "/nowhere: no folder of runs (No such file or directory)"),
    ],
)
def test_mistakes_are_one_line_and_exit_with_2(kept, arguments, why):
    here = [] if "--in" in arguments else ["--in", kept]
    result = call("runs", *arguments, *here)
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert why in result.stderr


def test_a_damaged_record_is_said_and_hides_no_other(kept, tmp_path):
    shutil.copytree(kept / "right", tmp_path / "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "record.json").write_text('{"format": 1')
    result = call("runs", "--in", tmp_path)
    assert result.exit_code == 0
    assert "good" in result.stdout
    assert "bad/record.json: this record cannot be read (no JSON in it)" in result.stderr
    assert call("runs", "show", "bad", "--in", tmp_path).exit_code == 2


def test_where_several_runs_begin_so_the_newest_is_meant_and_named(kept, tmp_path):
    for name in ("solve-a-1", "solve-a-2"):
        shutil.copytree(kept / "right", tmp_path / name)
    os.utime(tmp_path / "solve-a-1" / "record.json", ns=(0, 0))
    result = call("runs", "show", "solve", "--in", tmp_path)
    assert result.stdout.startswith("run       solve-a-2, solved")
    told = "'solve' begins the names of 2 runs: solve-a-1, solve-a-2; taking the newest, solve-a-2"
    assert result.stderr == f"jaxsolve: note: {told}\n"
    os.utime(tmp_path / "solve-a-2" / "record.json", ns=(0, 0))
    os.utime(tmp_path / "solve-a-1" / "record.json")
    assert call("runs", "show", "solve", "--in", tmp_path).stdout.startswith("run       solve-a-1, solved")


def test_a_file_of_a_run_names_it(kept):
    for name, run in (("trace.jsonl", "wrong"), ("answer-2.json", "wrong:2"), ("checkpoint.npz", "wrong:2")):
        assert call("runs", "show", kept / "wrong" / name).stdout.startswith(f"run       {run}, unsolved")


def test_puzzles_of_one_name_are_told_apart(tmp_path):
    for number, folder in ((71, "one"), (72, "other")):
        puzzle, _ = reference.random_puzzle(number, n=3, rows=40)
        write_puzzle(puzzle, tmp_path / folder / "puzzle")
        place = tmp_path / "runs" / folder
        call("search", tmp_path / folder / "puzzle", "--activation", "relu", "--set", "width=36", "--out", place)
    lines = call("runs", "--in", tmp_path / "runs").stdout.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["one", "one/puzzle"], ["other", "other/puzzle"]]
    assert [one["run"] for one in listed("--in", tmp_path / "runs", "--puzzle", "one/puzzle")] == ["one"]
    both = listed("--in", tmp_path / "runs", "--puzzle", "puzzle")
    assert [one["puzzle"] for one in both] == ["puzzle", "puzzle"]
    assert len({one["fingerprint"] for one in both}) == 2


def test_the_course_of_a_run_is_exported_as_a_table(kept, tmp_path):
    printed = call("runs", "export", "right", "--in", kept)
    rows = [*csv.DictReader(printed.stdout.splitlines())]
    trace = [json.loads(line) for line in (kept / "right" / "trace.jsonl").read_text().splitlines()]
    assert [row["event"] for row in rows] == [event["event"] for event in trace]
    frames = [event for event in trace if event["event"] == "frame"]
    found = [row for row in rows if row["event"] == "frame"]
    assert [float(row["mse"]) for row in found] == [event["loss"] for event in frames]
    assert [row["permutation"] for row in found] == [" ".join(map(str, event["permutation"])) for event in frames]
    fields = json.loads((kept / "right" / "record.json").read_text())
    for row in found:
        share = 1 - float(row["mse"]) / fields["certificate"]["variance"]
        assert float(row["r2"]) == pytest.approx(share, abs=1e-12)
    assert found
    result = call("runs", "export", "right", "--in", kept, "-o", tmp_path / "course.csv")
    assert (result.stdout, (tmp_path / "course.csv").read_text()) == ("", printed.stdout)
    again = call("runs", "export", "right", "--in", kept, "-o", tmp_path / "course.csv")
    assert "exists already and is not overwritten" in again.stderr
    assert call("runs", "export", "right", "--in", kept, "-o", tmp_path / "course.csv", "--force").exit_code == 0


def test_the_columns_of_the_table_are_told_in_the_help():
    told = call("runs", "export", "--help").stdout
    for name in COLUMNS:
        assert f" {name}: " in told


def test_a_run_is_named_alike_where_an_answer_is_expected(data, kept, tmp_path):
    solved = call("solve")
    assert (solved.exit_code, solved.stderr) == (0, "")
    (folder,) = data.iterdir()
    kept_answer = json.loads((folder / "answer.json").read_text())
    for answer in ("last", folder.name[:12], folder, folder / "answer.json", folder / "record.json"):
        found = json.loads(call("verify", "demo", answer, "--json").stdout)
        assert (found["status"], found["permutation"]) == ("solved", kept_answer["permutation"])
    again = call("solve", "demo", "--start", "last", "--no-record", "--json")
    assert json.loads(again.stdout)["status"] == "solved"
    assert call("export", "demo", "last", tmp_path / "net.safetensors").exit_code == 0
    result = call("verify", "demo", "nonsense")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "nonsense: no readable answer (No such file or directory)" in result.stderr


def test_a_run_without_an_answer_is_refused_as_one(data, kept):
    folder = shutil.copytree(STORED, data / "solve-three-1")
    fields = unsealed((folder / "record.json").read_text())
    (folder / "record.json").write_text(json.dumps(fields | {"permutation": None, "status": "unsolved"}))
    result = call("verify", "demo", "last")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "run solve-three-1 (unsolved) has found no order of the pieces" in result.stderr


def test_what_goes_on_has_to_be_named_for_certain(data, kept, tmp_path):
    wrong = kept.parent / "wrong"
    for name in ("search-wrong-1", "search-wrong-2"):
        shutil.copytree(kept / "wrong", data / name)
    before = {path: path.read_bytes() for path in data.rglob("*.json*")}
    for command, text, why in (
        ("search", "search-wrong", "begins the names of 2 runs: search-wrong-1, search-wrong-2; give more of the name"),
        ("search", "nonsense", "no run 'nonsense' in"),
        ("solve", "search-wrong-1", "search-wrong-1 is a run of search, which solve cannot go on with"),
    ):
        result = call(command, wrong, "--resume", text, "--activation", "relu")
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
        assert why in result.stderr
    assert {path: path.read_bytes() for path in data.rglob("*.json*")} == before
    for text, last in (("search-wrong-2", 3), ("last", 4)):
        assert call("search", wrong, "--resume", text, "--activation", "relu").exit_code == 1
        assert (data / "search-wrong-2" / f"record-{last}.json").exists()


def test_a_sweep_goes_on_by_its_name(data, kept):
    shutil.copytree(kept / "swept", data / "sweep-three-1")
    given = ("sweep", kept.parent / "three", kept.parent / "grid.toml", "--activation", "relu")
    again = json.loads(call(*given, "--resume", "last", "--json").stdout)
    assert (len(again["runs"]), [path.name for path in data.iterdir()]) == (2, ["sweep-three-1"])
    assert (data / "sweep-three-1" / "record-2.json").exists()
    refused = call(*given, "--resume", "last", "--out", data / "x")
    assert (refused.exit_code, "leave --out out" in refused.stderr) == (2, True)
