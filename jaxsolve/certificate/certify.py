"""Host: what can be said for certain of an answer. Only this room says that a puzzle is solved."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from jaxsolve.certificate.evidence import Evidence
from jaxsolve.certificate.information import information
from jaxsolve.certificate.neighbour import Neighbour, closest_neighbour
from jaxsolve.certificate.rounding import tolerance
from jaxsolve.puzzle import GIVEN_UNITS, Assembly, Puzzle, Units, mean_squared_error, running, sha256_of

Verdict = Literal["solved", "identified", "unidentifiable", "unsolved"]


def share_words(mse: float, variance: float) -> str:
    """Return R² in words, the share of a variance that is accounted for, to be told from 1; nothing without one."""
    if not (variance > 0 and np.isfinite(mse)):
        return ""
    return f"R² {r2_words(mse / variance)}"


def r2_words(left: float) -> str:
    """Return R² in words where so much of the variance is not accounted for."""
    return f"{1 - left:.6g}" if left > 1e-5 else f"1 - {left:.2g}"


def error_words(mse: float, variance: float, digits: int = 3) -> str:
    """Return a mean squared error in words, and beside it which share of a variance is accounted for."""
    return ", ".join(filter(None, (f"MSE {mse:.{digits}g}", share_words(mse, variance))))


@dataclass(frozen=True)
class Certificate:
    """The evidence for an answer, computed in float64 over all rows. Errors are in units of `Puzzle.y`."""

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
    variance: float = float("nan")
    """Of the predictions."""
    lacking: str | None = None
    """Why the data cannot tell answers apart, in words; None: they can."""
    units: Units = GIVEN_UNITS
    """Those of the errors."""

    def __repr__(self) -> str:
        """Return verdict, error and the first digits of the hash, without the permutation."""
        error = f"{self.words_of(self.mse)} on {self.rows} rows"
        return f"Certificate({self.verdict}, {error}, sha256 {self.sha256[:12]}…)"

    @property
    def r2(self) -> float:
        """Share of the variance of the predictions that the answer accounts for; NaN where they do not vary."""
        return 1 - self.mse / self.variance if self.variance > 0 else float("nan")

    def words_of(self, mse: float, digits: int = 3) -> str:
        """Return a squared error in words, in the units of the table, and beside it R²."""
        return ", ".join(filter(None, (f"MSE {self.told(mse):.{digits}g}", share_words(mse, self.variance))))

    @property
    def fit_words(self) -> str:
        """R² in words, to be told from 1; nothing where the predictions do not vary."""
        return share_words(self.mse, self.variance)

    @property
    def exact(self) -> bool:
        """Whether every prediction is reproduced up to float32 rounding."""
        return bool(np.isfinite(self.mse)) and self.mse <= self.tolerance

    @property
    def as_expected(self) -> bool | None:
        """Whether the hash is the one that is expected; None: none is."""
        return None if self.expected_sha256 is None else self.sha256 == self.expected_sha256

    @property
    def verdict(self) -> Verdict:
        """What the evidence bears, and no more.

        ``solved``: the hash is the expected one; or, where none is expected, every prediction is reproduced by a known
        computation or to a noise floor, and answers that do so as well are listed. ``identified``: it is not, but the
        data single out this order (`Evidence.identified`). ``unidentifiable``: the data cannot tell answers apart.
        ``unsolved``: anything else.
        """
        if self.as_expected is not None:
            return "solved" if self.as_expected else "unsolved"
        if self.lacking is not None:
            return "unidentifiable"
        if self.evidence is None:
            return "solved" if self.exact else "unsolved"
        if self.exact or self.evidence.reproduced or self.evidence.is_noise:
            return "unidentifiable" if self.evidence.blurred else "solved"
        return "identified" if self.evidence.identified else "unsolved"

    @property
    def solved(self) -> bool:
        """Whether this is the answer, as far as anything can be proven: `verdict` is ``solved``."""
        return self.verdict == "solved"

    @property
    def settled(self) -> bool:
        """Whether there is no better answer to be looked for: it is solved, or identified."""
        return self.verdict in ("solved", "identified")

    def told(self, mse: float) -> float:
        """Return a squared error in the units of the table."""
        return mse * self.units.size**2

    @property
    def sentence(self) -> str:
        """What is proven, in words."""
        parts, evidence = [self._fit], self.evidence
        if self.as_expected is not None:
            parts.append(f"the SHA-256 is {'' if self.as_expected else 'NOT '}the expected one")
        if self.lacking is not None and not self.as_expected:
            parts.append(f"the data cannot tell it from others: {self.lacking}")
        elif evidence is not None and self.verdict == "identified":
            parts += [evidence.separation, self._unproven + evidence.told_alike]
        elif evidence is not None and not (self.exact and evidence.is_noise and not evidence.alike):
            parts.append(evidence.sentence)
            if self.verdict == "unsolved" and evidence.confusable not in (None, evidence.doubt):
                parts.append(f"nor is this order shown to be the only one: {evidence.confusable}")
        if self.neighbour is not None:
            rank = (
                f"the closest found among {self.neighbour.moves} single moves has {self.words_of(self.neighbour.mse)}"
            )
            tied = self.exact and self.neighbour.mse <= self.tolerance and evidence is None
            parts.append(f"{rank}: the data cannot tell it from this answer" if tied else rank)
        return "; ".join(parts)

    @property
    def _fit(self) -> str:
        evidence, mse = self.evidence, self.words_of(self.mse)
        every = f"all {self.rows} predictions are reproduced"
        after = f" as {self.units.words}" if self.units.words else ""
        if self.exact:
            return f"{every} to float32 rounding{after} ({mse})"
        if evidence is not None and evidence.rounded:
            return f"{every} to {evidence.floor}{after} ({mse})"
        if evidence is not None and evidence.cause is not None and evidence.cause.reproduces:
            left = self.words_of(evidence.cause.left)
            return f"{every}, {evidence.cause.words} ({mse} in float32; {left} so)"
        if evidence is not None and evidence.is_noise:
            return f"{every} to {evidence.floor}{after} ({mse})"
        rounding = f"float32 rounding explains at most {self.told(self.tolerance):.1g}"
        return f"{self.words_of(self.mse, 6)} over all {self.rows} rows{after}, of which {rounding}"

    @property
    def _unproven(self) -> str:
        """What is not proven of an order that is identified, and why it is likely not to be."""
        assert self.evidence is not None
        cause = self.evidence.cause
        if cause is None:
            return "what is left has no cause that is known here"
        if cause.share:
            return f"what is left is explained to {cause.share:.1%} by predictions {cause.words}"
        return f"what is left is likely that the predictions are {cause.words}"


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
    with np.errstate(over="ignore", invalid="ignore"):
        variance = puzzle.variance
    return Certificate(
        permutation=permutation,
        sha256=sha256_of(permutation),
        mse=mse if np.isfinite(mse) else float("inf"),
        tolerance=tolerance(puzzle, assembly),
        rows=puzzle.rows,
        expected_sha256=expected_sha256 or puzzle.expected_sha256,
        variance=variance,
        lacking=information(puzzle).lacking,
        units=puzzle.units,
    )


def with_neighbour(puzzle: Puzzle, certificate: Certificate) -> Certificate:
    """Return a certificate that also names the closest rival among single moves of the blocks that run."""
    # silent blocks could be moved to no effect, and would be the closest of all
    alone, assembly = running(puzzle, certificate.permutation)
    rival = closest_neighbour(alone, assembly, certificate.mse, certificate.tolerance)
    return replace(certificate, neighbour=rival)
