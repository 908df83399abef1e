"""The program as a process: interrupts at any moment, broken outputs, odd environments."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from jaxsolve.cli.app import run
from jaxsolve.puzzle import demo_puzzle, write_puzzle

JAXSOLVE = [sys.executable, "-c", "from jaxsolve.cli import main; main()"]


@pytest.fixture(scope="module")
def hopeless(tmp_path_factory):
    """A puzzle without an answer."""
    puzzle, folder = demo_puzzle(), tmp_path_factory.mktemp("hopeless") / "p"
    write_puzzle(puzzle.replace(y=puzzle.y[::-1].copy()), folder)
    return folder


@pytest.fixture
def environment(tmp_path):
    return {**os.environ, "XDG_DATA_HOME": str(tmp_path / "data")}


def started(*arguments: object, **options):
    command = [*JAXSOLVE, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def until_answered(record, process):
    """Wait until the record of a run has an assembly."""
    while process.poll() is None and (not record.exists() or json.loads(record.read_text())["permutation"] is None):
        time.sleep(0.05)
    assert process.poll() is None, process.communicate()


@pytest.mark.parametrize("gap", [0.1, 0.6])
def test_an_early_interrupt_ends_it_without_a_traceback(hopeless, environment, gap):
    process = started("solve", hopeless, "--json", env=environment)
    time.sleep(gap)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGINT)  # the latter before our first line has run
    assert "Exception ignored" not in stderr


@pytest.mark.parametrize("gaps", [[], [0.003], [0.02]], ids=str)
def test_interrupts_save_the_best_answer_and_exit_with_130(hopeless, environment, tmp_path, gaps):
    process = started("solve", hopeless, "--json", "--out", tmp_path / "out", env=environment)
    until_answered(tmp_path / "out" / "record.json", process)
    process.send_signal(signal.SIGINT)
    for gap in gaps:
        time.sleep(gap)
        process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "Exception ignored" not in stderr
    assert "Traceback" not in stderr
    assert "saved" in stderr
    assert json.loads(stdout)["status"] == "interrupted"
    assert json.loads((tmp_path / "out" / "answer.json").read_text())["status"] == "interrupted"


def test_an_answer_that_nobody_reads_is_kept(environment, tmp_path):
    with started("solve", env=environment) as process:
        process.stdout.close()
        assert process.wait(timeout=60) == 0
    (kept,) = (tmp_path / "data").rglob("answer.json")
    assert json.loads(kept.read_text())["status"] == "solved"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_a_full_disk_behind_stdout_is_said_and_the_answer_kept(environment, tmp_path):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*JAXSOLVE, "solve"], stdout=full, stderr=subprocess.PIPE, text=True, env=environment, check=False
        )
    assert done.returncode == 2
    assert "the answer cannot be printed (No space left on device); saved" in done.stderr
    assert list((tmp_path / "data").rglob("answer.json"))


def test_a_user_without_home_data_folder_or_utf8_gets_the_answer(tmp_path):
    (tmp_path / "file").write_text("")
    bare = {name: os.environ[name] for name in ("PATH", "XDG_CACHE_HOME")}
    bare |= {"XDG_DATA_HOME": str(tmp_path / "file"), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*JAXSOLVE, "solve"], capture_output=True, text=True, env=bare, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Solved")
    assert "this run is not recorded" in done.stderr


def test_a_folder_called_demo_does_not_hide_the_demo(tmp_path):
    (tmp_path / "demo").mkdir()
    done = subprocess.run([*JAXSOLVE, "inspect"], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0
    assert "16 blocks of 24/48" in done.stdout


@pytest.mark.parametrize("platform", ["nonsense", "tpu"])
def test_an_unknown_platform_is_a_wrong_setting(environment, platform):
    environment["JAX_PLATFORMS"] = platform
    done = subprocess.run([*JAXSOLVE, "solve"], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2
    assert "JAX finds no device to run on" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["solve", "--nope"], "--nope"),
        (["solve", "--rows", "x"], "--rows"),
        (["verify", "demo"], "missing ANSWER"),
        (["slove"], "no command 'slove'; did you mean 'solve'?"),
    ],
)
def test_wrong_usage_is_one_line(arguments, why, capfd):
    assert run(arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert why in err


def test_no_arguments_ask_for_help(capfd):
    assert run([]) == 0
    assert "solve" in capfd.readouterr().out


def test_what_goes_wrong_before_a_command_is_not_silent():
    broken = "import jaxsolve.cli.app as room; room.app = None; from jaxsolve.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", broken], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "TypeError" in done.stderr
