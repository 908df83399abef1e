"""Host: ``jaxsolve verify``."""

import typer

from jaxsolve.cli import arguments, terminal
from jaxsolve.cli.answers import answer_of


@terminal.guarded
def verify(
    puzzle: arguments.PuzzlePath,
    answer: arguments.Answer,
    sha256: arguments.Sha256 = None,
    activation: arguments.ActivationOrAuto = "auto",
    json: arguments.Json = False,
) -> None:
    """Judge an answer in float64 over all rows. Exit code 0 if it is the solution, 1 if not.

    It may leave pieces out, such as halves that belong to no block.
    """
    from dataclasses import asdict, replace

    from jaxsolve.activation import rank_activations
    from jaxsolve.certificate import certify, with_evidence
    from jaxsolve.judging import concluded
    from jaxsolve.puzzle import fitting, read_answer, read_as, running, unused

    expected = arguments.checked_sha256(sha256)
    given = arguments.load(puzzle, activation)
    permutation = read_answer(answer)
    alone, assembly = running(given, permutation)
    if not given.activation_given and not certify(alone, assembly).exact:
        given = read_as(given, rank_activations(alone, [assembly])[0][0])
        alone, assembly = running(given, permutation)
    # halves that are left out are rivals, too, and take null halves to be exchanged with
    whole, certificate = fitting(given, permutation)[0], certify(alone, assembly, expected_sha256=expected)
    if not certificate.exact:
        certificate = with_evidence(whole, certificate)
    certificate = concluded(whole, certificate, in_time=True)
    report, blocks = answer_of(whole, certificate), f"{alone.blocks} block{'' if alone.blocks == 1 else 's'}"
    if json:
        found = {"solved": certificate.solved, "message": certificate.sentence, "blocks": alone.blocks}
        terminal.result_json(found | asdict(replace(certificate, evidence=None)) | report)
    else:
        terminal.result(f"{'Solved' if certificate.solved else 'Not solved'}: {certificate.sentence}.")
        if left := unused(given, permutation):
            pieces = f"piece{'' if len(left) == 1 else 's'} {', '.join(map(str, left))}"
            terminal.result(f"The answer runs {blocks} and leaves out {pieces}.")
        if not given.activation_given and given.activation != "relu":
            terminal.result(f"It was read with {given.activation}, which fits it best.")
        terminal.result(f"sha256 {certificate.sha256}")
    raise typer.Exit(0 if certificate.solved else 1)
