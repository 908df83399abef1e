"""Records for reports, written as a run would have left them, and a browser where there is one."""

import json
import shutil
from pathlib import Path

import pytest

from jaxsolve.puzzle import demo_puzzle, read_puzzle, write_puzzle
from jaxsolve.records import Record, opened, read_record
from tests import reference

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MOVED = ((), (0, 1), (1, 3), (2, 3))
"""Positions that change places from one frame to the next."""


@pytest.fixture
def three(tmp_path):
    """A puzzle of four blocks in a folder, and the piece ids of its answer."""
    puzzle, answer = reference.random_puzzle(5, n=4, rows=30)
    write_puzzle(puzzle, tmp_path / "puzzle")
    return read_puzzle(tmp_path / "puzzle"), puzzle.permutation(answer), tmp_path / "puzzle"


@pytest.fixture
def long_record(tmp_path):
    """The record of a run on a puzzle of 22 blocks, with some fields and events replaced: enough of all to be drawn."""
    puzzle, answer = reference.random_puzzle(7, n=22, rows=30)
    write_puzzle(puzzle, tmp_path / "many")
    told = read_puzzle(tmp_path / "many"), puzzle.permutation(answer), tmp_path / "many"
    return lambda name="long", **fields: written(tmp_path / name, told, long_course(told[1]), fields)


def long_course(answer: list[int]) -> list[dict]:
    """The trace of a run that goes from the answer turned round to the answer by swaps, a round each."""
    blocks = [answer[2 * t : 2 * t + 2] for t in range(len(answer) // 2)][::-1]
    told = [{"event": "attempt", "search": "swaps", "order_seed": "delta_norm", "pairing": "trace", "rows": 30}]
    for k in range(24):
        loss = 0.5 * 10.0 ** (-k / 2)
        order = [piece for block in blocks for piece in block] + answer[-1:]
        told.append({"event": "frame", "loss": loss, "start": k == 0, "permutation": order})
        told.append({"event": "round", "phase": "search", "name": "swaps", "loss": loss, "accepted": 1, "rejected": 9})
        if k < len(blocks) // 2:
            blocks[k], blocks[-1 - k] = blocks[-1 - k], blocks[k]
    told += [{"event": "judged", "mse": 1e-14, "solved": True}, {"event": "end", "status": "solved"}]
    return [{"t": 0.5 * k, "evaluations": 5 * k, "attempt": 1} | event for k, event in enumerate(told)]


@pytest.fixture
def record(three, tmp_path):
    """Make the record of a run on that puzzle, with some fields and events replaced."""
    return lambda name="run", events=None, **fields: written(tmp_path / name, three, events, fields)


def written(folder: Path, three, events, fields) -> Record:
    puzzle, answer, path = three
    about = {"settings": {"search": "swaps"}, "seed": 0, "devices": ["cpu:0"], "versions": {"numpy": "2"}}
    found = opened(puzzle, command="solve", path=str(path), **about) | {
        "status": "solved", "trace": "trace.jsonl", "permutation": answer, "loss": 1e-14, "mse": 1e-14,
        "evaluations": 30, "seconds": 3.0, "attempts": 1,
        "certificate": {"sha256": "ab", "mse": 1e-14, "tolerance": 1e-12, "rows": 30, "neighbour": None},
        "report": {"message": "Solved.", "activation": "relu", "seconds": {"search": 1.0}, "unused": []},
    }  # fmt: skip
    folder.mkdir()
    (folder / "record.json").write_text(json.dumps(found | fields))
    lines = course(answer) if events is None else events
    (folder / "trace.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return read_record(folder / "record.json")


def course(answer: list[int]) -> list[dict]:
    """The trace of a run that comes from another order to the answer by swaps, and then judges it."""
    orders = [answer]
    for a, b in MOVED[:0:-1]:
        blocks = [orders[0][2 * t : 2 * t + 2] for t in range(len(answer) // 2)]
        blocks[a], blocks[b] = blocks[b], blocks[a]
        orders.insert(0, [piece for block in blocks for piece in block] + answer[-1:])
    told = [{"event": "attempt", "search": "swaps", "order_seed": "delta_norm", "pairing": "trace", "rows": 30}]
    told += [
        {"event": "frame", "loss": 10.0 ** (-4 * k), "start": k == 0, "permutation": order}
        for k, order in enumerate(orders)
    ]
    told.append({"event": "round", "phase": "search", "name": "swaps", "loss": 1e-12, "accepted": 3, "rejected": 20})
    told += [{"event": "judged", "mse": 1e-14, "solved": True}, {"event": "end", "status": "solved"}]
    return [{"t": 0.5 * k, "evaluations": 5 * k, "attempt": 1} | event for k, event in enumerate(told)]


@pytest.fixture
def demo_record(tmp_path):
    """A record of the demo puzzle that has no answer yet."""
    about = {"settings": {}, "seed": 0, "devices": [], "versions": {}}
    found = opened(demo_puzzle(), command="search", path="demo", **about) | {"trace": "trace.jsonl"}
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "record.json").write_text(json.dumps(found))
    (tmp_path / "begun" / "trace.jsonl").touch()
    return read_record(tmp_path / "begun" / "record.json")


@pytest.fixture(scope="session")
def browser():
    """Chromium, driven by Playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed ('jaxsolve[browser]')")
    path = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )
    if path is None:
        pytest.skip("there is no Chromium to open reports with")
    with playwright.sync_playwright() as running:
        opened_browser = running.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield opened_browser
        opened_browser.close()
