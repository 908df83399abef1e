"""Host: arguments that several commands share, and what they stand for."""

import math
import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from jaxsolve.architecture import ACTIVATIONS, ARCHITECTURES
from jaxsolve.cli import interrupts, terminal
from jaxsolve.cli.commands import PRINTED
from jaxsolve.errors import UsageError
from jaxsolve.pairing import PAIRINGS
from jaxsolve.puzzle import (
    LINKS,
    Answer as AnswerFile,
    Puzzle,
    as_answered,
    check_sha256,
    conditioned,
    in_units,
    read_puzzle,
)
from jaxsolve.puzzle.demo import DEMO as DEMO
from jaxsolve.puzzle.units import AUTO, hints

NETWORK, PROOF = "What the network is", "What counts as solved"
MACHINE = "Where it runs"
"""Headings of options in help."""

PuzzlePath = Annotated[
    str,
    typer.Argument(metavar="PUZZLE", help="Folder or zip with pieces/ and historical_data.csv, or 'demo'."),
]
Answer = Annotated[
    str,
    typer.Argument(
        metavar="ANSWER|RUN",
        help="File with the piece ids (text, or JSON as solve prints it), or the ids: 3,1,4,…; or a run, as 'last'.",
    ),
]
NAMES = ", ".join(ACTIVATIONS)
FORM = "with norms as layer_norm+gelu, behind a first layer as relu/relu, scaled as 0.5*relu"
Activation = Annotated[
    str, typer.Option(metavar="FORM", help=f"Activation of the blocks: {NAMES}; {FORM}.", rich_help_panel=NETWORK)
]
ActivationOrAuto = Annotated[
    str,
    typer.Option(
        metavar="FORM|auto",
        help=f"Activation of the blocks: {NAMES}; {FORM}; auto: the one with the lowest error.",
        rich_help_panel=NETWORK,
    ),
]
LinkName = Annotated[
    str,
    typer.Option(
        "--link",
        metavar="NAME|auto",
        help=f"What was applied to the outputs of the net: {', '.join(LINKS)}; auto: nothing, or factor and offset.",
        rich_help_panel=NETWORK,
    ),
]
Standardised = Annotated[
    bool,
    typer.Option(
        "--standardise-inputs",
        help="The net saw the inputs of the table standardised (mean 0, deviation 1).",
        rich_help_panel=NETWORK,
    ),
]
ArchitectureName = Annotated[
    str,
    typer.Option(
        "--architecture",
        metavar="NAME|auto",
        help=f"What blocks are made of: {', '.join(ARCHITECTURES)}; auto: the first that fits the pieces.",
        rich_help_panel=NETWORK,
    ),
]
Exact = Annotated[
    bool,
    typer.Option(
        "--exact",
        help="Count as solved only float32 reproduction of every prediction, or the hash.",
        rich_help_panel=PROOF,
    ),
]
Tolerance = Annotated[
    float | None,
    typer.Option(
        metavar="R2", help="Accept an answer with this R², such as 0.99, proven or not.", rich_help_panel=PROOF
    ),
]
Sha256 = Annotated[
    str | None,
    typer.Option(metavar="HEX", help="Expected SHA-256 of the comma-joined piece ids.", rich_help_panel=PROOF),
]
PairingName = Annotated[
    str, typer.Option(metavar="NAME|auto", help=f"Score that pairs the halves: {', '.join(PAIRINGS)}.")
]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Change a number of a method ('jaxsolve options' lists them); may be repeated.",
    ),
]
StartingAnswer = Annotated[
    str | None, typer.Option("--start", metavar="ANSWER", help="Begin from this answer: a file, ids 3,1,4,…, or a run.")
]
Devices = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Devices (CPU cores or GPUs) that each process uses. Default: all.", rich_help_panel=MACHINE
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Memory that evaluations may take, as 4GiB or 500MB. Default: half of what is free.",
        rich_help_panel=MACHINE,
    ),
]
Coordinator = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="Address of process 0, if several run together; the same for all.",
        rich_help_panel=MACHINE,
    ),
]
Processes = Annotated[
    int | None, typer.Option(metavar="N", help="How many processes run together.", rich_help_panel=MACHINE)
]
ProcessId = Annotated[
    int | None, typer.Option(metavar="K", help="Number of this process, from 0.", rich_help_panel=MACHINE)
]
Cluster = Annotated[
    bool,
    typer.Option(
        "--cluster",
        help="Run with the other processes that Slurm, Open MPI or Kubernetes started.",
        rich_help_panel=MACHINE,
    ),
]
NoRecord = Annotated[
    bool, typer.Option("--no-record", help="Keep no record of the run ('jaxsolve runs').", rich_help_panel=PRINTED)
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print one JSON object, also for an error; 'jaxsolve manual json' lists its keys.",
        rich_help_panel=PRINTED,
    ),
]


def read(
    path: str,
    activation: str = "relu",
    link: str = AUTO,
    standardise_inputs: bool = False,
    architecture: str = AUTO,
) -> Puzzle:
    """Read the puzzle an argument stands for, in units that can be searched in."""
    puzzle = read_puzzle(path, activation=activation, architecture=architecture)
    return in_units(puzzle, link=link, standardise_inputs=standardise_inputs)


def load(path: str, *reading: Any, **options: Any) -> Puzzle:
    """Read the puzzle an argument stands for, as `read` does, and pass on what is odd about it."""
    with interrupts.leaving():
        puzzle = read(path, *reading, **options)
    remark(puzzle)
    return puzzle


def with_roles(puzzle: Puzzle, answer: Sequence[int] | None = None) -> Puzzle:
    """Return a puzzle whose pieces all have roles: those that an answer gives them, or the likeliest."""
    if not puzzle.given.square and puzzle.given.normed is None and puzzle.given.gated:
        return puzzle
    if answer is not None:
        return as_answered(puzzle, answer)
    from jaxsolve.solver.initial import told

    if not puzzle.given.gated:
        from jaxsolve.run import Run
        from jaxsolve.solver.config import Config
        from jaxsolve.solver.gates import gates_told

        terminal.note("note: nothing tells which pieces are gates; they are found by relaxing everything at once")
        puzzle = gates_told(puzzle, Config(), Run()).puzzle
    return told(puzzle)


def load_for(
    path: str,
    answer: AnswerFile,
    activation: str,
    link: str = AUTO,
    standardise_inputs: bool = False,
    architecture: str = AUTO,
) -> Puzzle:
    """Read a puzzle as an answer was found for it, but for what the options say."""
    activation = (answer.activation or AUTO) if activation == AUTO else activation
    link = (answer.link or AUTO) if link == AUTO else link
    return load(path, activation, link, standardise_inputs or answer.standardised is not None, architecture)


def remark(puzzle: Puzzle) -> None:
    """Pass on what is odd about a puzzle."""
    for text in puzzle.notes:
        terminal.note(f"note: {text}")
    scale = conditioned(puzzle).units.scale
    if scale != 1.0:
        terminal.note(f"note: predictions are searched in units of {scale:.3g}; what is reported is in their own")


def suggest(puzzle: Puzzle) -> None:
    """Say what the numbers of a table look like, where a puzzle was not solved."""
    for text in hints(puzzle):
        terminal.note(f"note: {text}")


def note_activation(puzzle: Puzzle, ranked: list[tuple[str, float]]) -> None:
    """Say with which activation a puzzle is read, where that was found out."""
    if ranked and puzzle.activation != "relu":
        (_, mse), *others = ranked
        from jaxsolve.certificate import error_words

        variance = conditioned(puzzle).variance
        told = f", against {error_words(others[0][1], variance)} with {others[0][0]}" if others else ""
        fallen = error_words(mse, variance)
        terminal.note(
            f"note: the activation is read as {puzzle.activation}, with which the error falls to {fallen}{told}"
        )


def named_options(given: list[str] | None) -> dict[str, float | str]:
    """Return the values of options by name, numbers as such; `UsageError` for one without a value."""
    found: dict[str, float | str] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set {text!r} has no value; expected NAME=VALUE")
        found[name.strip()] = _number(value.strip())
    return found


def _number(text: str) -> float | str:
    """Return a finite number that a text is; any other text as it is."""
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if math.isfinite(number) else text
    return text


def checked_sha256(text: str | None) -> str | None:
    """Return a hash given as an option, in lower case."""
    return None if text is None else check_sha256(text, "--sha256")


def checked_budget(seconds: float) -> float:
    """Return a budget given as an option; `UsageError` if no time can be as long."""
    if not seconds > 0:
        raise UsageError(f"--budget is {seconds}; expected more than 0 seconds")
    return seconds


def bytes_of(text: str | None) -> float | None:
    """Return the bytes that a size such as 4GiB, 500MB or 1e9 stands for."""
    if text is None:
        return None
    match = re.fullmatch(r"([0-9.]+(?:e[0-9]+)?) *([kMGT]?)(i?)B?", text.strip(), re.IGNORECASE)
    try:
        if match is None:
            raise ValueError
        number, prefix, binary = match.groups()
        size = float(number) * (1024 if binary else 1000) ** " KMGT".index(prefix.upper() or " ")
        if not 0 < size < float("inf"):
            raise ValueError
    except ValueError:
        raise UsageError(f"--memory is {text!r}; expected a size such as 4GiB or 500MB") from None
    return size


def start(
    devices: int | None, coordinator: str | None, processes: int | None, process_id: int | None, cluster: bool
) -> list[str]:
    """Start JAX, here and with the other processes of the run; return what programs run on."""
    from jaxsolve import backend

    backend.keep_programs()
    if cluster or (coordinator, processes, process_id) != (None, None, None):
        terminal.keep_stdout_clean()
        with interrupts.leaving():
            backend.join(coordinator, processes, process_id)
    with interrupts.leaving():
        return backend.device_names(devices)
