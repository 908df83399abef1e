"""Host: the sections of a report on one run, in words, tables and figures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxsolve.puzzle.types import sha256_of
from jaxsolve.records import Record, flat_table, is_amount, milestones_of, share_words
from jaxsolve.report.curves import decisions, error_curve, probe_errors, throughput
from jaxsolve.report.figure import Figure
from jaxsolve.report.history import History, permutation_of
from jaxsolve.report.markup import Markup, clean, element, facts, folded, ids, joined, shown, table, unbroken
from jaxsolve.report.replay import replay
from jaxsolve.report.terms import best_word, in_words_of, term, verdict

UNFINISHED = {
    "running": "This run goes on; the report shows what was known when it was made.",
    "unfinished": "This run was ended from outside before it could say how it went; what it had found by then is here.",
    "interrupted": "This run was interrupted.",
    "failed": "This run failed.",
}
CERTIFIED = {
    "sha256": "SHA-256",
    "expected_sha256": "expected SHA-256",
    "mse": "MSE, float64, all rows",
    "tolerance": "MSE that float32 explains",
    "rows": "rows",
}
"""Fields of a certificate, and what they are called."""


@dataclass(frozen=True, eq=False)
class Section:
    """A part of a page."""

    name: str
    """Unique on the page."""
    title: str
    parts: Sequence[Markup | Figure]

    @property
    def figures(self) -> list[Figure]:
        """Its figures alone."""
        return [part for part in self.parts if isinstance(part, Figure)]


def summary_section(record: Record, name: str = "summary", title: str = "Result") -> Section:
    """Return what came of a run, on what puzzle; then what was run, and how."""
    fields, status = clean(record.fields), record.status
    report, puzzle = fields["report"] or {}, fields["puzzle"]
    plain = status if status in ("solved", "identified", "accepted", "finished") else "other"
    told = element("p", verdict(clean(status)), class_=f"verdict {plain}")
    parts = [element("div", told, _figures(record), class_="result")]
    word = best_word(status)
    texts = (UNFINISHED.get(status), report.get("message"), fields["error"])
    parts += [element("p", unbroken(in_words_of(word, str(text)))) for text in texts if text]
    rows: list[tuple[object, object]] = [
        ("puzzle", f"{puzzle.get('name')}, from {puzzle.get('path')}"),
        ("shape", shape_of(record)),
        (term("half", "halves"), _halves(puzzle)),
        ("run", clean(record.name)),
        ("command", fields["command"] + (", resumed" if fields["resumed"] else "")),
        ("started", fields["started"]),
        (
            "work",
            joined([f"{shown(fields['evaluations'])} ", _plural("evaluation", fields["evaluations"]), _tries(fields)]),
        ),
        ("time", f"{shown(fields['seconds'])} s"),
        ("left out", _listed(report.get("unused"))),
        *_reasons(report),
    ]
    return Section(name, title, [*parts, facts(rows), *_answer(fields, word), _settings(fields)])


def shape_of(record: Record) -> str:
    """Return the shape of a puzzle in words."""
    puzzle = clean(record.fields["puzzle"])
    blocks, features, hidden, rows = (shown(puzzle.get(key)) for key in ("blocks", "features", "hidden", "rows"))
    return f"{blocks} blocks of {features} features and {hidden} hidden units, {rows} rows"


def _figures(record: Record) -> Markup:
    """Return the error of the best order as a share of the variance, and in squared units."""
    fields, known = record.fields, math.isfinite(record.fit)
    judged = is_amount(fields["mse"])
    told = [
        (term("r2"), share_words(record.r2) if record.r2 is not None else "not known"),
        (term("mse"), shown(record.fit) if known else "none yet"),
    ]
    if not judged and known:
        told.append(
            (term("rows", "on"), f"the rows of the search; the {best_word(record.status)} was not judged on all")
        )
    return element("dl", *(element("div", element("dt", name), element("dd", value)) for name, value in told))


def _halves(puzzle: Mapping[str, Any]) -> str | None:
    """Return how many first and second halves there are."""
    halves = puzzle.get("halves")
    return " first, ".join(map(str, halves)) + " second" if isinstance(halves, list) else None


def _plural(key: str, number: int) -> Markup:
    return term(key, key + "s" * (number != 1))


def _tries(fields: Mapping[str, Any]) -> Markup:
    number = fields["attempts"]
    return joined([f", {number:,} ", _plural("attempt", number)]) if number else Markup()


def certificate_section(record: Record) -> Section:
    """Return what is proven of the best order."""
    found = clean(record.fields["certificate"])
    if not found:
        return Section("certificate", "Certificate", [element("p", "None: nothing that the run has found was judged.")])
    rows: list[tuple[object, object]] = [(title, found.get(key)) for key, title in CERTIFIED.items()]
    neighbour = found.get("neighbour")
    if isinstance(neighbour, dict):
        text = f"MSE {shown(neighbour.get('mse'))}, of {shown(neighbour.get('moves'))} single moves"
        rows.append(("closest rival", text))
    expected = found.get("expected_sha256")
    if expected is not None:
        same = expected == found.get("sha256")
        rows.append(("hash", "the expected one" if same else "NOT the expected one"))
    intro = element("p", "The ", term("certificate"), f" of the {best_word(record.status)}:", class_="note")
    return Section("certificate", "Certificate", [intro, facts(rows)])


def course_section(record: Record, history: History) -> Section:
    """Return how the error fell, what was taken and rejected, how fast it went, and where the time was spent."""
    note, parts = f"{clean(record.name)}", list[Markup | Figure]()
    parts += [error_curve(history, note)] if history.frames else []
    parts += [probe_errors(history, note)] if history.growth else []
    parts += [decisions(history, note)] if history.rounds else []
    parts += [throughput(history, note)] if history.pace[-1][0] > 0 else []
    if not history.frames:
        parts.insert(0, element("p", "No assemblies were kept of this run, so there is no curve.", class_="missing"))
    reached = [(f"{one.loss:.0e}", one.evaluations, one.seconds) for one in milestones_of(history.best)]
    if reached:
        numbers = table(("MSE at most", "evaluations", "seconds"), reached, "How soon the error fell how far")
        parts.append(folded("How soon the error fell how far", numbers))
    spent = (record.fields["report"] or {}).get("seconds")
    if isinstance(spent, dict):
        numbers = table(("phase", "seconds"), [*clean(spent).items()], "Seconds by phase")
        parts.append(folded("Seconds by phase", numbers))
    return Section("course", "How it went", parts)


def replay_section(record: Record, history: History) -> Section:
    """Return the replay of the ordering."""
    word = best_word(record.status)
    widget = replay(history, permutation_of(record.fields), "widget", word=word)
    return Section("replay", "Replay", [*([_how_to_read(word)] if history.scenes else []), widget])


def replays_section(records: Sequence[Record], histories: Sequence[History], names: Sequence[str]) -> Section:
    """Return the replays of several runs side by side."""
    words = [best_word(record.status) for record in records]
    widgets = [
        element("div", element("h3", name), replay(history, permutation_of(record.fields), f"widget-{k}", name, word))
        for k, (record, history, name, word) in enumerate(zip(records, histories, names, words, strict=True), 1)
    ]
    read = _how_to_read(words[0] if len({*words}) == 1 else "best order")
    return Section("replays", "Replays", [read, element("div", *widgets, class_="figures")])


def _how_to_read(word: str) -> Markup:
    """Return how a replay is read."""
    bars = f" has it, and its height and color are its position in the {word}. Pale bars are not in place yet, "
    bars += "dashed ones have another partner, outlined ones have just moved. Below is the "
    curve = " of every frame, under the phase that found it: the lowest so far as a line, others as grey dots, of "
    curve += "networks that grow the error of a probe. Space plays and pauses, arrow keys step, Home and End jump."
    parts = ("Each bar is a ", term("block"), ": it stands where the ", term("frame"), bars, term("mse"), curve)
    return element("p", *parts, class_="note")


def _reasons(report: Mapping[str, Any]) -> list[tuple[object, object]]:
    why, known = report.get("why"), {"pairs": "pair", "order": "order"}
    return (
        [(term(known[key], key) if key in known else str(key), str(text)) for key, text in why.items()]
        if isinstance(why, dict)
        else []
    )


def _answer(fields: Mapping[str, Any], word: str) -> list[Markup]:
    """Return the piece ids of the best order, whatever it may be called."""
    answer = permutation_of(dict(fields))
    if answer is None:
        return [element("p", "No order of all pieces is found yet.", class_="missing")]
    rows: list[tuple[object, object]] = [
        (term("piece", "piece ids"), ids(answer)),
        (term("sha256"), sha256_of(answer)),
    ]
    return [folded(f"The {word}", facts(rows))]


def _settings(fields: Mapping[str, Any]) -> Markup:
    parts = [
        element("h3", title) + table((title, "value"), _values(fields[key]), title)
        for key, title in (("settings", "Settings"), ("versions", "Versions"), ("machine", "Machine"))
        if fields[key]
    ]
    devices = facts([("devices", ", ".join(map(str, fields["devices"]))), ("seed", str(fields["seed"]))])
    return folded("Settings, versions and machine", devices, *map(Markup, parts))


def _values(found: Mapping[str, Any]) -> list[tuple[str, object]]:
    return [(key, value_text(value)) for key, value in flat_table(dict(found)).items()]


def value_text(value: Any) -> object:
    """Return a setting as a table shows it."""
    return joined([_listed(value) or "-"]) if isinstance(value, list) else value


def _listed(value: Any) -> str | None:
    return ", ".join(map(str, value)) if isinstance(value, list) and value else None
