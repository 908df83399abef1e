"""Host: what a work took, as a share of what the same devices do in the same minute."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from jaxsolve import backend
from jaxsolve.profiling.peaks import Peaks


@dataclass(frozen=True)
class Measurement:
    """What a work took on some devices: medians of several repetitions, after one that compiled.

    None stands for what has no closed form.
    """

    work: str
    rows: int
    devices: int
    tier: str
    arithmetic: str
    """Of its products, and of the peak that it is held against."""
    way: str
    items: int
    """What a repetition does, in its `unit`."""
    unit: str
    seconds: float
    items_per_second: float
    applications: float | None
    """Blocks applied to all rows; of a screen what its matrix products amount to."""
    applications_per_second: float | None
    flops: float | None
    """Floating-point operations of matrix products a second, by the closed form, 4·R·D·H a block."""
    peak_flops: float
    """Operations a second of large matrix products on the same devices, just before and after."""
    share_of_peak: float | None
    bytes_per_second: float | None
    """Numbers that products and activations read and write, whether in memory or in a cache."""
    share_of_bandwidth: float | None
    """The same against copying large arrays; above 1 where caches serve it."""
    compile_seconds: float
    programs: int
    """Programs that were compiled for it, or read from where they are kept."""
    peak_bytes: int
    """The most memory that the process, or the fullest accelerator, has taken so far."""


@dataclass(frozen=True)
class Failure:
    """A work that could not be measured."""

    work: str
    rows: int
    devices: int
    tier: str
    error: str
    """One line."""


class Done(NamedTuple):
    """What one repetition has done; None where there is no closed form."""

    result: Any
    """Arrays to wait for."""
    flops: float | None = None
    applications: float | None = None
    bytes: float | None = None


@dataclass(frozen=True)
class Job:
    """A work made ready on some devices."""

    once: Callable[[], Done]
    """Does it once more."""
    rows: int
    tier: "backend.Tier"
    way: str
    items: int
    unit: str


def timed(name: str, prepare: Callable[[], Job], peaks: Peaks, repeats: int) -> Measurement:
    """Return what a work takes that `prepare` makes ready; it is done once to compile before it is timed."""
    compiling, programs = backend.compile_seconds(), backend.compiled_programs()
    job = prepare()
    backend.seconds(lambda: job.once().result)
    compiling, programs = backend.compile_seconds() - compiling, backend.compiled_programs() - programs
    arithmetic, peak = peaks.of(job.tier, job.way)
    taken, tops, done = [], [peak()], []
    for _ in range(repeats):
        taken.append(backend.seconds(lambda: done.append(job.once()) or done[-1].result))
        tops.append(peak())
    seconds, most = statistics.median(taken), statistics.median(tops)
    applications, flops, moved = (_mean([getattr(one, what) for one in done]) for what in COUNTED)
    a_second = lambda count: None if count is None else count / seconds
    return Measurement(
        work=name,
        rows=job.rows,
        devices=peaks.over.size,
        tier=job.tier,
        arithmetic=arithmetic,
        way=job.way,
        items=job.items,
        unit=job.unit,
        seconds=seconds,
        items_per_second=job.items / seconds,
        applications=applications,
        applications_per_second=a_second(applications),
        flops=a_second(flops),
        peak_flops=most,
        share_of_peak=None if flops is None else flops / seconds / most,
        bytes_per_second=a_second(moved),
        share_of_bandwidth=None if moved is None else moved / seconds / peaks.bandwidth,
        compile_seconds=compiling,
        programs=programs,
        peak_bytes=backend.peak_bytes(peaks.over),
    )


COUNTED = "applications", "flops", "bytes"


def _mean(counts: list[float | None]) -> float | None:
    known = [count for count in counts if count is not None]
    return statistics.fmean(known) if known else None
