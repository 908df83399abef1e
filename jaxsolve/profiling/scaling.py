"""Host: works along one axis, on values that double: devices, widths of beams, rows, or candidates of a batch."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from jaxsolve import backend
from jaxsolve.profiling.measure import measure
from jaxsolve.profiling.measurement import Failure, Measurement
from jaxsolve.profiling.work import Work
from jaxsolve.puzzle import Puzzle
from jaxsolve.run import Run

AXES = "devices", "width", "rows", "batch"


@dataclass(frozen=True)
class Point:
    """What came of a work at a value of an axis."""

    series: str
    """The work, without the value."""
    value: int
    found: Measurement | Failure


def doubling(first: int, most: int) -> list[int]:
    """Return a value, at most the largest one, doubled until there, and the largest one itself."""
    values = [min(first, most)]
    while values[-1] < most:
        values.append(min(2 * values[-1], most))
    return values


def scale(
    puzzle: Puzzle,
    axis: str,
    values: Sequence[int],
    works_at: Callable[[int], list[Work]],
    *,
    rows: int,
    devices: int,
    tier: "backend.Tier",
    run: Run,
    repeats: int = 3,
    longest: float = 10.0,
) -> Iterator[Point]:
    """Yield what each work takes at each value of an axis.

    A work's series ends with a failure where the next value does not fit into memory, or where a repetition would take
    longer than it may; the series of others go on.

    Parameters
    ----------
    puzzle, tier, run, repeats
        As in `measure`.
    axis
        A name of `AXES`.
    values
        Ascending.
    works_at
        The works at a value: as many at each, in the same order.
    rows, devices
        Where these are not the axis.
    longest
        Seconds of a repetition. One is expected to take as many times longer as the value is larger than the last.
    """
    ended: set[int] = set()
    slowest: dict[int, tuple[int, float]] = {}
    for value in values:
        grid = {"rows": [value if axis == "rows" else rows], "devices": [value if axis == "devices" else devices]}
        for k, work in enumerate(works_at(value)):
            if k in ended:
                continue
            series = work.name.removesuffix(f" {value}")
            before, seconds = slowest.get(k, (value, 0.0))
            expected = seconds * value / before
            if axis != "devices" and expected > longest:
                ended.add(k)
                text = f"a repetition would take some {expected:.0f} s, and may take {longest:g} (--longest)"
                yield Point(series, value, Failure(work.name, grid["rows"][0], grid["devices"][0], tier, text))
                continue
            for found in measure(puzzle, [work], **grid, tiers=[tier], run=run, repeats=repeats):
                yield Point(series, value, found)
                if isinstance(found, Failure):
                    ended.add(k)
                else:
                    slowest[k] = value, max(found.seconds, slowest.get(k, (0, 0.0))[1])
