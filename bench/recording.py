"""What the record of a run and its live view cost: a search with them, in turn with the same search without.

python bench/recording.py PUZZLE [--repeats N] [--json]

A search begins from the same order and takes the same decisions each time, in one process in which everything is
compiled. Each repetition runs it plainly, with a record, with a live view on a terminal (a pseudo-terminal that is read
by another process), with both, and plainly again; a cost is the ratio of its time to the mean of the two plain ones.
On a shared machine single ratios scatter by more than the cost itself: the median counts, and the spread of plain runs
against each other stands beside it.
"""

import argparse
import os
import pty
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from machine import report

WAYS = ("plain", "record", "view", "record and view", "plain again")
ROWS = 512
ANNEALING = {"annealing.chains": 2, "annealing.steps": 4096, "annealing.hot": 0.01}


@contextmanager
def terminal() -> Iterator[Any]:
    """Yield a stream that is a terminal, read by another process."""
    ours, theirs = pty.openpty()
    reader = subprocess.Popen(["cat"], stdin=ours, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(ours)
    with os.fdopen(theirs, "w") as stream:
        yield stream
    reader.wait()


def works(puzzle: Any) -> dict[str, Callable[[Any], None]]:
    """Return searches by name, each of which takes a run."""
    from jaxsolve import engine
    from jaxsolve.pairing import pair
    from jaxsolve.puzzle import Assembly
    from jaxsolve.search import Pipeline, Setting, begin, descend, stages_named

    problem = engine.place(puzzle, min(ROWS, puzzle.rows))
    order = np.random.default_rng(0).permutation(puzzle.blocks).astype(np.int32)
    partner = pair(puzzle, "trace").partner.astype(np.int32)
    start = Assembly(order, partner[order])

    def locally(run: Any) -> None:
        with run.phase("search"):
            descend(problem, begin(problem, start, run), "descent", run)

    def annealing(run: Any) -> None:
        Pipeline(stages_named("annealing", ANNEALING), Setting(problem, run, partner=partner)).drive()

    return {"descent from a random order": locally, "annealing, 2 chains": annealing}


def timed(puzzle: Any, work: Callable[[Any], None], way: str) -> dict[str, float]:
    """Return seconds and evaluations of a search, and the bytes of its record."""
    from jaxsolve.cli import live
    from jaxsolve.records import Recorder
    from jaxsolve.run import Run

    run = Run()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        recorder = None
        if "record" in way:
            about: dict[str, Any] = {"settings": {}, "seed": 0, "devices": [], "versions": {}}
            recorder = Recorder(folder, puzzle, command="solve", path="bench", **about)
            run.observers.append(recorder)
        if "view" in way:
            view = live.View(run.budget)
            run.observers.append(view)
            stack.enter_context(live.redrawn(view, stack.enter_context(terminal())))
        began = time.perf_counter()
        work(run)
        seconds = time.perf_counter() - began
        if recorder is not None:
            recorder.finish("unsolved")
        return {
            "seconds": seconds,
            "evaluations": run.evaluations,
            "bytes": sum(path.stat().st_size for path in folder.iterdir()),
        }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("puzzle")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    from jaxsolve import read_puzzle
    from jaxsolve.puzzle.demo import DEMO_FILE

    puzzle = read_puzzle(DEMO_FILE if given.puzzle == "demo" else given.puzzle)
    rows = []
    for name, work in works(puzzle).items():
        timed(puzzle, work, "record and view")  # compiles
        found = [{way: timed(puzzle, work, way) for way in WAYS} for _ in range(given.repeats)]
        for way in WAYS[1:]:
            ratios = []
            for one in found:
                both = (one["plain"]["seconds"] + one["plain again"]["seconds"]) / 2
                against = one["plain"]["seconds"] if way == "plain again" else both
                ratios.append(one[way]["seconds"] / against)
            low, middle, high = statistics.quantiles(ratios, n=4)
            median = {key: statistics.median(one[way][key] for one in found) for key in found[0][way]}
            shape = f"{puzzle.name}: {puzzle.blocks} of {puzzle.features}/{puzzle.hidden}"
            row: dict[str, Any] = {"puzzle": shape, "search": name, "with": way, "repeats": given.repeats}
            rows.append(row | median | {"ratio": middle, "quarter": low, "three quarters": high})
    report("recording", rows, given.json)


if __name__ == "__main__":
    main()
