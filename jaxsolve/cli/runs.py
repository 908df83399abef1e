"""Host: ``jaxsolve runs``: lists, shows and compares the records of runs. JAX is not needed for it."""

import csv
from io import StringIO
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

import typer

from jaxsolve.cli import arguments, terminal
from jaxsolve.cli.reasons import counted
from jaxsolve.cli.run_names import Folder, Run, base_of, record_of
from jaxsolve.errors import UsageError
from jaxsolve.files import write_new, write_over
from jaxsolve.records import (
    COLUMNS,
    Milestone,
    Record,
    differences,
    milestones,
    puzzle_names,
    read_record,
    records_in,
    share_words,
    shared_places,
    summary,
    trajectory,
)

runs = typer.Typer(invoke_without_command=True)

Command = Annotated[str | None, typer.Option(metavar="NAME", help="Only runs of this command.")]
PuzzleName = Annotated[str | None, typer.Option("--puzzle", metavar="NAME", help="Only runs on puzzles of this name.")]
Status = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only runs with this status, such as solved or unfinished.")
]
Last = Annotated[int, typer.Option(metavar="N", min=1, help="Only the last N of them.")]


@runs.callback()
@terminal.guarded
def default(
    context: typer.Context,
    command: Command = None,
    puzzle: PuzzleName = None,
    status: Status = None,
    last: Last = 20,
    folder: Folder = None,
    json: arguments.Json = False,
) -> None:
    """List, show and compare the records of runs; without a command, list."""
    if context.invoked_subcommand is None:
        _list({"command": command, "puzzle": puzzle, "status": status}, last, folder, json)


@runs.command("list")
@terminal.guarded
def list_runs(
    command: Command = None,
    puzzle: PuzzleName = None,
    status: Status = None,
    last: Last = 20,
    folder: Folder = None,
    json: arguments.Json = False,
) -> None:
    """List the runs that are kept, the newest at the end."""
    _list({"command": command, "puzzle": puzzle, "status": status}, last, folder, json)


def _list(wanted: dict[str, str | None], last: int, folder: Path | None, json: bool) -> None:
    every = _all(folder)
    told: list[dict[str, Any]] = [
        summary(record) | {"name": name} for record, name in zip(every, puzzle_names(every), strict=True)
    ]
    found = [one for one in told if all(value in (None, *_words(one, key)) for key, value in wanted.items())]
    shown = found[-last:]
    if json:
        terminal.result_json({"runs": [{key: one[key] for key in one if key != "name"} for one in shown]})
        return
    if not shown:
        filters = ", ".join(f"{key} {value}" for key, value in wanted.items() if value is not None)
        held = f"none of {len(every)} runs has {filters}" if every else f"no runs in {base_of(folder)} yet"
        terminal.note(held)
        return
    rows = [("run", "puzzle", "status", "MSE", "R²", "evaluations", "seconds", "seed")]
    for one in shown:
        figures = _number(one["mse"]), share_words(one["r2"]), str(one["evaluations"]), f"{one['seconds']:.1f}"
        rows.append((one["run"], one["name"], one["status"], *figures, _text(one["seed"])))
    terminal.result(terminal.table([tuple(map(terminal.one_line, row)) for row in rows]))
    if len(found) > len(shown):
        terminal.note(f"{len(found) - len(shown)} older ones are not shown; --last {len(found)} lists all")


def _words(one: dict[str, Any], key: str) -> tuple[Any, ...]:
    """Return what a run is filtered by; puzzles of one name by that, or by how the list tells them apart."""
    return (one["puzzle"], one["name"]) if key == "puzzle" else (one[key],)


@runs.command("show")
@terminal.guarded
def show(run: Run, folder: Folder = None, json: arguments.Json = False) -> None:
    """Show settings, puzzle, progress and result of a run."""
    record = _find(run, folder)
    if json:
        terminal.result_json({**record.fields, "status": record.status, "run": record.name})
        return
    fields, puzzle = record.fields, record.fields["puzzle"]
    report = fields["report"] or {}
    shape = f"{puzzle.get('blocks')} blocks of {puzzle.get('features')}/{puzzle.get('hidden')}"
    counts = counted(fields["evaluations"], "evaluation"), counted(fields["attempts"], "attempt")
    rows = [
        ("run", f"{record.name}, {record.status}{', resumed' if fields['resumed'] else ''}"),
        ("begun", fields["started"]),
        ("puzzle", f"{puzzle.get('name')}, {shape}, {puzzle.get('rows')} rows, {puzzle.get('path')}"),
        ("settings", _listed(fields["settings"])),
        ("machine", f"{_listed(fields['machine'])}; {', '.join(map(str, fields['devices']))}"),
        ("versions", _listed(fields["versions"])),
        *((("failed", fields["error"]),) if fields["error"] else ()),
        *((("message", report["message"]),) if "message" in report else ()),
        ("MSE", _fit(record)),
        ("R²", share_words(record.r2)),
        ("work", f"{', '.join(counts)}, {fields['seconds']:.1f} s"),
        ("answer", ",".join(map(str, fields["permutation"] or [])) or "none yet"),
        ("kept in", str(record.path.parent)),
    ]
    terminal.result(terminal.table([(key, terminal.one_line(value)) for key, value in rows]))
    reached = milestones(record)
    if reached:
        table = [("MSE at most", "evaluations", "seconds")]
        told = [one for one, following in pairwise(reached) if one[1:] != following[1:]] + reached[-1:]
        table += [(f"{one.loss:.0e}", str(one.evaluations), f"{one.seconds:.2f}") for one in told]
        terminal.result(f"\n{terminal.table(table)}")


@runs.command("diff")
@terminal.guarded
def diff(a: Run, b: Run, folder: Folder = None, json: arguments.Json = False) -> None:
    """Compare two runs: settings that differ, results, and how fast each was."""
    one, other = _find(a, folder), _find(b, folder)
    changed, shared = differences(one, other), shared_places(one, other)
    reached = [{mark.loss: mark for mark in milestones(record)} for record in (one, other)]
    outcome = [_outcome(record) for record in (one, other)]
    kinds = dict.fromkeys([*outcome[0], *outcome[1]])
    marks = sorted({*reached[0], *reached[1]}, reverse=True)
    if json:
        found: dict[str, Any] = {"runs": [one.name, other.name]}
        found["differences"] = {key: list(values) for key, values in changed.items()}
        found["outcomes"] = {key: [values.get(key) for values in outcome] for key in kinds}
        found["shared"] = shared and dict(zip(("pairs", "positions", "of"), shared, strict=True))
        found["milestones"] = [
            {"mse": mark, "reached": [r[mark][1:] if mark in r else None for r in reached]} for mark in marks
        ]
        terminal.result_json(found)
        return
    rows: list[tuple[str, ...]] = [("", one.name, other.name)]
    rows += [(key, _text(first), _text(second)) for key, (first, second) in changed.items()]
    rows += [(key, *(_number(values.get(key)) for values in outcome)) for key in kinds]
    when = {mark: [_when(found.get(mark)) for found in reached] for mark in marks}
    for mark, following in pairwise([*marks, None]):
        if mark and when[mark] != (following and when[following]):  # of what was reached at once, the lowest
            rows.append((f"MSE at most {mark:.0e}", *when[mark]))
    terminal.result(terminal.table([tuple(map(terminal.one_line, row)) for row in rows]))
    if shared is not None:
        pairs, places, blocks = shared
        terminal.result(f"\nThe answers share {pairs} of {blocks} pairs; {places} stand at the same position.")


@runs.command("export", epilog="\n\n".join(["Columns:", *(f"{name}: {held}." for name, held in COLUMNS.items())]))
@terminal.guarded
def export(
    run: Run,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE.csv", help="File to write. Default: standard output.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
    folder: Folder = None,
) -> None:
    """Write the events of a run as CSV, one row each, in the order in which they happened.

    Cells that do not apply to an event are empty. Of long runs, only some
    thousands of events are kept.
    """
    text = StringIO()
    table = csv.DictWriter(text, [*COLUMNS], lineterminator="\n")
    table.writeheader()
    table.writerows({key: _cell(value) for key, value in row.items()} for row in trajectory(_find(run, folder)))
    if output is None:
        terminal.result(text.getvalue().rstrip("\n"))
        return
    (write_over if force else write_new)(output, text.getvalue().encode())
    terminal.note(f"saved {output}")


def _cell(value: Any) -> Any:
    """Return a value as CSV has it: piece ids with spaces between them, and text that no spreadsheet runs."""
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value


def _all(folder: Path | None) -> list[Record]:
    """Return the readable runs of a folder, the oldest first, and say which cannot be read."""
    base, found = base_of(folder), []
    for path in records_in(base) if folder is not None or base.is_dir() else []:
        try:
            found.append(read_record(path))
        except UsageError as error:
            terminal.note(f"note: {error}")
    return sorted(found, key=lambda record: record.fields["started"])


def _find(text: str, folder: Path | None) -> Record:
    return read_record(record_of(text, folder))


def _outcome(record: Record) -> dict[str, Any]:
    fields = record.fields
    spent = (fields["report"] or {}).get("seconds")
    phases = {f"seconds.{name}": value for name, value in spent.items()} if isinstance(spent, dict) else {}
    figures = {"MSE over all rows": fields["mse"], "MSE of the search": fields["loss"]}
    total = {"evaluations": fields["evaluations"], "attempts": fields["attempts"], "seconds": fields["seconds"]}
    return {"status": record.status, **figures, **total, **phases}


def _when(mark: Milestone | None) -> str:
    return "-" if mark is None else f"{mark.evaluations} evaluations, {mark.seconds:.2f} s"


def _fit(record: Record) -> str:
    fields = record.fields
    parts = [("over all rows", fields["mse"]), ("on the rows of the search", fields["loss"])]
    return ", ".join(f"{_number(value)} {where}" for where, value in parts if value is not None) or "none yet"


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if isfinite(value) else "-"
    return _text(value)


def _listed(table: dict[str, Any]) -> str:
    return ", ".join(f"{key} {_text(value)}" for key, value in table.items() if value not in (None, {}, []))


def _text(value: Any) -> str:
    text, longest = "-" if value is None else str(value), 60
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
