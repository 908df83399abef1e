"""Host: an observer that keeps what a run does, as it does it, in a folder."""

import errno
import functools
import json
import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

from jaxsolve import files
from jaxsolve.puzzle import Assembly, Puzzle
from jaxsolve.puzzle.padding import padded
from jaxsolve.records.files import numbered, open_trace, to_json
from jaxsolve.records.thinning import Thinning
from jaxsolve.run import Growth, Label, Observer, Pass, Progress

P = ParamSpec("P")

NAMES = ("record.json", "trace.jsonl", "answer.json")
"""Files that share the number of a run."""


@dataclass(eq=False)
class Attempt:
    """An attempt that is, or was, under way."""

    number: int = 0
    label: Label | None = None
    """None once it is in the trace."""
    loss: float = float("inf")
    """Of its start."""
    best: float = float("inf")


@dataclass(frozen=True)
class Waiting:
    """A frame or rounds that may be kept, if nothing better comes before there is room for them."""

    attempt: Attempt
    event: dict[str, Any]
    assembly: Assembly | None = None


def alone(method: Callable[Concatenate["Recorder", P], None]) -> Callable[Concatenate["Recorder", P], None]:
    """Have a method of a recorder run in one thread at a time."""

    @functools.wraps(method)
    def run(self: "Recorder", /, *args: P.args, **kwargs: P.kwargs) -> None:
        with self._lock:
            method(self, *args, **kwargs)

    return run


class Recorder(Observer):
    """Keeps a run in a folder: the record renamed into place every few seconds, the trace line by line.

    The trace is bounded by `Thinning`: of frames and of rounds each at most some thousands of lines, however long the
    run, as many of rates; of what is left out, the last and the sums are kept. Trouble with the files never reaches
    the run: it ends the recording, and `trouble` has the reason.

    Parameters
    ----------
    folder
        An existing folder. Nothing in it is overwritten.
    puzzle
        What assemblies are of, though they may have more null halves.
    about
        What `opened` says of the run.
    clock
        Seconds, as runs count them.

    Raises
    ------
    OSError
        The folder cannot be written.
    """

    gap = 2.0
    """Seconds between two looks of the record at what is known so far, and between two rates in the trace."""
    idle_gap = 10.0
    """Seconds between two looks where nothing better is known."""

    def __init__(
        self, folder: Path, puzzle: Puzzle, about: dict[str, Any], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        taken = lambda number: any((folder / numbered(name, number)).exists() for name in NAMES)
        self.number, self._file = open_trace(folder, taken)
        self.path = folder / numbered("record.json", self.number)
        self.trouble: str | None = None
        self.anything = False
        """Whether anything was found."""
        self._puzzle, self._wide, self._clock = puzzle, dict[int, Puzzle](), clock
        self._fields = about | {"trace": numbered("trace.jsonl", self.number)}
        self._now, self._heard_at = Progress("", float("inf"), 0, 0.0), clock()
        self._earlier = 0
        """Evaluations before the count last began anew."""
        self._best: tuple[float, Assembly | None] = (float("inf"), None)
        self._kept_best, self._kept_at = self._best[1], clock() - self.gap  # the first answer is kept at once
        self._attempt = Attempt()
        self._accepted = self._rejected = 0
        self._setting: Mapping[str, Any] = {}
        """That of a sweep, which the stages of its searches share."""
        self._frames, self._rounds = Thinning(), Thinning()
        self._rates = Thinning(burst=0, gap=self.gap, last=0.0)
        self._held: Waiting | None = None
        """The frame of an earlier attempt that is the best of all."""
        self._frame: Waiting | None = None
        self._round: Waiting | None = None
        self._lock = threading.RLock()
        try:
            self._write_record()
        except OSError:
            self.discard()
            raise

    @alone
    def progressed(self, progress: Progress) -> None:
        """Keep what has waited long enough."""
        if progress.evaluations < self._now.evaluations:  # a run of its own within this one
            self._earlier += self._now.evaluations
        self._now, self._heard_at = progress, self._clock()
        self._write_waiting()
        if self._rates.take(progress.elapsed):
            self._write_rate()
        if self._clock() - self._kept_at >= (self.idle_gap if self._best[1] is self._kept_best else self.gap):
            self._keep()

    @alone
    def began(self, label: Label, start: Assembly | None, loss: float) -> None:
        """Open an attempt; what waits for room in the one before is dropped unless it is the best of all."""
        self._write_waiting()
        if self._frame is not None and self._frame.assembly is self._best[1]:
            self._held = self._frame
        self._frame = self._round = None
        self._setting = label.setting or self._setting
        self._attempt = Attempt(self._attempt.number + 1, replace(label, setting=self._setting), loss)
        if start is not None:
            self.found(start, loss)

    @alone
    def found(self, assembly: Assembly, loss: float) -> None:
        """Keep an assembly that is better than the others of its attempt, if there is room, or till there is."""
        if not loss < self._attempt.best:
            return
        start = self._attempt.best == float("inf")
        self._attempt.best, self.anything = loss, True
        if loss < self._best[0]:
            self._best, self._held = (loss, assembly), None
        self._frame = Waiting(self._attempt, self._event("frame", loss=loss, start=start), assembly)
        self._write_waiting()

    @alone
    def passed(self, done: Pass) -> None:
        """Keep a round, together with those of its kind that wait."""
        self._accepted += done.accepted
        self._rejected += done.rejected
        counts = {"accepted": done.accepted, "rejected": done.rejected, "seconds": done.seconds, "rounds": 1}
        if self._round is not None and self._round.event["name"] == done.name:
            counts = {key: self._round.event[key] + value for key, value in counts.items()}
        told = self._event("round", phase=self._now.phase, name=done.name, loss=done.loss, **counts)
        self._round = Waiting(self._attempt, told)
        self._write_waiting()

    @alone
    def grew(self, growth: Growth) -> None:
        """Keep how far partial networks have come."""
        if self._rounds.take(self._elapsed):
            about = {"name": growth.name, "blocks": len(growth.best.ins), "losses": growth.losses}
            self._write_out(Waiting(self._attempt, self._event("growth", **about), growth.best))

    @alone
    def judged(self, mse: float, solved: bool) -> None:
        """Keep what the end of an attempt is worth."""
        if self._rounds.take(self._elapsed):
            self._write(self._event("judged", mse=mse, solved=solved))

    @alone
    def finish(
        self,
        status: str,
        report: dict[str, Any] | None = None,
        answer: tuple[list[int], float] | None = None,
        certificate: dict[str, Any] | None = None,
        error: str | None = None,
    ) -> None:
        """Say how the run has ended: with which answer, and its mean squared error over all rows."""
        for waiting in (self._held, self._frame, self._round):
            if waiting is not None:
                self._write_out(waiting)
        self._held = self._frame = self._round = None
        self._write_rate()
        self._write(self._event("end", status=status))
        self._fields |= {"status": status, "error": error, "report": report, "certificate": certificate}
        if answer is not None:
            self._fields["mse"] = answer[1]
        self._keep(answer and answer[0], last=True)
        self._file.close()

    def leave(self, status: str, seconds: float) -> None:
        """Say from another thread how the run has ended; that of the run, if it is at work here, is waited for."""
        if self._lock.acquire(timeout=seconds):  # and kept: nothing is to be written after the end
            self.finish(status)

    def discard(self) -> None:
        """Leave nothing behind: the run failed before anything was found."""
        self._file.close()
        for path in (self.path, self.path.with_name(self._fields["trace"])):
            path.unlink(missing_ok=True)

    @property
    def _elapsed(self) -> float:
        """Seconds since the run began, now and not when it was last heard of."""
        return self._now.elapsed + self._clock() - self._heard_at

    def _event(self, event: str, **about: Any) -> dict[str, Any]:
        now = {"t": self._elapsed, "evaluations": self._earlier + self._now.evaluations}
        return {"event": event, **now, "attempt": self._attempt.number, **about}

    def _write_waiting(self) -> None:
        t = self._elapsed
        if self._held is not None and self._frames.take(t):
            self._write_out(self._held)
            self._held = None
        if self._frame is not None and self._frames.take(t):
            self._write_out(self._frame)
            self._frame = None
        if self._round is not None and self._rounds.take(t):
            self._write_out(self._round)
            self._round = None

    def _write_out(self, waiting: Waiting) -> None:
        """Write a frame or rounds, and the attempt before what is first kept of it."""
        attempt, event = waiting.attempt, waiting.event
        if attempt.label is not None:
            about = asdict(attempt.label) | {"loss": attempt.loss}
            self._write({key: event[key] for key in ("t", "evaluations", "attempt")} | {"event": "attempt", **about})
            attempt.label = None
        if waiting.assembly is not None:
            event = event | {"permutation": self._blocks(waiting.assembly)}
        self._write(event)

    def _write_rate(self) -> None:
        now = self._now
        self._write(
            self._event("rate", phase=now.phase, loss=self._best[0], accepted=self._accepted, rejected=self._rejected)
        )

    def _write(self, event: dict[str, Any]) -> None:
        if self.trouble is None:
            try:
                line = f"{files.sealed(json.dumps(shortened(event)))}\n".encode()
                if self._file.write(line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError as error:
                self.trouble = f"{self.path.parent}: {error.strerror or error}"

    def _keep(self, permutation: list[int] | None = None, *, last: bool = False) -> None:
        loss, best = self._best
        self._kept_at, self._kept_best = self._clock(), best
        self._fields |= {
            "permutation": permutation or (None if best is None else self._permutation(best)),
            "loss": loss if best is not None else None,
            "evaluations": self._earlier + self._now.evaluations,
            "seconds": round(self._elapsed, 3),
            "attempts": self._attempt.number,
        }
        if self.trouble is None or last:
            try:
                self._write_record()
            except OSError as error:
                self.trouble = f"{self.path.parent}: {error.strerror or error}"

    def _write_record(self) -> None:
        files.replace(self.path, f"{files.sealed(to_json(self._fields))}\n".encode())

    def _blocks(self, assembly: Assembly) -> list[int]:
        """Return the pieces of an assembly's blocks, and the readout, whatever else stands around them."""
        return [*self._puzzle.halves_of(self._permutation(assembly)), self._puzzle.last_id]

    def _permutation(self, assembly: Assembly) -> list[int]:
        spare = max(0, len(assembly.ins) - self._puzzle.blocks)  # partial networks have fewer
        if spare not in self._wide:
            self._wide[spare] = padded(self._puzzle, spare)
        return self._wide[spare].permutation(assembly)


def shortened(value: Any) -> Any:
    """Return a line of the trace, or a part of it, with six digits of each number; None for one that JSON lacks."""
    if isinstance(value, dict):
        return {key: shortened(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return [shortened(part) for part in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
