"""The live view says what there is to say in as much room as there is, and breaks no command where nobody looks."""

import io
import itertools
import os
import pty
import subprocess
import sys
import time

import numpy as np
import pytest

from jaxsolve.cli import status, terminal
from jaxsolve.cli.live import ASCII_BARS, BARS, Diary, View, watching
from jaxsolve.puzzle import Assembly, demo_puzzle
from jaxsolve.run import Growth, Label, Pass, Progress, Run

JAXSOLVE = [sys.executable, "-c", "from jaxsolve.cli import main; main()"]


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def viewed(budget=300.0, bars=BARS):
    """Return a view of a run that has come from 1 to 1e-4 in ten seconds, and now is at 1e-2."""
    clock = Clock()
    view = View(budget, clock, bars)
    puzzle = demo_puzzle()
    assembly = puzzle.assembly(
        [piece for pair in zip(puzzle.in_ids, puzzle.out_ids, strict=True) for piece in pair] + [puzzle.last_id]
    )
    for t, loss in ((2.0, 1.0), (4.0, 1e-2), (8.0, 1e-4)):
        clock.now = t
        view.progressed(Progress("search", loss, int(500 * t), t))
        view.found(assembly, loss)
    view.began(Label("two_opt", "trace", "delta_norm"), assembly, 1e-2)
    view.passed(Pass("swaps", 1e-2, 1.0, 1234, 99))
    view.progressed(Progress("search", 1e-4, 4000, 8.0))
    clock.now = 10.0
    return view


def test_the_line_has_phase_attempt_loss_curve_speed_moves_and_time_left():
    line = viewed().line(200)
    assert line.startswith("search delta_norm (1)  MSE 0.0001  ")
    assert "  now 0.01  " in line
    assert "  1,234 moves  4:50 left" in line
    assert "/s" in line
    curve = line.split("  ")[2]
    assert (len(curve), curve[0], curve[-1]) == (16, BARS[-1], BARS[0])
    assert sorted(curve, reverse=True) == list(curve)


def test_how_far_partial_networks_have_come_is_told_until_there_is_a_whole_one():
    view, grown = viewed(), Assembly(np.arange(12), np.arange(12))
    view.grew(Growth("probe_beam", (0.0215, 0.03, 0.04), grown))
    assert "  12 blocks, probe 0.0215  " in view.line(200)
    view.found(grown, 0.5)
    assert "blocks" not in view.line(200)


def test_without_a_budget_the_time_so_far_is_shown_and_an_end_asked_for_is_said():
    view = viewed(float("inf"))
    view.stopped = lambda: True
    line = view.line(200)
    assert line.startswith("ending ")
    assert line.endswith("  0:10")


@pytest.mark.parametrize("columns", [1, 2, 10, 24, 40, 60, 80])
def test_the_line_fits_and_the_loss_stays_the_longest(columns):
    line = viewed().line(columns)
    assert len(line) < columns
    if columns >= 24:
        assert "MSE 0.0001" in line


def test_bars_are_ascii_where_the_stream_knows_no_others():
    assert viewed(bars=ASCII_BARS).line(200).isascii()


def test_before_the_first_answer_there_is_none():
    assert View(300.0, Clock()).line(80) == "read  no answer yet  5:00 left"


def test_lines_that_stay_come_rarely_and_when_the_loss_falls_to_a_tenth():
    diary, printed = Diary(), []
    for tenth in range(36_000):
        t = tenth / 10
        if diary.due(t, 1.0 if t < 33 else 0.09):
            printed.append(t)
    assert printed[:4] == [10.0, 20.0, 30.0, 33.0]
    assert min(b - a for a, b in itertools.pairwise(printed)) >= 2.0
    assert len(printed) < 100


def test_a_quick_run_is_not_talked_about(capsys):
    with watching(Run()):
        pass
    assert capsys.readouterr().err == ""


def test_remarks_go_above_the_line_and_the_line_is_erased_in_the_end(monkeypatch):
    stream = io.StringIO()
    with status.StatusLine(stream) as line:
        line.show("a\x1b[31m line that is longer than eighty columns" + 80 * ".")
        terminal.note("a remark")
    written = stream.getvalue()
    assert f"\r{status.ERASE}jaxsolve: a remark\na[31m line" in written
    assert written.endswith(f"\r{status.ERASE}")
    assert max(len(part.removeprefix(status.ERASE)) for part in written.split("\r")) < 110
    line.show("afterwards")
    stream.close()
    line.show("the terminal is gone")


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_on_a_terminal_stdout_has_nothing_but_the_result_and_a_dumb_one_gets_no_redrawing(tmp_path, term):
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path), "NO_COLOR": "1", "TERM": term}
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*JAXSOLVE, "solve", "--json"], stdout=subprocess.PIPE, stderr=theirs, env=environment)
    os.close(theirs)
    shown, out = b"", b""
    try:
        while part := os.read(ours, 1 << 16):
            shown += part
    except OSError:  # the other end is closed
        pass
    out, _ = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0
    assert out.startswith(b'{"status": "solved"')
    assert out.count(b"\n") == 1
    assert b"\x1b[3" not in shown
    assert (b"\r" in shown) == (term == "xterm")


def test_a_closed_stderr_breaks_nothing(tmp_path):
    command = f"exec {sys.executable} -m jaxsolve solve --json 2>&-"
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
    done = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, env=environment, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith(b'{"status": "solved"')


def test_a_terminal_that_goes_away_ends_no_run(tmp_path):
    ours, theirs = pty.openpty()
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path), "TERM": "xterm"}
    process = subprocess.Popen([*JAXSOLVE, "solve"], stdout=subprocess.PIPE, stderr=theirs, env=environment)
    os.close(theirs)
    time.sleep(0.5)
    os.close(ours)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out[:6]) == (0, b"Solved")
