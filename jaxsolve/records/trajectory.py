"""Host: how a run went as a table: a row an event of its trace, with errors as shares of the variance, too."""

from collections.abc import Iterator
from typing import Any

from jaxsolve.records.read import Record, is_amount, is_answer, is_count

COLUMNS = {
    "event": "what the row is of: attempt (one begins), frame (a better assembly), round (of a search), rate (every "
    "few seconds), growth (partial networks of a beam), judged (the end of an attempt, over all rows) or end",
    "seconds": "since the run began",
    "evaluations": "candidates evaluated by then",
    "attempt": "its number, from 1 on; 0 before the first",
    "name": "the search of an attempt, the neighbourhood or method of a round, the phase of a rate",
    "mse": "of the start of an attempt, of a frame, after a round, the lowest by a rate, of the probe of the first "
    "partial network, or of what was judged; on the rows of the search, except where it was judged",
    "r2": "1 - mse / variance of the predictions; empty where the variance is not known",
    "lowest_mse": "of all frames so far",
    "accepted": "candidates taken in the round",
    "rejected": "candidates rejected in the round",
    "accepted_so_far": "candidates taken by a rate",
    "rejected_so_far": "candidates rejected by a rate",
    "blocks": "of a partial network",
    "solved": "whether what was judged is the solution",
    "permutation": "piece ids of a frame or partial network: two of each block, and the readout",
}
"""Columns of the table, and what they hold. A cell is None where its event has no such thing."""
NAMES = {"attempt": "search", "round": "name", "rate": "phase", "growth": "name"}
"""What the trace calls the name of an event."""


def trajectory(record: Record) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table in the order of the trace, each with all of `COLUMNS`."""
    lowest: float | None = None
    for event in record.events():
        kind = event["event"]
        if not (isinstance(kind, str) and is_amount(event.get("t")) and is_count(event.get("evaluations"))):
            continue
        mse = _error(event)
        if kind == "frame" and mse is not None:
            lowest = mse if lowest is None else min(lowest, mse)
        end = {"round": "", "rate": "_so_far"}.get(kind)
        row: dict[str, Any] = dict.fromkeys(COLUMNS)
        row |= {"event": kind, "seconds": event["t"], "evaluations": event["evaluations"]}
        row |= {"attempt": event.get("attempt"), "name": event.get(NAMES.get(kind, ""))}
        row |= {"mse": mse, "r2": record.share_of(mse), "lowest_mse": lowest}
        if end is not None:
            row |= {f"{name}{end}": event.get(name) for name in ("accepted", "rejected")}
        row |= {"blocks": event.get("blocks"), "solved": event.get("solved")}
        answer = event.get("permutation")
        yield row | {"permutation": answer if is_answer(answer) else None}


def _error(event: dict[str, Any]) -> float | None:
    """Return the mean squared error that an event tells of; None where it tells of none."""
    losses = event.get("losses")
    told = losses[0] if isinstance(losses, list) and losses else event.get("mse", event.get("loss"))
    return float(told) if is_amount(told) else None
