"""Host: one candidate of a portfolio, where it came from, and what a local search has made of it."""

from dataclasses import dataclass

import numpy as np

from jaxsolve import engine
from jaxsolve.certificate import Certificate, certify
from jaxsolve.pairing import Pairing
from jaxsolve.puzzle import Assembly, Puzzle
from jaxsolve.run import Label, Run
from jaxsolve.search import Descent


@dataclass(eq=False)
class Attempt:
    """A candidate, and the local search from there."""

    puzzle: Puzzle
    """What its assemblies are of: read with an activation, perhaps with null halves for blocks that are left out."""
    pairing: Pairing
    """The score's pairs that first orders follow."""
    order_seed: str
    """What the candidate came from: an order seed, a method, or ``given``."""
    search: str
    """Local search from there; ``none``: it is not worth one."""
    problem: "engine.Problem"
    descent: Descent
    start: Assembly
    """The candidate."""
    start_loss: float
    """Its mean squared error on the rows of the search."""
    most: float = float("inf")
    """Evaluations after which the search is left where it is; infinite once it has come to its end."""
    certificate: Certificate | None = None
    mse: float = float("inf")
    """Float64 mean squared error over all rows; infinite while unknown."""
    relaxed_loss: float = float("inf")
    """Lowest error so far of mixtures of assemblies, where there were any, on rows that they have not seen."""
    improving: bool | None = None
    """Whether the last of them had lowered it; None if that is not known."""

    @property
    def judged(self) -> bool:
        """Whether it was certified where it stands."""
        return np.isfinite(self.mse) or self.certificate is not None

    @property
    def promise(self) -> float:
        """The lowest error that it or a mixture has come to."""
        return min(self.mse, self.relaxed_loss)

    @property
    def settled(self) -> bool:
        """Whether its answer was shown to be right."""
        return self.certificate is not None and self.certificate.settled

    def conclude(self, certificate: Certificate) -> None:
        """Take a certificate of where the descent stands."""
        self.certificate, self.mse = certificate, certificate.mse

    def judge(self, sha256: str | None, run: Run) -> Certificate:
        """Certify where the descent stands now."""
        with run.phase("certify"):
            measured = self.descent.measured
            certificate = certify(self.puzzle, self.descent.assembly, expected_sha256=sha256, mse=measured)
        self.conclude(certificate)
        return certificate

    def announce(self, run: Run) -> None:
        """Tell those who watch a run from where the attempt begins, with which pairs and which search."""
        pairing, margins = self.pairing, self.pairing.margins[self.pairing.whole]
        known = bool(margins.size and np.isfinite(margins).all())
        label = Label(
            self.search,
            pairing.name,
            self.order_seed,
            self.problem.rows,
            self.puzzle.activation,
            pairing.certain,
            (float(margins.min()), float(np.median(margins))) if known else None,
        )
        run.begin(label, self.descent.assembly, self.descent.loss)


@dataclass(frozen=True)
class Attempts:
    """Numbers by which candidates become attempts."""

    first_evaluations: int = 400
    """Evaluations in which a first local search has to get far, where methods may follow, to get as many once more.

    Good orders are solved in 500 to 1,300; relaxation does not profit from what others come to.
    """
    arrived: float = 0.2
    """Loss of an attempt over that of first orders by the weights, at most, where methods begin with it as well.

    Above, its basin is a wrong one, which they would not leave.
    """
    right: float = 1e-6
    """Share of the variance up to which what a method has found is judged, even if it does not call it ripe."""
    deep: int = 65
    """Blocks from which on a line is followed by beams, and pairs that are nearly all certain are kept for a cycle.

    There all exchanges are looked at together first, before mixtures and before rivals one by one. Mixtures of so many
    blocks and of other pairs as well fit all rows of a step, whatever the order.
    """
    pairings: int = 3
    """Pairings that methods begin with at most; first orders of the best supported are searched from before."""
