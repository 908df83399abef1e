"""How cost and memory grow with blocks, rows and candidates, each size in a process of its own.

python bench/scaling.py [--json]

Random networks. A neighbourhood is all swaps and insertions of one block, a screen ranks the same moves; slopes are
those of least squares in log-log.
"""

import argparse
import multiprocessing
import statistics
import time
from typing import Any

import numpy as np
from machine import report

BLOCKS = ((24, 24, 48), (48, 24, 48), (96, 24, 48), (192, 24, 48))
WIDER = (96, 32, 64)
FULL_ROWS = 64
ROWS = (256, 512, 1024, 2048, 4096, 8192)
BATCHES = (16, 64, 256, 1024)


def random_puzzle(blocks: int, features: int, hidden: int, rows: int) -> Any:
    """Return a puzzle of random weights; its predictions are noise, which costs the same."""
    from jaxsolve import Puzzle

    rng = np.random.default_rng(0)
    draw = lambda *shape: rng.normal(size=shape) / np.sqrt(shape[-1] * blocks)
    ids = np.arange(2 * blocks)
    halves = (
        draw(blocks, hidden, features),
        draw(blocks, hidden),
        draw(blocks, features, hidden),
        draw(blocks, features),
    )
    x, y = rng.normal(size=(rows, features)), rng.normal(size=rows)
    return Puzzle("random", *halves, draw(features), 0.0, ids[:blocks], ids[blocks:], 2 * blocks, x, y)


def sized(blocks: int, features: int, hidden: int, rows: int, batch: int | None) -> dict[str, Any]:
    """Return what a neighbourhood and a screen, or a batch, take."""
    from jaxsolve import backend, engine
    from jaxsolve.engine.moves import insertions, swaps, union
    from jaxsolve.profiling import works
    from jaxsolve.puzzle import Assembly
    from jaxsolve.run import Evaluator, Run, screen

    puzzle, run = random_puzzle(blocks, features, hidden, max(rows, 256)), Run()
    problem, few = engine.place(puzzle, rows), engine.place(puzzle, 256)
    stay = np.arange(blocks, dtype=np.int32)
    assembly = Assembly(stay, stay)
    evaluator = Evaluator(problem, assembly, run)
    moves = union(swaps(blocks), insertions(blocks, 1))
    work = moves if batch is None else works(blocks, [batch], [], [])[0].moves
    evaluator.losses(work.take(slice(1)))
    before, began = evaluator.applications, time.perf_counter()
    evaluator.losses(work)
    seconds = time.perf_counter() - began
    row = {
        "blocks": blocks,
        "width": f"{features}/{hidden}",
        "rows": rows,
        "candidates": work.size,
        "applied": evaluator.applications - before,
        "seconds": seconds,
    }
    if batch is None:
        screen(few, assembly, moves, run)
        taken = []
        for _ in range(5):
            began = time.perf_counter()
            screen(few, assembly, moves, run)
            taken.append(time.perf_counter() - began)
        row["screen s"] = statistics.median(taken)
    return row | {"peak GiB": backend.peak_bytes(problem.over) / 2**30}


def slope(rows: list[dict[str, Any]], x: str, y: str) -> float:
    """Return the exponent with which y grows with x."""
    across, up = (np.log([row[name] for row in rows]) for name in (x, y))
    return float(np.polyfit(across, up, 1)[0])


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")

    def alone(*sizes: Any) -> dict[str, Any]:
        with spawn.Pool(1) as pool:
            return pool.apply(sized, sizes)

    blocks = [alone(*shape, FULL_ROWS, None) for shape in BLOCKS]
    for name in ("applied", "seconds", "screen s"):
        blocks[-1][f"slope of {name}"] = slope(blocks, "blocks", name)
    report("growth with blocks", [*blocks, alone(*WIDER, 512, None)], given.json)
    rows = [alone(48, 48, 96, count, 64) for count in ROWS]
    rows[-1]["slope"] = slope(rows, "rows", "seconds")
    report("growth with rows", rows, given.json)
    batches = [alone(48, 48, 96, 512, size) for size in BATCHES]
    batches[-1]["slope"] = slope(batches, "candidates", "seconds")
    report("growth with candidates", batches, given.json)


if __name__ == "__main__":
    main()
