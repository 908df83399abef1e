"""Host: the sections of a report on one run, in words, tables and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxsolve.puzzle.types import sha256_of
from jaxsolve.records import Record, flat_table, milestones_of
from jaxsolve.report.curves import decisions, error_curve, probe_errors, throughput
from jaxsolve.report.figure import Figure
from jaxsolve.report.history import History, permutation_of
from jaxsolve.report.markup import Markup, clean, counted, element, facts, folded, joined, shown, table
from jaxsolve.report.replay import replay

UNFINISHED = {
    "running": "This run goes on; the report shows what was known when it was made.",
    "unfinished": "This run was ended from outside before it could say how it went; what it had found by then is here.",
    "interrupted": "This run was interrupted.",
    "failed": "This run failed.",
}
CERTIFIED = {
    "sha256": "SHA-256 of the answer",
    "expected_sha256": "expected SHA-256",
    "mse": "MSE, float64, all rows",
    "tolerance": "MSE that float32 explains",
    "rows": "rows",
}
"""Fields of a certificate, and what they are called."""
REPLAY = (
    "Each bar is a block: it stands where the frame has it, and its height and color are its position in the answer. "
    "Pale bars are not in place yet, dashed ones have another partner, outlined ones have just moved. Below is the "
    "error of every frame, under the phase that found it: the lowest so far as a line, others as grey dots, of "
    "networks that grow the error of a probe; decades get narrower downwards. Space plays and pauses, arrow keys step, "
    "Home and End jump."
)
"""How a replay is read."""


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


def summary_section(record: Record, name: str = "summary", title: str = "Summary") -> Section:
    """Return what was run, on what, and what came of it."""
    fields = clean(record.fields)
    report, puzzle = fields["report"] or {}, fields["puzzle"]
    status = record.status
    plain = status if status in ("solved", "finished") else "other"
    parts = [element("p", "Status: ", element("span", clean(status), class_=f"status {plain}"))]
    parts += [element("p", text) for text in (UNFINISHED.get(status), report.get("message"), fields["error"]) if text]
    halves = puzzle.get("halves")
    rows = [
        ("run", clean(record.name)),
        ("command", fields["command"] + (", resumed" if fields["resumed"] else "")),
        ("started", fields["started"]),
        ("puzzle", f"{puzzle.get('name')}, from {puzzle.get('path')}"),
        ("shape", f"{puzzle.get('blocks')} blocks of {puzzle.get('features')} features, {puzzle.get('hidden')} units"),
        ("halves", " and ".join(map(str, halves)) if isinstance(halves, list) else None),
        ("rows of data", puzzle.get("rows")),
        ("MSE, all rows", fields["mse"]),
        ("MSE, search's rows", fields["loss"]),
        ("work", f"{counted(fields['evaluations'], 'evaluation')}, {counted(fields['attempts'], 'attempt')}"),
        ("time", f"{shown(fields['seconds'])} s"),
        ("left out", _listed(report.get("unused"))),
        *_reasons(report),
    ]
    return Section(name, title, [*parts, facts(rows), *_answer(fields), _settings(fields)])


def certificate_section(record: Record) -> Section:
    """Return what is proven of the answer."""
    found = clean(record.fields["certificate"])
    if not found:
        return Section("certificate", "Certificate", [element("p", "None: the run has not certified an answer.")])
    rows = [(title, found.get(key)) for key, title in CERTIFIED.items()]
    neighbour = found.get("neighbour")
    if isinstance(neighbour, dict):
        text = f"MSE {shown(neighbour.get('mse'))}, of {shown(neighbour.get('moves'))} single moves"
        rows.append(("closest rival", text))
    expected = found.get("expected_sha256")
    if expected is not None:
        same = expected == found.get("sha256")
        rows.append(("hash", "the expected one" if same else "NOT the expected one"))
    return Section("certificate", "Certificate", [facts(rows)])


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
    widget = replay(history, permutation_of(record.fields), "widget")
    return Section("replay", "Replay", [element("p", REPLAY, class_="note"), widget])


def replays_section(records: Sequence[Record], histories: Sequence[History], names: Sequence[str]) -> Section:
    """Return the replays of several runs side by side."""
    widgets = [
        element("div", element("h3", name), replay(history, permutation_of(record.fields), f"widget-{k}", name))
        for k, (record, history, name) in enumerate(zip(records, histories, names, strict=True), 1)
    ]
    return Section(
        "replays", "Replays", [element("p", REPLAY, class_="note"), element("div", *widgets, class_="figures")]
    )


def _reasons(report: Mapping[str, Any]) -> list[tuple[str, object]]:
    why = report.get("why")
    return [(str(key), str(text)) for key, text in why.items()] if isinstance(why, dict) else []


def _answer(fields: Mapping[str, Any]) -> list[Markup]:
    answer = permutation_of(dict(fields))
    if answer is None:
        return [element("p", "There is no answer yet.", class_="missing")]
    text = ",".join(map(str, answer))
    rows = [("piece ids", text), ("SHA-256", sha256_of(answer))]
    return [folded("The answer", facts(rows))]


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
