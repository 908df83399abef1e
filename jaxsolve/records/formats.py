"""Host: the format of records, and what makes a newer one of an older one, version by version.

A run is kept as two files. ``record.json`` says what was run, on what, and what came of it; it is written beside and
renamed while the run lasts. ``trace.jsonl`` says how it went, one JSON object a line, appended as it happens. Further
runs in the same folder are ``record-2.json`` with ``trace-2.jsonl``, and so on. The number of the format stands in
the record and holds for both.

Format 1, ``record.json``::

    format        1
    command       solve, search or sweep
    status        running, then as in the report; finished (of a sweep) or failed
    error         why it failed, null otherwise
    started       local time, ISO 8601 with its offset
    puzzle        name, path as it was given, fingerprint, blocks, features, hidden, halves (first, second), rows,
                  activation it was first read with, activation_given, expected_sha256
    settings      all options that decide what is found
    seed          start of all randomness; null where a sweep has several
    devices, versions, machine
    resumed       whether it went on with a search
    trace         name of the file beside it
    permutation   piece ids of the best answer so far, or in the end; null before there is one
    loss          its mean squared error, on the rows that candidates were compared on
    mse           its float64 mean squared error over all rows; null before it is known
    variance      of the predictions, in the units of the search; the first versions do not say it
    evaluations, seconds    spent so far, those before a search was resumed and those of guessing an activation included
    attempts      attempts and stages begun
    certificate   the certificate of the answer, field by field; null before the end
    report        what --json prints; null before the end

Format 1, lines of ``trace.jsonl``: each has ``event``, ``t`` (seconds since the run began), ``evaluations`` (so far)
and ``attempt`` (a number from 1 on, 0 before the first), and

    attempt   search, pairing, order_seed, rows, activation, certain, margins (least, median), setting, loss of the
              start; written before the first frame or round of an attempt, so that one of which none is kept has none
    frame     loss and permutation of the best assembly of the attempt so far; start: whether it begins with it
    round     phase, name, loss, seconds, accepted, rejected; of several rounds in a row: rounds says of how many
    rate      phase, loss (lowest of the run), accepted and rejected (so far): speed is the difference of two
    growth    name, blocks (of a partial network), losses (of probes of the first such network of a beam, the middle
              one and the last) and permutation (of the first, with the readout behind its blocks)
    judged    mse over all rows, solved
    end       status

The record and each line of the trace end with ``check``, the CRC-32 of their text without it (`jaxsolve.files.sealed`);
those of the first versions do not.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from jaxsolve.errors import UsageError

FORMAT = 1
"""The format that is written."""

Json = dict[str, Any]


class Upgrade(NamedTuple):
    """What makes the next format of one."""

    record: Callable[[Json], Json]
    event: Callable[[Json], Json | None]
    """Of one line of the trace; None where the next format has no such line."""


UPGRADES: dict[int, Upgrade] = {}
"""By the format that they are for: ``UPGRADES[k]`` makes format k + 1 of format k."""


def upgraded(record: Json) -> Json:
    """Return a record in the format of this version.

    Raises
    ------
    UsageError
        It is of a newer version, or has no format.
    """
    version = record.get("format")
    if not isinstance(version, int) or version < 1:
        raise UsageError("no format in it")
    if version > FORMAT:
        raise UsageError(f"format {version} of a newer jaxsolve; this one reads up to {FORMAT}")
    for older in range(version, FORMAT):
        record = UPGRADES[older].record(record) | {"format": older + 1}
    return record


def upgraded_event(event: Json, version: int) -> Json | None:
    """Return a line of the trace of some format in that of this version; None where that has none."""
    for older in range(version, FORMAT):
        changed = UPGRADES[older].event(event)
        if changed is None:
            return None
        event = changed
    return event
