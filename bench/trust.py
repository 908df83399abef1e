"""Whether what is kept survives, and comes out the same: kills, repetitions, devices, full disks, folders that vanish.

python bench/trust.py kills PUZZLE [--count N] [--seed S] [--json]
python bench/trust.py sameness PUZZLE [--json]
python bench/trust.py disks PUZZLE [--json]

*kills*: a search is killed (SIGKILL) at random moments, from before its first line runs to its last, and resumed till
it has come to its end; then the next begins, till there were N kills. After each, every file that the program reads
back is read: checkpoints and records. Each end is compared with that of a search that was left alone: answer, losses,
evaluations, curve, and the digest of all states on the way. "lost" is the time from the last checkpoint to the kill,
of kills after the first checkpoint of a process; the others are "early".

*sameness*: a search with all kinds of methods, three times, on one device of two, on a machine with one, and killed and
resumed in between.

*disks*: what a search prints and returns on a disk of 1 MB that becomes full while it runs, on a disk that is
read-only, and where its puzzle or its own folder vanishes while it runs. Needs the right to mount.
"""

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from machine import report

JAXSOLVE = [sys.executable, "-m", "jaxsolve"]
KILLED = ["--method", "annealing,iterated", "--activation", "relu", "--rows", "256", "--budget", "3600"]
KILLED += ["--set", "annealing.chains=2", "--set", "annealing.steps=3000", "--set", "iterated.steps=4"]
KILLED += ["--set", "finalists=2", "--set", "passes=1", "--set", "depth=2"]
MANY = "stochastic_beam,tempering,grand_canonical,annealing,iterated,descent"
SAME = ["--method", MANY, "--activation", "relu", "--rows", "256", "--budget", "3600", "--set", "width=4"]
SAME += ["--set", "tempering.chains=4", "--set", "tempering.steps=300", "--set", "grand_canonical.chains=3"]
SAME += ["--set", "grand_canonical.forwards=300", "--set", "annealing.chains=3", "--set", "annealing.steps=400"]
SAME += ["--set", "iterated.steps=3", "--set", "elites=3", "--set", "descent.best=1"]
COMPARED = ("status", "permutation", "sha256", "loss", "mse", "evaluations", "digest")
STARTING = 0.2
"""Share of kills before the first checkpoint of a process, as far as it is as quick as the first one was."""
BEYOND = 4.0
"""Seconds after it in which the others come."""
DEAD = 600
"""Seconds after which a process is given up."""


def begun(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    """Start the program."""
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*JAXSOLVE, *map(str, arguments)], env={**os.environ, **environment}, **options)


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what is compared of a search, once it has come to its end."""
    out, err = process.communicate(timeout=DEAD)
    if process.returncode not in (0, 1):
        raise SystemExit(f"exit code {process.returncode}: {err}")
    found = json.loads(out)
    curve = [[one["stage"], one["evaluations"], one["loss"]] for one in found["curve"]]
    return {key: found[key] for key in COMPARED} | {"curve": curve}


def until(path: Path, process: subprocess.Popen[str]) -> None:
    """Wait for a file, or for the end of a process."""
    while not path.exists() and process.poll() is None:
        time.sleep(0.01)


def later(folder: Path, at: float, process: subprocess.Popen[str]) -> None:
    """Wait for a checkpoint that is newer than a moment, or for the end of a process."""
    kept = folder / "checkpoint.npz"
    while process.poll() is None:
        with suppress(FileNotFoundError):
            if kept.stat().st_mtime > at:
                return
        time.sleep(0.01)


def unreadable(folder: Path) -> list[str]:
    """Return what of a folder cannot be read, and whether the last checkpoint was not the one to go on from."""
    from jaxsolve.errors import UsageError
    from jaxsolve.records import read_record
    from jaxsolve.run import load_checkpoint

    wrong: list[str] = []
    if list(folder.glob("checkpoint*.npz")):
        try:
            load_checkpoint(folder, wrong.append)
        except UsageError as error:
            wrong.append(str(error))
    for path in folder.glob("record*.json"):
        try:
            record = read_record(path)
            if record.status != "unfinished":
                wrong.append(f"{path.name} is {record.status}")
        except UsageError as error:
            wrong.append(str(error))
    return wrong


def kills(puzzle: str, count: int, seed: int) -> list[dict[str, Any]]:
    """Return a row for each search that was killed till it came to its end."""
    rng, base = random.Random(seed), Path(tempfile.mkdtemp(prefix="trust-"))
    began = time.monotonic()
    process = begun("search", puzzle, *KILLED, "--json", "--out", base / "whole")
    until(base / "whole" / "checkpoint.npz", process)
    first = time.monotonic() - began
    whole = ended(process)
    rows: list[dict[str, Any]] = []
    left = count
    while left:
        folder, lost, wrong, row = base / f"killed-{len(rows)}", [], [], {"kills": 0, "early": 0}
        while True:
            resumed = (folder / "checkpoint.npz").exists() or (folder / "checkpoint-before.npz").exists()
            where = ["--resume", folder] if resumed else [*KILLED, "--out", folder]
            at = time.time()
            process = begun("search", puzzle, *where, "--json")
            if not left:
                break
            starting, moment = rng.random() < STARTING, rng.random()
            if not starting:
                later(folder, at, process)
            with suppress(subprocess.TimeoutExpired):
                process.wait(moment * (first if starting else BEYOND))
            if process.poll() is not None:
                break
            process.send_signal(signal.SIGKILL)
            now = time.time()
            process.communicate()
            row["kills"] += 1
            left -= 1
            kept = folder / "checkpoint.npz"
            if kept.exists() and kept.stat().st_mtime > at:
                lost.append(now - kept.stat().st_mtime)
            else:
                row["early"] += 1
            wrong += unreadable(folder)
        end = ended(process)
        row |= {"unreadable": len(wrong), "identical": end == whole}
        row |= {"lost, median s": statistics.median(lost or [0.0]), "lost, most s": max(lost, default=0.0)}
        rows.append(row)
        print(row, *wrong, sep="\n", file=sys.stderr, flush=True)
        shutil.rmtree(folder)
    shutil.rmtree(base)
    total = {key: sum(row[key] for row in rows) for key in ("kills", "early", "unreadable")}
    most = max(row["lost, most s"] for row in rows)
    total |= {"identical": f"{sum(row['identical'] for row in rows)} of {len(rows)}", "lost, most s": most}
    return [{"search": k + 1, **row} for k, row in enumerate(rows)] + [{"search": "all", **total}]


def sameness(puzzle: str) -> list[dict[str, Any]]:
    """Return a row for each way that a search was run."""
    one = {"XLA_FLAGS": "--xla_force_host_platform_device_count=1"}
    ways: list[tuple[str, list[str], dict[str, str]]] = [
        *((f"{k} time", [], {}) for k in ("first", "second", "third")),
        ("on one of the devices", ["--devices", "1"], {}),
        ("where there is one", [], one),
    ]
    rows, base = [], Path(tempfile.mkdtemp(prefix="trust-"))
    for name, options, environment in ways:
        rows.append({"run": name, **ended(begun("search", puzzle, *SAME, *options, "--json", **environment))})
    folder, resumed, deaths = base / "killed", False, 0
    while True:
        process = begun("search", puzzle, *(["--resume", folder] if resumed else [*SAME, "--out", folder]), "--json")
        later(folder, time.time() + 0.5, process)
        time.sleep(3.0)
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.communicate()
        resumed, deaths = True, deaths + 1
    rows.append({"run": f"killed {deaths} times", **ended(process)})
    shutil.rmtree(base)
    first = {key: value for key, value in rows[0].items() if key != "run"}
    return [
        {
            "run": row["run"],
            "evaluations": row["evaluations"],
            "loss": row["loss"],
            "digest": row["digest"][:16],
            "identical": {key: value for key, value in row.items() if key != "run"} == first,
        }
        for row in rows
    ]


@contextmanager
def disk(options: str) -> Iterator[Path]:
    """Mount a small file system in memory."""
    folder = Path(tempfile.mkdtemp(prefix="trust-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


def fill(folder: Path) -> None:
    """Leave no room on a disk."""
    with suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def disks(puzzle: str) -> list[dict[str, Any]]:
    """Return what is said and returned."""
    rows: list[dict[str, Any]] = []

    def note(what: str, process: subprocess.Popen[str]) -> None:
        _, err = process.communicate(timeout=DEAD)
        said = [line for line in err.splitlines() if "left" not in line or "error" in line]
        rows.append({"what": what, "exit code": process.returncode, "lines": len(said), "said": " / ".join(said)})

    whole = ended(begun("search", puzzle, *KILLED, "--json"))
    with disk("size=1m") as small:
        process = begun("search", puzzle, *KILLED, "--json", "--out", small / "run")
        until(small / "run" / "checkpoint-before.npz", process)
        fill(small)
        note("a disk of 1 MB becomes full", process)
        note("it is still full", begun("search", puzzle, "--resume", small / "run", "--json"))
        (small / "filler").unlink()
        same = ended(begun("search", puzzle, "--resume", small / "run", "--json")) == whole
        rows.append({"what": "resumed, with room again", "exit code": 1, "said": f"identical end: {same}"})
        (small / "solve").mkdir()
        fill(small)
        note("solve on a full disk", begun("solve", puzzle, "--json", "--out", small / "solve"))
    with disk("ro,size=1m") as fixed:
        note("a read-only folder", begun("search", puzzle, *KILLED, "--out", fixed / "run"))
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        shutil.copytree(puzzle, base / "puzzle")
        subprocess.run(["chmod", "-R", "u+w", folder], check=True)
        process = begun("search", base / "puzzle", *KILLED, "--json", "--out", base / "run")
        until(base / "run" / "checkpoint-before.npz", process)
        shutil.rmtree(base / "puzzle")
        rows.append(
            {"what": "the puzzle vanishes", "exit code": 1, "said": f"identical end: {ended(process) == whole}"}
        )
        note("resumed without it", begun("search", base / "puzzle", "--resume", base / "run"))
        process = begun("search", puzzle, *KILLED, "--json", "--out", base / "other")
        until(base / "other" / "checkpoint-before.npz", process)
        shutil.rmtree(base / "other", ignore_errors=True)
        note("the folder of the search vanishes", process)
        process = begun("search", puzzle, *KILLED, "--json", "--out", base / "third")
        until(base / "third" / "checkpoint-before.npz", process)
        note("two at once", begun("search", puzzle, "--resume", base / "third"))
        process.kill()
        process.communicate()
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("kills", "sameness", "disks"))
    parser.add_argument("puzzle")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    os.environ.setdefault("XDG_DATA_HOME", tempfile.mkdtemp(prefix="trust-data-"))
    match given.what:
        case "kills":
            rows = kills(given.puzzle, given.count, given.seed)
        case "sameness":
            rows = sameness(given.puzzle)
        case _:
            rows = disks(given.puzzle)
    report(given.what, rows, given.json)


if __name__ == "__main__":
    main()
