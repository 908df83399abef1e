"""What the record of a run and its live view cost: a search with them, in turn with the same search without.

python bench/recording.py PUZZLE [--repeats N] [--json]

A search begins from the same order and takes the same decisions each time, in one process in which everything is
compiled. Each repetition runs it plainly, with a record, with a live view on a terminal (a pseudo-terminal that is
read by another process), with both, and plainly again; a cost is the ratio of its time to the mean of the two plain
ones. What is spent in the calls of observers themselves, as a share of the search, scatters less and is shown as
"inside"; it does not have what the thread that redraws the view takes from the others. Opening and closing a record,
once for a run, is timed apart: most of it is the fingerprint of the puzzle.

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
ANNEALING = {"annealing.chains": 2, "annealing.steps": 2048, "annealing.hot": 0.01}


@contextmanager
def terminal() -> Iterator[Any]:
    """Yield a stream that is a terminal, read by another process."""
    ours, theirs = pty.openpty()
    reader = subprocess.Popen(["cat"], stdin=ours, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(ours)
    with os.fdopen(theirs, "w") as stream:
        yield stream
    reader.wait()


class Timed:
    """An observer, and the seconds that are spent in it."""

    def __init__(self, observer: Any) -> None:
        self.observer, self.seconds = observer, 0.0

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Return what calls a method of the observer."""

        def call(*arguments: Any) -> None:
            began = time.perf_counter()
            getattr(self.observer, name)(*arguments)
            self.seconds += time.perf_counter() - began

        return call


def works(puzzle: Any) -> dict[str, Callable[[Any], None]]:
    """Return searches by name, each of which takes a run."""
    from jaxsolve import engine
    from jaxsolve.pairing import pair
    from jaxsolve.puzzle import Assembly
    from jaxsolve.search import Pipeline, Setting, begin, descend, stages_named

    problem = engine.to_device(puzzle, min(ROWS, puzzle.rows))
    order = np.random.default_rng(0).permutation(puzzle.blocks).astype(np.int32)
    partner = pair(puzzle, "trace").partner.astype(np.int32)
    start = Assembly(order, partner[order])

    def locally(run: Any) -> None:
        with run.phase("search"):
            descend(problem, begin(problem, start, run), "bubble", run)

    def annealing(run: Any) -> None:
        Pipeline(stages_named("annealing", ANNEALING), Setting(problem, run, partner=partner)).drive()

    return {"bubble from a random order": locally, "annealing, 2 chains": annealing}


def timed(puzzle: Any, work: Callable[[Any], None], way: str) -> dict[str, float]:
    """Return seconds and evaluations of a search, seconds of what its record takes besides, and its bytes."""
    from jaxsolve.cli import live
    from jaxsolve.records import Recorder, opened
    from jaxsolve.run import Run

    run, opening = Run(), 0.0
    observers: list[Any] = run.observers
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        recorder = None
        if "record" in way:
            before = time.perf_counter()
            about: dict[str, Any] = {"settings": {}, "seed": 0, "devices": [], "versions": {}}
            recorder = Recorder(folder, puzzle, opened(puzzle, command="solve", path="bench", **about))
            observers.append(Timed(recorder))
            opening = time.perf_counter() - before
        if "view" in way:
            view = live.View(run.budget)
            observers.append(Timed(view))
            stack.enter_context(live.redrawn(view, stack.enter_context(terminal())))
        began = time.perf_counter()
        work(run)
        seconds = time.perf_counter() - began
        if recorder is not None:
            before = time.perf_counter()
            recorder.finish("unsolved")
            opening += time.perf_counter() - before
        return {
            "seconds": seconds,
            "inside": sum(one.seconds for one in observers) / seconds,
            "opening and closing": opening,
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

    puzzle = read_puzzle(given.puzzle, activation="relu")
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
