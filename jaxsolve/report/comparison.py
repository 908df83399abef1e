"""Host: several runs beside each other: their curves, what was run otherwise, and what came of it."""

from collections.abc import Sequence
from typing import Any

from jaxsolve.records import COMPARED, Record, flat_table, milestones_of, puzzle_names, share_words
from jaxsolve.report.curves import compared
from jaxsolve.report.figure import Figure
from jaxsolve.report.history import History
from jaxsolve.report.markup import Markup, clean, counted, element, table
from jaxsolve.report.sections import Section, value_text
from jaxsolve.report.terms import term, verdict


def run_names(records: Sequence[Record]) -> list[str]:
    """Return names that tell runs apart: with a number behind those that occur more than once."""
    found: list[str] = []
    for record in records:
        name, number = clean(record.name), 2
        while name in found:
            name, number = f"{clean(record.name)} ({number})", number + 1
        found.append(name)
    return found


def comparison_section(records: Sequence[Record], histories: Sequence[History]) -> Section:
    """Return curves over one another, and tables of results, of settings that differ, and of milestones."""
    names = run_names(records)
    parts: list[Markup | Figure] = [_table("Results", names, _results(records))]
    drawn = {name: history for name, history in zip(names, histories, strict=True) if history.frames}
    if drawn:
        parts += [compared(drawn, "evaluations"), compared(drawn, "seconds")]
    fingerprints = {str(record.fields["puzzle"].get("fingerprint")) for record in records}
    if len(fingerprints) > 1:
        text = "These runs are of different puzzles: errors can be compared only with care."
        parts.insert(0, element("p", text, class_="missing"))
    changed = _differences(records)
    if changed:
        parts.append(_table("What was run otherwise", names, changed))
    else:
        parts.append(element("p", "All of these were run alike: same settings, seed and versions."))
    return Section("comparison", "Comparison", [*parts, *_milestones(names, histories)])


def _results(records: Sequence[Record]) -> list[tuple[object, ...]]:
    fields = [clean(record.fields) for record in records]
    rows: list[tuple[object, ...]] = [("verdict", *(verdict(clean(record.status)) for record in records))]
    rows.append((term("r2"), *(share_words(record.r2) for record in records)))
    rows.append(("puzzle", *map(clean, puzzle_names(records))))
    for key, title in (("mse", "MSE, all rows"), ("loss", "MSE, rows of the search")):
        rows.append((title, *(one[key] for one in fields)))
    rows += [(key, *(one[key] for one in fields)) for key in ("evaluations", "attempts", "seconds")]
    speeds = (one["evaluations"] / one["seconds"] if one["seconds"] > 0 else None for one in fields)
    return [*rows, ("evaluations a second", *speeds)]


def _differences(records: Sequence[Record]) -> list[tuple[object, ...]]:
    """Return what was run otherwise, by names with dots, a column a run."""
    tables = [flat_table({key: clean(record.fields[key]) for key in COMPARED}) for record in records]
    keys = dict.fromkeys(key for one in tables for key in one)
    columns = {key: [one.get(key) for one in tables] for key in keys}
    return [(key, *map(value_text, row)) for key, row in columns.items() if any(value != row[0] for value in row)]


def _milestones(names: Sequence[str], histories: Sequence[History]) -> list[Markup]:
    reached: list[dict[float, Any]] = [{mark.loss: mark for mark in milestones_of(one.best)} for one in histories]
    marks = sorted({loss for one in reached for loss in one}, reverse=True)
    rows = list[tuple[object, ...]]()
    for loss in marks:
        cells = (one.get(loss) for one in reached)
        told = [f"{counted(mark.evaluations, 'evaluation')}, {mark.seconds:.2f} s" if mark else None for mark in cells]
        if rows and rows[-1][1:] == (*told,):  # of what was reached at once, the lowest
            rows.pop()
        rows.append((f"{loss:.0e}", *told))
    return [_table("MSE at most", names, rows)] if rows else []


def _table(title: str, names: Sequence[str], rows: Sequence[Sequence[object]]) -> Markup:
    return Markup(element("h3", title) + table((title, *names), rows, title))
