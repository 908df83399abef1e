"""Host: the commands, put together."""

from typing import Annotated

import typer

from jaxsolve.cli import codes, terminal, usage
from jaxsolve.cli.analyze import analyze
from jaxsolve.cli.commands import SETTINGS, Command, Group
from jaxsolve.cli.export import export
from jaxsolve.cli.generate import generate
from jaxsolve.cli.inspect import inspect
from jaxsolve.cli.manual import manual
from jaxsolve.cli.options import options
from jaxsolve.cli.pair import pair
from jaxsolve.cli.profile import profile
from jaxsolve.cli.report import report
from jaxsolve.cli.runs import runs
from jaxsolve.cli.search import search
from jaxsolve.cli.solve import solve
from jaxsolve.cli.sweep import sweep
from jaxsolve.cli.verify import verify
from jaxsolve.cli.version import version, versions

app = typer.Typer(
    cls=Group,
    epilog=codes.help_text(),
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=SETTINGS,
)


def _show_version(asked: bool) -> None:
    if asked:
        terminal.result(f"jaxsolve {versions()['jaxsolve']}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version of jaxsolve.")
    ] = False,
) -> None:
    """Put a residual network that fell apart into layers back together, and prove it."""


def run(arguments: list[str]) -> int:
    """Run a command; return its exit code. Wrong usage is one line, as all mistakes are."""
    try:
        code = app(arguments or ["--help"], prog_name="jaxsolve", standalone_mode=False)
    except Exception as error:
        if not hasattr(error, "format_message"):  # what click calls wrong usage, wherever Typer keeps its click
            raise
        code = getattr(error, "exit_code", 2)
        said, known = _named(arguments)
        with terminal.printing(json="--json" in arguments):
            told = usage.worded(error, arguments, known, " ".join(["jaxsolve", *said]))
            terminal.error(f"error: {told}", code)
    return code if isinstance(code, int) else 0


def _named(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the command that is meant, as far as there is one, and the names that may follow."""
    group, said = typer.main.get_command(app), list[str]()
    for word in arguments:
        within = getattr(group, "commands", {})
        if word not in within:
            break
        group, said = within[word], [*said, word]
    return said, [*getattr(group, "commands", {})]


for command in (
    solve,
    search,
    sweep,
    inspect,
    pair,
    verify,
    analyze,
    report,
    export,
    generate,
    profile,
    options,
    manual,
    version,
):
    app.command(cls=Command)(command)
for command in runs.registered_commands:
    command.cls = Command
app.add_typer(runs, name="runs", cls=Group)
