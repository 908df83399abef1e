"""Host: ``jaxsolve export``."""

from pathlib import Path
from typing import Annotated

import typer

from jaxsolve.cli import arguments, terminal
from jaxsolve.cli.keeping import check_apart, check_folder


@terminal.guarded
def export(
    puzzle: arguments.PuzzlePath,
    answer: arguments.Answer,
    out: Annotated[Path, typer.Argument(metavar="OUT.safetensors", help="File to write; never overwritten.")],
    activation: arguments.Activation = "relu",
) -> None:
    """Write the reassembled network as safetensors: blocks.0.inp.weight … last.bias, of the blocks that run."""
    from jaxsolve.puzzle import read_answer, write_network

    check_folder(out.parent, "OUT.safetensors")
    check_apart(puzzle, out, "OUT.safetensors")
    given = arguments.load(puzzle, activation)
    write_network(given, read_answer(answer), out)
    terminal.result(str(out))
