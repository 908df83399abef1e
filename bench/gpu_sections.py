"""What `gpu.py` measures, a section at a time, each in a process of its own.

Sections that start processes themselves import JAX nowhere: two processes do not share a GPU's memory well.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import family
import gpu_checks
import numpy as np
from family_grid import cases
from time_to_solution import timed

Row = dict[str, Any]
HERE = Path(__file__).parent
HARD = ("middle/votes/seed-1000/epoch-1", "middle/correlated/seed-23/epoch-3", "nearly/votes/seed-1000/epoch-3")
"""Nets of the family's grid that two cores take four minutes or more for (results of 2026-11-26)."""
SHAPES = ((32, 2), (32, 4), (64, 4), (64, 8), (128, 4), (128, 8), (256, 8))
"""Rows and warps of the kernel's programs."""
OTHER_PRODUCTS = {"accept": ("bf16_x6", "bf16_x3"), "screen": ("bf16_x3",)}
"""How the kernel might multiply instead, measured in the shape that is in use."""


@dataclass(frozen=True)
class Job:
    """What a section is given."""

    small: bool
    """Sizes for a rehearsal on two cores."""
    puzzle: str | None
    """Path of the famous puzzle, if it is there."""
    limit: float
    """Seconds that the section may take."""
    cache: Path
    """Where trained nets are kept."""


@dataclass(frozen=True)
class Section:
    """A part of the whole that is done, kept and taken up by itself."""

    rows: Callable[[Job], Iterator[Row]]
    limit: float
    """Seconds it may take."""
    needs_puzzle: bool = False
    devices: bool = True
    """Whether it computes in its own process."""


def machine(job: Job) -> Iterator[Row]:
    """Yield the devices and what they do at most, per arithmetic."""
    from jaxsolve import backend
    from jaxsolve.profiling import peaks_on

    peaks = peaks_on(None)
    yield {"what": "devices", "value": ", ".join(backend.device_names())}
    yield {"what": "free memory, GiB", "value": backend.free_memory(peaks.over) / 2**30}
    yield from ({"what": f"large products, {name}, GFLOP/s", "value": v / 1e9} for name, v in peaks.all().items())
    yield {"what": "copies, GB/s", "value": peaks.bandwidth / 1e9}


def check(name: str, job: Job) -> Iterator[Row]:
    """Yield a comparison with float64."""
    yield from gpu_checks.CHECKS[name](job.small)


def measured_puzzle(job: Job) -> Any:
    """Return the puzzle that throughput is measured on: the famous one, or an untrained net of its shape."""
    from jaxsolve import demo_puzzle, read_puzzle
    from jaxsolve.generation import Recipe, generate

    if job.small:
        return demo_puzzle()
    if job.puzzle:
        return read_puzzle(job.puzzle)
    return next(generate(Recipe(blocks=48, features=48, hidden=96, epochs=(0,)))).dropped.puzzle


def throughput(
    todo: Callable[[Job, int], list[Any]], rows: tuple[int, ...], tiers: tuple[str, ...], job: Job
) -> Iterator[Row]:
    """Yield measurements of `jaxsolve.profiling`."""
    from jaxsolve.profiling import measure
    from jaxsolve.run import Run

    puzzle = measured_puzzle(job)
    counts = [64] if job.small else sorted({min(count, puzzle.rows) for count in rows})
    given: Any = tiers
    grid = {"rows": counts, "devices": [_devices()], "tiers": given, "repeats": 1 if job.small else 3}
    for found in measure(puzzle, todo(job, puzzle.blocks), run=Run(), **grid):
        yield asdict(found)


def _devices() -> int:
    from jaxsolve import backend

    return len(backend.device_names()) // backend.processes()


def candidates(job: Job, blocks: int) -> list[Any]:
    """Return batches, a neighbourhood and a screen."""
    from jaxsolve.profiling import works

    return works(blocks, [16 if job.small else 4096], ["swaps" if job.small else "reorderings"], ["reorderings"])


def methods(job: Job, blocks: int) -> list[Any]:
    """Return chains, Gauss-Newton steps and training."""
    from jaxsolve.profiling import works

    if job.small:
        return works(blocks, annealing=[4], relaxation=[32], training=[32])
    return works(blocks, annealing=[64, 1024], relaxation=[384, 2000], training=[100, 1000, 10_000])


def widths(job: Job) -> Iterator[Row]:
    """Yield steps of beams by width; the series of one that does not fit, or takes too long, ends with the reason."""
    from jaxsolve.profiling import scale, works
    from jaxsolve.run import Run

    puzzle = measured_puzzle(job)
    values = [4] if job.small else [10, 100, 1000, 10_000, 100_000]
    rows, repeats = (64, 1) if job.small else (1000, 2)
    at = lambda width: works(puzzle.blocks, widths=[width])
    grid = {"rows": min(rows, puzzle.rows), "devices": _devices(), "run": Run(), "repeats": repeats}
    for point in scale(puzzle, "width", values, at, tier="accept", longest=job.limit / 8, **grid):
        yield asdict(point.found)


def kernel(job: Job) -> Iterator[Row]:
    """Yield the rate of every shape of the kernel of `jaxsolve.engine.fused`, and of products, on random candidates."""
    from dataclasses import replace

    from jaxsolve import backend, engine
    from jaxsolve.engine.fused import PRODUCTS, TILES, fused_losses
    from jaxsolve.profiling import peaks_on

    puzzle = measured_puzzle(job)
    count, rows = (2, 64) if job.small else (4096, 2048)
    problem = engine.to_device(puzzle, min(rows, puzzle.rows), 1)
    order = np.tile(np.arange(puzzle.blocks, dtype=np.int32), (2 * count, 1))
    ins, outs = np.split(np.random.default_rng(0).permuted(order, axis=1), 2)
    interpret = backend.plain_way(problem.over) == "sequential"
    run = backend.compiled(static=("size", "warps", "stages", "products", "interpret"))(fused_losses)
    states, starts = np.asarray(problem.x)[None], np.zeros(count, np.int32)
    peaks, flops = peaks_on(1), count * problem.flops
    for tier in ("accept", "screen"):
        of = replace(problem, tier=tier)
        arithmetic, peak = peaks.of(of.tier, "fused")
        todo = [(*shape, PRODUCTS[tier]) for shape in (SHAPES[:2] if job.small else SHAPES)]
        todo += [(TILES[tier], 4, products) for products in OTHER_PRODUCTS[tier]]
        usual = None
        for size, warps, products in todo:
            row = {
                "tier": tier,
                "rows of a program": size,
                "warps": warps,
                "products": products,
                "held against": arithmetic,
            }
            how = {"size": size, "warps": warps, "stages": 2, "products": products, "interpret": interpret}
            once = partial(run, of, states, starts, ins, outs, **how)
            try:
                compiling = backend.compile_seconds()
                losses = np.asarray(once(), np.float64)
                usual = losses if usual is None else usual
                row["off by"] = float(np.abs(losses / usual - 1).max())
                compiling = backend.compile_seconds() - compiling
                seconds = sorted(backend.seconds(once) for _ in range(3))[1]
                row |= {"compile s": compiling, "seconds": seconds, "GFLOP/s": flops / seconds / 1e9}
                yield row | {"share": flops / seconds / peak()}
            except Exception as error:  # a shape that a compiler refuses stays in the table
                yield row | {"error": _first_line(error)}


def starts(job: Job) -> Iterator[Row]:
    """Yield wall times of whole processes, with nothing compiled on disk and with everything."""
    todo = [("demo", ("--runs", "2")), ("demo", ("--runs", "3", "--warm"))]
    todo += [(job.puzzle, ("--runs", "3", "--warm"))] if job.puzzle else []
    for puzzle, runs in [("demo", ("--runs", "1"))] if job.small else todo:
        command = [sys.executable, str(HERE / "time_to_solution.py"), str(puzzle), *runs, "--json", "--no-record"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=job.limit)
        if done.returncode:
            raise RuntimeError(_first_line(done.stderr.strip().splitlines()[-1:]))
        found = json.loads(done.stdout)
        keep = ("puzzle", "cache", "runs", "solved", "failures", "wall", "import_jax", "ratio", "phases", "devices")
        yield {name: found[name] for name in keep}


def blind(job: Job) -> Iterator[Row]:
    """Yield what a beam by probes makes of the famous puzzle, told nothing."""
    command = [sys.executable, "-m", "jaxsolve", "search", str(job.puzzle), "--method", "probe_beam"]
    command += ["--activation", "relu", "--rows", "64" if job.small else "2000", "--no-record", "--json"]
    command += ["--set", f"width={1 if job.small else 16}", "--budget", str(6 if job.small else job.limit * 0.8)]
    with tempfile.TemporaryDirectory() as cache:
        wall, done = timed(command, cache)
    if not done.stdout:
        raise RuntimeError(_first_line(done.stderr.strip().splitlines()[-1:]))
    found = json.loads(done.stdout)
    if "error" in found:
        raise RuntimeError(found["error"])
    keep = ("status", "loss", "evaluations", "seconds", "message", "devices")
    yield {"wall s": wall} | {name: found[name] for name in keep}


def net(index: int, job: Job) -> Iterator[Row]:
    """Yield what `solve` makes of a hard net, which is trained first if it is not in the cache."""
    if job.small:
        (case,) = cases(["small"], budget=20, only="8-votes/seed-41/epoch-20 auto")
    else:
        group = HARD[index].split("/")[0]
        (case,) = cases([group], budget=job.limit * 0.7, seeds=2, only=f"{HARD[index]} auto")
    job.cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    began = time.perf_counter()
    if error := family.made(case, job.cache):
        raise RuntimeError(error)
    row = {"puzzle": case.puzzle, "training s": time.perf_counter() - began, "budget": case.budget}
    folder = family.epoch_folder(family.net_folder(case, job.cache), case.epoch)
    order = {"solve": str(folder), "method": case.method, "budget": case.budget, "hash": False}
    found = family.asked(order, job.limit)
    keep = ("class", "status", "right", "pairs_right", "seconds", "seconds_to_right", "phases", "evaluations", "error")
    yield row | {name: found[name] for name in keep if name in found}


def _first_line(error: Any) -> str:
    text = "".join(error) if isinstance(error, list) else f"{type(error).__name__}: {error}"
    return (text.strip().splitlines() or ["no word"])[0].replace(os.sep, "/")[:300]


SECTIONS: dict[str, Section] = {
    "machine": Section(machine, 40),
    **{f"check-{name}": Section(partial(check, name), 45) for name in gpu_checks.CHECKS},
    "candidates": Section(partial(throughput, candidates, (512, 2048, 10_000), ("accept", "screen")), 100),
    "methods": Section(partial(throughput, methods, (2048,), ("accept",)), 80),
    "widths": Section(widths, 90),
    "starts": Section(starts, 75, devices=False),
    "kernel": Section(kernel, 75),
    "blind": Section(blind, 90, needs_puzzle=True, devices=False),
    **{f"net-{k + 1}": Section(partial(net, k), 75, devices=False) for k in range(len(HARD))},
}
"""In the order in which they are done: what others depend on, and what takes least, comes first."""
