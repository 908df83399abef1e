"""Host: what follows a run: where its record is, how to go on with it, and what is most likely to help next."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from jaxsolve.cli import layout
from jaxsolve.cli.run_store import TROUBLE, RunStore
from jaxsolve.errors import UsageError
from jaxsolve.records import data_folder, records_in
from jaxsolve.records.folders import number_of

if TYPE_CHECKING:
    from jaxsolve.solver.next_step import NextStep

Said = tuple[tuple[str, ...], ...]
"""Options as they were said, each with its values."""


def parameters_said(context: typer.Context) -> set[str]:
    """Return the names of the parameters that were said on the command line."""
    return {name for name in context.params if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"}


def said(context: typer.Context) -> Said:
    """Return the options that were said on the command line, by their first names, each with its value.

    How quietly a command was to print is not said to the next.
    """
    found, own = list[tuple[str, ...]](), parameters_said(context) - {"quiet"}
    for parameter in context.command.params:
        names = [name for name in parameter.opts if name.startswith("--")]
        if parameter.name not in own or not names:
            continue
        value = context.params.get(parameter.name or "")
        values = value if isinstance(value, (list, tuple)) else [value]
        words = [f"{one:g}" if isinstance(one, float) else str(one) for one in values if one not in (True, False)]
        found += [(names[0],)] if value is True else [(names[0], word) for word in words]
    return tuple(found)


def name_of(folder: Path | None) -> str | None:
    """Return what names the run in a folder wherever a run is asked for; None: there is none."""
    try:
        return folder and (folder.name if folder.resolve().parent == data_folder().resolve() else str(folder))
    except (OSError, RuntimeError):
        return str(folder)


def record_of(store: RunStore) -> str | None:
    """Return the name of the run whose record a store keeps; None: it keeps none."""
    if not store.keeps_record:
        return None
    try:
        folder = store.folder()
        numbers = [number_of(one) for one in records_in(folder) if one.parent == folder]
        last = max(numbers, default=0)  # of a run that was gone on with
        return f"{name_of(folder)}{f':{last}' if last > 1 else ''}" if numbers else None
    except (*TROUBLE, UsageError):
        return None


def answer_in(report: dict[str, Any]) -> str | None:
    """Return what ``--start`` takes for the answer of a report: its run, or the ids where there is no record of it."""
    ids = report["permutation"]
    return None if ids is None else report["record"] or ",".join(map(str, ids))


def as_json(step: "NextStep | None") -> dict[str, Any] | None:
    """Return a next step as ``--json`` has it."""
    return step and {"why": step.why, "command": step.command or None}


def rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what texts say of the record and of what is next, of a report that has both."""
    record, step = report.get("record"), report.get("next")
    found = list[tuple[str, str]]()
    if record:
        run = record if "/" in record else "last"
        found.append(("record", f"{record} ({layout.unbroken(f'jaxsolve report {run}')})"))
    if step:
        command = layout.unbroken(step["command"] or "")
        found.append(("next", f"{step['why']}: {command}" if command else step["why"]))
    return found
