"""Host: stages of joint searches, each of which begins with the best that the one before has found."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve.errors import UsageError
from jaxsolve.run import Label, Pass
from jaxsolve.search.method import Method, Population, Setting, State, Work, population
from jaxsolve.search.storing import blamed_on_storage, flattened, restored

ELITES = 64
"""Assemblies that a stage hands on."""
MOST_SEED = 2**31 - 1001
"""Stages have seeds of their own behind the one that is given."""
STATISTICS_ROWS = 20_000
"""Most rows for what is cheap to know of all of them."""


class Stage(NamedTuple):
    """A method with its name."""

    name: str
    method: Method


@dataclass(frozen=True)
class Point:
    """Where a pipeline stood after a step."""

    stage: str
    evaluations: int
    seconds: float
    loss: float
    """Lowest mean squared error so far, on the rows of the search; infinite before there is an assembly."""


class Stepper:
    """A method that works at a setting, step by step. It stands between two steps at any time."""

    def __init__(self, stage: Stage, setting: Setting, state: State = None, elites: Population | None = None) -> None:
        self.stage, self.setting = stage, setting
        self.state = state
        """None: not begun."""
        self.elites = elites
        """The best assemblies so far, of those before as well; None: none."""
        self._work: Work = None
        self._placed = False

    @property
    def loss(self) -> float:
        """Lowest mean squared error so far, on the rows of the search."""
        return float("inf") if self.elites is None else float(self.elites.losses[0])

    @property
    def over(self) -> bool:
        """Whether there is no next step, or nothing left to search."""
        if self.loss <= self.setting.floor:
            return True
        return self.state is not None and self.stage.method.finished(self.state)

    def begin(self) -> None:
        """Come to the state before the first step, unless it is there already, and put on the devices what it needs."""
        name, method = self.stage
        if self._placed:
            return
        starts = self.setting.starts if self.elites is None else self.elites
        label = Label(name, rows=self.setting.problem.rows, activation=self.setting.problem.activation)
        if starts is None:
            self.setting.run.begin(label)
        else:
            self.setting.run.begin(label, starts.best, float(starts.losses[0]))
        fresh = self.state is None
        if fresh:
            self.state = method.init(self.setting)
        self._work, self._placed = method.place(self.setting, self.state), True
        if fresh and method.finished(self.state):
            self._note()

    def advance(self) -> None:
        """Do one step, if there is one."""
        name, method = self.stage
        self.begin()
        if self.over:
            return
        before, began = _decided(self.state), time.perf_counter()
        self.state, self._work = method.step(self.setting, self.state, self._work)
        self._note()
        taken, refused = (after - then for after, then in zip(_decided(self.state), before, strict=True))
        if taken or refused:  # passes of local searches speak for themselves
            seconds = time.perf_counter() - began
            self.setting.run.passed(Pass(name, self.loss, seconds, taken, refused))

    def _note(self) -> None:
        found = self.stage.method.found(self.state)
        if found.size and getattr(self.stage.method, "OTHER_ROWS", False):
            found = population(found.ins, found.outs, self.setting.losses(found.ins, found.outs))
        if found.size:
            known = found if self.elites is None else self.elites.with_more(found)
            self.elites = population(*known).take(slice(ELITES))
            self.setting.run.found(self.elites.best, float(self.elites.losses[0]))


@dataclass(eq=False)
class Pipeline:
    """Methods one after the other: the sequential policy. It can be stored between any two steps."""

    stages: tuple[Stage, ...]
    setting: Setting
    at: int = 0
    """The stage that runs; as many as there are: none any more."""
    elites: Population | None = None
    """The best assemblies of all stages so far, on the rows of the search."""
    curve: list[Point] = field(default_factory=list)
    digest: str | None = ""
    """Hash of all states so far, one after the other: the same for the same search. None: begun before it was kept."""
    _stepper: Stepper | None = None
    _restored: bool = False
    """Whether no step was taken yet since the state was read."""

    @property
    def state(self) -> State:
        """The state of the stage that runs; None: not begun."""
        return None if self._stepper is None else self._stepper.state

    @property
    def finished(self) -> bool:
        """Whether all stages have come to their end, or there is nothing left to search."""
        return self.at == len(self.stages) or self.loss <= self.setting.floor

    @property
    def loss(self) -> float:
        """Lowest mean squared error so far, on the rows of the search."""
        return float("inf") if self.elites is None else float(self.elites.losses[0])

    def drive(self, watch: Callable[["Pipeline"], None] = lambda pipeline: None) -> None:
        """Run what is left; `watch` is told after every step.

        Raises
        ------
        OutOfTime, KeyboardInterrupt, ProcessLost
            As `Run.spend` does; the pipeline stands where it was after the last step.
        """
        while not self.finished:
            self.advance()
            watch(self)

    def advance(self) -> None:
        """Do one step of the stage that runs, or let the next one begin where it has ended."""
        with self.setting.run.phase("search"), blamed_on_storage(self._restored):
            stepper = self._stepper = self._stepper or self._of_stage(None)
            stepper.begin()
            if stepper.over:
                self.at, self._stepper = self.at + 1, None
            else:
                stepper.advance()
                self._digest()
                self._restored = False
            self._note(stepper)

    def _of_stage(self, state: State) -> Stepper:
        """Return the stage that runs at a state; None: before the first."""
        starts = self.elites or self.setting.starts
        setting = replace(self.setting, starts=starts, seed=self.setting.seed + self.at)
        return Stepper(self.stages[self.at], setting, state, self.elites)

    def _note(self, stepper: Stepper) -> None:
        self.elites, run = stepper.elites, self.setting.run
        if self.elites is not None and (not self.curve or self.loss < self.curve[-1].loss):
            self.curve.append(Point(stepper.stage.name, run.evaluations, run.elapsed, self.loss))

    def stored(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what `restored` takes, as plain values and arrays."""
        meta = self.setting.run.stored() | {
            "stages": [[name, asdict(method)] for name, method in self.stages],
            "at": self.at,
            "begun": self.state is not None,
            "digest": self.digest,
            "curve": [[one.stage, one.evaluations, round(one.seconds, 3), one.loss] for one in self.curve],
        }
        arrays: dict[str, NDArray[Any]] = {}
        for prefix, parts in (("state", self.state), ("elites", self.elites), ("starts", self.setting.starts)):
            arrays |= flattened(parts, f"{prefix}.")
        return meta, arrays

    def restore(self, meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        """Go back to where a pipeline of the same stages was stored.

        Raises
        ------
        UsageError
            The stages or their options are others, or the arrays are not theirs.
        """
        stages = [[name, asdict(method)] for name, method in self.stages]
        if meta.get("stages") != stages:
            raise UsageError(f"this search was {_named(meta.get('stages'))}; asked for is {_named(stages)}")
        try:
            self.at = int(meta["at"])
            if not 0 <= self.at <= len(self.stages):
                raise ValueError(f"stage {self.at} of {len(self.stages)}")
            self.curve = [Point(str(name), int(n), float(t), float(loss)) for name, n, t, loss in meta["curve"]]
            self.digest = meta.get("digest")
            if not (self.digest is None or (isinstance(self.digest, str) and self.digest.isascii())):
                raise ValueError("a digest that is none")
            self.setting.run.restore(meta)
            if "starts.ins" in arrays:
                self.setting.starts = restored(Population, arrays, "starts.", self.setting.blocks, whole=True)
            if "elites.ins" in arrays:
                self.elites = restored(Population, arrays, "elites.", self.setting.blocks, whole=True)
                self.setting.run.found(self.elites.best, float(self.elites.losses[0]))
            if meta["begun"]:
                kind = self.stages[self.at].method.state_type
                self._stepper = self._of_stage(restored(kind, arrays, "state.", self.setting.blocks))
                self._restored = True
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            raise UsageError(f"this is no stored search ({type(error).__name__}: {error})") from error

    def _digest(self) -> None:
        if self.digest is not None:
            told = getattr(self.state, "TOLD", ())
            parts = [part for name, part in flattened(self.state, "").items() if name not in told]
            kinds = "".join(f"{part.dtype.str}{part.shape}" for part in parts)
            known = hashlib.sha256(f"{self.digest}{self.at}{kinds}".encode())
            for part in parts:
                known.update(part.tobytes())
            self.digest = known.hexdigest()


def _decided(state: State) -> tuple[int, int]:
    """Return how many moves were taken and refused so far; none of a search that does not count them."""
    proposed, accepted = (int(np.sum(getattr(state, name, 0))) for name in ("proposed", "accepted"))
    return accepted, proposed - accepted


def _named(stages: Any) -> str:
    try:
        return ", then ".join(
            f"{name} ({', '.join(f'{key} {value}' for key, value in options.items())})" for name, options in stages
        )
    except (TypeError, ValueError, AttributeError):
        return "something else"
