"""Host: what reports say of answers."""

from typing import TYPE_CHECKING, Any

from jaxsolve.puzzle.padding import unused

if TYPE_CHECKING:
    from jaxsolve.certificate import Certificate
    from jaxsolve.puzzle import Puzzle


def answer_of(puzzle: "Puzzle", certificate: "Certificate | None") -> dict[str, Any]:
    """Return what reports say of an answer, whatever found it; the puzzle is the one it was certified on.

    Squared errors are in the units of the table. Where there is no answer, what would be said of it is null.
    """
    units = puzzle.units
    about = {"activation": puzzle.activation, "activation_given": puzzle.activation_given}
    about["units"] = {"link": units.link, "slope": units.slope, "intercept": units.intercept, "ddof": units.ddof}
    if certificate is None:
        nothing = "permutation", "sha256", "mse", "r2", "exact", "noise", "evidence", "identification", "cause"
        return dict.fromkeys(nothing) | {"verdict": None, "pairs": [], "unused": [], "alike": []} | about
    ids, evidence = certificate.permutation, certificate.evidence
    alike, halves = evidence.alike if evidence else (), puzzle.halves_of(ids)
    return {
        "permutation": ids,
        "sha256": certificate.sha256,
        "verdict": certificate.verdict,
        "mse": certificate.told(certificate.mse),
        "r2": certificate.r2,
        "pairs": [list(pair) for pair in zip(halves[::2], halves[1::2], strict=True)],
        **about,
        "exact": certificate.exact,
        "noise": noise_of(certificate),
        "evidence": evidence and evidence.sentence,
        "identification": identification_of(certificate),
        "cause": cause_of(certificate),
        "unused": unused(puzzle, ids),
        "alike": [
            {
                "kind": rival.kind,
                "positions": list(rival.positions),
                "difference": certificate.told(rival.difference),
                "permutation": puzzle.permutation(rival.assembly),
            }
            for rival in alike
        ],
    }


def neighbour_of(certificate: "Certificate | None") -> dict[str, Any] | None:
    """Return the closest neighbour of an answer, with squared errors in the units of the table."""
    if certificate is None or certificate.neighbour is None:
        return None
    found, told = certificate.neighbour, certificate.told
    return {"mse": told(found.mse), "gap": told(found.gap), "moves": found.moves}


def identification_of(certificate: "Certificate") -> dict[str, Any] | None:
    """Return how an answer compares with those near it; None: it was not compared."""
    evidence = certificate.evidence
    if evidence is None or evidence.moves is None:
        return None
    return {
        "identified": evidence.identified,
        "moves": evidence.moves,
        "least_t": evidence.least_t,
        "needed_t": evidence.needed_t,
        "least_rise": None if evidence.least_rise is None else certificate.told(evidence.least_rise),
        "against": evidence.confusable,
    }


def cause_of(certificate: "Certificate") -> dict[str, Any] | None:
    """Return what explains that an answer leaves more than rounding; None: nothing that is known."""
    cause = certificate.evidence and certificate.evidence.cause
    if cause is None:
        return None
    left = {"left": certificate.told(cause.left), "share": cause.share, "reproduces": cause.reproduces}
    return {"name": cause.name, "words": cause.words, **left}


def noise_of(certificate: "Certificate") -> dict[str, Any] | None:
    """Return the noise in the predictions that an answer has shown; None: it shows none.

    An answer that is known by its hash need not have been weighed; all that it leaves is noise then.
    """
    if certificate.exact or not certificate.solved:
        return None
    if certificate.evidence is not None and not certificate.evidence.is_noise and not certificate.as_expected:
        return None
    evidence, grid = certificate.evidence, certificate.evidence and certificate.evidence.quantum
    return {
        "sd": evidence.noise if evidence else certificate.told(certificate.mse) ** 0.5,
        "mse": certificate.told(certificate.mse),
        "explained_z": evidence and evidence.explained,
        "quantum": grid and str(grid),
        "step": evidence.step * evidence.unit if evidence and grid else None,
        "rounded": evidence.rounded if evidence else None,
    }
