"""Host: the line at the bottom of a terminal. It loads next to nothing, so that it can be there at once."""

import os
import sys
import threading
from contextlib import suppress
from typing import TextIO

ERASE = "\x1b[K"
"""What makes a terminal erase the rest of a line."""


def redraws(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal on which a line can be written again."""
    if not is_terminal(stream):
        return False
    return os.environ.get("TERM", "dumb" if os.name == "posix" else "") != "dumb"


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether somebody looks at a stream."""
    with suppress(OSError, ValueError, AttributeError):
        return stream is not None and not stream.closed and stream.isatty()
    return False


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


def clear() -> None:
    """Take away the line that is there, if there is one: something else is about to be printed, or nothing more."""
    if StatusLine.shown is not None:
        StatusLine.shown.__exit__()


SILENT = {"-h", "--help", "--version", "-q", "--quiet", "--json"}
"""Options with which nothing is said before there is a result."""
READING = ("solve", "search", "sweep", "inspect", "pair", "verify", "analyze", "export", "profile")
"""Commands that begin with reading a puzzle."""


def begin(arguments: list[str], stream: TextIO | None = None) -> None:
    """Say on a terminal what a command begins with, before anything is loaded for it."""
    stream = stream or sys.stderr
    if stream is None or not is_terminal(stream):
        return
    if not arguments or arguments[0] not in READING or SILENT & {*arguments}:
        return
    named = arguments[1] if len(arguments) > 1 and not arguments[1].startswith("-") else ""
    text = f"jaxsolve: reading {named or 'the puzzle'}"
    if redraws(stream):
        StatusLine(stream).__enter__().show(text)
    else:
        stream.write(f"{''.join(filter(str.isprintable, text))}\n")
        stream.flush()
