"""Host: ``jaxsolve solve``."""

import time
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxsolve.cli import advice, arguments, codes, interrupts, live, places, started, terminal
from jaxsolve.cli.answers import answer_of, neighbour_of
from jaxsolve.cli.checkpoints import Checkpoints
from jaxsolve.cli.prefetch import prefetch
from jaxsolve.cli.reasons import counted, reasons
from jaxsolve.cli.run_names import read_named, resumed
from jaxsolve.cli.run_store import RunStore, check_apart
from jaxsolve.cli.version import versions
from jaxsolve.errors import OutputError, UsageError
from jaxsolve.formats.source import TABLE
from jaxsolve.ordering import SEEDS
from jaxsolve.pairing import PAIRINGS
from jaxsolve.puzzle import conditioned
from jaxsolve.search import SEARCHES

if TYPE_CHECKING:
    from jaxsolve.certificate import Gap
    from jaxsolve.puzzle import Puzzle
    from jaxsolve.solver import Config, Solution, Start, Stored

FIXING = ("--pairing", "--order-seed", "--search")
"""Options that keep a run from trying anything else."""


@terminal.guarded
def solve(
    context: typer.Context,
    puzzle: arguments.PuzzlePath = arguments.DEMO,
    pairing: Annotated[
        str,
        typer.Option(
            metavar="NAME|auto|none",
            help=f"Score that pairs the halves: {', '.join(PAIRINGS)}; none: pair by the data alone.",
        ),
    ] = "auto",
    order_seed: Annotated[
        str, typer.Option(metavar="NAME|auto", help=f"First order of the blocks: {', '.join(SEEDS)}.")
    ] = "auto",
    search: Annotated[
        str, typer.Option(metavar="NAME|auto", help=f"Search that improves this order: {', '.join(SEARCHES)}.")
    ] = "auto",
    rows: Annotated[
        int | None,
        typer.Option(metavar="N", help="Compare candidates on the first N rows; results are on all."),
    ] = None,
    budget: Annotated[
        float, typer.Option(metavar="SECONDS", help="Stop with the best answer after this time.")
    ] = 300.0,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the random numbers.")] = 0,
    option: arguments.Options = None,
    start: arguments.StartingAnswer = None,
    sha256: arguments.Sha256 = None,
    activation: arguments.ActivationOrAuto = "auto",
    link: arguments.LinkName = "auto",
    standardise_inputs: arguments.Standardised = False,
    architecture: arguments.ArchitectureName = "auto",
    exact: arguments.Exact = False,
    tolerance: arguments.Tolerance = None,
    out: places.OutFolder = None,
    resume: places.Resume = None,
    devices: arguments.Devices = None,
    memory: arguments.Memory = None,
    coordinator: arguments.Coordinator = None,
    processes: arguments.Processes = None,
    process_id: arguments.ProcessId = None,
    cluster: arguments.Cluster = False,
    no_record: arguments.NoRecord = False,
    json: arguments.Json = False,
) -> None:
    """Find the order of the pieces and prove it.

    If it is not solved, the best answer is printed and saved, and --resume
    goes on from there. Exit code 0: solved or identified. 1: not.
    'jaxsolve --help' lists all of them.
    """
    from jaxsolve import backend
    from jaxsolve.run import Run, load_checkpoint
    from jaxsolve.solver import Config, check_options, solve

    begun = started()
    size, expected = arguments.bytes_of(memory), arguments.checked_sha256(sha256)
    if resume is not None and (out is not None or start is not None):
        raise UsageError("--resume goes on in its own folder from where the run was; leave --out and --start out")
    folder = resumed(resume, "solve")
    config = Config(
        pairing, order_seed, search, rows, budget, seed, expected, exact, tolerance, trace=json, devices=devices,
        options=arguments.named_options(option),
    )  # fmt: skip
    check_options(config)
    read: dict[str, Any] = {"activation": activation, "link": link, "standardise_inputs": standardise_inputs}
    read |= {"architecture": architecture}
    stored = None if folder is None else load_checkpoint(folder)
    if stored is not None:
        config, read = _as_begun(stored, config, read, advice.parameters_said(context), folder)
    ids = None if start is None else read_named(start).permutation
    work = partial(_prepared, puzzle, read, config, ids)
    # large puzzles are not read in a copy of the process, which has to send them over
    prepared = prefetch(work) if _size(puzzle) < 64 << 20 else work
    names = arguments.start(devices, coordinator, processes, process_id, cluster)
    imported = time.perf_counter()
    first = backend.is_first()  # the others know the same, and say nothing
    check_apart(puzzle, out, "--out")
    run = Run(budget + (float(stored[0]["seconds"]) if stored else 0.0), memory=size, started=begun)
    run.seconds["import"] = imported - begun
    with RunStore("solve", folder or out, record=first and not no_record, alone=first) as store:
        if folder is not None:  # once more, now that nobody else goes on with it
            stored = load_checkpoint(folder, lambda text: terminal.note(f"note: {text}"))
        kept = Checkpoints(store, store.folder() if stored else None, command=f"jaxsolve solve {puzzle}")

        def save() -> None:
            kept.leave()
            store.leave(json=json)
            kept.go_on()

        with interrupts.stopping(run.stop, save if first else lambda: None) as ending:
            with live.watching(run) if first else nullcontext() as view:
                with run.phase("read"):
                    given, initial = prepared()
                    assembly = None if ids is None else given.assembly(ids)
                arguments.remark(given)
                if view is not None:
                    view.variance = conditioned(given).variance
                settings = asdict(config) | {"options": dict(config.options), "memory": size, "start": ids} | read
                going_on: dict[str, Any] = {"start": assembly, "resume": stored}
                if first and (store.named or not no_record):
                    going_on["keep"] = lambda of: kept.keep((of[0] | {"read": read}, of[1]))
                with store.recording(run, given, puzzle, settings, config.seed, names, resumed=stored is not None):
                    solution = solve(given, config, run, initial, **going_on)
                    kept.finish()
            if first or solution.status == "lost":
                report = _report(solution, config.seed, names)
                ending.begin()
                store.finish(solution.status, report, solution.certificate)
                words = advice.said(context)
                asked: dict[str, Any] = {"puzzle": puzzle, "said": words, "resume": advice.name_of(kept.kept)}
                asked["fixed"] = tuple(one for one in words if one[0] in FIXING and one[1] != "auto")
                _conclude(report, store, solution, asked, out is not None, json)
                if solution.status not in ("solved", "identified", "accepted", "unidentifiable"):
                    kept.go_on()
    if first and codes.of(solution.status):
        arguments.suggest(given)
    raise typer.Exit(codes.of(solution.status, exact=config.exact))


def _as_begun(
    stored: "Stored", config: "Config", read: dict[str, Any], said: set[str], folder: Path | None
) -> "tuple[Config, dict[str, Any]]":
    """Return the configuration of a run that goes on, and how its puzzle is read.

    Raises
    ------
    UsageError
        What is stored is no run of solve, or an option that was said is another than it was begun with.
    """
    try:
        before, read_before = dict(stored[0]["solver"]), dict(stored[0]["read"])
        begun = replace(config, **before)
        float(stored[0]["seconds"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{folder}: what is kept there is no run of solve ({error})") from error
    asked = {name: getattr(config, name) for name in before} | read
    for name, value in (before | read_before).items():
        key = "option" if name == "options" else name
        if key in said and asked[name] != value:
            raise UsageError(
                f"--{name.replace('_', '-')} is {asked[name]}; the run in {folder} was begun with {value}: leave it out"
            )
    return begun, read_before


def _conclude(
    report: dict[str, Any],
    store: RunStore,
    solution: "Solution",
    asked: dict[str, Any],
    named: bool,
    json: bool,
) -> None:
    """Print a report, and save it beside its record, where it is asked for, not the end, or cannot be printed."""
    from jaxsolve.solver.next_step import next_step

    answered, puzzle = report["permutation"] is not None, solution.puzzle.name
    report["record"] = advice.record_of(store)
    report["next"] = advice.as_json(next_step(solution.facts(**asked, answer=advice.answer_in(report))))
    kept = store.recorded or named or report["status"] != "solved"
    saved = store.save(report, puzzle) if answered and kept else None
    try:
        terminal.result_json(report) if json else terminal.result(_shown(report))
    except OSError as error:  # nobody can read the answer: keep it
        saved = saved or (store.save(report, puzzle) if answered else None)
        if not isinstance(error, BrokenPipeError):
            raise OutputError(f"the answer cannot be printed ({error.strerror or error}); {saved}") from error
    store.conclude(None if report["status"] == "solved" and not named and report["record"] else saved)


def _size(path: str) -> int:
    """Return the bytes of the largest file of a puzzle, 0 if it cannot be told."""
    try:
        table = Path(path) / TABLE
        return (table if table.exists() else Path(path)).stat().st_size
    except (OSError, ValueError):
        return 0


def _prepared(
    path: str, read: dict[str, Any], config: "Config", start: list[int] | None
) -> tuple["Puzzle", "Start | None"]:
    """Read a puzzle and find out what can be found out without JAX."""
    from jaxsolve.solver import first_start

    puzzle = arguments.read(path, **read)
    if not puzzle.given.gated and start is None:
        return puzzle, None
    puzzle = arguments.with_roles(puzzle, start)
    return puzzle, first_start(puzzle, config)


def _report(solution: "Solution", seed: int, devices: list[str]) -> dict[str, Any]:
    """Return what ``--json`` prints; losses on all rows of seed and rounds only where the run measures them."""
    certificate, run = solution.certificate, solution.run
    rounds = [
        {
            "round": k,
            "neighbourhood": done.neighbourhood,
            "moves": done.moves,
            "mse": done.mse,
            "evaluations": done.evaluations,
            "seconds": round(done.seconds, 4),
        }
        for k, done in enumerate(solution.rounds, 1)
    ]
    attempt = solution.attempt
    with run.phase("certify"):
        seed_mse = run.measure(attempt.start) if run.measure and attempt else None
    return {
        "status": solution.status,
        "message": solution.message,
        **answer_of(solution.puzzle, certificate),
        "activations": solution.readings,
        "alike_activations": solution.alike_activations,
        "missing": [_gap(gap, gap in solution.unfilled) for gap in solution.missing],
        "why": reasons(solution),
        "pairing": attempt and attempt.pairing.name,
        "order_seed": attempt and attempt.order_seed,
        "seed_mse": seed_mse,
        "search": attempt and attempt.search,
        "rows": attempt and attempt.problem.rows,
        "rounds": rounds,
        "neighbour": neighbour_of(certificate),
        "evaluations": run.evaluations,
        "seconds": {name: round(s, 4) for name, s in {**run.seconds, "total": run.elapsed}.items()},
        "seed": seed,
        "devices": devices,
        "versions": versions(),
    }


def _gap(gap: "Gap", telling: bool) -> dict[str, Any]:
    gain = float(gap.gains.max())
    shown = {"position": gap.position, "likely": list(gap.likely), "half": gap.kind, "orphan": gap.piece}
    return shown | {"explains": gain, "telling": telling, "sentence": gap.sentence}


def _shown(report: dict[str, Any]) -> str:
    answered = report["permutation"] is not None
    rows = [
        *([("answer", ",".join(map(str, report["permutation"]))), ("sha256", report["sha256"])] if answered else []),
        *report["why"].items(),
        ("work", f"{counted(report['evaluations'], 'evaluation')}, {report['seconds']['total']:.1f} s"),
        *advice.rows(report),
    ]
    return f"{terminal.prose(report['message'])}\n{terminal.table(rows)}"
