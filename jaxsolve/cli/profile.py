"""Host: ``jaxsolve profile``."""

from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Any

import typer

from jaxsolve.cli import arguments, interrupts, places, profile_scale, profile_table, started, terminal
from jaxsolve.cli.commands import PRINTED
from jaxsolve.cli.run_store import check_folder
from jaxsolve.cli.version import versions
from jaxsolve.engine import NEIGHBOURHOODS
from jaxsolve.errors import UsageError, no_such

NAMES = ", ".join(NEIGHBOURHOODS)
NEIGHBOURHOOD = "swaps"
SCREEN = "reorderings"


@terminal.guarded
def profile(
    puzzle: arguments.PuzzlePath = arguments.DEMO,
    rows: Annotated[
        list[int] | None,
        typer.Option("--rows", metavar="N", help="Rows of the table; may be repeated. Default: 512 and 2048."),
    ] = None,
    batch: Annotated[
        list[int] | None,
        typer.Option("--batch", metavar="N", help="Random candidates evaluated together; may be repeated."),
    ] = None,
    neighbourhood: Annotated[
        list[str] | None,
        typer.Option(
            "--neighbourhood", metavar="NAME", help=f"Set of moves evaluated together; may be repeated: {NAMES}."
        ),
    ] = None,
    screen: Annotated[
        list[str] | None,
        typer.Option("--screen", metavar="NAME", help="Moves ranked by a linear estimate; may be repeated."),
    ] = None,
    beam: Annotated[
        list[int] | None,
        typer.Option("--beam", metavar="WIDTH", help="A step of beams, by readout and by probes; may be repeated."),
    ] = None,
    annealing: Annotated[
        list[int] | None,
        typer.Option("--annealing", metavar="CHAINS", help="Moves of so many chains; may be repeated."),
    ] = None,
    relaxation: Annotated[
        list[int] | None,
        typer.Option("--relaxation", metavar="ROWS", help="A Gauss-Newton step on so many rows; may be repeated."),
    ] = None,
    training: Annotated[
        list[int] | None,
        typer.Option("--training", metavar="BATCH", help="An epoch, or 100 batches; may be repeated."),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="AXIS",
            help=f"Double {', '.join(profile_scale.OWN)} as far as memory and --longest allow, or up to the value of "
            "--devices, --beam, --rows or --batch.",
        ),
    ] = None,
    longest: Annotated[
        float, typer.Option(metavar="SECONDS", help="Longest repetition on such a scale, about.")
    ] = 10.0,
    out: Annotated[
        Path | None,
        places.folder_option("Folder for the table, JSON, and the chart of a scale."),
    ] = None,
    precision: Annotated[
        list[str] | None,
        typer.Option("--precision", metavar="TIER", help="screen or accept; may be repeated. Default: accept."),
    ] = None,
    devices: Annotated[
        list[int] | None,
        typer.Option("--devices", metavar="N", help="Devices, of each process; may be repeated. Default: all."),
    ] = None,
    repeats: Annotated[int, typer.Option(metavar="N", help="Repetitions; medians are shown.")] = 3,
    memory: arguments.Memory = None,
    coordinator: arguments.Coordinator = None,
    processes: arguments.Processes = None,
    process_id: arguments.ProcessId = None,
    cluster: arguments.Cluster = False,
    activation: arguments.Activation = "relu",
    trace: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for a profile that Perfetto can open.", rich_help_panel=PRINTED),
    ] = None,
    json: arguments.Json = False,
) -> None:
    """Measure how fast this machine evaluates candidates, also as a share of its peak speed.

    Columns of the table:
    """
    from jaxsolve import backend
    from jaxsolve.profiling import Failure, measure, peaks_on, scale as scaled
    from jaxsolve.run import Run

    size = arguments.bytes_of(memory)
    tiers = [_tier(name) for name in precision or ["accept"]]
    if repeats < 1 or any(count < 1 for count in rows or []):
        raise UsageError("--repeats and --rows expect at least 1")
    if not longest > 0:
        raise UsageError(f"--longest is {longest}; expected more than 0 seconds")
    asked: profile_scale.Asked = {
        "batch": batch or [],
        "neighbourhood": neighbourhood or [],
        "screen": screen or [],
        "beam": beam or [],
        "annealing": annealing or [],
        "relaxation": relaxation or [],
        "training": training or [],
        "rows": rows or [],
        "devices": devices or [],
        "precision": precision or [],
    }
    profile_scale.check(scale, asked)
    if trace:
        check_folder(trace, "--trace")
    files = profile_scale.paths(out, scale) if out else {}
    names = arguments.start(None, coordinator, processes, process_id, cluster)
    given = arguments.load(puzzle, activation)
    every = len(names) // backend.processes()
    lone = {"batch": [64 if names[0].startswith("cpu") else 512], "neighbourhood": [NEIGHBOURHOOD]}
    run, found, failed, points = Run(memory=size, started=started()), [], [], []
    values = profile_scale.values(scale, asked, given.rows, every) if scale else []
    if not any(asked[name] for name in profile_scale.WORKS):
        asked |= lone | ({} if scale else {"screen": [SCREEN]})
    if scale:
        doing = scaled(
            given, scale, values, profile_scale.todo_at(scale, given.blocks, asked),
            rows=min((rows or [2048])[0], given.rows), devices=(devices or [every])[0], tier=tiers[0], run=run,
            repeats=repeats, longest=longest,
        )  # fmt: skip
        doing = (points.append(point) or point.found for point in doing)
    else:
        todo = profile_scale.todo(given.blocks, asked)
        counts = sorted({min(count, given.rows) for count in rows or (512, 2048)})
        doing = measure(given, todo, rows=counts, devices=devices or [every], tiers=tiers, run=run, repeats=repeats)
    say, stopped = partial(terminal.note, "interrupted"), None
    with interrupts.stopping(run.stop, say), backend.traced(trace) if trace else nullcontext():
        try:
            for done in doing:
                (failed if isinstance(done, Failure) else found).append(done)
                if not json and backend.is_first():
                    terminal.note(profile_table.remark(done))
            peaks = {} if run.stopped else peaks_on((devices or [every])[-1]).all()
        except KeyboardInterrupt as error:  # what was measured before is told
            stopped, peaks = error, {}
    if backend.is_first():
        facts = {
            "puzzle": given.name,
            "blocks": given.blocks,
            "features": given.features,
            "hidden": given.given_hidden,
            "devices": names,
            "versions": versions(),
            "peaks": peaks,
            "scale": scale,
            "trace": trace and str(trace),
            "measurements": [asdict(done) for done in found],
            "failures": [asdict(done) for done in failed],
        }
        shape = f"{given.blocks} blocks of {given.features}/{given.given_hidden}"
        heading = [f"{given.name}: {shape} on {_counted(names)}", *profile_table.told(peaks)]
        if json:
            terminal.result_json(facts)
        else:
            tables = profile_table.table(found) if found else "", profile_table.failures(failed)
            terminal.result("\n\n".join(filter(None, ["\n".join(heading), *tables])))
            for path in sorted(trace.rglob("perfetto_trace.json.gz")) if trace else ():
                terminal.result(f"open {path} at ui.perfetto.dev")
        if out:
            profile_scale.write(files, heading, facts, found, failed, points, scale)
            terminal.note(f"written to {out}: {', '.join(path.name for path in files.values() if path.exists())}")
    if stopped:
        raise stopped
    if failed and not found:
        raise UsageError(failed[0].error)


profile.__doc__ = f"{cleandoc(profile.__doc__ or '')}\n\n{profile_table.legend()}"


def _counted(names: list[str]) -> str:
    kinds = [name.split(" ", 1)[1] for name in names]
    platform = names[0].split(":")[0]
    return ", ".join(
        f"{kinds.count(kind)} x {platform}{'' if kind == platform else f' {kind}'}" for kind in dict.fromkeys(kinds)
    )


def _tier(name: str) -> Any:
    from jaxsolve.backend import PRECISIONS

    tiers = list(PRECISIONS["cpu"])
    if name not in tiers:
        raise UsageError(no_such("precision", name, tiers))
    return name
