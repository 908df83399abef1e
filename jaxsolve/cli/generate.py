"""Host: ``jaxsolve generate``."""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jaxsolve.cli import arguments, interrupts, live, places, status, terminal
from jaxsolve.cli.run_store import check_folder
from jaxsolve.engine import OPTIMISERS
from jaxsolve.errors import UsageError
from jaxsolve.generation.data import DATA
from jaxsolve.generation.initial import INITIAL
from jaxsolve.generation.recipe import BIASES, GATES, Recipe

if TYPE_CHECKING:
    from jaxsolve.generation import Growing, Snapshot

FALLEN = "What falls apart"


@terminal.guarded
def generate(
    out: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT",
            help="Folder for the puzzle and the answer; -o OUT means the same.",
            show_default=False,
        ),
    ] = None,
    blocks: Annotated[int, typer.Option(metavar="N", help="Residual blocks.")] = Recipe.blocks,
    features: Annotated[
        int | None,
        typer.Option(metavar="D", help=f"Width of the stream. Default: {Recipe.drawn_features}, or the CSV file's."),
    ] = None,
    hidden: Annotated[
        int | None, typer.Option(metavar="H", help=f"Hidden units of a block. Default: {Recipe.hidden_share} times D.")
    ] = None,
    widths: Annotated[
        str | None, typer.Option(metavar="H,…", help="Hidden units of the blocks in turn, if they differ.")
    ] = None,
    inputs: Annotated[
        int | None, typer.Option(metavar="I", help="Put a layer with I inputs before the blocks.")
    ] = None,
    head: Annotated[int | None, typer.Option(metavar="M", help="Put a layer with M units before the readout.")] = None,
    outputs: Annotated[int, typer.Option(metavar="K", help="Number of outputs.")] = Recipe.outputs,
    biases: Annotated[
        str, typer.Option(metavar="NAME", help=f"Layers with biases: {', '.join(BIASES)} (not those of blocks).")
    ] = Recipe.biases,
    gates: Annotated[
        str, typer.Option(metavar="NAME", help=f"Gates of blocks: {', '.join(GATES)} (in one piece with first halves).")
    ] = Recipe.gates,
    activation: arguments.Activation = Recipe.activation,
    data: Annotated[
        str, typer.Option(metavar="KIND|CSV", help=f"Data to draw ({', '.join(DATA)}), or a CSV file.")
    ] = Recipe.data,
    target: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Column of labels in the CSV file. Default: true, pred or the last."),
    ] = None,
    train_rows: Annotated[
        int | None,
        typer.Option(metavar="R", help=f"Rows trained on. Default: {Recipe.drawn_rows}, or all of the CSV file."),
    ] = None,
    table_rows: Annotated[
        int | None,
        typer.Option(metavar="R", help=f"Rows of these in the table. Default: all, up to {Recipe.shown_rows}."),
    ] = None,
    initial: Annotated[str, typer.Option(metavar="NAME", help=f"First weights: {', '.join(INITIAL)}.")] = (
        Recipe.initial
    ),
    optimiser: Annotated[
        str, typer.Option(metavar="NAME", help=f"Optimiser: {', '.join(OPTIMISERS)}.")
    ] = Recipe.optimiser,
    learning_rate: Annotated[float, typer.Option(metavar="X", help="Step size.")] = Recipe.learning_rate,
    weight_decay: Annotated[
        float, typer.Option(metavar="X", help="Decoupled for adamw and lion, otherwise added to gradients.")
    ] = Recipe.weight_decay,
    batch: Annotated[int, typer.Option(metavar="B", help="Rows of a step.")] = Recipe.batch,
    epochs: Annotated[
        str, typer.Option(metavar="E,…", help="Write a puzzle after each of these epochs; 0: untrained.")
    ] = ",".join(map(str, Recipe.epochs)),
    noise: Annotated[
        float,
        typer.Option(
            metavar="SD", help="Standard deviation of the normal noise added to pred.", rich_help_panel=FALLEN
        ),
    ] = Recipe.noise,
    decimals: Annotated[
        int | None, typer.Option(metavar="K", help="Decimals that pred is rounded to.", rich_help_panel=FALLEN)
    ] = None,
    decoy_ins: Annotated[
        int, typer.Option(metavar="K", help="Add first halves of another net.", rich_help_panel=FALLEN)
    ] = Recipe.decoy_ins,
    decoy_outs: Annotated[
        int, typer.Option(metavar="K", help="Add second halves of another net.", rich_help_panel=FALLEN)
    ] = Recipe.decoy_outs,
    missing_ins: Annotated[
        int, typer.Option(metavar="K", help="Leave out first halves.", rich_help_panel=FALLEN)
    ] = Recipe.missing_ins,
    missing_outs: Annotated[
        int, typer.Option(metavar="K", help="Leave out second halves.", rich_help_panel=FALLEN)
    ] = Recipe.missing_outs,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the random numbers.")] = Recipe.seed,
    devices: arguments.Devices = None,
    output: places.Output = None,
    json: arguments.Json = False,
) -> None:
    """Train a residual net and take it apart: OUT/puzzle, and separately OUT/answer.json.

    With several epochs there is a folder for each, such as OUT/epoch-0005.
    The same
    options on the same number of devices give the same puzzle.
    """
    folder = places.one_place(out, output, "OUT")
    recipe = Recipe(
        blocks=blocks, features=features, hidden=hidden, inputs=inputs, head=head, outputs=outputs, biases=biases,
        gates=gates,
        widths=() if widths is None else _numbers("--widths", widths),
        activation=activation, data=data, target=target,
        train_rows=train_rows, table_rows=table_rows, initial=initial, optimiser=optimiser,
        learning_rate=learning_rate, weight_decay=weight_decay, batch=batch, noise=noise,
        epochs=_numbers("--epochs", epochs),
        decimals=decimals, decoy_ins=decoy_ins, decoy_outs=decoy_outs, missing_ins=missing_ins,
        missing_outs=missing_outs, seed=seed,
    )  # fmt: skip
    _grow(recipe, folder, devices, json)


def _grow(recipe: Recipe, out: Path, devices: int | None, json: bool) -> None:
    """Write every snapshot as soon as it is there, and report them."""
    from jaxsolve import backend, generation

    generation.check_free(recipe, out)
    check_folder(out, "OUT")
    names = arguments.start(devices, None, None, None, False)
    peak = backend.matmul_flops(backend.mesh(devices), "accept")
    peaks, places, presses = [peak()], generation.folders(recipe, out), [0]

    def stop() -> None:
        presses[0] += 1

    done: list[tuple[Snapshot, Path]] = []

    def say() -> None:
        terminal.note(f"interrupted; {len(done)} of {len(recipe.epochs)} puzzles are there")

    with interrupts.stopping(stop, say), _watching(recipe) as watch:
        for snapshot in generation.generate(recipe, devices=devices, watch=watch, stopped=lambda: presses[0] > 0):
            generation.write_snapshot(snapshot, places[snapshot.epoch])
            done.append((snapshot, places[snapshot.epoch]))
            peaks.append(peak())
    most = statistics.median(peaks)
    if json:
        found = [_as_json(one, folder, most) for one, folder in done]
        terminal.result_json({"out": str(out), "devices": names, "peak_flops": most, "snapshots": found})
    elif done:
        terminal.result(terminal.table([HEAD, *(_row(one, folder, most) for one, folder in done)], few=True))
    if len(done) < len(recipe.epochs):
        say()
        raise typer.Exit(interrupts.exit_code())


HEAD = ("epoch", "training MSE", "GFLOP/s", "of peak", "puzzle", "answer")


def _row(snapshot: "Snapshot", folder: Path, peak: float) -> tuple[str, ...]:
    trained = snapshot.flops > 0
    return (
        str(snapshot.epoch),
        f"{snapshot.loss:.6g}",
        f"{snapshot.flops / 1e9:.4g}" if trained else "-",
        f"{snapshot.flops / peak:.2f} of {peak / 1e9:.4g}" if trained else "-",
        str(folder / "puzzle"),
        str(folder / "answer.json"),
    )


def _as_json(snapshot: "Snapshot", folder: Path, peak: float) -> dict[str, object]:
    return {
        "puzzle": str(folder / "puzzle"),
        "answer": str(folder / "answer.json"),
        "epoch": snapshot.epoch,
        "loss": snapshot.loss,
        "flops": snapshot.flops,
        "share_of_peak": snapshot.flops / peak,
    }


def _numbers(option: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        example = "rising numbers such as 1,5,20" if option == "--epochs" else "numbers such as 16,24,32"
        raise UsageError(f"{option} is {text[:100]!r}; expected {example}") from None


@contextmanager
def _watching(recipe: Recipe) -> "Iterator[Callable[[Growing], None]]":
    """Yield a watcher: a line that is redrawn on a terminal, elsewhere one every ten seconds."""
    begun = time.monotonic()
    said = [begun]

    def text(growing: "Growing", between: str = ", ") -> str:
        where = f"train{' decoys' if growing.decoys else ''} epoch {growing.epochs:.1f} of {recipe.epochs[-1]}"
        left = (time.monotonic() - begun) * (recipe.epochs[-1] / max(growing.epochs, 1e-9) - 1)
        return between.join((where, f"MSE {growing.loss:.3g}", f"{live.clock_time(max(0.0, left))} left"))

    def say(growing: "Growing") -> None:
        if time.monotonic() - said[0] >= 10:
            said[0] = time.monotonic()
            terminal.note(text(growing))

    if sys.stderr is None or terminal.is_quiet() or not status.redraws(sys.stderr):
        yield say
        return
    with status.StatusLine(sys.stderr) as line:
        line.show("compile")
        yield lambda growing: line.show(text(growing, "  "))
