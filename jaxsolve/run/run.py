"""Host: one run of the solver: its time, its evaluations, and whoever watches it."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from jaxsolve import backend, engine
from jaxsolve.errors import OutOfMemoryError
from jaxsolve.puzzle import Assembly
from jaxsolve.run.observer import Growth, Label, Observer, Pass, Progress

T = TypeVar("T")

PHASES = ("import", "read", "compile", "pair", "seed", "search", "certify")


class OutOfTime(Exception):  # noqa: N818  (a stop, not an error)
    """The budget is spent; whoever holds the best answer so far reports it."""


@dataclass
class Outcome:
    """How a piece of work has ended."""

    status: str | None = None
    """``out_of_time``, ``out_of_memory``, ``interrupted``, or ``lost`` where another process has died; None: by itself.
    """
    error: OutOfMemoryError | None = None


@dataclass(eq=False)
class Run:
    """Counts what a run spends and stops it between device programs when its budget is used up."""

    budget: float = float("inf")
    """Seconds from `started`; infinite: that of the configuration."""
    memory: float | None = None
    """Bytes that evaluations may take, of the machine or of each accelerator; None: half of what is free."""
    watch: Callable[[Progress], None] = lambda progress: None
    """Is told of phases and work, and may stop the run."""
    observers: list[Observer] = field(default_factory=list)
    """Are told the same and more."""
    started: float = field(default_factory=time.perf_counter)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))
    """Seconds by phase, compilation apart from the phase it happened in."""
    evaluations: int = 0
    """Candidate assemblies whose loss was computed."""
    loss: float = float("inf")
    """Lowest mean squared error so far, on the rows that candidates are compared on."""
    best: Assembly | None = None
    """The assembly that has it."""
    falls: list[tuple[float, float]] = field(default_factory=list)
    """Seconds and loss of assemblies that were better than all before; of very many, every other one is left out."""
    resumed_at: float = 0.0
    """Seconds at which it went on, if it did."""
    measure: Callable[[Assembly], float] | None = None
    """How the rounds of a search are to be judged on all rows, if they are."""
    slots: dict[tuple, tuple[object, Any]] = field(default_factory=dict)
    """Device memory for states, by its shape, which evaluators pass on: whose states it holds, and the memory."""
    stopped: bool = False
    """Whether the user has asked for an end."""
    least_memory: float = 16 << 20
    """Bytes with which work is not made any smaller, where they are too many all the same."""
    _phase: str = "read"
    _depth: int = 0
    _booked: tuple[float, float] = (0.0, 0.0)

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self.started

    @property
    def work(self) -> str:
        """What the run has spent, in words."""
        return f"{self.elapsed:.1f} s and {self.evaluations} evaluations"

    def allow(self, budget: float) -> None:
        """Take the budget of a configuration where there is none of its own."""
        if math.isinf(self.budget):
            self.budget = budget

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Book the time spent inside to a phase and not to the one around it, and compilation to its own."""
        outer = self._phase
        if self._depth:
            self._book(outer)
        self._booked = time.perf_counter(), backend.compile_seconds()
        self._phase, self._depth = name, self._depth + 1
        self._tell()
        try:
            yield
        finally:
            self._book(name)
            self._phase, self._depth = outer, self._depth - 1

    def spend(self, evaluations: int) -> None:
        """Allow a piece of work: count its evaluations and tell the watcher.

        Raises
        ------
        OutOfTime
            The budget is spent. What was found before is not lost.
        KeyboardInterrupt
            The user has asked for an end, likewise.
        ProcessLost
            Another process of the run is gone, likewise.
        """
        why = backend.agree(2 * self.stopped or int(self.elapsed > self.budget))
        if why:
            raise KeyboardInterrupt if why > 1 else OutOfTime
        self.evaluations += evaluations
        self._tell()

    @contextmanager
    def stoppable(self) -> Iterator[Outcome]:
        """Let what `spend` raises, and memory that runs out, end the work inside; the outcome says so afterwards."""
        outcome = Outcome()
        try:
            with backend.watched():
                yield outcome
        except OutOfTime:
            outcome.status = "out_of_time"
        except OutOfMemoryError as error:
            outcome.status, outcome.error = "out_of_memory", error
        except KeyboardInterrupt:
            outcome.status = "interrupted"
        except backend.ProcessLost:
            outcome.status = "lost"

    def overtime(self) -> None:
        """Allow a piece of what is done once a search is over: judging, for which there are 1.5 s in any case.

        Raises
        ------
        OutOfTime
            That is spent, too.
        """
        if self.elapsed > self.budget + 1.5 or self.stopped:
            raise OutOfTime

    def stored(self) -> dict[str, Any]:
        """Return the counters that `restore` takes, as plain values."""
        return {"memory": self.memory, "evaluations": self.evaluations, "seconds": self.elapsed}

    def restore(self, meta: Mapping[str, Any]) -> None:
        """Go on counting where a run was stored; memory that nobody named is that of then, for the same parts of rows.

        Raises
        ------
        KeyError, TypeError, ValueError, OverflowError
            These are no counters.
        """
        if self.memory is None and meta.get("memory"):
            self.memory = float(meta["memory"])
            if not 0 < self.memory < math.inf:
                raise ValueError(f"memory of {self.memory} bytes")
        self.evaluations, self.started = int(meta["evaluations"]), time.perf_counter() - float(meta["seconds"])
        self.resumed_at = float(meta["seconds"])
        if not math.isfinite(self.started):
            raise ValueError(f"{meta['seconds']} seconds")

    def memory_on(self, problem: "engine.Problem") -> float:
        """Return the bytes that evaluations may take: found out once, and the same for all processes."""
        if self.memory is None:
            free, mebibyte = backend.free_memory(problem.over) / 2, 1 << 20  # as int32 holds it
            self.memory = float(-backend.agree(-int(free / mebibyte)) * mebibyte)
        return self.memory

    def within_memory(self, problem: "engine.Problem", work: Callable[[float], T]) -> T:
        """Do a piece of work within the memory of the run, halved from then on where that turns out to be too much.

        `work` is given the bytes it may take, and may be called again. Raises `OutOfMemoryError`.
        """

        def anew(memory: float) -> T:
            try:
                return work(memory)
            except BaseException:
                self.slots.clear()
                raise

        found, self.memory = backend.halving(anew, self.memory_on(problem), self.least_memory)
        return found

    def begin(self, label: Label, start: Assembly | None = None, loss: float = float("inf")) -> None:
        """Say that an attempt begins, and where."""
        for observer in self.observers:
            observer.began(label, start, loss)

    def found(self, assembly: Assembly, loss: float) -> None:
        """Note where a search has come to."""
        if loss < self.loss:
            self.loss, self.best = loss, assembly
            self.falls.append((self.elapsed, loss))
            if len(self.falls) > 256:  # more than anybody looks at
                del self.falls[1:-1:2]
        for observer in self.observers:
            observer.found(assembly, loss)

    def passed(self, done: Pass) -> None:
        """Say what a round has decided."""
        for observer in self.observers:
            observer.passed(done)

    def grew(self, growth: Growth) -> None:
        """Say how far partial networks have come."""
        for observer in self.observers:
            observer.grew(growth)

    def judged(self, mse: float, solved: bool) -> None:
        """Say what the end of an attempt is worth over all rows."""
        for observer in self.observers:
            observer.judged(mse, solved)

    def stop(self) -> None:
        """Have the run end before its next piece of work; may be called from a signal handler."""
        self.stopped = True

    def _book(self, phase: str) -> None:
        now = time.perf_counter(), backend.compile_seconds()
        compiling = now[1] - self._booked[1]
        self.seconds["compile"] += compiling
        self.seconds[phase] += now[0] - self._booked[0] - compiling
        self._booked = now

    def _tell(self) -> None:
        progress = Progress(self._phase, self.loss, self.evaluations, self.elapsed)
        self.watch(progress)
        for observer in self.observers:
            observer.progressed(progress)
