"""Host: arguments that several commands share, and what they stand for."""

from typing import Annotated

import typer

from jaxsolve.cli import terminal
from jaxsolve.pairing import PAIRINGS
from jaxsolve.puzzle import ACTIVATIONS, Puzzle, check_sha256, read_puzzle
from jaxsolve.puzzle.demo import DEMO_FILE

DEMO = "demo"

PuzzlePath = Annotated[
    str,
    typer.Argument(metavar="PUZZLE", help="Folder or zip with pieces/ and historical_data.csv, or 'demo'."),
]
Answer = Annotated[
    str,
    typer.Argument(
        metavar="ANSWER", help="File with the piece ids (text, or JSON as solve prints it), or the ids: 3,1,4,…"
    ),
]
Activation = Annotated[str, typer.Option(help=f"Activation of the blocks: {', '.join(ACTIVATIONS)}.")]
Sha256 = Annotated[str | None, typer.Option(metavar="HEX", help="Expected SHA-256 of the comma-joined piece ids.")]
PairingName = Annotated[
    str, typer.Option(metavar="NAME|auto", help=f"Score that pairs the halves: {', '.join(PAIRINGS)}.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def load(path: str, activation: str = "relu") -> Puzzle:
    """Read the puzzle an argument stands for, and pass on what is odd about it."""
    puzzle = read_puzzle(DEMO_FILE if path == DEMO else path, activation=activation)
    for text in puzzle.notes:
        terminal.note(f"note: {text}")
    return puzzle


def checked_sha256(text: str | None) -> str | None:
    """Return a hash given as an option, in lower case."""
    return None if text is None else check_sha256(text, "--sha256")
