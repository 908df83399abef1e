"""Host: ``jaxsolve options``."""

from typing import Annotated, Any

import typer

from jaxsolve.cli import arguments, terminal
from jaxsolve.errors import UsageError, no_such


@terminal.guarded
def options(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A method, or a part of the solver.")] = None,
    json: arguments.Json = False,
) -> None:
    """List the numbers that --set can change, with their defaults.

    solve takes those of parts of the solver and of the methods that it uses,
    search those of all methods.
    """
    from jaxsolve.search import METHODS, options_of
    from jaxsolve.solver.options import OWNERS

    every = {**OWNERS, **METHODS}
    if name is not None and name not in every:
        raise UsageError(no_such("method or part of the solver", name, every))
    found: dict[str, dict[str, Any]] = {}
    for owner in [name] if name else every:
        numbers = every[owner]()
        found[owner] = {option: getattr(numbers, option) for option in options_of(numbers)}
    if json:
        terminal.result_json(found)
        return
    shown = lambda value: "none" if value is None else str(value)
    rows = [(f"{owner}.{option}", shown(value)) for owner, own in found.items() for option, value in own.items()]
    terminal.result(terminal.table([("option", "default"), *rows]))
