"""Host: the throughput of evaluations as a share of what the same devices do in the same minute."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from jaxsolve import backend, engine
from jaxsolve.engine import NEIGHBOURHOODS, Moves, Neighbourhood
from jaxsolve.errors import UsageError, no_such
from jaxsolve.puzzle import Assembly, Puzzle
from jaxsolve.run import Evaluator, Run, screen, screen_applications, screen_rows
from jaxsolve.search import Setting
from jaxsolve.search.beam import Beam
from jaxsolve.search.method import check_memory
from jaxsolve.search.probe_beam import ProbeBeam


@dataclass(frozen=True, eq=False)
class Work:
    """Candidates to be evaluated together."""

    kind: Literal["batch", "neighbourhood", "screen", "beam"]
    """Exactly and unrelated; exactly and near an assembly; near an assembly to first order; a step of a beam."""
    name: str
    moves: Moves | Neighbourhood | None
    beam: Beam | ProbeBeam | None = None


@dataclass(frozen=True)
class Measurement:
    """What a work took on some devices: medians of several repetitions, after one that compiled."""

    work: str
    rows: int
    devices: int
    tier: str
    way: str
    candidates: int
    applications: int
    """Blocks applied to all rows; of a screen what its matrix products amount to."""
    seconds: float
    candidates_per_second: float
    applications_per_second: float
    flops: float
    """Floating-point operations of matrix products a second, by the closed form 4·R·D·H a block."""
    peak_flops: float
    """Operations a second of large matrix products on the same devices, just before and after."""
    share_of_peak: float
    bytes_per_second: float
    """Numbers that products and activations read and write, whether in memory or in a cache."""
    share_of_bandwidth: float
    """The same against copying large arrays; above 1 where caches serve it."""
    compile_seconds: float
    peak_bytes: int


def works(
    blocks: int, batches: list[int], neighbourhoods: list[str], screens: list[str], widths: Sequence[int] = ()
) -> list[Work]:
    """Return what to measure: batches of random candidates, whole neighbourhoods, screens of them, and beams.

    Beams are measured by a step at half of their depth, scored by the readout and by probes.

    Raises
    ------
    UsageError
        There is no such neighbourhood, or a batch is empty, or a beam.
    """
    if blocks < 2:
        widths = ()  # there is nothing to expand
    rng, found = np.random.default_rng(0), []
    for size in batches:
        if size < 1:
            raise UsageError(f"a batch is {size}; expected at least 1 candidate")
        orders = np.stack([rng.permutation(blocks) for _ in range(2 * size)])
        found.append(Work("batch", f"batch {size}", engine.as_moves(Assembly(orders[:size], orders[size:]))))
    for name in [*neighbourhoods, *screens]:
        if name not in NEIGHBOURHOODS:
            raise UsageError(no_such("neighbourhood", name, NEIGHBOURHOODS))
    found += [Work("neighbourhood", name, NEIGHBOURHOODS[name](blocks)) for name in neighbourhoods]
    found += [Work("screen", f"screen {name}", NEIGHBOURHOODS[name](blocks)) for name in screens]
    kinds = {"beam": Beam, "probe_beam": ProbeBeam}
    return found + [Work("beam", f"{name} {size}", None, kind(size)) for size in widths for name, kind in kinds.items()]


def measure(
    puzzle: Puzzle,
    todo: list[Work],
    *,
    rows: list[int],
    devices: list[int],
    tiers: list["backend.Tier"],
    run: Run,
    repeats: int = 3,
) -> Iterator[Measurement]:
    """Yield a measurement for every work on every number of rows and devices, in every tier and way."""
    for count in devices:
        copying = backend.copy_bytes(backend.mesh(count))
        bandwidth = statistics.median(copying() for _ in range(max(3, repeats)))
        for tier in tiers:
            peak = backend.matmul_flops(backend.mesh(count), tier)
            for size in rows:
                problem = replace(engine.to_device(puzzle, size, count), tier=tier)
                for work in todo:
                    for way in _ways(problem, work):
                        if work.beam is None:
                            yield _measured(problem, work, way, run, repeats, peak, bandwidth)
                        else:
                            yield _measured_beam(problem, work.name, work.beam, run, repeats, peak)


def _ways(problem: "engine.Problem", work: Work) -> list["engine.Way"]:
    best = engine.best_way(problem)
    if work.kind in ("screen", "beam"):
        return ["batched" if best == "fused" else best]
    return ["batched", "fused"] if best == "fused" else [best]


def _measured_beam(
    problem: "engine.Problem", name: str, beam: Beam | ProbeBeam, run: Run, repeats: int, peak: Callable[[], float]
) -> Measurement:
    """Return what a step of a beam takes. Candidates are its expansions; what it moves in memory is not counted."""
    setting = Setting(problem, run)
    method: Any = beam
    state = method.halfway(setting)
    check_memory(setting, "beam", beam.width, problem.x.size)
    states, compiling = method.place(setting, state), backend.compile_seconds()
    once = lambda: method.step(setting, state, states)
    once()
    compiling = backend.compile_seconds() - compiling
    seconds, most = _medians(lambda: once()[1], peak, repeats)
    flops, left = method.flops(setting, state) / seconds, problem.blocks - state.ins.shape[1]
    return Measurement(
        work=name,
        rows=problem.rows,
        devices=problem.over.size,
        tier=problem.tier,
        way=backend.plain_way(problem.over),
        candidates=beam.width * left**2,
        applications=beam.width,
        seconds=seconds,
        candidates_per_second=beam.width * left**2 / seconds,
        applications_per_second=beam.width / seconds,
        flops=flops,
        peak_flops=most,
        share_of_peak=flops / most,
        bytes_per_second=0.0,
        share_of_bandwidth=0.0,
        compile_seconds=compiling,
        peak_bytes=backend.peak_bytes(problem.over),
    )


def _measured(
    problem: "engine.Problem",
    work: Work,
    way: "engine.Way",
    run: Run,
    repeats: int,
    peak: Callable[[], float],
    bandwidth: float,
) -> Measurement:
    rng, blocks = np.random.default_rng(0), problem.blocks
    assert work.moves is not None
    moves = work.moves
    ins, outs = (rng.permutation(blocks).astype(np.int32) for _ in range(2))
    evaluator = Evaluator(problem, Assembly(ins, outs), run, way)
    compiling = backend.compile_seconds()

    def once() -> None:
        if isinstance(moves, Neighbourhood) and work.kind == "screen":
            screen(problem, evaluator.assembly, moves, run)
        else:
            evaluator.losses(moves)

    once()
    compiling = backend.compile_seconds() - compiling
    applied = evaluator.applications
    seconds, most = _medians(once, peak, repeats)
    applied = (evaluator.applications - applied) // repeats
    size, tier = problem.rows, problem.tier
    if isinstance(moves, Neighbourhood) and work.kind == "screen":
        partners = bool(moves.halves.any())
        size = screen_rows(problem, partners, run.memory_on(problem))
        applied, tier = screen_applications(problem, partners), "screen"
    flops = applied * size * problem.pieces.flops / seconds
    moved = applied * _bytes_of_block(problem, size, way) / seconds
    return Measurement(
        work=work.name,
        rows=size,
        devices=problem.over.size,
        tier=tier,
        way=way,
        candidates=moves.size,
        applications=applied,
        seconds=seconds,
        candidates_per_second=moves.size / seconds,
        applications_per_second=applied / seconds,
        flops=flops,
        peak_flops=most,
        share_of_peak=flops / most,
        bytes_per_second=moved,
        share_of_bandwidth=moved / bandwidth,
        compile_seconds=compiling,
        peak_bytes=backend.peak_bytes(problem.over),
    )


def _medians(once: Callable[[], object], peak: Callable[[], float], repeats: int) -> tuple[float, float]:
    """Return the seconds that something takes, and the peak that was measured before, between and after."""
    taken, peaks = [], [peak()]
    for _ in range(repeats):
        taken.append(backend.seconds(once))
        peaks.append(peak())
    return statistics.median(taken), statistics.median(peaks)


def _bytes_of_block(problem: "engine.Problem", rows: int, way: "engine.Way") -> int:
    """Return what a block reads and writes: its weights, and, unless they stay in registers, its states."""
    _, features, hidden = problem.pieces.w_in.shape
    weights = 2 * hidden * features + hidden + features
    return 4 * (weights + (0 if way == "fused" else rows * (4 * features + 4 * hidden)))
