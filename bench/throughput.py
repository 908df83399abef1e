"""Candidates a second against the measured matmul peak, against fewer devices, and against a plain NumPy loop.

python bench/throughput.py PUZZLE [--repeats N] [--json]

The NumPy loops evaluate one candidate after the other, without shared prefixes, with all BLAS threads: in float64,
as plain NumPy reads numbers, and in float32. They are compared with the whole neighbourhood.
"One core" is the same program in a process of its own that may use a single core.
"""

import argparse
import multiprocessing
import os
import statistics
import time
from typing import Any

import numpy as np
from machine import report

NUMPY = "plain NumPy loop"
FULL = "swaps + insertions of one"
CANDIDATES = 30


def setting(path: str) -> tuple[Any, Any]:
    """Return a puzzle and the works of the table."""
    from jaxsolve import read_puzzle
    from jaxsolve.engine.moves import insertions, swaps, union
    from jaxsolve.profiling import Work, works
    from jaxsolve.puzzle.demo import DEMO_FILE

    puzzle = read_puzzle(DEMO_FILE if path == "demo" else path)
    full = Work("neighbourhood", FULL, union(swaps(puzzle.blocks), insertions(puzzle.blocks, 1)))
    todo = [*works(puzzle.blocks, [64, 256], [], []), full]
    return puzzle, todo


def measured(path: str, rows: int, devices: int | None, repeats: int) -> list[dict[str, Any]]:
    """Return measurements on some devices."""
    puzzle, todo = setting(path)
    from jaxsolve import backend
    from jaxsolve.profiling import measure
    from jaxsolve.run import Run

    count = devices or backend.mesh().size
    found = measure(puzzle, todo, rows=[rows], devices=[count], tiers=["accept"], run=Run(), repeats=repeats)
    return [
        {
            "work": one.work,
            "rows": rows,
            "on": f"{count} device{'s' if count > 1 else ''}",
            "candidates": one.candidates,
            "blocks applied": one.applications,
            "seconds": one.seconds,
            "candidates/s": one.candidates_per_second,
            "GFLOP/s": one.flops / 1e9,
            "peak": one.peak_flops / 1e9,
            "share": one.share_of_peak,
        }
        for one in found
    ]


def on_one_core(path: str, rows: int, repeats: int) -> list[dict[str, Any]]:
    """Return measurements of one device in a process that has a single core."""
    with multiprocessing.get_context("spawn").Pool(1, initializer=_bind) as pool:
        found = pool.apply(measured, (path, rows, 1, repeats))
    return [row | {"on": "1 device, one core"} for row in found]


def _bind() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def numpy_loop(path: str, rows: int, dtype: type) -> dict[str, Any]:
    """Return the rate of the plain loop."""
    puzzle, _ = setting(path)
    rng, n = np.random.default_rng(0), puzzle.blocks
    w_in, b_in, w_out, b_out, w_last, x, y = (
        np.asarray(table, dtype)
        for table in (puzzle.w_in, puzzle.b_in, puzzle.w_out, puzzle.b_out, puzzle.w_last, puzzle.x, puzzle.y)
    )
    taken = []
    for _ in range(CANDIDATES):
        ins, outs = rng.permutation(n), rng.permutation(n)
        began = time.perf_counter()
        h = x[:rows]
        for i, j in zip(ins, outs, strict=True):
            h = h + np.maximum(h @ w_in[i].T + b_in[i], 0) @ w_out[j].T + b_out[j]
        np.mean((h @ w_last + dtype(puzzle.b_last) - y[:rows]) ** 2)
        taken.append(time.perf_counter() - began)
    seconds = statistics.median(taken)
    flops = 4 * rows * w_in.size / seconds
    return {"work": NUMPY, "rows": rows, "on": dtype.__name__, "candidates/s": 1 / seconds, "GFLOP/s": flops / 1e9}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("puzzle")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rows", type=int, nargs="+", default=[512, 2048])
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = []
    for rows in given.rows:
        found += measured(given.puzzle, rows, None, given.repeats)
        found += [numpy_loop(given.puzzle, rows, dtype) for dtype in (np.float64, np.float32)]
        found += measured(given.puzzle, rows, 1, given.repeats)
        found += on_one_core(given.puzzle, rows, given.repeats)
    for row in found:
        work = FULL if row["work"] == NUMPY else row["work"]
        best = next(one for one in found if (one["work"], one["rows"]) == (work, row["rows"]))
        row["times faster on all devices"] = best["candidates/s"] / row["candidates/s"]
    report("throughput", found, given.json)


if __name__ == "__main__":
    main()
