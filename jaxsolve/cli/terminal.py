"""Host: everything the command line prints: results on stdout, all else on stderr."""

import functools
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ParamSpec

import typer

from jaxsolve.cli import interrupts, status
from jaxsolve.cli.codes import INTERNAL_ERROR
from jaxsolve.cli.commands import PRINTED
from jaxsolve.cli.layout import prose as prose, table as table
from jaxsolve.cli.status import StatusLine as StatusLine
from jaxsolve.errors import JaxsolveError, one_line, out_of_memory
from jaxsolve.records import to_json

P = ParamSpec("P")


@dataclass
class Manner:
    """How the command that runs now prints."""

    quiet: bool = False
    """Whether nothing is said but results and errors."""
    json: bool = False
    """Whether results, and errors, are objects."""
    printed: bool = False
    """Whether there was a result already."""


_manner = [Manner()]
"""That of the command that runs last."""


@contextmanager
def printing(*, quiet: bool = False, json: bool = False) -> Iterator[None]:
    """Print in a manner of its own inside; leave no line at the bottom of the terminal."""
    _manner.append(Manner(quiet, json))
    try:
        yield
    finally:
        _manner.pop()
        status.clear()


def is_quiet() -> bool:
    """Return whether nothing is to be said but results and errors."""
    return _manner[-1].quiet


def result(text: str) -> None:
    """Print the result of a command."""
    status.clear()
    _manner[-1].printed = True
    print(text, flush=True)


def result_json(value: dict[str, Any]) -> None:
    """Print the result of a command as one JSON object; numbers that JSON does not know become null."""
    result(to_json(value))


def keep_stdout_clean() -> None:
    """Send to stderr what libraries print to stdout behind Python's back; results still go to stdout."""
    try:
        results = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # closed: nothing to keep clean
        return
    sys.stdout = os.fdopen(results, "w", encoding="utf-8", errors="backslashreplace")


def note(text: str) -> None:
    """Print a remark, unless nobody wants any."""
    if not is_quiet():
        _say(text)


def error(text: str, code: int) -> None:
    """Print why a command ends: on stderr in one line and, where results are objects and there was none, as one."""
    _say(text)
    if _manner[-1].json and not _manner[-1].printed:
        result_json({"error": one_line(text).removeprefix("error: "), "exit_code": code})


def _say(text: str) -> None:
    line = f"jaxsolve: {one_line(text)[:2000]}"
    if StatusLine.shown is not None:
        StatusLine.shown.above(line)
    elif sys.stderr is not None:
        print(line, file=sys.stderr, flush=True)


Debug = Annotated[
    bool, typer.Option("--debug", help="Also show where in the code an error comes from.", rich_help_panel=PRINTED)
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Print only results and errors: no progress and no notes.", rich_help_panel=PRINTED
    ),
]


def guarded(command: Callable[P, None]) -> Callable[..., None]:
    """Turn errors of a command into one line and an exit code, and give it the options that all commands have."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        stop = functools.partial(_stop, debug=bool(kwargs.pop("debug", False)))
        quiet = bool(kwargs.pop("quiet", False))
        with printing(quiet=quiet, json=bool(kwargs.get("json"))):
            try:
                command(*args, **kwargs)
            except JaxsolveError as error:
                raise stop(f"error: {error}", error.exit_code) from error
            except KeyboardInterrupt as error:
                raise stop("interrupted", interrupts.exit_code()) from error
            except BrokenPipeError as error:
                raise typer.Exit(1) from error
            except OSError as error:
                raise stop(f"error: {error}", JaxsolveError.exit_code) from error
            except (typer.Exit, typer.Abort):
                raise
            except Exception as error:
                if exhausted := out_of_memory(error):
                    raise stop(f"error: {exhausted}", exhausted.exit_code) from error
                text = f"internal error: {type(error).__name__}: {error}"
                raise stop(f"{text[:300]}; --debug shows where; please report it", INTERNAL_ERROR) from error

    shown = inspect.signature(command)
    added = {"quiet": Quiet, "debug": Debug}
    keyword = inspect.Parameter.KEYWORD_ONLY
    options = [inspect.Parameter(name, keyword, default=False, annotation=kind) for name, kind in added.items()]
    vars(run)["__signature__"] = shown.replace(parameters=[*shown.parameters.values(), *options])
    run.__annotations__ = {**command.__annotations__, **added}
    return run


def _stop(text: str, code: int, *, debug: bool) -> typer.Exit:
    if debug:
        traceback.print_exc()
    error(text, code)
    return typer.Exit(code)
