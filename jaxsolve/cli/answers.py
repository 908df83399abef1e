"""Host: what reports say of answers."""

from typing import TYPE_CHECKING, Any

from jaxsolve.puzzle.padding import unused

if TYPE_CHECKING:
    from jaxsolve.certificate import Certificate
    from jaxsolve.puzzle import Puzzle


def answer_of(puzzle: "Puzzle", certificate: "Certificate") -> dict[str, Any]:
    """Return what reports say of an answer, whatever found it; the puzzle is the one it was certified on."""
    ids, evidence = certificate.permutation, certificate.evidence
    alike = evidence.alike if evidence else ()
    return {
        "permutation": ids,
        "sha256": certificate.sha256,
        "mse": certificate.mse,
        "pairs": [list(pair) for pair in zip(ids[:-1:2], ids[1::2], strict=True)],
        "activation": puzzle.activation,
        "activation_given": puzzle.activation_given,
        "exact": certificate.exact,
        "noise": noise_of(certificate),
        "evidence": evidence and evidence.sentence,
        "unused": unused(puzzle, ids),
        "alike": [
            {
                "kind": rival.kind,
                "positions": list(rival.positions),
                "difference": rival.difference,
                "permutation": puzzle.permutation(rival.assembly),
            }
            for rival in alike
        ],
    }


def noise_of(certificate: "Certificate") -> dict[str, Any] | None:
    """Return the noise in the predictions that an answer has shown; None: it shows none.

    An answer that is known by its hash need not have been weighed; all that it leaves is noise then.
    """
    if certificate.exact or not certificate.solved:
        return None
    evidence, grid = certificate.evidence, certificate.evidence and certificate.evidence.quantum
    return {
        "sd": evidence.noise if evidence else certificate.mse**0.5,
        "mse": certificate.mse,
        "explained_z": evidence and evidence.explained,
        "quantum": grid and str(grid),
        "step": evidence.step if evidence and grid else None,
        "rounded": evidence.rounded if evidence else None,
    }
