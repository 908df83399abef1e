"""Host: ``jaxsolve verify``."""

import typer

from jaxsolve.cli import arguments, terminal


@terminal.guarded
def verify(
    puzzle: arguments.PuzzlePath,
    answer: arguments.Answer,
    sha256: arguments.Sha256 = None,
    activation: arguments.Activation = "relu",
    json: arguments.Json = False,
) -> None:
    """Judge an answer in float64 over all rows. Exit code 0 if it is the solution, 1 if not.

    It may leave pieces out, such as halves that belong to no block.
    """
    from dataclasses import asdict

    from jaxsolve.certificate import certify, with_neighbour
    from jaxsolve.puzzle import read_answer, running, unused

    expected = arguments.checked_sha256(sha256)
    given = arguments.load(puzzle, activation)
    permutation = read_answer(answer)
    # without null halves, which single moves could shift to no effect
    alone, assembly = running(given, permutation)
    left = unused(given, permutation)
    certificate = with_neighbour(alone, certify(alone, assembly, expected_sha256=expected))
    if json:
        found = {"solved": certificate.solved, "message": certificate.sentence, "blocks": alone.blocks, "unused": left}
        terminal.result_json(found | asdict(certificate))
    else:
        terminal.result(f"{'Solved' if certificate.solved else 'Not solved'}: {certificate.sentence}.")
        if left:
            blocks = f"{alone.blocks} block{'' if alone.blocks == 1 else 's'}"
            pieces = f"piece{'' if len(left) == 1 else 's'} {', '.join(map(str, left))}"
            terminal.result(f"The answer runs {blocks} and leaves out {pieces}.")
        terminal.result(f"sha256 {certificate.sha256}")
    raise typer.Exit(0 if certificate.solved else 1)
