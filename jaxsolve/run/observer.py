"""Host: who is told what a run does: views that show it live, and records that keep it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jaxsolve.puzzle import Assembly


@dataclass(frozen=True)
class Progress:
    """What a watcher is told between device programs."""

    phase: str
    loss: float
    """Best mean squared error so far on the rows that candidates are compared on; infinity before the first."""
    evaluations: int
    elapsed: float
    """Seconds since the run began."""


@dataclass(frozen=True)
class Label:
    """What an attempt, or a stage of a joint search, is known by; names are empty where nothing has one."""

    search: str
    """A search, or a method of a joint search."""
    pairing: str = ""
    """The score that the pairs come from."""
    order_seed: str = ""
    rows: int = 0
    """Rows that candidates are compared on."""
    activation: str = ""
    certain: int | None = None
    """Pairs that each half would choose by itself."""
    margins: tuple[float, float] | None = None
    """Least and median margin of the pairs, in standard deviations of the score."""
    setting: Mapping[str, Any] = field(default_factory=dict)
    """What sets it apart in a sweep."""


@dataclass(frozen=True)
class Pass:
    """What one round of a search has decided."""

    name: str
    """A neighbourhood, or a method of a joint search."""
    loss: float
    """Lowest mean squared error afterwards, of what the round is about."""
    seconds: float
    accepted: int
    """Moves taken."""
    rejected: int
    """Candidates that were evaluated and not taken."""


@dataclass(frozen=True)
class Growth:
    """How far a beam of partial networks has come."""

    name: str
    """The method."""
    losses: tuple[float, float, float]
    """Mean squared errors of linear probes of the states of the first partial network, the middle one and the last."""
    best: Assembly
    """The first of them: the halves that run so far."""


class Observer:
    """Is told what a run does, in its own thread and between device programs; this one does nothing with it."""

    def progressed(self, progress: Progress) -> None:
        """Hear that a phase begins, or that work is about to be done."""

    def began(self, label: Label, start: Assembly | None, loss: float) -> None:
        """Hear that an attempt begins, from an assembly with a loss where there is one already."""

    def found(self, assembly: Assembly, loss: float) -> None:
        """Hear of an assembly that a search has come to, which need not be the best."""

    def passed(self, done: Pass) -> None:
        """Hear what a round has decided."""

    def grew(self, growth: Growth) -> None:
        """Hear how far partial networks have come."""

    def judged(self, mse: float, solved: bool) -> None:
        """Hear what the end of an attempt is worth in float64 over all rows."""
