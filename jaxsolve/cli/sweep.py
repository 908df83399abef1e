"""Host: ``jaxsolve sweep``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxsolve.cli import advice, arguments, codes, interrupts, live, places, started, terminal
from jaxsolve.cli.answers import answer_of
from jaxsolve.cli.checkpoints import Checkpoints
from jaxsolve.cli.run_names import resumed
from jaxsolve.cli.run_store import TROUBLE, RunStore, check_apart, why
from jaxsolve.errors import OutputError, UsageError
from jaxsolve.puzzle import conditioned

if TYPE_CHECKING:
    from jaxsolve.experiment.search import JointSolution, Stored
    from jaxsolve.experiment.sweep import Outcome
    from jaxsolve.puzzle import Puzzle


@terminal.guarded
def sweep(
    context: typer.Context,
    puzzle: Annotated[str, typer.Argument(metavar="PUZZLE", help="Folder or zip of the puzzle, or 'demo'.")],
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG.toml", help="TOML file with settings and lists of settings.")
    ],
    best: Annotated[int, typer.Option(metavar="K", help="Number of best runs in which pairs are counted.")] = 20,
    budget: Annotated[float, typer.Option(metavar="SECONDS", help="Start no further run after this time.")] = 3600.0,
    activation: arguments.ActivationOrAuto = "auto",
    link: arguments.LinkName = "auto",
    standardise_inputs: arguments.Standardised = False,
    architecture: arguments.ArchitectureName = "auto",
    out: Annotated[
        Path | None,
        places.folder_option("Folder for the results; finished runs in it are not repeated."),
    ] = None,
    resume: places.Resume = None,
    devices: arguments.Devices = None,
    memory: arguments.Memory = None,
    no_record: arguments.NoRecord = False,
    json: arguments.Json = False,
) -> None:
    """Run a search with every combination of some settings.

    CONFIG.toml has settings (method, rows, seed, pairing, prior, spare,
    sha256, exact, tolerance), and tables [options] and [grid]. Every
    combination of the lists in [grid] is a run. A table [then] has settings
    to go on with from the best answers. The output is the result of each
    run, and in how many of the best runs each pair appears. 'jaxsolve manual
    sweeps' shows examples.
    """
    from jaxsolve.certificate import error_words
    from jaxsolve.experiment.plan import read_plan
    from jaxsolve.experiment.search import ENDS, guessed
    from jaxsolve.experiment.sweep import consensus, read_outcomes, run_sweep, runs_left
    from jaxsolve.run import Run
    from jaxsolve.solver.facts import facts_of, share_of
    from jaxsolve.solver.next_step import next_step

    if best < 1:
        raise UsageError(f"--best is {best}; expected at least 1")
    size, plan, budget = arguments.bytes_of(memory), read_plan(config), arguments.checked_budget(budget)
    if resume is not None and out is not None:
        raise UsageError("--resume goes on in its own folder; leave --out out")
    out = resumed(resume, "sweep") or out
    check_apart(puzzle, out, "--out")
    with RunStore("sweep", out, record=not no_record) as store:
        names = arguments.start(devices, None, None, None, False)
        given = arguments.with_roles(arguments.load(puzzle, activation, link, standardise_inputs, architecture))
        try:
            folder = store.folder(given.name)
        except TROUBLE as error:
            raise OutputError(f"results of a sweep need a folder; name one with --out ({why(error)})") from error
        run, checkpoints = Run(budget, size, started=started()), Checkpoints(store)
        settings = {
            "runs": [setting for setting, _ in plan.runs],
            "config": str(config),
            "best": best,
            "budget": budget,
        }

        def save() -> None:
            checkpoints.leave()
            store.leave(json=json)
            terminal.note(f"results are in {folder}; go on with --out {folder}")

        with interrupts.stopping(run.stop, save) as ending, live.watching(run) as view:
            with store.recording(run, given, puzzle, settings, None, names):
                given, solution, tried = guessed(given, plan.runs[0][1], run, devices)
                arguments.note_activation(given, tried)
                view.variance = conditioned(given).variance
                done, stored = read_outcomes(folder, given), _stored(folder)
                if solution is None:
                    for outcome in run_sweep(given, plan, run, folder, done, devices, stored, checkpoints.keep):
                        told = f"{error_words(outcome.mse, given.variance)} on all rows, {outcome.status}"
                        terminal.note(f"{len(done)} of {len(done) + runs_left(plan, done)}: {_named(outcome)}: {told}")
                    checkpoints.finish()
            if solution is not None:
                ending.begin()
                _end_with(solution, given, store, json)
                raise typer.Exit(codes.of(solution.status, exact=solution.config.exact))
            ranked = sorted(done, key=lambda outcome: outcome.mse)
            pairs = consensus(ranked[:best], given.halves_of)
            report = _report(given.name, ranked, best, pairs) | {"left": runs_left(plan, done)}
            status = "finished" if not report["left"] else "interrupted" if run.stopped else "out_of_time"
            solved = next((one.status for one in ranked if one.status in ENDS), None)
            known: dict[str, Any] = {"command": "sweep", "puzzle": puzzle, "said": advice.said(context)}
            known |= {"left": report["left"], "resume": str(folder), "config": str(config)}
            if ranked:
                known |= {"share": share_of(ranked[0].mse, given), "rows": ranked[0].config.get("rows") or given.rows}
                known |= {"compared": share_of(ranked[0].loss, conditioned(given))}
            ending.begin()
            store.finish(status, report, answer=(ranked[0].permutation, ranked[0].mse) if ranked else None)
        report["record"] = advice.record_of(store)
        if ranked:
            known["answer"] = report["record"] or ",".join(map(str, ranked[0].permutation))
        report["next"] = advice.as_json(next_step(facts_of(solved or status, given, None, run, **known)))
        words = _shown(ranked, pairs, report["best"], given.variance, advice.rows(report))
        terminal.result_json(report) if json else terminal.result(words)
        store.conclude(f"results are in {folder}")
    if report["left"]:
        raise typer.Exit(interrupts.exit_code() if run.stopped else 1)


def _end_with(solution: "JointSolution", puzzle: "Puzzle", store: RunStore, json: bool) -> None:
    """Print and keep an answer that was found before any run of a sweep began, and say how to run them all the same."""
    report = {"status": solution.status, "message": solution.message}
    report |= answer_of(solution.puzzle, solution.certificate)
    store.finish(solution.status, report, solution.certificate)
    ids = report["permutation"]
    saved = None if ids is None else store.save(report, puzzle.name)
    report |= {"record": advice.record_of(store), "next": None}
    answer = "" if ids is None else f"\nanswer  {','.join(map(str, ids))}"
    terminal.result_json(report) if json else terminal.result(terminal.prose(f"{solution.message}{answer}"))
    store.conclude(saved)
    if ids is not None:
        terminal.note(
            f"no run of the sweep was needed; to make the runs nevertheless, add --activation {puzzle.activation}"
        )


def _stored(folder: Path) -> "Stored | None":
    """Return where the run that was cut off in a folder stood; None: there is none."""
    from jaxsolve.run import load_checkpoint

    try:
        return load_checkpoint(folder, lambda text: terminal.note(f"note: {text}"))
    except UsageError:
        return None


def _report(
    puzzle: str, ranked: list["Outcome"], best: int, pairs: list[tuple[tuple[int, int], int]]
) -> dict[str, Any]:
    listed = [{"pair": list(pair), "runs": count} for pair, count in pairs]
    runs = [vars(one) for one in ranked]
    return {"puzzle": puzzle, "runs": runs, "best": len(ranked[:best]), "consensus": listed}


def _named(outcome: "Outcome") -> str:
    return ", ".join(f"{key} {value}" for key, value in outcome.setting.items()) or outcome.config["method"]


def _shown(
    ranked: list["Outcome"],
    pairs: list[tuple[tuple[int, int], int]],
    best: int,
    variance: float,
    follows: list[tuple[str, str]],
) -> str:
    from jaxsolve.certificate import share_words

    keys = list(dict.fromkeys(key for one in ranked for key in one.setting))
    lines: list[tuple[str, ...]] = [(*keys, "MSE on all rows", "R²", "on its rows", "evaluations", "seconds", "status")]
    for one in ranked:
        values = (str(one.setting.get(key, "")) for key in keys)
        share = share_words(one.mse, variance).removeprefix("R² ")
        figures = f"{one.mse:.6g}", share, f"{one.loss:.6g}", str(one.evaluations), f"{one.seconds:.1f}"
        lines.append((*values, *figures, one.status))
    listed = [("pair", f"of the best {best} runs")]
    listed += [(f"{i},{j}", str(count)) for (i, j), count in pairs[:12]]  # as many as people read
    told = f"{terminal.table([tuple(map(terminal.one_line, row)) for row in lines])}\n\n{terminal.table(listed)}"
    return f"{told}\n\n{terminal.table(follows)}" if follows else told
