"""Host: what two records differ in, and how soon each run got how far."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxsolve.records.read import Record, is_amount, is_answer, is_count

COMPARED = ("command", "puzzle", "settings", "seed", "devices", "versions", "machine", "resumed")
"""Fields of a record that say what was run, on what."""


class Milestone(NamedTuple):
    """When a run first had a loss at most so high."""

    loss: float
    """A power of ten."""
    evaluations: int
    seconds: float


def differences(one: Record, other: Record) -> dict[str, tuple[Any, Any]]:
    """Return what was run otherwise, by names with dots; None where one of two has no such thing."""
    tables = [flat_table({key: record.fields[key] for key in COMPARED}) for record in (one, other)]
    keys = dict.fromkeys([*tables[0], *tables[1]])
    pairs = {key: (tables[0].get(key), tables[1].get(key)) for key in keys}
    return {key: values for key, values in pairs.items() if values[0] != values[1]}


def milestones(record: Record) -> list[Milestone]:
    """Return when the best loss first fell below each power of ten, the highest first."""
    frames = (event for event in record.events() if event["event"] == "frame")
    return milestones_of(
        (event["evaluations"], event["t"], event["loss"])
        for event in frames
        if is_count(event.get("evaluations")) and is_amount(event.get("t")) and is_amount(event.get("loss"))
    )


def milestones_of(losses: Iterable[tuple[int, float, float]]) -> list[Milestone]:
    """Return the same of evaluations, seconds and losses in the order in which they were found."""
    found, exponent = [], math.inf
    for evaluations, t, loss in losses:
        reached = math.ceil(math.log10(max(loss, 1e-99)))
        if reached < exponent:
            exponents = [reached] if math.isinf(exponent) else range(int(exponent) - 1, reached - 1, -1)
            found += [Milestone(10.0**k, evaluations, t) for k in exponents]
            exponent = reached
    return found


def shared_places(one: Record, other: Record) -> tuple[int, int, int] | None:
    """Return how many pairs two answers share, how many blocks stand at the same position, and of how many.

    None where they are of different puzzles, or one has no usable answer.
    """
    answers = [record.fields["permutation"] for record in (one, other)]
    same = one.fields["puzzle"].get("fingerprint") == other.fields["puzzle"].get("fingerprint")
    if not same or not all(map(is_answer, answers)):
        return None
    blocks = [list(zip(answer[:-1:2], answer[1::2], strict=True)) for answer in answers]
    at_once = sum(a == b for a, b in zip(*blocks, strict=False))
    return len({*blocks[0]} & {*blocks[1]}), at_once, max(map(len, blocks))


def puzzle_names(records: Sequence[Record]) -> list[str]:
    """Return the names of the puzzles of some runs; puzzles of one name are told apart.

    They are by the folder that they lie in or, where that does not do, by the first digits of their fingerprints. One
    that was read with another activation is the same.
    """
    about = [record.fields["puzzle"] for record in records]
    alike: dict[str, set[tuple[str, str, str]]] = {}
    for one in about:
        alike.setdefault(str(one.get("name")), set()).add(_identity(one))
    return [_told_apart(str(one.get("name")), _identity(one), alike[str(one.get("name"))]) for one in about]


def _identity(puzzle: dict[str, Any]) -> tuple[str, str, str]:
    """Return what tells puzzles apart: where one lies, the activation it was read with, and its fingerprint."""
    path, activation, fingerprint = (str(puzzle.get(key) or "") for key in ("path", "activation", "fingerprint"))
    return path, activation, fingerprint


def _told_apart(name: str, own: tuple[str, str, str], alike: set[tuple[str, str, str]]) -> str:
    if len({fingerprint for _, _, fingerprint in alike}) == 1:
        return name
    paths = {path for path, _, _ in alike}
    folders = {path: Path(path).parent.name for path in paths}
    changed = any(one[:2] == other[:2] and one != other for one in alike for other in alike)
    if changed or len({*folders.values()}) < len(paths):
        return name if len(paths) == 1 and not changed else f"{name} ({own[2][:6]})"
    return name if len(paths) == 1 else f"{folders[own[0]]}/{name}".removeprefix("/")


def flat_table(table: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Return nested tables as one, keys joined by dots: {"beam": {"width": 2}} is {"beam.width": 2}."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= flat_table(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": value}
    return flat
