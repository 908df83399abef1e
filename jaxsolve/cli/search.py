"""Host: ``jaxsolve search``."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxsolve.architecture import usual
from jaxsolve.cli import advice, arguments, codes, interrupts, live, places, started, terminal
from jaxsolve.cli.answers import answer_of
from jaxsolve.cli.checkpoints import Checkpoints
from jaxsolve.cli.run_names import read_named, resumed
from jaxsolve.cli.run_store import RunStore, check_apart
from jaxsolve.cli.version import versions
from jaxsolve.errors import UsageError
from jaxsolve.puzzle import conditioned, read_as
from jaxsolve.search import METHODS, SOLVING

if TYPE_CHECKING:
    from jaxsolve.experiment.search import JointConfig, JointSolution, Stored
    from jaxsolve.puzzle import Puzzle


@terminal.guarded
def search(
    context: typer.Context,
    puzzle: arguments.PuzzlePath = arguments.DEMO,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[,NAME…]",
            help=f"Methods, each beginning where the one before ends: {', '.join(METHODS)}. Default: {SOLVING}.",
        ),
    ] = None,
    option: arguments.Options = None,
    rows: Annotated[
        str | None, typer.Option(metavar="N|all", help="Compare candidates on the first N rows. Default: 1000.")
    ] = None,
    start: arguments.StartingAnswer = None,
    pairing: Annotated[
        str | None, typer.Option(metavar="NAME", help="Search only the order, of the pairs that this score gives.")
    ] = None,
    prior: Annotated[str | None, typer.Option(metavar="NAME", help="Prefer the pairs that this score prefers.")] = None,
    spare: Annotated[
        int | None,
        typer.Option(metavar="N", help="Null halves of either kind, so that N blocks may be left out. Default: 0."),
    ] = None,
    budget: Annotated[
        float, typer.Option(metavar="SECONDS", help="Stop with the best answer after this time.")
    ] = 300.0,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of the random numbers. Default: 0.")] = None,
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
    """Search for pairs and order together, with methods that you name.

    The search is saved after every step. If it was interrupted, --resume
    goes on from there, with the same result. Exit codes are those of solve.
    """
    from jaxsolve import backend

    asked: dict[str, Any] = {"method": method, "rows": _rows(rows), "seed": seed, "pairing": pairing, "prior": prior}
    asked |= {"spare": spare}
    asked = {key: value for key, value in asked.items() if value is not None} | (
        {"rows": None} if rows == "all" else {}
    )
    asked |= {"sha256": arguments.checked_sha256(sha256)} if sha256 else {}
    asked |= ({"exact": True} if exact else {}) | ({} if tolerance is None else {"tolerance": tolerance})
    options = arguments.named_options(option)
    size, budget = arguments.bytes_of(memory), arguments.checked_budget(budget)
    if resume is not None and out is not None:
        raise UsageError("--resume goes on in its own folder; leave --out out")
    if start is not None and resume is not None:
        raise UsageError("--resume goes on from where the search was; leave --start out")
    begin = None if start is None else read_named(start).permutation
    check_apart(puzzle, out, "--out")
    folder = resumed(resume, "search")
    stored, config = _config(asked, options, folder)
    names = arguments.start(devices, coordinator, processes, process_id, cluster)
    first = backend.is_first()  # the others know the same, and say nothing
    with RunStore("search", folder or out, record=first and not no_record, alone=first) as store:
        if folder is not None:  # once more, now that nobody else goes on with it
            stored, config = _config(asked, options, folder, lambda text: terminal.note(f"note: {text}"))
        read = {"activation": activation, "link": link, "standardise_inputs": standardise_inputs}
        read |= {"architecture": architecture}
        _run(puzzle, read, config, stored, begin, budget, size, store, devices, names, advice.said(context), json)


def _run(
    path: str, read: dict[str, Any], config: "JointConfig", stored: "Stored | None",
    start: list[int] | None, budget: float, memory: float | None, store: RunStore, devices: int | None,
    names: list[str], said: advice.Said, json: bool,
) -> None:  # fmt: skip
    """Search, keep, and print."""
    from jaxsolve import backend
    from jaxsolve.experiment.search import guessed, joint_search
    from jaxsolve.run import Run
    from jaxsolve.solver.next_step import next_step

    first = backend.is_first()
    run = Run(budget + (float(stored[0]["seconds"]) if stored else 0.0), memory, started=started())
    checkpoints = Checkpoints(store, store.folder() if stored else None, command=f"jaxsolve search {path}")

    def save() -> None:
        checkpoints.leave()
        store.leave(json=json)
        checkpoints.go_on()

    with interrupts.stopping(run.stop, save if first else lambda: None) as ending:
        with live.watching(run) if first else nullcontext() as view:
            with run.phase("read"):
                puzzle = arguments.with_roles(arguments.load(path, **read), start)
                begin = None if start is None else puzzle.assembly(start)
            if view is not None:
                view.variance = conditioned(puzzle).variance
            settings = asdict(config) | {"budget": budget, "start": start, "memory": memory} | read
            with store.recording(run, puzzle, path, settings, config.seed, names, resumed=stored is not None):
                solution, ranked = None, []
                if stored is None:
                    puzzle, solution, ranked = guessed(puzzle, config, run, devices)
                    arguments.note_activation(puzzle, ranked)
                else:
                    puzzle = _read_as(puzzle, stored)
                if solution is None:
                    going_on: dict[str, Any] = {"resume": stored, "devices": devices}
                    going_on["keep"] = checkpoints.keep if first else None
                    solution = joint_search(puzzle, config, run, start=begin, **going_on)
                    checkpoints.finish()
        if first or solution.status == "lost":
            report = _report(puzzle, solution, names) | {"activations": dict(ranked)}
            ending.begin()
            store.finish(solution.status, report, solution.certificate)
            report["record"] = advice.record_of(store)
            going_on = {"resume": advice.name_of(checkpoints.kept), "answer": advice.answer_in(report)}
            report["next"] = advice.as_json(next_step(solution.facts(puzzle=path, said=said, **going_on)))
            saved = None if solution.certificate is None else store.save(report, puzzle.name)
            terminal.result_json(report) if json else terminal.result(_shown(report, solution.puzzle.variance))
            store.conclude(saved)
            if solution.status in ("out_of_time", "out_of_memory", "interrupted", "lost"):
                checkpoints.go_on()
    if first and codes.of(solution.status):
        arguments.suggest(puzzle)
    raise typer.Exit(codes.of(solution.status, exact=config.exact))


def _read_as(puzzle: "Puzzle", stored: "Stored") -> "Puzzle":
    """Return a puzzle with the activation of a search that goes on, told by its fingerprint."""
    readings = [puzzle] if puzzle.activation_given else [read_as(puzzle, name) for name in usual(puzzle.activation)]
    return next((one for one in readings if one.fingerprint == stored[0].get("puzzle")), puzzle)


def _rows(text: str | None) -> int | None:
    if text in (None, "all"):
        return None
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"--rows is {text!r}; expected a whole number, or all") from None


def _config(
    asked: dict[str, Any], options: dict[str, Any], resume: Path | None, note: Callable[[str], None] | None = None
) -> "tuple[Stored | None, JointConfig]":
    """Return what to resume and what to search with; `UsageError` if the two contradict each other."""
    from jaxsolve.experiment.search import JointConfig
    from jaxsolve.run import load_checkpoint
    from jaxsolve.search import stages_named

    if resume is None:
        config = JointConfig(options=options, **asked)
        stages_named(config.method, config.options)
        return None, config
    stored = load_checkpoint(resume, note)
    try:
        before: dict[str, Any] = dict(stored[0]["config"])
        config = JointConfig(**before)
        stages = stages_named(config.method, config.options)
        float(stored[0]["seconds"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UsageError(f"{resume}: what is kept there is no search ({error})") from error
    for key, value in asked.items():
        if before[key] != value:
            named = ["all" if key == "rows" and one is None else one for one in (value, before[key])]
            raise UsageError(f"--{key} is {named[0]}; the search in {resume} was begun with {named[1]}: leave it out")
    for key, value in options.items():
        if stages_named(config.method, {**config.options, key: value}) != stages:
            raise UsageError(f"{key} is {value}; the search in {resume} was begun otherwise: leave it out")
    return stored, config


def _report(puzzle: "Puzzle", solution: "JointSolution", devices: list[str]) -> dict[str, Any]:
    certificate, run, config, pipeline = solution.certificate, solution.run, solution.config, solution.pipeline
    return {
        "status": solution.status,
        "message": solution.message,
        **answer_of(solution.puzzle, certificate),
        "guessed": solution.guessed,
        "method": config.method,
        "options": dict(config.options),
        "rows": pipeline.setting.problem.rows,
        "loss": pipeline.loss,
        "given_pairs": config.pairing,
        "prior": config.prior,
        "curve": [
            {"stage": one.stage, "evaluations": one.evaluations, "seconds": round(one.seconds, 2), "loss": one.loss}
            for one in pipeline.curve
        ],
        "digest": pipeline.digest,
        "evaluations": run.evaluations,
        "seconds": {name: round(s, 4) for name, s in {**run.seconds, "total": run.elapsed}.items()},
        "seed": config.seed,
        "puzzle": puzzle.name,
        "devices": devices,
        "versions": versions(),
    }


def _shown(report: dict[str, Any], variance: float) -> str:
    from jaxsolve.certificate import error_words, share_words

    answered, loss = report["permutation"] is not None, report["loss"]
    lowest = f"{error_words(loss, variance, 6)} on {report['rows']} rows" if loss < float("inf") else "no whole network"
    rows = [
        *([("answer", ",".join(map(str, report["permutation"]))), ("sha256", report["sha256"])] if answered else []),
        ("search", "none: found with the activation" if report["guessed"] else f"{report['method']}, {lowest}"),
        *([] if report["activation"] == "relu" else [("activation", report["activation"])]),
        *([("left out", ", ".join(map(str, report["unused"])))] if report["unused"] else []),
        ("work", f"{report['evaluations']} evaluations, {report['seconds']['total']:.1f} s"),
        *([("digest", report["digest"])] if report["digest"] else []),
        *advice.rows(report),
    ]
    curve = report["curve"]
    picked = sorted({round(k * (len(curve) - 1) / 11) for k in range(12)}) if curve else []  # as much as people read
    points = [("stage", "evaluations", "seconds", "MSE", "R²")] + [
        (
            one["stage"],
            str(one["evaluations"]),
            f"{one['seconds']:.1f}",
            f"{one['loss']:.6g}",
            share_words(one["loss"], variance).removeprefix("R² "),
        )
        for one in (curve[k] for k in picked)
    ]
    told = f"{terminal.prose(report['message'])}\n{terminal.table(rows)}"
    return f"{told}\n\n{terminal.table(points)}" if curve else told
