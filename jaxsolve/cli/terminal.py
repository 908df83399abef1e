"""Host: everything the command line prints: results on stdout, all else on stderr."""

import functools
import inspect
import os
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any, ParamSpec, TextIO

import typer

from jaxsolve.cli import interrupts
from jaxsolve.cli.codes import INTERNAL_ERROR
from jaxsolve.errors import JaxsolveError, one_line, out_of_memory
from jaxsolve.records import to_json

P = ParamSpec("P")

ERASE = "\x1b[K"
"""What makes a terminal erase the rest of a line."""


def result(text: str) -> None:
    """Print the result of a command."""
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


class StatusLine:
    """One line at the bottom of a terminal that is written again and again; remarks go above it.

    Nothing but carriage returns and erasures is sent. A terminal that goes away ends it without a word.
    """

    shown: "StatusLine | None" = None
    """The one that is there now."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._lock, self._text = stream, threading.RLock(), ""

    def __enter__(self) -> "StatusLine":
        """Take the bottom of the terminal."""
        StatusLine.shown = self
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind."""
        StatusLine.shown = None
        self.show("")

    @property
    def columns(self) -> int:
        """Width of the terminal now; 80 of one that does not tell."""
        with suppress(OSError, ValueError):
            return os.get_terminal_size(self._stream.fileno()).columns or 80
        return 80

    def show(self, text: str) -> None:
        """Replace the line, cut to the width of the terminal."""
        with self._lock:
            self._text = "".join(filter(str.isprintable, text))[: max(0, self.columns - 1)]
            self._write(f"\r{ERASE}{self._text}")

    def above(self, text: str) -> None:
        """Print a line above it."""
        with self._lock:
            self._write(f"\r{ERASE}{text}\n{self._text}")

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # the terminal is gone, or the stream closed
            self._stream.write(text)
            self._stream.flush()


def note(text: str) -> None:
    """Print a remark."""
    line = f"jaxsolve: {one_line(text)[:2000]}"
    if StatusLine.shown is not None:
        StatusLine.shown.above(line)
    elif sys.stderr is not None:
        print(line, file=sys.stderr, flush=True)


def table(rows: list[tuple[str, ...]]) -> str:
    """Return rows as aligned columns, the first one as a title of each row."""
    widths = [max(len(row[k]) for row in rows if k < len(row)) for k in range(max(map(len, rows)))]
    return "\n".join("  ".join(cell.ljust(widths[k]) for k, cell in enumerate(row)).rstrip() for row in rows)


Debug = Annotated[bool, typer.Option("--debug", help="Show where an error comes from, too.")]


def guarded(command: Callable[P, None]) -> Callable[..., None]:
    """Turn errors of a command into one line and an exit code; its option ``--debug`` shows the traceback, too."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        stop = functools.partial(_stop, debug=bool(kwargs.pop("debug", False)))
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
    option = inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Debug)
    vars(run)["__signature__"] = shown.replace(parameters=[*shown.parameters.values(), option])
    run.__annotations__ = {**command.__annotations__, "debug": Debug}
    return run


def _stop(text: str, code: int, *, debug: bool) -> typer.Exit:
    if debug:
        traceback.print_exc()
    note(text)
    return typer.Exit(code)
