"""Host: the commands, put together."""

import typer

from jaxsolve.cli.export import export
from jaxsolve.cli.inspect import inspect
from jaxsolve.cli.pair import pair
from jaxsolve.cli.solve import solve
from jaxsolve.cli.verify import verify
from jaxsolve.cli.version import version

app = typer.Typer(
    help="Put a dropped residual network back together, and prove it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (solve, inspect, pair, verify, export, version):
    app.command()(command)
