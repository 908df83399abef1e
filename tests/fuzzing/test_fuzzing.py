"""What is read is read or refused in one line, whatever is in it; and those who watch over that miss nothing.

This is a quick pass; ``python scripts/fuzz.py`` goes on for as long as one likes.
"""

import json
import mmap
import os
import socket
import subprocess
from pathlib import Path

import pytest

from jaxsolve.errors import PuzzleError
from tests.fuzzing import watching
from tests.fuzzing.corpus import CANARY
from tests.fuzzing.formats import FORMATS, Format
from tests.fuzzing.watching import fuzz

INPUTS = {"checkpoint": 30, "zip": 60, "record": 60, "trace": 60}
"""Of those that take longer; 200 of the others."""


@pytest.mark.parametrize("name", FORMATS)
def test_mutated_files_are_read_or_refused(name):
    tally = fuzz("tests.fuzzing.formats:FORMATS", name, 1, INPUTS.get(name, 200))
    assert not tally.failures, json.dumps(tally.failures, indent=1)[:5000]
    assert tally.accepted + tally.refused == tally.inputs
    assert tally.accepted > 0 or tally.inputs < 100  # of few archives, all may be refused


def reading(read) -> Format:
    return Format(lambda folder: [b"good"], lambda rng, data, folder: b"bad", lambda data, folder, long: long or read(folder), 0.0)  # fmt: skip


def busy() -> None:
    while True:
        pass


def refuse(text: str) -> None:
    raise PuzzleError(text)


def kept(folder: Path) -> None:
    held = mmap.mmap(-1, 400 << 20)
    for at in range(0, len(held), mmap.PAGESIZE):
        held[at] = 1


BAD = {
    "nothing": reading(lambda folder: None),
    "refusal": reading(lambda folder: refuse("line")),
    "traceback": reading(lambda folder: [][1]),
    "exit": reading(lambda folder: exit(0)),
    "canary": reading(lambda folder: (folder / CANARY).touch()),
    "program": reading(lambda folder: subprocess.run(["true"], check=True)),
    "shell": reading(lambda folder: os.system("true")),
    "unpickling": reading(lambda folder: __import__("pickle").loads(b"cos\nsystem\n.")),
    "network": reading(lambda folder: socket.create_connection(("127.0.0.1", 1), 0.1)),
    "written": reading(lambda folder: open(os.devnull + "/../shm/jaxsolve-elsewhere", "ab").close()),
    "within": reading(lambda folder: (folder / "x").write_text("fine")),
    "hang": reading(lambda folder: busy()),
    "memory": reading(kept),
    "crash": reading(lambda folder: os.kill(os.getpid(), 9)),
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("traceback", "traceback"), ("exit", "traceback"), ("canary", "payload"), ("program", "payload"), ("shell", "payload"),
        ("unpickling", "payload"), ("network", "payload"), ("written", "written"), ("memory", "memory"), ("crash", "crash"),
    ],
)  # fmt: skip
def test_whatever_goes_wrong_is_seen(name, kind):
    tally = fuzz("tests.fuzzing.test_fuzzing:BAD", name, 0, 1, memory=300 << 20)
    assert tally.inputs == 1
    assert kind in tally.failures


def test_what_hangs_is_killed(monkeypatch):
    monkeypatch.setattr(watching, "CPU_SECONDS", 0.5)
    tally = fuzz("tests.fuzzing.test_fuzzing:BAD", "hang", 0, 1)
    assert tally.inputs == tally.count("hang") == 1


@pytest.mark.parametrize("name", ["nothing", "refusal", "within"])
def test_what_is_allowed_is_no_failure(name):
    tally = fuzz("tests.fuzzing.test_fuzzing:BAD", name, 0, 5)
    assert not tally.failures
    assert (tally.accepted, tally.refused) == ((0, 5) if name == "refusal" else (5, 0))


def test_after_a_hang_or_a_crash_it_goes_on():
    tally = fuzz("tests.fuzzing.test_fuzzing:BAD", "crash", 0, 3)
    assert tally.inputs == tally.count("crash") == 3
