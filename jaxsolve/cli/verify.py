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
    """Judge an answer in float64 over all rows. Exit code 0 if it is the solution, 1 if not."""
    from dataclasses import asdict

    from jaxsolve.certificate import certify, with_neighbour
    from jaxsolve.puzzle import read_answer

    expected = arguments.checked_sha256(sha256)
    given = arguments.load(puzzle, activation)
    assembly = given.assembly(read_answer(answer))
    certificate = with_neighbour(given, certify(given, assembly, expected_sha256=expected))
    if json:
        terminal.result_json({"solved": certificate.solved, "message": certificate.sentence, **asdict(certificate)})
    else:
        terminal.result(f"{'Solved' if certificate.solved else 'Not solved'}: {certificate.sentence}.")
        terminal.result(f"sha256 {certificate.sha256}")
    raise typer.Exit(0 if certificate.solved else 1)
