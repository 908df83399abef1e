"""How fast networks are trained, as a share of the matmul peak, by the size of the batch.

python bench/training.py [--blocks N] [--features D] [--hidden H] [--rows R] [--activation NAME] [--optimiser NAME]
                         [--batch B …] [--devices N …] [--repeats K] [--json]

The famous shape by default. Operations are 12·R·N·D·H, those of three forward passes; the optimiser's are not
counted, its time is. A repetition is as many whole steps as one pass over the rows has, at most STEPS, in one call.
"""

import argparse
import statistics
from functools import partial

import numpy as np
from machine import report

from jaxsolve import backend, engine
from jaxsolve.generation import INITIAL

BATCHES = (64, 256, 1000, 10_000)
STEPS = 100


def measured(given: argparse.Namespace, batch: int, devices: int | None) -> dict[str, float | int | str]:
    """Return the rate of training in batches of one size."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(given.rows, given.features)), rng.normal(size=given.rows)
    first = INITIAL["small"](rng, given.blocks, given.features, given.hidden)
    task = engine.training_placed(
        x, y, activation=given.activation, optimiser=given.optimiser, learning_rate=1e-4, devices=devices
    )
    state = engine.learner(first, task)
    compiling = backend.compile_seconds()
    peak, rates, shares, steps = backend.matmul_flops(task.over, "accept"), [], [], 0
    for repeat in range(1 + given.repeats):
        batches = engine.dealt(rng.permutation(given.rows), batch, task.over)[:STEPS]
        flops, steps = engine.training_flops(state.net, int((batches >= 0).sum())), len(batches)
        before, found = peak(), []
        step = partial(engine.trained, state, task, batches, np.int32(steps))
        seconds = backend.seconds(lambda step=step, found=found: found.append(step()) or found)
        state = found[0][0]
        if repeat:  # the first one compiles
            most = (before + peak()) / 2
            rates.append(flops / seconds)
            shares.append(flops / seconds / most)
    return {
        "batch": batch,
        "devices": task.over.size,
        "steps": steps,
        "GFLOP/s": statistics.median(rates) / 1e9,
        "share of peak": statistics.median(shares),
        "least": min(shares),
        "most": max(shares),
        "epoch s": engine.training_flops(state.net, given.rows) / statistics.median(rates),
        "compile s": backend.compile_seconds() - compiling,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("blocks", 48), ("features", 48), ("hidden", 96), ("rows", 10_000), ("repeats", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--activation", default="relu")
    parser.add_argument("--optimiser", default="adam")
    parser.add_argument("--batch", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--devices", type=int, nargs="+", default=[None])
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    backend.keep_programs()
    rows = [measured(given, min(batch, given.rows), devices) for devices in given.devices for batch in given.batch]
    shape = f"{given.blocks} blocks of {given.features}/{given.hidden}, {given.rows} rows"
    report(f"training {shape}, {given.activation}, {given.optimiser}", rows, given.json)


if __name__ == "__main__":
    main()
