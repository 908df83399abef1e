"""Host: the commands, put together."""

import typer

from jaxsolve.cli import codes, terminal
from jaxsolve.cli.analyze import analyze
from jaxsolve.cli.export import export
from jaxsolve.cli.generate import generate
from jaxsolve.cli.inspect import inspect
from jaxsolve.cli.options import options
from jaxsolve.cli.pair import pair
from jaxsolve.cli.profile import profile
from jaxsolve.cli.report import report
from jaxsolve.cli.runs import runs
from jaxsolve.cli.search import search
from jaxsolve.cli.solve import solve
from jaxsolve.cli.sweep import sweep
from jaxsolve.cli.verify import verify
from jaxsolve.cli.version import version

app = typer.Typer(
    help="Put a dropped residual network back together, and prove it.",
    epilog=codes.help_text(),
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run(arguments: list[str]) -> int:
    """Run a command; return its exit code. Wrong usage is one line, as all mistakes are."""
    try:
        code = app(arguments or ["--help"], prog_name="jaxsolve", standalone_mode=False)
    except Exception as error:
        if not hasattr(error, "format_message"):  # what click calls wrong usage, wherever Typer keeps its click
            raise
        message = error.format_message().rstrip(".")  # pyright: ignore[reportAttributeAccessIssue]
        terminal.note(f"error: {message}; see '{_command(arguments)} --help'")
        return getattr(error, "exit_code", 2)
    return code if isinstance(code, int) else 0


def _command(arguments: list[str]) -> str:
    """Return the command that is meant, as far as there is one."""
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    named = arguments[:1] if arguments[:1] and arguments[0] in {*known, "runs"} else []
    return " ".join(["jaxsolve", *named])


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
    version,
):
    app.command()(command)
app.add_typer(runs, name="runs")
