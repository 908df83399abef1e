"""Readers at work in processes of their own, watched: what they raise, run, write, how long they take and how much."""

import importlib
import math
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from jaxsolve.errors import JaxsolveError

CPU_SECONDS, WALL_SECONDS = 5.0, 600.0
"""What an input may take; the second for machines that are busy with something else."""
MEMORY = 1 << 30
HARD_MEMORY = 6 << 30
"""Where the system stops a reader that is not stopped by anything else."""
SELDOM = 100
"""What takes long is done with one input of so many."""
LONGEST = 2000
"""Characters of a refusal."""
FORBIDDEN = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "subprocess.Popen", "pty.spawn", "pickle.find_class",
    "socket.connect", "socket.bind", "socket.getaddrinfo", "ctypes.dlopen", "code.__new__", "shutil.unpack_archive", "webbrowser.open",
)  # fmt: skip
"""Events (PEP 578) that no reader has a reason for."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
MOVING = (
    "os.mkdir",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.chmod",
    "os.truncate",
    "shutil.rmtree",
)


@dataclass
class Tally:
    """What came of many inputs of one format."""

    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    failures: dict[str, list[str]] = field(default_factory=dict)
    """By kind: traceback, payload, written, hang, memory, crash; each tells of one input."""
    cpu: float = 0.0
    """Most that one input took, in seconds."""
    memory: int = 0
    """Most that the process held while it read one, in bytes."""

    def count(self, kind: str) -> int:
        return len(self.failures.get(kind, []))


class Guard:
    """Hears of what the interpreter does, and remembers what no reader should do while it reads."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.on, self.heard = str(folder), False, list[tuple[str, str]]()
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event.startswith(FORBIDDEN):
            self.heard.append(("payload", f"{event} {arguments!r}"[:300]))
        elif (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING) or event in MOVING:
            self._inside(event, arguments[0])

    def _inside(self, event: str, path: object) -> None:
        if isinstance(path, str | bytes) and os.fsdecode(path) != os.devnull:
            where = os.path.abspath(os.fsdecode(path))
            if not where.startswith(self.folder):
                self.heard.append(("written", f"{event} {where}"[:300]))


def fuzz(where: str, name: str, seed: int, count: int, *, start: int = 0, memory: int = MEMORY) -> Tally:
    """Read so many mutated inputs of a format, from that number on, and tell what came of them.

    Parameters
    ----------
    where, name
        Module and name of a dictionary of formats, ``module:NAME``, and the format in it.
    seed, start, count
        Input `k` depends on the name, the seed and `k` alone.
    memory
        Most bytes that the process may hold.
    """
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="jaxsolve-fuzz-") as folder:
        while tally.inputs < count:
            _one_process(where, name, seed, start, count, memory, Path(folder).resolve(), tally)
    return tally


def _one_process(
    where: str, name: str, seed: int, start: int, count: int, memory: int, folder: Path, tally: Tally
) -> None:
    """Read inputs until all are read or one of them has to be killed, or kills."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    begun = context.Array("d", [-1.0, math.inf, math.inf])
    first = start + tally.inputs
    arguments = where, name, seed, first, start + count, memory, folder, theirs, begun
    process = context.Process(target=_work, args=arguments, daemon=True)
    process.start()
    theirs.close()
    why = ""
    for told in _told(ours, process, begun):
        if isinstance(told, str):
            why = told
            continue
        tally.inputs += 1
        outcome, problems, cpu, peak = told
        tally.cpu, tally.memory = max(tally.cpu, cpu), max(tally.memory, peak)
        tally.accepted += outcome == "accepted"
        tally.refused += outcome == "refused"
        for kind, text in problems:
            tally.failures.setdefault(kind, []).append(text)
    process.join()
    if tally.inputs < count:
        index = int(begun[0])
        if index < 0:
            raise RuntimeError(f"{name}: the reader did not start (exit code {process.exitcode})")
        kind = "hang" if why else "crash"
        tally.failures.setdefault(kind, []).append(f"input {index}: {why or f'exit code {process.exitcode}'}")
        tally.inputs = index - start + 1


def _told(pipe: Connection, process: Any, begun: Any) -> Iterator[Any]:
    """Yield what a process tells; why, where it had to be killed."""
    while True:
        try:
            if pipe.poll(0.2):
                yield pipe.recv()
                continue
        except EOFError:
            return
        cpu, wall = _cpu_seconds(process.pid) - begun[1], time.monotonic() - begun[2]
        if cpu > 2 * CPU_SECONDS or wall > WALL_SECONDS:
            os.kill(process.pid, signal.SIGKILL)
            yield f"killed after {cpu:.1f} s of work in {wall:.1f} s"


def _cpu_seconds(pid: int) -> float:
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _work(
    where: str, name: str, seed: int, first: int, last: int, memory: int, folder: Path, pipe: Connection, begun: Any
) -> None:
    """Read inputs in this process, one after the other, and tell of each."""
    folder = folder / str(first)  # nothing of a reader that was killed is in the way
    folder.mkdir()
    resource.setrlimit(resource.RLIMIT_DATA, (HARD_MEMORY, HARD_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ |= {"XDG_DATA_HOME": str(folder / "data"), "XDG_CACHE_HOME": str(folder / "cache")}
    os.chdir(folder)
    warnings.simplefilter("ignore")
    module, _, attribute = where.partition(":")
    chosen, guard = getattr(importlib.import_module(module), attribute)[name], Guard(folder)
    canary = folder / importlib.import_module("tests.fuzzing.corpus").CANARY
    seeds = chosen.seeds(folder)
    chosen.read(seeds[0], folder, True)  # loads what is loaded late; what is as it should be is read
    for index in range(first, last):
        rng = random.Random(f"{name} {seed} {index}")
        data = chosen.mutate(rng, seeds, folder)
        begun[0], begun[1], begun[2] = index, time.process_time(), time.monotonic()
        _reset_peak()
        guard.on, outcome, problems = True, "accepted", list[tuple[str, str]]()
        try:
            chosen.read(data, folder, index % SELDOM == SELDOM - 1)
        except JaxsolveError as error:
            outcome = "refused"
            if len(str(error).splitlines()) != 1 or len(str(error)) > LONGEST:
                problems.append(("traceback", f"a refusal of {len(str(error))} characters: {str(error)[:300]!r}"))
        except BaseException:
            outcome = "raised"
            problems.append(("traceback", traceback.format_exc()[-3000:]))
        guard.on, cpu, peak = False, time.process_time() - begun[1], _peak()
        begun[1] = begun[2] = math.inf  # what comes now is our own work
        problems += guard.heard
        guard.heard = []
        if canary.exists():
            problems.append(("payload", "the canary was written"))
            canary.unlink()
        if cpu > CPU_SECONDS:
            problems.append(("hang", f"{cpu:.1f} s of work"))
        if peak > memory:
            problems.append(("memory", f"{peak >> 20} MiB"))
        pipe.send((outcome, [(kind, f"input {index}: {text}") for kind, text in problems], cpu, peak))


def _reset_peak() -> None:
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def _peak() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


def kinds(tallies: dict[str, Tally]) -> Counter[str]:
    """Return how many failures of each kind there are."""
    return Counter({kind: len(texts) for tally in tallies.values() for kind, texts in tally.failures.items()})
