"""`jaxsolve report` writes pages and figures of runs, overwrites nothing by itself, and does without JAX."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jaxsolve.errors import install_words
from jaxsolve.files import unsealed
from tests.cli import call

STORED = Path(__file__).parent.parent / "records" / "format-1"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in, with a folder of runs in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    shutil.copytree(STORED, tmp_path / "data" / "jaxsolve" / "search-three-1")
    return tmp_path


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    """The folder of a run that has solved the demo puzzle."""
    folder = tmp_path_factory.mktemp("run") / "solved"
    assert call("solve", "demo", "--out", folder).exit_code == 0
    return folder


def test_a_page_is_named_after_its_run_and_not_overwritten_unless_forced(here):
    result = call("report", "search")
    assert (result.exit_code, result.stdout) == (0, "search-three-1.html\n")
    assert (
        "note: Without pair scores and properties of blocks: three: no such file or folder; --puzzle" in result.stderr
    )
    written = (here / "search-three-1.html").read_bytes()
    (here / "search-three-1.html").write_text("mine")
    result = call("report", "last")
    assert (result.exit_code, (here / "search-three-1.html").read_text()) == (2, "mine")
    assert (
        "search-three-1.html: exists already and is not overwritten; choose another --output, or --force"
        in result.stderr
    )
    assert call("report", "last", "--force").exit_code == 0
    assert (here / "search-three-1.html").read_bytes() == written
    assert sorted(path.name for path in here.iterdir()) == ["data", "search-three-1.html"]


def test_the_report_of_a_solved_run_has_everything_and_stays_small(here, solved):
    result = call("report", solved, "-o", "page.html")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "page.html\n", "")
    text = (here / "page.html").read_text()
    assert "Solved: all 2000 predictions" in text
    assert "figure-pair-heatmap" in text
    assert len(text) < 1_500_000


def test_figures_alone(here, solved):
    result = call("report", solved, "--svg", "a", "--png", "b", "--dark")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "figures in a: 11" in result.stderr
    names = {path.stem for path in (here / "a").iterdir()}
    assert names == {path.stem for path in (here / "b").iterdir()}
    assert names >= {"error", "decisions", "throughput", "pair-heatmap", "traces"}
    assert (here / "a" / "error.svg").read_text().startswith("<svg")
    assert (here / "b" / "error.png").read_bytes().startswith(b"\x89PNG")
    again = call("report", solved, "--svg", "a")
    assert again.exit_code == 2
    assert "exists already and is not overwritten" in again.stderr
    assert call("report", solved, "--svg", "a", "--force").exit_code == 0
    assert not list(here.glob("*.html"))


def test_several_runs_are_compared_in_a_page_named_after_all_of_them(here, solved):
    result = call("report", solved, "search", STORED)
    assert result.stdout == "solved-and-search-three-1-and-format-1.html\n"
    text = (here / result.stdout.strip()).read_text()
    assert "3 runs: solved, search-three-1, format-1" in text


def test_the_puzzle_may_be_elsewhere_now(here, solved):
    moved = shutil.copytree(solved, here / "moved")
    fields = unsealed((moved / "record.json").read_text())
    fields["puzzle"]["path"] = "gone"
    (moved / "record.json").write_text(json.dumps(fields))
    assert "gone: no such file or folder" in call("report", moved).stderr
    assert call("report", moved, "--puzzle", "demo", "--force").stderr == ""


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nonsense"], "no run 'nonsense' in"),
        ([], "RUN..."),
        (["last", "last", "--puzzle", "demo"], "--puzzle is for the report of one run"),
        (["last", "--puzzle", "demo"], "--puzzle demo: another puzzle than that of the run"),
        (["last", "--puzzle", "/nowhere"], "/nowhere: no such file or folder"),
        (["last", "-o", "/proc/x.html"], "/proc/x.html: cannot be written"),
        (["last", "-o", "/dev/null/x.html", "--force"], "/dev/null/x.html: cannot be written"),
        (["last", "--png", "/dev/null/x"], "/dev/null/x: cannot be a folder for --png"),
    ],
)
def test_mistakes_are_one_line_and_exit_with_2(here, arguments, why):
    if not arguments:
        command = [sys.executable, "-c", "from jaxsolve.cli import main; main()", "report"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        code, told = done.returncode, done.stderr
    else:
        result = call("report", *arguments)
        code, told = result.exit_code, result.stderr
    assert code == 2
    assert why in told.splitlines()[-1]


def test_reports_do_without_jax(here, solved):
    code = (
        "import sys; from jaxsolve.cli.app import app\n"
        f"app(['report', {str(solved)!r}, '-o', 'page.html'], standalone_mode=False)\n"
        "sys.exit('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, env={**os.environ}, check=False)
    assert done.returncode == 0


def test_without_altair_the_way_out_is_named(here, monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)
    result = call("report", "last")
    assert (result.exit_code, list(here.glob("*.html"))) == (2, [])
    assert install_words("report") in result.stderr
