"""Host: options that say where things are written to, and where they are gone on with."""

from pathlib import Path
from typing import Annotated, Any

import typer

from jaxsolve.cli.commands import PRINTED
from jaxsolve.errors import UsageError


def folder_option(told: str, *names: str) -> Any:
    """Return the option that names a folder to write to, with other `names` of it; help says what is `told`."""
    return typer.Option("-o", *names, "--out", "--output", metavar="DIR", help=told, rich_help_panel=PRINTED)


OutFolder = Annotated[Path | None, folder_option("Folder for the answer and the record.")]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", "--out", metavar="PATH", help="The same as OUT.", rich_help_panel=PRINTED),
]
Resume = Annotated[
    str | None,
    typer.Option(
        "--resume",
        metavar="RUN",
        help="Go on with this run, with its settings: a name, 'last', or its folder.",
        rich_help_panel=PRINTED,
    ),
]


def one_place(argument: Path | None, option: Path | None, name: str) -> Path:
    """Return where to write, which may be said as an argument or with -o; `UsageError` if it is not said once."""
    if (argument is None) == (option is None):
        trouble = "missing" if option is None else f"said twice, as {argument} and with -o {option}"
        raise UsageError(f"{name} is {trouble}; say once where to write, as an argument or with -o")
    return Path(argument or option or ".")
