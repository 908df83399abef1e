"""Host: what a run does while it lasts: one line that is redrawn on a terminal, a line now and then elsewhere."""

import math
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from jaxsolve.certificate import error_words
from jaxsolve.cli import status, terminal
from jaxsolve.run.observer import Growth, Label, Observer, Pass, Progress

if TYPE_CHECKING:
    from jaxsolve.puzzle import Assembly
    from jaxsolve.run import Run

BARS, ASCII_BARS = "▁▂▃▄▅▆▇█", "_.-=+*#@"


class View(Observer):
    """Puts into a line what a run has come to: phase, lowest loss and its curve, speed, moves taken, time left."""

    def __init__(self, budget: float, clock: Callable[[], float] = time.perf_counter, bars: str = BARS) -> None:
        self._budget, self._clock, self._bars = budget, clock, bars
        self._now, self._heard_at = Progress("read", float("inf"), 0, 0.0), clock()
        self._label, self._loss, self._accepted, self._attempts = "", float("inf"), 0, 0
        self._grown = ""
        self._counts = deque([(0.0, 0)])
        self._curve: list[tuple[float, float]] = []
        self.stopped: Callable[[], bool] = lambda: False
        self.variance = 0.0
        """Of the predictions, once it is known."""

    @property
    def elapsed(self) -> float:
        """Seconds since the run began, now and not when it was last heard of."""
        return self._now.elapsed + self._clock() - self._heard_at

    @property
    def best(self) -> float:
        """Lowest loss so far; infinite before the first."""
        return self._curve[-1][1] if self._curve else float("inf")

    def progressed(self, progress: Progress) -> None:
        """Remember how far the run is."""
        if progress.evaluations < self._now.evaluations:  # a run of its own within this one
            self._counts = deque([(progress.elapsed, progress.evaluations)])
        self._now, self._heard_at = progress, self._clock()
        self._counts.append((progress.elapsed, progress.evaluations))
        while (
            len(self._counts) > 2 and self._counts[1][0] < progress.elapsed - 3
        ):  # seconds over which a speed is measured
            self._counts.popleft()

    def began(self, label: Label, start: "Assembly | None", loss: float) -> None:
        """Remember what is tried now."""
        self._label, self._attempts, self._loss = label.order_seed or label.search, self._attempts + 1, loss
        if start is not None:
            self._lower(loss)

    def found(self, assembly: "Assembly", loss: float) -> None:
        """Remember where it has come to."""
        self._loss, self._grown = min(self._loss, loss), ""
        self._lower(loss)

    def grew(self, growth: Growth) -> None:
        """Remember how far partial networks have come."""
        self._grown = f"{len(growth.best.ins)} blocks, probe {growth.losses[0]:.3g}"

    def passed(self, done: Pass) -> None:
        """Count the moves taken."""
        self._accepted += done.accepted

    def line(self, columns: int, between: str = "  ") -> str:
        """Return the line, with as much of it as fits into so many columns: the less telling parts go first."""
        phase = "ending" if self.stopped() else self._now.phase
        where = f"{phase} {self._label} ({self._attempts})" if self._label else phase
        left = self._budget - self.elapsed
        bounded = math.isfinite(left)
        told = f"{clock_time(max(0.0, left))} left" if bounded else clock_time(self.elapsed)
        best = error_words(self.best, self.variance) if math.isfinite(self.best) else "no answer yet"
        now = self._grown or (f"now {self._loss:.3g}" if self.best < self._loss < math.inf else "")
        moves = f"{self._accepted:,} moves" if self._accepted else ""
        parts = [where, best, self._spark(), now, self._speed(), moves, told]
        for drop in (3, 5, 2, 4, 0):  # in this order
            if len(between.join(filter(None, parts))) < columns:
                break
            parts[drop] = phase if drop == 0 else ""
        return between.join(filter(None, parts))[: max(0, columns - 1)]

    def _lower(self, loss: float) -> None:
        if not 0 <= loss < self.best:
            return
        self._curve.append((self.elapsed, loss))
        if len(self._curve) > 256:  # more than the few columns of the curve show
            del self._curve[1:-1:2]

    def _speed(self) -> str:
        """Return evaluations a second over the last few seconds; nothing while none is counted."""
        (t0, n0), (_, n1) = self._counts[0], self._counts[-1]
        seconds = self.elapsed - t0
        return f"{(n1 - n0) / seconds:,.0f}/s" if n1 > n0 and seconds > 0 else ""

    def _spark(self) -> str:
        """Return the logarithm of the lowest loss over the time so far, from its highest to its lowest."""
        curve = [*self._curve]  # the run goes on meanwhile
        if len(curve) < 2:
            return ""
        heights = [math.log10(max(loss, 1e-99)) for _, loss in curve]
        top, bottom, began, at, drawn = max(heights), min(heights), curve[0][0], 0, ""
        columns = 16
        for column in range(columns):
            t = began + (self.elapsed - began) * (column + 1) / columns
            while at + 1 < len(curve) and curve[at + 1][0] <= t:
                at += 1
            share = (heights[at] - bottom) / max(top - bottom, 1e-9)
            drawn += self._bars[round(share * (len(self._bars) - 1))]
        return drawn


def clock_time(seconds: float) -> str:
    """Return seconds as clocks show them."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Diary:
    """Decides when a line is due where lines stay: now and then, and when the loss has fallen to a tenth."""

    quiet = 10.0
    """Seconds between two lines, and before the first; later a twentieth of the time so far."""

    def __init__(self) -> None:
        self._at, self._loss = 0.0, float("inf")

    def due(self, elapsed: float, loss: float) -> bool:
        """Return whether to print a line now, so many seconds after the first look, and count it as printed."""
        fallen = loss <= self._loss / 10 and elapsed >= self.quiet and elapsed - self._at >= 2
        if not fallen and elapsed - self._at < max(self.quiet, elapsed / 20):
            return False
        self._at, self._loss = elapsed, min(loss, self._loss)
        return True


@contextmanager
def watching(run: "Run") -> Iterator[View]:
    """Yield what shows on stderr what a run does: redrawn on a terminal, elsewhere a line now and then."""
    stream = sys.stderr
    if stream is None or stream.closed or terminal.is_quiet():
        yield View(run.budget)
        return
    view = View(run.budget, bars=BARS if _shows(stream, BARS) else ASCII_BARS)
    view.stopped = lambda: run.stopped
    run.observers.append(view)
    try:
        with redrawn(view, stream) if status.redraws(stream) else _lines(view):
            yield view
    finally:
        run.observers.remove(view)


@contextmanager
def redrawn(view: View, stream: TextIO) -> Iterator[None]:
    """Keep a line on a terminal up to date with a view."""
    with status.StatusLine(stream) as line, _repeated(lambda: line.show(view.line(line.columns))):
        yield


@contextmanager
def _lines(view: View) -> Iterator[None]:
    diary, began = Diary(), time.perf_counter()

    def look() -> None:
        if diary.due(time.perf_counter() - began, view.best):
            terminal.note(view.line(160, ", "))

    with _repeated(look):
        yield


@contextmanager
def _repeated(look: Callable[[], None]) -> Iterator[None]:
    """Call something again and again in a thread of its own: device programs may take long."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(0.2):
            try:
                look()
            except (OSError, ValueError):  # nobody can read it any more
                return

    thread = threading.Thread(target=repeat, name="live view", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _shows(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
