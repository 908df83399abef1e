"""Host: ``jaxsolve export``."""

from pathlib import Path
from typing import Annotated

import typer

from jaxsolve.cli import arguments, places, terminal
from jaxsolve.cli.run_names import read_named
from jaxsolve.cli.run_store import check_apart, check_folder
from jaxsolve.cli.verify import judged
from jaxsolve.puzzle.write import check_suffix


@terminal.guarded
def export(
    puzzle: arguments.PuzzlePath,
    answer: arguments.Answer,
    out: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT.safetensors",
            help="File to write, never overwritten; -o means the same.",
            show_default=False,
        ),
    ] = None,
    activation: arguments.ActivationOrAuto = "auto",
    architecture: arguments.ArchitectureName = "auto",
    output: places.Output = None,
    json: arguments.Json = False,
) -> None:
    """Write the reassembled network as safetensors: blocks.0.inp.weight … last.bias, of the blocks that run.

    The activation is that of the answer's file or, if it says none, the one
    that the answer fits best. An answer that is not proven is also written,
    with a warning.
    """
    from jaxsolve.puzzle import read_as, write_network

    out = places.one_place(out, output, "OUT.safetensors")
    check_folder(out.parent, "OUT.safetensors")
    check_apart(puzzle, out, "OUT.safetensors")
    check_suffix(out)
    told = read_named(answer)
    given = arguments.load_for(puzzle, told, activation, architecture=architecture)
    whole, certificate = judged(given, told.permutation)
    if not certificate.settled:
        terminal.note(f"note: this answer is not proven: {certificate.sentence}")
    write_network(read_as(arguments.read(puzzle, architecture=architecture), whole.activation), told.permutation, out)
    if json:
        told = {"out": str(out), "verdict": certificate.verdict, "message": certificate.sentence}
        terminal.result_json(told | {"activation": whole.activation, "blocks": whole.blocks})
    else:
        terminal.result(str(out))
