"""Host: how a run went, as its trace tells it: attempts, the best assemblies one after the other, rounds and speed."""

import math
from dataclasses import dataclass
from typing import Any

from jaxsolve.records import Record, is_amount, is_answer, is_count
from jaxsolve.report.markup import clean

WORDS = {"name": "search", "order_seed": "order_seed", "pairing": "pairing"}
"""Fields of an attempt, and what the trace calls them."""
Event = dict[str, Any]


@dataclass(frozen=True)
class Attempt:
    """An attempt of a run, or a stage of a search."""

    number: int
    evaluations: int
    name: str
    """The search, or the method of a joint search."""
    order_seed: str
    pairing: str


@dataclass(frozen=True)
class Frame:
    """The best assembly of an attempt so far."""

    evaluations: int
    t: float
    """Seconds since the run began."""
    attempt: int
    loss: float
    start: bool
    permutation: tuple[int, ...]
    phase: str
    """The seed or start, or the neighbourhood or method that found it."""
    grows: bool = False
    """Whether it is a partial network, and the loss that of its probe."""


@dataclass(frozen=True)
class Round:
    """One round of a search, or several of a kind in a row."""

    evaluations: int
    t: float
    attempt: int
    name: str
    loss: float | None
    accepted: int
    rejected: int


@dataclass(frozen=True)
class Judged:
    """What the end of an attempt is worth over all rows."""

    evaluations: int
    mse: float
    solved: bool


@dataclass(frozen=True)
class Growth:
    """Partial networks of a beam."""

    evaluations: int
    t: float
    attempt: int
    name: str
    losses: tuple[float, float, float]
    """Of probes of the first of them, the middle one and the last."""
    permutation: tuple[int, ...]
    """Of the first, with the readout behind it."""

    @property
    def blocks(self) -> int:
        """Those that run so far."""
        return len(self.permutation) // 2


@dataclass(frozen=True, eq=False)
class History:
    """What the trace of a run holds; what is damaged in it is left out."""

    attempts: tuple[Attempt, ...]
    frames: tuple[Frame, ...]
    rounds: tuple[Round, ...]
    judged: tuple[Judged, ...]
    growth: tuple[Growth, ...]
    pace: tuple[tuple[float, int], ...]
    """Seconds and evaluations of everything that happened, neither ever falling."""

    @property
    def scenes(self) -> tuple[Frame, ...]:
        """Frames and first partial networks of beams, one after the other."""
        growth = [
            Frame(one.evaluations, one.t, one.attempt, one.losses[0], False, one.permutation, one.name, True)
            for one in self.growth
        ]
        return tuple(sorted([*self.frames, *growth], key=lambda frame: frame.evaluations))

    @property
    def best(self) -> list[tuple[int, float, float]]:
        """Evaluations, seconds and loss of every frame that is the best of the run so far."""
        found, least = [], math.inf
        for frame in self.frames:
            if frame.loss < least:
                least = frame.loss
                found.append((frame.evaluations, frame.t, least))
        return found


def history_of(record: Record) -> History:
    """Return how a run went."""
    events = [clean(event) for event in record.events()]
    events = [event for event in events if _whole(event, "evaluations", "attempt") and is_amount(event.get("t"))]
    kinds: dict[str, list[Event]] = {}
    for event in events:
        kinds.setdefault(str(event["event"]), []).append(event)
    attempts = tuple(_attempt(event) for event in kinds.get("attempt", []))
    rounds = tuple(_round(event) for event in kinds.get("round", []) if _whole(event, "accepted", "rejected"))
    frames = [
        event
        for event in kinds.get("frame", [])
        if is_amount(event.get("loss")) and is_answer(event.get("permutation"))
    ]
    frames.sort(key=lambda event: event["evaluations"])  # the best of an attempt may be written after others began
    judged = [event for event in kinds.get("judged", []) if is_amount(event.get("mse"))]
    growth = (event for event in kinds.get("growth", []) if is_answer(event.get("permutation")) and _losses(event))
    return History(
        attempts,
        tuple(_frames(frames, rounds, attempts)),
        rounds,
        tuple(Judged(e["evaluations"], _drawn(e["mse"]), e.get("solved") is True) for e in judged),
        tuple(map(_growth, growth)),
        tuple(_pace(events)),
    )


def permutation_of(fields: Event) -> list[int] | None:
    """Return the answer in a record; None where it has none, or no usable one."""
    found = fields.get("permutation")
    return found if is_answer(found) else None


def _drawn(loss: float) -> float:
    return max(float(loss), 1e-40)  # logarithms have no 0


def _attempt(event: Event) -> Attempt:
    words = {new: str(event.get(key) or "") for new, key in WORDS.items()}
    return Attempt(event["attempt"], event["evaluations"], **words)


def _round(event: Event) -> Round:
    loss = event.get("loss")
    known = _drawn(loss) if is_amount(loss) else None
    counts = event["accepted"], event["rejected"]
    return Round(event["evaluations"], event["t"], event["attempt"], str(event.get("name")), known, *counts)


def _losses(event: Event) -> bool:
    losses = event.get("losses")
    return isinstance(losses, list) and len(losses) == 3 and all(map(is_amount, losses))


def _growth(event: Event) -> Growth:
    first, middle, last = map(_drawn, event["losses"])
    about = event["evaluations"], event["t"], event["attempt"], str(event.get("name"))
    return Growth(*about, (first, middle, last), tuple(event["permutation"]))


def _frames(events: list[Event], rounds: tuple[Round, ...], attempts: tuple[Attempt, ...]) -> list[Frame]:
    """Return frames with the phases that they are of: a round is told of after what it has found."""
    by_number = {attempt.number: attempt for attempt in attempts}
    found, later = [], 0
    for event in events:
        number, spent, loss = event["attempt"], event["evaluations"], _drawn(event["loss"])
        while later < len(rounds) and (rounds[later].attempt, rounds[later].evaluations) < (number, spent):
            later += 1
        attempt, start = by_number.get(number), event.get("start") is True
        if start:
            phase = f"seed {attempt.order_seed}" if attempt and attempt.order_seed else "start"
        elif later < len(rounds) and rounds[later].attempt == number:
            phase = rounds[later].name
        else:
            phase = attempt.name if attempt else "search"
        found.append(Frame(spent, event["t"], number, loss, start, tuple(event["permutation"]), phase))
    return found


def _pace(events: list[Event]) -> list[tuple[float, int]]:
    pace = [(0.0, 0)]
    for event in events:
        t, spent = pace[-1]
        pace.append((max(t, float(event["t"])), max(spent, event["evaluations"])))
    return pace


def _whole(event: Event, *keys: str) -> bool:
    return all(is_count(event.get(key)) for key in keys)
