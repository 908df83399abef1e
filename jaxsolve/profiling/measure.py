"""Host: the throughput of works on rows and devices, as a share of what the same devices do in the same minute."""

from collections.abc import Iterator
from dataclasses import replace

from jaxsolve import backend, engine
from jaxsolve.errors import OutOfMemoryError, UsageError, out_of_memory
from jaxsolve.profiling.jobs import prepared, ways
from jaxsolve.profiling.measurement import Failure, Measurement, timed
from jaxsolve.profiling.peaks import Peaks, peaks_on
from jaxsolve.profiling.work import Work
from jaxsolve.puzzle import Puzzle
from jaxsolve.run import Run


def measure(
    puzzle: Puzzle,
    todo: list[Work],
    *,
    rows: list[int],
    devices: list[int],
    tiers: list["backend.Tier"],
    run: Run,
    repeats: int = 3,
) -> Iterator[Measurement | Failure]:
    """Yield a measurement for every work on every number of rows and devices, in every tier and way.

    What does not fit into memory is yielded as a failure, and the others are measured all the same.

    Raises
    ------
    UsageError
        There are not that many devices.
    """
    every = [(count, peaks_on(count)) for count in devices]  # refused before anything is measured
    for count, peaks in every:
        for size in rows:
            problem = engine.to_device(puzzle, size, count)
            for tier in tiers:
                for work in todo:
                    yield from _measured(replace(problem, tier=tier), work, peaks, run, repeats)


def _measured(
    problem: "engine.Problem", work: Work, peaks: Peaks, run: Run, repeats: int
) -> Iterator[Measurement | Failure]:
    for way in ways(problem, work):
        try:
            yield timed(work.name, lambda way=way: prepared(problem, work, way, run), peaks, repeats)
        except Exception as error:
            exhausted = error if isinstance(error, UsageError | OutOfMemoryError) else out_of_memory(error)
            if exhausted is None:
                raise
            run.slots.clear()
            yield Failure(work.name, problem.rows, problem.over.size, problem.tier, str(exhausted))
