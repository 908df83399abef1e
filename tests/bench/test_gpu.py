"""The GPU benchmark: its sections rehearsed in small sizes, and that a run goes on where one was stopped."""

import importlib
import json
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "bench"))
gpu, sections = map(importlib.import_module, ("gpu", "gpu_sections"))


def here(name, given, limit):
    """Run a section in this process."""
    job = sections.Job(given.small, given.puzzle, limit, given.cache)
    return "done", None, json.loads(json.dumps(list(sections.SECTIONS[name].rows(job))))


def given(tmp_path, *options):
    results = ["--results", str(tmp_path / "2000-01-01-gpu.jsonl"), "--cache", str(tmp_path / "cache")]
    return gpu.arguments(["--small", *results, *options])


def lines(tmp_path):
    return [json.loads(line) for line in (tmp_path / "2000-01-01-gpu.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", [name for name in sections.SECTIONS if name not in ("net-2", "net-3")])
def test_every_section_can_be_rehearsed(name, tmp_path):
    """All nets are the same in small sizes."""
    gpu.run(given(tmp_path, "--only", name, "--puzzle", "demo"), here)
    (line,) = lines(tmp_path)
    assert (line["section"], line["status"], line["small"], line["measure"]) == (name, "done", True, "gpu")
    assert line["rows"]
    assert not [row for row in line["rows"] if row.get("agrees") is False or "error" in row]
    text = (tmp_path / "2000-01-01-gpu.md").read_text()
    assert f"## {name}\n\ndone in " in text
    assert text.count("\n| ") >= len(line["rows"])


def fake(failing=()):
    calls = []

    def runner(name, given, limit):
        calls.append(name)
        return ("failed", "no luck", [{"a": 1}]) if name in failing else ("done", None, [{"a": 1}, {"a": 2}])

    return calls, runner


def test_all_sections_are_written_and_what_failed_is_tried_again_behind_the_others(tmp_path, monkeypatch):
    every = list(sections.SECTIONS)
    calls, runner = fake(failing=("check-beams", "machine"))
    options = given(tmp_path, "--puzzle", "demo")
    gpu.run(options, runner)
    assert calls == [line["section"] for line in lines(tmp_path)] == every
    with options.results.open("a") as out:
        out.write('{"measure": "gpu", "section": "torn')
    monkeypatch.setitem(sections.SECTIONS, "later", sections.SECTIONS["net-1"])
    calls, runner = fake()
    gpu.run(options, runner)
    assert calls == ["later", "machine", "check-beams"]
    assert len(lines_of(options.results)) == len(every) + 3
    calls, runner = fake()
    gpu.run(options, runner)
    assert not calls
    text = options.results.with_suffix(".md").read_text()
    assert text.count("\n## ") == len(every) + 1
    assert "no luck" not in text


def lines_of(results):
    """Lines that are whole."""
    return [line for line in results.read_text().splitlines() if line.endswith("}")]


def test_other_sources_and_other_sizes_are_done_anew(tmp_path, monkeypatch):
    options = given(tmp_path, "--only", "kernel")
    gpu.run(options, fake()[1])
    monkeypatch.setattr(gpu, "code_version", lambda: "c0de")
    calls, runner = fake()
    gpu.run(options, runner)
    options.small = False
    gpu.run(options, runner)
    assert calls == ["kernel", "kernel"]


def test_what_has_no_time_or_no_puzzle_is_left(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("JAXSOLVE_PUZZLE", raising=False)
    calls, runner = fake()
    gpu.run(given(tmp_path, "--only", "b", "--only", "kernel"), runner)
    assert calls == ["kernel"]
    gpu.run(given(tmp_path, "--only", "machine", "--seconds", "5"), runner)
    assert calls == ["kernel"]
    assert "machine: left for the next time" in capsys.readouterr().err


def test_a_section_of_its_own_process_ends_with_its_rows_or_with_what_went_wrong(tmp_path):
    options = given(tmp_path, "--puzzle", str(tmp_path / "nothing"))
    status, error, rows = gpu.apart("machine", options, 120)
    assert (status, error) == ("done", None)
    assert [row["what"] for row in rows][:2] == ["devices", "free memory, GiB"]
    status, error, rows = gpu.apart("blind", options, 120)
    assert (status, rows) == ("failed", [])
    assert "nothing" in error
    assert gpu.apart("widths", options, 0.1) == ("overran", "not done within 0 s", [])


def test_a_part_that_is_not_there_is_refused(capsys):
    with pytest.raises(SystemExit):
        gpu.arguments(["--only", "nonsense"])
    assert "no section nonsense; there are machine, " in capsys.readouterr().err


def test_hard_nets_are_in_the_grid():
    for name in sections.HARD:
        (case,) = sections.cases([name.split("/")[0]], seeds=2, only=f"{name} auto")
        assert case.puzzle == name
