"""Host: ``jaxsolve verify``."""

from typing import TYPE_CHECKING, NamedTuple

import typer

from jaxsolve.cli import advice, arguments, codes, terminal
from jaxsolve.cli.answers import answer_of
from jaxsolve.cli.run_names import read_named

if TYPE_CHECKING:
    from jaxsolve.certificate import Certificate
    from jaxsolve.puzzle import Puzzle


@terminal.guarded
def verify(
    context: typer.Context,
    puzzle: arguments.PuzzlePath,
    answer: arguments.Answer,
    sha256: arguments.Sha256 = None,
    activation: arguments.ActivationOrAuto = "auto",
    link: arguments.LinkName = "auto",
    standardise_inputs: arguments.Standardised = False,
    architecture: arguments.ArchitectureName = "auto",
    exact: arguments.Exact = False,
    tolerance: arguments.Tolerance = None,
    json: arguments.Json = False,
) -> None:
    """Judge an answer in float64 over all rows. Exit code 0 if it is the solution, 1 if not.

    The answer may leave out pieces, such as halves that belong to no block.
    Activation and units are those in its file, unless you give others.
    """
    from dataclasses import asdict, replace

    from jaxsolve.puzzle import unused
    from jaxsolve.solver.acceptance import status_of
    from jaxsolve.solver.config import check_tolerance
    from jaxsolve.solver.facts import facts_of
    from jaxsolve.solver.next_step import next_step

    expected = arguments.checked_sha256(sha256)
    check_tolerance(tolerance)
    told = read_named(answer)
    given = arguments.load_for(puzzle, told, activation, link, standardise_inputs, architecture)
    whole, certificate = judged(given, told.permutation, expected)
    status = status_of(certificate, Wanted(exact, tolerance), "unsolved")
    report, count = answer_of(whole, certificate), len(given.halves_of(certificate.permutation)) // 2
    about = {"command": "verify", "puzzle": puzzle, "answer": answer, "said": advice.said(context)}
    report["next"] = advice.as_json(next_step(facts_of(status, whole, certificate, **about)))
    if json:
        found = {"status": status, "solved": certificate.solved, "message": certificate.sentence, "blocks": count}
        terminal.result_json(found | asdict(replace(certificate, evidence=None)) | report)
    else:
        begun = {"unsolved": "Not solved"}.get(status, status.capitalize())
        terminal.result(terminal.prose(f"{begun}: {certificate.sentence}."))
        if left := unused(given, told.permutation):
            pieces = f"piece{'' if len(left) == 1 else 's'} {', '.join(map(str, left))}"
            words = f"The answer runs {count} block{'' if count == 1 else 's'} and leaves out {pieces}."
            terminal.result(terminal.prose(words))
        if whole.activation != "relu":
            terminal.result(f"It was read with {whole.activation}.")
        terminal.result(terminal.table([("sha256", certificate.sha256), *advice.rows(report)]))
    if codes.of(status):
        arguments.suggest(given)
    raise typer.Exit(codes.of(status, exact=exact))


class Wanted(NamedTuple):
    """What a user asks of an answer."""

    exact: bool
    tolerance: float | None


def judged(given: "Puzzle", permutation: list[int], expected: str | None = None) -> "tuple[Puzzle, Certificate]":
    """Return the certificate of an answer, and the puzzle as it was read for it: with which activation, in which units.

    Where nobody said them, they are those that the answer fits best, if it fits them well.
    """
    from jaxsolve.certificate import certify, concluded
    from jaxsolve.puzzle import conditioned, fitting, read_as, running
    from jaxsolve.puzzle.units import affine_fit, rescaled
    from jaxsolve.solver.acceptance import SINGLED_OUT
    from jaxsolve.solver.activations import rank_activations

    given = conditioned(given)
    alone, assembly = running(given, permutation)
    variance = given.variance
    if not given.activation_given and not certify(alone, assembly).exact:
        name, mse = rank_activations(alone, [assembly])[0]
        given = read_as(given, name) if mse <= SINGLED_OUT * variance else given
        alone, assembly = running(given, permutation)
    known = given.units.link == "affine"
    if known or not given.link_given:
        fit, mse = affine_fit(alone, assembly), certify(alone, assembly).mse
        if fit is not None and fit.mse <= SINGLED_OUT * variance and (known or mse > SINGLED_OUT * variance):
            given = rescaled(given, fit)
            alone, assembly = running(given, permutation)
    # halves that are left out are rivals, too, and take null halves to be exchanged with
    whole = fitting(given, permutation)[0]
    return whole, concluded(whole, certify(alone, assembly, expected_sha256=expected))
