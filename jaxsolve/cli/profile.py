"""Host: ``jaxsolve profile``."""

from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxsolve.cli import arguments, interrupts, started, terminal
from jaxsolve.cli.commands import PRINTED
from jaxsolve.cli.run_store import check_folder
from jaxsolve.cli.version import versions
from jaxsolve.engine import NEIGHBOURHOODS
from jaxsolve.errors import UsageError, no_such

if TYPE_CHECKING:
    from jaxsolve.profiling import Measurement

NAMES = ", ".join(NEIGHBOURHOODS)
NEIGHBOURHOOD = "swaps"
SCREEN = "reorderings"


@terminal.guarded
def profile(
    puzzle: arguments.PuzzlePath = arguments.DEMO,
    rows: Annotated[
        list[int] | None, typer.Option("--rows", metavar="N", help="Rows; may be repeated. Default: 512 and 2048.")
    ] = None,
    batch: Annotated[
        list[int] | None,
        typer.Option("--batch", metavar="N", help="Random candidates evaluated together; may be repeated."),
    ] = None,
    neighbourhood: Annotated[
        list[str] | None,
        typer.Option("--neighbourhood", metavar="NAME", help=f"Evaluated as a whole; may be repeated: {NAMES}."),
    ] = None,
    screen: Annotated[
        list[str] | None,
        typer.Option("--screen", metavar="NAME", help="Neighbourhood ranked to first order; may be repeated."),
    ] = None,
    beam: Annotated[
        list[int] | None,
        typer.Option("--beam", metavar="WIDTH", help="A step of beams, by readout and by probes; may be repeated."),
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
        typer.Option(
            "-o",
            "--trace",
            "--out",
            "--output",
            metavar="DIR",
            help="Folder for a profile that Perfetto opens.",
            rich_help_panel=PRINTED,
        ),
    ] = None,
    json: arguments.Json = False,
) -> None:
    """Measure how fast candidates are evaluated here, as a share of the machine's own limits."""
    from jaxsolve import backend
    from jaxsolve.profiling import measure, works
    from jaxsolve.run import Run

    size = arguments.bytes_of(memory)
    tiers = [_tier(name) for name in precision or ["accept"]]
    if repeats < 1 or any(count < 1 for count in rows or []):
        raise UsageError("--repeats and --rows expect at least 1")
    if trace:
        check_folder(trace, "--trace")
    names = arguments.start(None, coordinator, processes, process_id, cluster)
    given = arguments.load(puzzle, activation)
    counts = sorted({min(count, given.rows) for count in rows or (512, 2048)})
    nothing = batch is neighbourhood is screen is beam is None
    lone = [64 if names[0].startswith("cpu") else 512]
    todo = works(
        given.blocks,
        batch or (lone if nothing else []),
        neighbourhood or ([NEIGHBOURHOOD] if nothing else []),
        screen or ([SCREEN] if nothing else []),
        beam or [],
    )
    todo = [work for work in todo if work.moves is None or work.moves.size]
    run, found = Run(memory=size, started=started()), []
    say = partial(terminal.note, "interrupted")
    with interrupts.stopping(run.stop, say), backend.traced(trace) if trace else nullcontext():
        for done in measure(
            given, todo, rows=counts, devices=devices or [len(names) // backend.processes()], tiers=tiers, run=run,
            repeats=repeats,
        ):  # fmt: skip
            found.append(done)
            if not json and backend.is_first():
                terminal.note(f"{done.work}: {done.rows} rows, {done.candidates_per_second:.4g} candidates/s")
    if not backend.is_first():
        return
    if json:
        shape = {"blocks": given.blocks, "features": given.features, "hidden": given.given_hidden}
        terminal.result_json(
            {
                "puzzle": given.name,
                **shape,
                "devices": names,
                "versions": versions(),
                "trace": trace and str(trace),
                "measurements": [asdict(done) for done in found],
            }
        )
    else:
        terminal.result(
            f"{given.name}: {given.blocks} blocks of {given.features}/{given.given_hidden} on {_counted(names)}"
        )
        terminal.result(terminal.table([HEAD, *map(_row, found)]))
        if trace:
            for path in sorted(trace.rglob("perfetto_trace.json.gz")):
                terminal.result(f"open {path} at ui.perfetto.dev")


HEAD = (
    "work", "rows", "devices", "tier", "way", "candidates/s", "blocks/s", "GFLOP/s", "of peak", "of bandwidth",
    "compile", "memory",
)  # fmt: skip


def _row(done: "Measurement") -> tuple[str, ...]:
    return (
        done.work,
        str(done.rows),
        str(done.devices),
        done.tier,
        done.way,
        f"{done.candidates_per_second:.4g}",
        f"{done.applications_per_second:.4g}",
        f"{done.flops / 1e9:.4g}",
        f"{done.share_of_peak:.2f} of {done.peak_flops / 1e9:.4g}",
        f"{done.share_of_bandwidth:.2f}",
        f"{done.compile_seconds:.2f} s",
        f"{done.peak_bytes / 2**30:.2f} GiB",
    )


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
