"""Host: pairs that are thought to be right and share the positions of a mixture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COVERED = 0.98
"""Share of the right pairs that are expected to be among them."""
UNSEEN = 1e-2
"""Share that counts for pairs which have none."""
SWEEPS = 60
"""Times that sums over positions and halves are put right in turn."""
TINY = np.finfo(np.float64).tiny


@dataclass
class Candidates:
    """Pairs that share positions."""

    ins: NDArray[np.intp]
    outs: NDArray[np.intp]
    likely: NDArray[np.float64]
    """How likely each is, up to a factor."""

    def balanced(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return shares, `[T, M]`, scaled so that those of each position and of each half add up to 1, nearly.

        Sinkhorn & Knopp 1967 (https://doi.org/10.2140/pjm.1967.21.343), with one more marginal.
        """
        blocks = len(shares)
        for _ in range(SWEEPS):
            for half in (self.ins, self.outs):
                shares = shares / np.maximum(np.bincount(half, shares.sum(axis=0), blocks), TINY)[half]
            shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), TINY)
        return shares


def candidates(likely: NDArray[np.float64], partner: NDArray[np.integer], least: int, most: int) -> Candidates:
    """Return pairs and the likeliest others.

    Parameters
    ----------
    likely
        `[N, N]` how likely pairs are, about 1 over every half, and `UNSEEN`.
    partner
        `[N]` pairs that are candidates in any case.
    least, most
        How many there are; between the two, as many as `COVERED` of the right ones are expected among.
    """
    ranked = likely.copy()
    ranked[np.arange(len(likely)), partner] = np.inf
    chosen = np.argsort(-ranked, axis=None, kind="stable")
    covered = np.cumsum(np.maximum(likely.ravel()[chosen] - UNSEEN, 0.0))
    enough = int(np.searchsorted(covered, COVERED * covered[-1])) + 1
    ins, outs = np.unravel_index(chosen[: np.clip(enough, least, most)], likely.shape)
    return Candidates(ins, outs, likely[ins, outs])
