"""Host: measurements of ``jaxsolve profile`` as tables: for a terminal of any width, and in Markdown."""

import shutil
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from jaxsolve.cli import terminal

if TYPE_CHECKING:
    from jaxsolve.profiling import Failure, Measurement

KEYS = 5
"""Columns that say what was measured, and how; they begin every part of a table."""


class Column(NamedTuple):
    """A column of the table."""

    head: str
    told: str
    """What it is, for ``--help``."""
    cell: "Callable[[Measurement], str]"


COLUMNS = (
    Column("work", "what is done again and again, with its size", lambda one: one.work),
    Column("rows", "rows that it is done on; a screen takes fewer", lambda one: str(one.rows)),
    Column("devices", "devices that share it", lambda one: str(one.devices)),
    Column("products", "arithmetic of its matrix products", lambda one: one.arithmetic),
    Column("way", "how a device goes through candidates", lambda one: one.way),
    Column("a second", "what is done in a second", lambda one: f"{short(one.items_per_second)} {one.unit}"),
    Column("GFLOP/s", "operations of its products a second, by their closed form", lambda one: _giga(one.flops)),
    Column("peak", "those of large products in the same arithmetic, just then", lambda one: _giga(one.peak_flops)),
    Column("share", "GFLOP/s as a share of the peak", lambda one: _share(one.share_of_peak)),
    Column(
        "copies",
        "bytes moved, as a share of copying memory; caches: above 1",
        lambda one: _share(one.share_of_bandwidth),
    ),
    Column("time", "seconds of a repetition, the median", lambda one: f"{one.seconds:.3g} s"),
    Column("compile", "seconds of compiling before it", lambda one: f"{one.compile_seconds:.2f} s"),
    Column("programs", "how many were compiled, or read from the cache", lambda one: str(one.programs)),
    Column("memory", "most taken by the process or a GPU so far", lambda one: f"{one.peak_bytes / 2**30:.2f} GiB"),
)


def legend() -> str:
    """Return what the columns are, a paragraph each, for ``--help``."""
    return "\n\n".join(f"{column.head}: {column.told}." for column in COLUMNS)


def table(found: "Sequence[Measurement]", width: int | None = None) -> str:
    """Return measurements as a table of at most `width` characters, by default those of the terminal, 80 at least.

    What all have in common of how they were measured stands above it. Columns that do not fit beside the others
    follow in parts of their own, whose lines begin with a number where what was measured is too long to be repeated.
    Columns without a value in any line are left out.
    """
    width = max(80, width or shutil.get_terminal_size().columns)
    cells = {column.head: [column.cell(one) for one in found] for column in COLUMNS}
    cells = {head: lines for head, lines in cells.items() if any(lines)}
    own = [column.head for column in COLUMNS[:KEYS]]
    shared = [head for head in own[1:] if len(set(cells[head])) == 1]
    keys = again = [head for head in own if head not in shared]
    cells[NUMBER] = [str(k + 1) for k in range(len(found))]
    size = {head: 2 + max(map(len, [head, *lines])) for head, lines in cells.items()}
    taken = lambda heads: sum(size[head] for head in heads) - 2
    if taken(keys) > width / 2 and taken([head for head in cells if head not in (*shared, NUMBER)]) > width:
        keys, again = [NUMBER, *keys], [NUMBER, "work"]
    parts = [keys]
    for head in cells:
        if head in own or head == NUMBER:
            continue
        if taken([*parts[-1], head]) > width and parts[-1] not in (keys, again):
            parts.append(again)
        parts[-1] = [*parts[-1], head]
    told = [", ".join(_shared(head, cells[head][0]) for head in shared)] if shared else []
    return "\n\n".join([*told, *(_part(part, cells) for part in parts)])


NUMBER = "#"


def markdown(found: "Sequence[Measurement]") -> str:
    """Return measurements as a Markdown table with all columns."""
    heads = [column.head for column in COLUMNS]
    rows = [heads, ["---"] * len(heads), *([column.cell(one) for column in COLUMNS] for one in found)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def told(peaks: dict[str, float]) -> list[str]:
    """Return lines that say what shares are of."""
    large = ", ".join(f"{name} {value / 1e9:,.0f} GFLOP/s" for name, value in peaks.items())
    more = "; nothing here runs in bfloat16" if "bfloat16" in peaks else ""
    return [f"large matrix products: {large}{more}"] if large else []


def remark(done: "Measurement | Failure") -> str:
    """Return what is said of a work as soon as it is measured."""
    from jaxsolve.profiling import Failure

    if isinstance(done, Failure):
        return f"{done.work} is not measured: {done.error}"
    return f"{done.work}: {done.rows} rows, {short(done.items_per_second)} {done.unit}/s"


def failures(found: "Sequence[Failure]") -> str:
    """Return a line for each work that could not be measured."""
    width = shutil.get_terminal_size().columns
    lines = [f"not measured: {one.work}, {one.rows} rows: {one.error}" for one in found]
    return "\n".join(textwrap.fill(line, width, subsequent_indent="  ") for line in lines)


def short(value: float) -> str:
    """Return a number with three digits and a prefix for thousands, as 12.3k."""
    exponent, scaled = 0, float(value)
    while abs(scaled) >= 999.5 and exponent < len(PREFIXES) - 1:
        exponent, scaled = exponent + 1, scaled / 1000
    return f"{scaled:.3g}{PREFIXES[exponent]}"


PREFIXES = ("", "k", "M", "G", "T")


def _part(heads: list[str], cells: dict[str, list[str]]) -> str:
    columns = [[head, *cells[head]] for head in heads]
    return terminal.table(list(zip(*columns, strict=True)))


def _shared(head: str, cell: str) -> str:
    if head == "devices":
        return f"{cell} device{'s' * (cell != '1')}"
    return {"rows": f"{cell} rows", "products": f"products in {cell}", "way": f"way: {cell}"}[head]


def _giga(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value / 1e9:,.0f}" if value >= 1e12 else f"{value / 1e9:.4g}"


def _share(value: float | None) -> str:
    """Return a share as it was measured, even where it is above 1."""
    return "" if value is None else f"{value:.2f}"
