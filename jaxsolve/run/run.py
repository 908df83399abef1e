"""Host: one run of the solver: its time, its evaluations, and whoever watches it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from jaxsolve import engine

PHASES = ("import", "read", "compile", "pair", "seed", "search", "certify")


class OutOfTime(Exception):  # noqa: N818  (a stop, not an error)
    """The budget is spent; whoever holds the best answer so far reports it."""


@dataclass(frozen=True)
class Progress:
    """What a watcher is told between device programs."""

    phase: str
    loss: float
    """Best mean squared error so far on the rows that candidates are compared on; infinity before the first."""
    evaluations: int
    elapsed: float
    """Seconds since the run began."""


@dataclass(eq=False)
class Run:
    """Counts what a run spends and stops it between device programs when its budget is used up."""

    budget: float = float("inf")
    """Seconds from `started`."""
    watch: Callable[[Progress], None] = lambda progress: None
    started: float = field(default_factory=time.perf_counter)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))
    """Seconds by phase, compilation apart from the phase it happened in."""
    evaluations: int = 0
    """Candidate assemblies whose loss was computed."""
    loss: float = float("inf")
    _phase: str = "read"

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self.started

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Book the time spent inside to a phase, and compilation to its own."""
        outer, self._phase = self._phase, name
        began, compiling = time.perf_counter(), engine.compile_seconds()
        try:
            yield
        finally:
            compiling = engine.compile_seconds() - compiling
            self.seconds["compile"] += compiling
            self.seconds[name] += time.perf_counter() - began - compiling
            self._phase = outer

    def spend(self, evaluations: int = 0) -> None:
        """Count evaluations, tell the watcher, and raise `OutOfTime` once the budget is spent."""
        self.evaluations += evaluations
        self.watch(Progress(self._phase, self.loss, self.evaluations, self.elapsed))
        if self.elapsed > self.budget:
            raise OutOfTime
