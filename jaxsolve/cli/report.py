"""Host: ``jaxsolve report``. JAX is not needed for it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jaxsolve.cli import terminal
from jaxsolve.cli.run_names import HELP, Folder, record_of
from jaxsolve.cli.run_store import check_folder
from jaxsolve.errors import OutputError, UsageError
from jaxsolve.files import write_new, write_over
from jaxsolve.records import Record, read_record

if TYPE_CHECKING:
    from jaxsolve.report import Report

Runs = Annotated[list[str], typer.Argument(metavar="RUN...", help=f"{HELP[0].upper()}{HELP[1:]}; or several.")]


@terminal.guarded
def report(
    runs: Runs,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="File to write. Default: the name of the run with .html, in this folder.",
        ),
    ] = None,
    puzzle: Annotated[
        str | None, typer.Option(metavar="PATH", help="Where the puzzle is now, if it has moved.")
    ] = None,
    svg: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write only the figures, as SVG, to this folder.")
    ] = None,
    png: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write only the figures, as PNG, to this folder.")
    ] = None,
    dark: Annotated[bool, typer.Option("--dark", help="Draw these figures for a dark background.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")] = False,
    folder: Folder = None,
) -> None:
    """Write an HTML report of a run, to be read offline, with a replay of the ordering.

    Several runs are compared. With --svg or --png, only figures are written;
    for the page as well, give --output. Needs pip install 'jaxsolve[report]'.
    """
    from jaxsolve.report import comparison_of, page, report_of
    from jaxsolve.report.charts import libraries

    if puzzle is not None and len(runs) > 1:
        raise UsageError("--puzzle is for the report of one run; comparing several needs no puzzle")
    libraries()
    records = [read_record(record_of(text, folder)) for text in runs]
    for where, option in ((svg, "--svg"), (png, "--png")):
        if where is not None:
            check_folder(where, option)
    wanted = output is not None or svg is png is None
    path = output or Path(file_name(records))
    if wanted and path.exists() and not force:
        raise OutputError(f"{path}: exists already and is not overwritten; choose another --output, or --force")
    made = report_of(records[0], puzzle) if len(records) == 1 else comparison_of(records)
    for text in made.notes:
        terminal.note(f"note: {text}")
    if wanted:
        (write_over if force else write_new)(path, page(made))
        terminal.result(str(path))
    _draw(made, svg, png, dark, force)


def file_name(records: list[Record]) -> str:
    """Return the name of a file for a report of these runs."""
    name = "-and-".join(record.name for record in records)
    return f"{''.join(c if c.isalnum() or c in '._-' else '-' for c in name)[:100]}.html"


def _draw(made: "Report", svg: Path | None, png: Path | None, dark: bool, force: bool) -> None:
    """Write every figure of a report where it is wanted."""
    from jaxsolve.report import charts

    write = write_over if force else write_new
    for folder, kind, draw in ((svg, "svg", charts.svg), (png, "png", charts.png)):
        if folder is None:
            continue
        for figure in made.figures:
            write(folder / f"{figure.name}.{kind}", draw(figure.chart, dark=dark))
        terminal.note(f"figures in {folder}: {len(made.figures)}")
