"""Host: everything the command line prints: results on stdout, all else on stderr."""

import functools
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, ParamSpec, TextIO

import typer

from jaxsolve.cli import INTERRUPTED
from jaxsolve.errors import JaxsolveError, one_line
from jaxsolve.records import to_json

P = ParamSpec("P")

INTERNAL_ERROR = 70
LONGEST_NOTE = 2000
COLUMNS = 80
"""Width of a terminal that does not tell."""
ERASE = "\x1b[K"
"""What makes a terminal erase the rest of a line."""
PRESSES_TO_LEAVE = 3
"""Interrupts after which a run that should come to its end is left at once."""


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
        """Width of the terminal now."""
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or COLUMNS
        except (OSError, ValueError):
            return COLUMNS

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
    line = f"jaxsolve: {one_line(text)[:LONGEST_NOTE]}"
    if StatusLine.shown is not None:
        StatusLine.shown.above(line)
    elif sys.stderr is not None:
        print(line, file=sys.stderr, flush=True)


def table(rows: list[tuple[str, ...]]) -> str:
    """Return rows as aligned columns, the first one as a title of each row."""
    widths = [max(len(row[k]) for row in rows if k < len(row)) for k in range(max(map(len, rows)))]
    return "\n".join("  ".join(cell.ljust(widths[k]) for k, cell in enumerate(row)).rstrip() for row in rows)


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Turn errors of a command into one line and an exit code; ``JAXSOLVE_DEBUG=1`` shows the traceback too."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except JaxsolveError as error:
            raise _stop(f"error: {error}", error.exit_code) from error
        except KeyboardInterrupt as error:
            raise _stop("interrupted", INTERRUPTED) from error
        except BrokenPipeError as error:
            raise typer.Exit(1) from error
        except OSError as error:
            raise _stop(f"error: {error}", JaxsolveError.exit_code) from error
        except MemoryError as error:
            raise _stop("error: not enough memory for this puzzle", JaxsolveError.exit_code) from error
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            text = f"internal error: {type(error).__name__}: {error}"
            raise _stop(f"{text[:300]}; JAXSOLVE_DEBUG=1 shows where; please report it", INTERNAL_ERROR) from error

    return run


def _stop(text: str, code: int) -> typer.Exit:
    if os.environ.get("JAXSOLVE_DEBUG"):
        traceback.print_exc()
    note(text)
    return typer.Exit(code)


@contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Let an interrupt ask for an end instead of tearing the work apart; the third one leaves at once."""
    presses = 0

    def handle(*_: object) -> None:
        nonlocal presses
        presses += 1
        stop()
        if presses >= PRESSES_TO_LEAVE:
            if StatusLine.shown is not None:
                os.write(2, b"\n")
            os._exit(INTERRUPTED)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
