"""Host: everything the command line prints: results on stdout, all else on stderr."""

import functools
import json
import math
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec

import typer

from jaxsolve.cli import INTERRUPTED
from jaxsolve.errors import JaxsolveError

if TYPE_CHECKING:
    from jaxsolve.run import Progress

P = ParamSpec("P")

INTERNAL_ERROR = 70
LONGEST_NOTE = 2000
PRESSES_TO_LEAVE = 3
"""Interrupts after which a run that should come to its end is left at once."""


def result(text: str) -> None:
    """Print the result of a command."""
    print(text, flush=True)


def result_json(value: dict[str, Any]) -> None:
    """Print the result of a command as one JSON object; numbers that JSON does not know become null."""
    result(to_json(value))


def to_json(value: Any) -> str:
    """Return JSON text; infinite and undefined numbers become null."""

    def plain(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: plain(entry) for key, entry in item.items()}
        if isinstance(item, list | tuple):
            return [plain(entry) for entry in item]
        return None if isinstance(item, float) and not math.isfinite(item) else item

    return json.dumps(plain(value), allow_nan=False)


def keep_stdout_clean() -> None:
    """Send to stderr what libraries print to stdout behind Python's back; results still go to stdout."""
    try:
        results = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # closed: nothing to keep clean
        return
    sys.stdout = os.fdopen(results, "w", encoding="utf-8", errors="backslashreplace")


def note(text: str) -> None:
    """Print a remark."""
    if sys.stderr is not None:
        print(f"jaxsolve: {one_line(text)[:LONGEST_NOTE]}", file=sys.stderr, flush=True)


def one_line(text: object) -> str:
    """Return text on one line, without control characters that could write to a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


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
            os._exit(INTERRUPTED)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def watching() -> Iterator[Callable[["Progress"], None]]:
    """Yield a watcher that keeps one line on stderr up to date, where stderr is a terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda progress: None
        return
    from rich.console import Console

    with Console(stderr=True).status("reading") as status:

        def show(progress: "Progress") -> None:
            best = f"MSE {progress.loss:.3g}" if math.isfinite(progress.loss) else "no answer yet"
            status.update(f"{progress.phase}  {best}  {progress.evaluations} evaluations  {progress.elapsed:.1f} s")

        yield show
