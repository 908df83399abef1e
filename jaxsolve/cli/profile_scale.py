"""Host: what ``jaxsolve profile --scale`` and ``--out`` do: one axis on values that double, and files of what came."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxsolve.cli import profile_table
from jaxsolve.cli.run_store import check_folder
from jaxsolve.errors import OutputError, UsageError
from jaxsolve.files import write_new
from jaxsolve.records import to_json

if TYPE_CHECKING:
    from jaxsolve.profiling import Failure, Measurement, Point, Work

Asked = dict[str, list[Any]]
"""What options ask for, by their names: works, and rows and devices."""

OWN = {"devices": "devices", "rows": "rows", "width": "beam", "batch": "batch"}
"""For each axis the option whose largest value ends it."""
WORKS = "batch", "neighbourhood", "screen", "beam", "annealing", "relaxation", "training"


def check(axis: str | None, asked: Asked) -> None:
    """Refuse an axis that there is not, and options that do not go with it; `UsageError` names them."""
    if axis is None:
        return
    if axis not in OWN:
        raise UsageError(f"no axis {axis!r}; choose one of {', '.join(OWN)}")
    own = OWN[axis]
    if own in WORKS:
        others = [name for name in WORKS if asked[name] and name != own]
        if others:
            raise UsageError(f"--scale {axis} measures --{own} alone, without --{others[0]}")
    for name in ("rows", "devices", "precision"):
        if name != own and len(asked[name]) > 1:
            raise UsageError(f"--scale {axis} takes one --{name}")


def values(axis: str, asked: Asked, rows: int, devices: int) -> list[int]:
    """Return the values of an axis: doubled up to what was asked for, or to as many as there are; `UsageError`."""
    from jaxsolve.profiling import doubling

    # most widths and batches are ended by memory or time before
    first, most = {"devices": (1, devices), "rows": (256, rows), "width": (8, 1 << 17), "batch": (16, 1 << 16)}[axis]
    most = max(asked[OWN[axis]] or [most])
    if most < 1:
        raise UsageError(f"--{OWN[axis]} is {most}; expected at least 1")
    return doubling(first, min(most, rows) if axis == "rows" else most)


def todo(blocks: int, asked: Asked) -> "list[Work]":
    """Return the works that are asked for; `UsageError` where one cannot be."""
    from jaxsolve.profiling import works

    plain = (asked[name] for name in WORKS[:4])
    return works(blocks, *plain, **{name: asked[name] for name in WORKS[4:]})


def todo_at(axis: str, blocks: int, asked: Asked) -> "Callable[[int], list[Work]]":
    """Return the works at a value of an axis."""
    own, alone = OWN[axis], {name: [] for name in WORKS}
    return lambda value: todo(blocks, alone | {own: [value]} if own in WORKS else asked)


def paths(folder: Path, axis: str | None) -> dict[str, Path]:
    """Return the files to write, by their kinds.

    Raises
    ------
    OutputError
        One of them exists, or there can be no such folder.
    UsageError
        A chart is to be drawn, and what draws it is not installed.
    """
    check_folder(folder, "--out")
    name = f"scale-{axis}" if axis else "profile"
    found = {kind: folder / f"{name}.{kind}" for kind in ("md", "json", *(["svg"] if axis else []))}
    for path in found.values():
        if path.exists():
            raise OutputError(f"{path}: exists already and is not overwritten; choose another folder for --out")
    if axis:
        from jaxsolve.report.charts import libraries

        libraries()
    return found


def write(
    files: dict[str, Path],
    heading: Sequence[str],
    facts: dict[str, Any],
    found: "Sequence[Measurement]",
    failed: "Sequence[Failure]",
    points: "Sequence[Point]",
    axis: str | None,
) -> None:
    """Write a Markdown table, JSON, and of a scale a chart."""
    lines = [f"# {heading[0]}", *heading[1:], profile_table.markdown(found) if found else ""]
    if failed:
        lines.append("\n".join(f"- not measured: {one.work}, {one.rows} rows: {one.error}" for one in failed))
    write_new(files["md"], ("\n\n".join(filter(None, lines)).rstrip() + "\n").encode())
    write_new(files["json"], (to_json(facts) + "\n").encode())
    drawn = rows_of(points)
    if axis and drawn:
        from jaxsolve.report.charts import svg
        from jaxsolve.report.charts.scaling import scaling

        write_new(files["svg"], svg(scaling(drawn, AXIS_TITLES[axis], heading[0])))


AXIS_TITLES = {"devices": "devices", "rows": "rows", "width": "width of the beam", "batch": "candidates of a batch"}


def rows_of(points: "Sequence[Point]") -> list[dict[str, Any]]:
    """Return what a chart draws of points: those that were measured, each way a series."""
    measured = [(point, asdict(point.found)) for point in points]
    ways = {one["way"] for _, one in measured if "way" in one}
    return [
        {
            "series": f"{point.series}, {one['way']}" if "fused" in ways else f"{point.series}",
            "value": point.value,
            "rate": one["items_per_second"],
            "unit": one["unit"],
            "share": one["share_of_peak"],
        }
        for point, one in measured
        if "way" in one
    ]
