"""What is kept of a search survives: kills, full disks, damage, company, folders that vanish; and it ends the same."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial

import numpy as np
import pytest

from jaxsolve import files
from jaxsolve.cli import search
from jaxsolve.cli.app import run
from jaxsolve.cli.checkpoints import Checkpoints
from jaxsolve.puzzle import demo_puzzle, write_puzzle
from jaxsolve.records import read_record, records_in
from jaxsolve.run import load_checkpoint

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

SETTINGS = ["--method", "annealing,iterated", "--activation", "relu", "--rows", "64", "--set", "annealing.chains=2"]
SETTINGS += ["--set", "annealing.steps=20480", "--set", "iterated.steps=2", "--set", "finalists=2", "--json"]
SAME = ("status", "permutation", "loss", "mse", "evaluations", "digest")
LONG = 600
"""Seconds after which nothing is waited for: a hang."""


def started(*arguments, command="search", **environment):
    command = [sys.executable, "-m", "jaxsolve", command, *map(str, arguments)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env={**os.environ, **environment}, **options)


def end(process, codes=(0, 1)):
    out, err = process.communicate(timeout=LONG)
    assert process.returncode in codes, err
    found = json.loads(out)
    return {key: found[key] for key in SAME} | {"curve": [(one["evaluations"], one["loss"]) for one in found["curve"]]}


def only_line(err):
    """Return what is said besides how a search goes on, which is said where it takes long."""
    (line,) = [line for line in err.splitlines() if not line.endswith(" left")]
    return line


def refused(process, code=2):
    """Return the one line that a process ends with."""
    out, err = process.communicate(timeout=LONG)
    assert process.returncode == code, err
    line = only_line(err)
    if out:  # with --json, the error is an object, too
        assert json.loads(out) == {"error": line.removeprefix("jaxsolve: error: "), "exit_code": code}
    return line


def wait_for(path, process):
    stop = time.monotonic() + LONG
    while not path.exists() and process.poll() is None and time.monotonic() < stop:
        time.sleep(0.01)
    assert process.poll() is None, process.communicate()


@pytest.fixture(scope="module")
def puzzle(tmp_path_factory):
    """A puzzle without an answer."""
    puzzle, folder = demo_puzzle(), tmp_path_factory.mktemp("hopeless") / "p"
    write_puzzle(puzzle.replace(y=puzzle.y[::-1].copy()), folder)
    return folder


@pytest.fixture(scope="module")
def whole(puzzle):
    return end(started(puzzle, *SETTINGS, "--no-record"))


def test_killed_at_random_moments_it_ends_as_if_it_had_not_been(puzzle, whole, tmp_path):
    rng, out, kills = random.Random(7), tmp_path / "out", 0
    while kills < 3:
        process = started(puzzle, *(["--resume", out, "--json"] if kills else [*SETTINGS, "--out", out]))
        if not kills:
            wait_for(out / "checkpoint.npz", process)
        with suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0, 4) if kills else 0.5)
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += 1
        damage = []
        load_checkpoint(out, damage.append)
        assert not damage
        for path in records_in(out):
            assert read_record(path).status == "unfinished"
    assert kills > 1
    if process.returncode < 0:
        process = started(puzzle, "--resume", out, "--json")
    assert end(process) == whole
    assert not list(out.glob("*.new"))


@pytest.mark.parametrize(("options", "count"), [(["--devices", "1"], 2), ([], 3)])
def test_it_ends_the_same_on_any_number_of_devices(puzzle, whole, options, count):
    flags = f"--xla_force_host_platform_device_count={count}"
    assert end(started(puzzle, *SETTINGS, *options, "--no-record", XLA_FLAGS=flags)) == whole


def test_a_terminated_search_says_how_to_go_on_and_ends_the_same(puzzle, whole, tmp_path):
    out = tmp_path / "out"
    process = started(puzzle, *SETTINGS, "--out", out)
    wait_for(out / "checkpoint-before.npz", process)
    process.send_signal(signal.SIGTERM)
    printed, err = process.communicate(timeout=LONG)
    assert process.returncode == 143, err
    assert json.loads(printed)["status"] == "interrupted"
    assert json.loads((out / "answer.json").read_text())["permutation"] == json.loads(printed)["permutation"]
    assert err.splitlines()[-1] == f"jaxsolve: go on with: jaxsolve search {puzzle} --resume {out}"
    assert read_record(out / "record.json").status == "interrupted"
    assert end(started(puzzle, "--resume", out, "--json")) == whole


def test_a_sweep_that_is_killed_goes_on_in_the_middle_of_a_run_and_ends_the_same(puzzle, tmp_path):
    (tmp_path / "grid.toml").write_text(
        'method = "annealing"\nrows = 64\n[options]\nchains = 2\nsteps = 10240\n[grid]\nseed = [0, 1]\n'
    )
    given = (puzzle, tmp_path / "grid.toml", "--activation", "relu", "--json")

    def runs(process):
        out, err = process.communicate(timeout=LONG)
        assert process.returncode == 0, err
        keys = ("setting", "permutation", "mse", "loss", "evaluations", "status")
        return [{key: one[key] for key in keys} for one in json.loads(out)["runs"]]

    process = started(*given, "--out", tmp_path / "killed", command="sweep")
    wait_for(tmp_path / "killed" / "checkpoint-before.npz", process)
    process.kill()
    process.communicate()
    before = load_checkpoint(tmp_path / "killed")[0]["evaluations"]
    again = started(*given, "--out", tmp_path / "killed", command="sweep")
    whole = started(*given, "--out", tmp_path / "whole", command="sweep")
    assert runs(again) == runs(whole)
    events = read_record(tmp_path / "killed" / "record-2.json").events()
    assert next(one["evaluations"] for one in events if one["event"] == "rate") >= before > 0


def test_of_two_at_once_the_second_is_refused(puzzle, tmp_path):
    out = tmp_path / "out"
    process = started(puzzle, *SETTINGS, "--out", out)
    wait_for(out / "checkpoint.npz", process)
    for other in (["--resume", out], [*SETTINGS, "--out", out]):
        line = refused(started(puzzle, *other))
        assert line.startswith(f"jaxsolve: error: {out}: another run (process {process.pid}) is at work in this folder")
    process.kill()
    process.communicate()


def test_a_damaged_checkpoint_is_said_and_the_one_before_ends_the_same(puzzle, whole, tmp_path):
    out = tmp_path / "out"
    process = started(puzzle, *SETTINGS, "--out", out)
    wait_for(out / "checkpoint-before.npz", process)
    process.kill()
    process.communicate()
    kept = out / "checkpoint.npz"
    damaged = kept.read_bytes()[:-9] if kept.exists() else b""
    kept.write_bytes(damaged)
    process = started(puzzle, "--resume", out, "--json")
    printed, err = process.communicate(timeout=LONG)
    (line,) = [line for line in err.splitlines() if " is damaged (" in line]
    assert line.startswith(f"jaxsolve: note: {out}: checkpoint.npz is damaged (")
    assert line.endswith("); going on from the one before, checkpoint-before.npz")
    assert {key: json.loads(printed)[key] for key in SAME} == {key: whole[key] for key in SAME}
    assert (out / "checkpoint-damaged.npz").read_bytes() == damaged


def test_a_disk_that_becomes_full_ends_it_in_one_line_with_the_last_state_whole(puzzle, tmp_path, monkeypatch, capsys):
    out, written, sync = tmp_path / "out", [], os.fsync

    def fsync(handle):
        written.append(handle)
        if len(written) > 12:
            raise OSError(28, "No space left on device")
        sync(handle)

    monkeypatch.setattr(files.os, "fsync", fsync)
    monkeypatch.setattr(search, "Checkpoints", partial(Checkpoints, share=np.inf))  # every state is kept
    few = ["--method", "annealing", "--activation", "relu", "--rows", "64", "--set", "steps=2048", "--set", "chains=2"]
    assert run(["search", str(puzzle), *few, "--out", str(out)]) == 2
    printed, err = capsys.readouterr()
    assert printed == ""
    assert only_line(err) == (
        f"jaxsolve: error: {out}: the search cannot be kept here (No space left on device); "
        f"the last state is whole: --resume {out} when there is room"
    )
    damage = []
    load_checkpoint(out, damage.append)
    assert not damage
    monkeypatch.undo()
    assert run(["search", str(puzzle), "--resume", str(out), "--json"]) == 1


def test_an_answer_that_cannot_be_saved_where_it_should_be_is_printed_and_exits_with_2(tmp_path, monkeypatch, capsys):
    def full(path, data):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(files, "create", full)
    assert run(["solve", "demo", "--json", "--out", str(tmp_path / "out")]) == 2
    printed, err = capsys.readouterr()
    assert json.loads(printed)["status"] == "solved"
    assert only_line(err) == (
        f"jaxsolve: error: not saved: {tmp_path / 'out' / 'answer.json'}: cannot be written (No space left on device)"
    )


@pytest.fixture
def mounted(tmp_path):
    """Return what mounts a disk of 1 MB; skips where that is not allowed."""
    folders = []

    def mount(options):
        folder = tmp_path / f"disk-{len(folders)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("file systems cannot be mounted here")
        folders.append(folder)
        return folder

    yield mount
    for folder in folders:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_of_1_mb_that_becomes_full_and_has_room_again(puzzle, whole, mounted):
    disk = mounted("size=1m")
    out = disk / "out"
    process = started(puzzle, *SETTINGS, "--out", out)
    wait_for(out / "checkpoint-before.npz", process)
    with suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    assert "No space left on device); the last state is whole" in refused(process)
    assert "No space left on device" in refused(started(puzzle, "--resume", out))
    (disk / "filler").unlink()
    assert end(started(puzzle, "--resume", out, "--json")) == whole


def test_a_disk_that_cannot_be_written_is_said_before_the_search(puzzle, mounted):
    out = mounted("ro,size=1m") / "out"
    assert refused(started(puzzle, *SETTINGS, "--out", out)) == (
        f"jaxsolve: error: {out}: cannot be a folder for --out (Read-only file system)"
    )


def test_a_puzzle_that_vanishes_is_not_missed_until_it_is_read_again(puzzle, whole, tmp_path):
    shutil.copytree(puzzle, tmp_path / "p")
    out = tmp_path / "out"
    process = started(tmp_path / "p", *SETTINGS, "--out", out)
    wait_for(out / "checkpoint.npz", process)
    shutil.rmtree(tmp_path / "p")
    assert end(process) == whole
    assert refused(started(tmp_path / "p", "--resume", out)).startswith(f"jaxsolve: error: {tmp_path / 'p'}: ")


def test_a_folder_that_vanishes_ends_the_search_in_one_line(puzzle, tmp_path):
    out = tmp_path / "out"
    process = started(puzzle, *SETTINGS, "--out", out)
    wait_for(out / "checkpoint.npz", process)
    out.rename(tmp_path / "elsewhere")
    assert "the search cannot be kept here (No such file or directory)" in refused(process)
    load_checkpoint(tmp_path / "elsewhere")
