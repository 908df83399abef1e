"""Host: what can be said for certain of an answer. Only this room says that a puzzle is solved."""

from dataclasses import dataclass, replace

import numpy as np

from jaxsolve.certificate.evidence import Evidence
from jaxsolve.certificate.neighbour import Neighbour, closest_neighbour
from jaxsolve.certificate.rounding import tolerance
from jaxsolve.puzzle import Assembly, Puzzle, mean_squared_error, running, sha256_of


@dataclass(frozen=True)
class Certificate:
    """The evidence for an answer, computed in float64 over all rows."""

    permutation: list[int]
    sha256: str
    mse: float
    """Mean squared error over all rows; infinite if the answer overflows."""
    tolerance: float
    """Mean squared error up to which an answer is the original but for float32 rounding."""
    rows: int
    expected_sha256: str | None
    neighbour: Neighbour | None = None
    """None if it was not looked for, or if there is no single move."""
    evidence: Evidence | None = None
    """What was found out about what the answer leaves; None if it was not weighed."""

    @property
    def exact(self) -> bool:
        """Whether every prediction is reproduced up to float32 rounding."""
        return bool(np.isfinite(self.mse)) and self.mse <= self.tolerance

    @property
    def solved(self) -> bool:
        """Whether this is the answer: by its hash where one is expected, else by its predictions."""
        if self.expected_sha256 is not None:
            return self.sha256 == self.expected_sha256
        return self.exact or self.is_noise

    @property
    def is_noise(self) -> bool:
        """Whether the answer was weighed, and leaves nothing but noise or rounding."""
        return self.evidence is not None and self.evidence.is_noise

    @property
    def sentence(self) -> str:
        """What is proven, in words."""
        if self.exact:
            fit = f"all {self.rows} predictions are reproduced to float32 rounding (MSE {self.mse:.3g})"
        elif self.evidence is not None and self.is_noise:
            fit = f"all {self.rows} predictions are reproduced to {self.evidence.floor} (MSE {self.mse:.3g})"
        else:
            rounding = f"float32 rounding explains at most {self.tolerance:.1g}"
            fit = f"MSE {self.mse:.6g} over all {self.rows} rows, of which {rounding}"
        parts = [fit]
        if self.expected_sha256 is not None:
            matches = self.sha256 == self.expected_sha256
            parts.append("the SHA-256 is the expected one" if matches else "the SHA-256 is NOT the expected one")
        if self.evidence is not None and not (self.exact and self.evidence.is_noise and not self.evidence.alike):
            parts.append(self.evidence.sentence)
        if self.neighbour is not None:
            rank = f"the closest found among {self.neighbour.moves} single moves has MSE {self.neighbour.mse:.3g}"
            tied = self.exact and self.neighbour.mse <= self.tolerance and self.evidence is None
            parts.append(f"{rank}: the data cannot tell it from this answer" if tied else rank)
        return "; ".join(parts)


def certify(
    puzzle: Puzzle, assembly: Assembly, *, expected_sha256: str | None = None, mse: float | None = None
) -> Certificate:
    """Judge an answer in float64 over all rows.

    Parameters
    ----------
    puzzle, assembly
        The puzzle and the answer.
    expected_sha256
        The published hash, if known; the puzzle's own otherwise.
    mse
        What `mean_squared_error` gives for them, if that is known already.
    """
    permutation = puzzle.permutation(assembly)
    mse = mean_squared_error(puzzle, assembly) if mse is None else mse
    return Certificate(
        permutation=permutation,
        sha256=sha256_of(permutation),
        mse=mse if np.isfinite(mse) else float("inf"),
        tolerance=tolerance(puzzle, assembly),
        rows=puzzle.rows,
        expected_sha256=expected_sha256 or puzzle.expected_sha256,
    )


def with_neighbour(puzzle: Puzzle, certificate: Certificate) -> Certificate:
    """Return a certificate that also names the closest rival among single moves of the blocks that run."""
    # silent blocks could be moved to no effect, and would be the closest of all
    alone, assembly = running(puzzle, certificate.permutation)
    rival = closest_neighbour(alone, assembly, certificate.mse, certificate.tolerance)
    return replace(certificate, neighbour=rival)
