"""Host: stages of joint searches, each of which begins with the best that the one before has found."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple, get_type_hints

import numpy as np
from numpy.typing import NDArray

from jaxsolve.errors import UsageError
from jaxsolve.run import Label, Pass
from jaxsolve.search.method import Amount, Count, Method, Population, Setting, State, population

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


@dataclass(eq=False)
class Pipeline:
    """Searches one after the other. It stands between two steps at any time, and can be stored there."""

    stages: tuple[Stage, ...]
    setting: Setting
    at: int = 0
    """The stage that runs; as many as there are: none any more."""
    state: State = None
    """Its state; None: not begun."""
    elites: Population | None = None
    """The best assemblies of all stages so far, on the rows of the search."""
    curve: list[Point] = field(default_factory=list)
    digest: str | None = ""
    """Hash of all states so far, one after the other: the same for the same search. None: begun before it was kept."""
    _restored: bool = False
    """Whether no step was taken yet since the state was read."""

    @property
    def finished(self) -> bool:
        """Whether all stages have come to their end."""
        return self.at == len(self.stages)

    @property
    def loss(self) -> float:
        """Lowest mean squared error so far, on the rows of the search."""
        return float("inf") if self.elites is None else float(self.elites.losses[0])

    def drive(self, watch: Callable[["Pipeline"], None] = lambda pipeline: None, floor: float = 0.0) -> None:
        """Run what is left, until the loss is at most `floor`; `watch` is told after every step.

        Raises
        ------
        OutOfTime, KeyboardInterrupt, ProcessLost
            As `Run.spend` does; the pipeline stands where it was after the last step.
        """
        while not self.finished and self.loss > floor:
            name, method = self.stages[self.at]
            setting = replace(self.setting, starts=self.elites or self.setting.starts, seed=self.setting.seed + self.at)
            with self.setting.run.phase("search"):
                self._begin(name)
                if self.state is None:
                    self.state = method.init(setting)
                with self._as_stored():
                    work = method.place(setting, self.state)
                while not method.finished(self.state) and self.loss > floor:
                    before, began = _decided(self.state), time.perf_counter()
                    with self._as_stored():
                        self.state, work = method.step(setting, self.state, work)
                        self._digest()
                        self._note(name, method.found(self.state))
                    self._restored = False
                    self._tell(name, before, time.perf_counter() - began)
                    watch(self)
                self._note(name, method.found(self.state))
            if method.finished(self.state):
                self.at, self.state = self.at + 1, None
            watch(self)

    def stored(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what `restored` takes, as plain values and arrays."""
        run = self.setting.run
        meta = {
            "stages": [[name, asdict(method)] for name, method in self.stages],
            "at": self.at,
            "begun": self.state is not None,
            "digest": self.digest,
            "memory": run.memory,
            "evaluations": run.evaluations,
            "seconds": run.elapsed,
            "curve": [[one.stage, one.evaluations, round(one.seconds, 3), one.loss] for one in self.curve],
        }
        arrays: dict[str, NDArray[Any]] = {}
        for prefix, parts in (("state", self.state), ("elites", self.elites), ("starts", self.setting.starts)):
            if parts is not None:
                arrays |= {f"{prefix}.{name}": np.asarray(part) for name, part in parts._asdict().items()}
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
            if self.setting.run.memory is None and meta.get("memory"):  # rows are gone through in the same parts
                self.setting.run.memory = float(meta["memory"])
                if not 0 < self.setting.run.memory < np.inf:
                    raise ValueError(f"memory of {self.setting.run.memory} bytes")
            self.setting.run.evaluations = int(meta["evaluations"])
            self.setting.run.started = time.perf_counter() - float(meta["seconds"])
            if "starts.ins" in arrays:
                self.setting.starts = Population(*(arrays[f"starts.{name}"] for name in Population._fields))
                _check_state(self.setting.starts, self.setting.blocks, whole=True)
            if "elites.ins" in arrays:
                self.elites = Population(*(arrays[f"elites.{name}"] for name in Population._fields))
                _check_state(self.elites, self.setting.blocks, whole=True)
                self.setting.run.found(self.elites.best, float(self.elites.losses[0]))
            if meta["begun"]:
                kind = self.stages[self.at].method.state_type
                self.state = kind(*(arrays[f"state.{name}"] for name in kind._fields))
                _check_state(self.state, self.setting.blocks)
                self._restored = True
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            raise UsageError(f"this is no stored search ({type(error).__name__}: {error})") from error

    @contextmanager
    def _as_stored(self) -> Iterator[None]:
        """Take what fails with a state that was read, before there is another one, for damage of it; `UsageError`."""
        try:
            yield
        except (ValueError, TypeError, IndexError, KeyError, OverflowError, ZeroDivisionError) as error:
            if not self._restored:
                raise
            raise UsageError(f"this is no stored search ({type(error).__name__}: {error})") from error

    def _digest(self) -> None:
        if self.digest is not None:
            told = getattr(self.state, "TOLD", ())
            parts = [np.asarray(getattr(self.state, name)) for name in self.state._fields if name not in told]
            kinds = "".join(f"{part.dtype.str}{part.shape}" for part in parts)
            known = hashlib.sha256(f"{self.digest}{self.at}{kinds}".encode())
            for part in parts:
                known.update(part.tobytes())
            self.digest = known.hexdigest()

    def _begin(self, stage: str) -> None:
        problem, starts = self.setting.problem, self.elites or self.setting.starts
        label = Label(stage, rows=problem.rows, activation=problem.activation)
        if starts is None:
            self.setting.run.begin(label)
        else:
            self.setting.run.begin(label, starts.best, float(starts.losses[0]))

    def _tell(self, stage: str, before: tuple[int, int], seconds: float) -> None:
        taken, refused = (after - then for after, then in zip(_decided(self.state), before, strict=True))
        if taken or refused:  # passes of local searches speak for themselves
            self.setting.run.passed(Pass(stage, self.loss, seconds, taken, refused))

    def _note(self, stage: str, found: Population) -> None:
        if found.size:
            known = found if self.elites is None else self.elites.with_more(found)
            self.elites = population(*known).take(slice(ELITES))
            self.setting.run.found(self.elites.best, float(self.elites.losses[0]))
        run = self.setting.run
        if self.elites is not None and (not self.curve or self.loss < self.curve[-1].loss):
            self.curve.append(Point(stage, run.evaluations, run.elapsed, self.loss))


def _check_state(state: Any, blocks: int, *, whole: bool = False) -> None:
    """Refuse what cannot be a state, above all halves, `[B, L]`, not each once in a row: all where it is `whole`."""
    hints = get_type_hints(type(state))
    for name, rows in state._asdict().items():
        if hints[name] in (Count, Amount) and (rows.ndim or rows.dtype.kind not in "iuf"):
            raise ValueError(f"{name} of shape {rows.shape} and type {rows.dtype}")
        if name.endswith(("ins", "outs")):
            alike = rows.shape == getattr(state, name.replace("outs", "ins")).shape
            of_all = not whole or (rows.ndim == 2 and rows.shape[1] == blocks)
            if rows.ndim != 2 or not len(rows) or rows.dtype != np.int32 or not (alike and of_all):
                raise ValueError(f"{name} of shape {rows.shape} and type {rows.dtype}")
            ordered = np.sort(rows, axis=1)
            if rows.size and (ordered[:, 0].min() < 0 or ordered[:, -1].max() >= blocks):
                raise ValueError(f"{name} with halves that there are not")
            if (np.diff(ordered, axis=1) == 0).any():
                raise ValueError(f"{name} with the same half twice")
        elif name.endswith(("losses", "sums")) and (rows.shape != state.ins.shape[:1] or rows.dtype.kind != "f"):
            raise ValueError(f"{name} of shape {rows.shape} and type {rows.dtype}")


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
