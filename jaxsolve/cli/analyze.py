"""Host: ``jaxsolve analyze``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jaxsolve.analysis import MEASUREMENTS, checked
from jaxsolve.cli import arguments, places, terminal
from jaxsolve.cli.commands import PRINTED
from jaxsolve.cli.run_names import read_named
from jaxsolve.cli.run_store import check_folder
from jaxsolve.errors import OutputError

if TYPE_CHECKING:
    from jaxsolve.analysis import Analysis, Subject

NAMES = ", ".join(MEASUREMENTS)
SLOW = {"transitivity": "exchanging blocks", "seeds": "ordering by every seed"}
"""Measurements that take long enough to be announced."""


@terminal.guarded
def analyze(
    puzzle: arguments.PuzzlePath = arguments.DEMO,
    answer: Annotated[
        str | None,
        typer.Argument(
            metavar="ANSWER",
            help="File with the piece ids, the ids, or a run. Default: the pairs and order that seem best.",
        ),
    ] = None,
    measure: Annotated[
        list[str] | None,
        typer.Option("--measure", metavar="NAME", help=f"Measure only this; may be repeated: {NAMES}."),
    ] = None,
    rows: Annotated[
        int | None, typer.Option(metavar="N", help="Measure activations on the first N rows. Default: all.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the random numbers.")] = 0,
    activation: arguments.ActivationOrAuto = "auto",
    figures: Annotated[
        Path | None,
        places.folder_option("Folder for figures, as SVG and PNG; none is overwritten.", "--figures"),
    ] = None,
    dark: Annotated[
        bool, typer.Option("--dark", help="Draw figures for a dark background.", rich_help_panel=PRINTED)
    ] = False,
    json: arguments.Json = False,
) -> None:
    """Measure what helps to put nets back together: norms, residuals, pair scores, spectra, preferences.

    Without an answer, pairs come from the score with the clearest margins,
    and their order from the best quick rule; then seeds cannot be measured.
    """
    from jaxsolve.analysis import analyze as measured
    from jaxsolve.cli.analysis import facts, shown

    names = checked(measure or list(MEASUREMENTS))
    if figures is not None:
        _check_figures(figures)
    subject = _subject(puzzle, answer, activation, rows, seed)

    def announce(name: str) -> None:
        if name in SLOW and (subject.known or name != "seeds"):
            terminal.note(f"{SLOW[name]}, which takes a while; --measure NAME measures others alone")

    analysis = measured(subject, names, announce)
    terminal.result_json(facts(analysis)) if json else terminal.result(shown(analysis))
    if figures is not None:
        terminal.note(f"figures in {figures}: {_draw(analysis, figures, dark)}, each as SVG and PNG")


def _subject(puzzle: str, answer: str | None, activation: str, rows: int | None, seed: int) -> "Subject":
    """Return what is to be measured, read with the activation that fits an answer best where nobody has said it."""
    from jaxsolve.analysis import subject_of
    from jaxsolve.puzzle import mean_squared_error, read_as, running

    permutation = None if answer is None else read_named(answer).permutation
    given = arguments.with_roles(arguments.load(puzzle, activation), permutation)
    if permutation is None:
        return subject_of(given, rows=rows, seed=seed)
    if not given.activation_given:
        alone, assembly = running(given, permutation)
        if len(assembly.ins) and not mean_squared_error(alone, assembly) < 1e-6 * alone.variance:
            from jaxsolve.solver.activations import rank_activations

            given = read_as(given, rank_activations(alone, [assembly])[0][0])
    return subject_of(given, permutation, rows=rows, seed=seed)


def _check_figures(folder: Path) -> None:
    """Say before the work is done, and not after it, that figures cannot be drawn or would overwrite others."""
    from jaxsolve.report.charts import FIGURES, libraries

    libraries()
    check_folder(folder, "--figures")
    for name in FIGURES:
        for path in (folder / f"{name}.svg", folder / f"{name}.png"):
            if path.exists():
                raise OutputError(f"{path}: exists already and is not overwritten; choose another folder for --figures")


def _draw(analysis: "Analysis", folder: Path, dark: bool) -> int:
    """Write every figure of an analysis, and return how many there are."""
    from jaxsolve.files import write_new
    from jaxsolve.report.charts import figures_of, png, svg

    count = 0
    for name, chart in figures_of(analysis):
        write_new(folder / f"{name}.svg", svg(chart, dark=dark))
        write_new(folder / f"{name}.png", png(chart, dark=dark))
        count += 1
    return count
