"""Host: soft permutations: pairs that are thought to be right share the positions of a mixture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass
class Candidates:
    """M pairs that share positions."""

    ins: NDArray[np.intp]
    """`[M]`"""
    outs: NDArray[np.intp]
    """`[M]`"""
    likelihood: NDArray[np.float64]
    """`[M]` up to a factor."""
    parts: NDArray[np.intp] | None = None
    """`[I, S]` of which pieces first halves are made; None: of themselves."""

    def balanced(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return weights, `[N, M]`, scaled so that those of each position and of each half add up to 1, nearly.

        Sinkhorn & Knopp 1967 (https://doi.org/10.2140/pjm.1967.21.343), with one more marginal.
        """
        blocks, tiny = len(weights), np.finfo(np.float64).tiny
        made_of = self.ins[None] if self.parts is None else self.parts[self.ins].T
        for _ in range(60):  # enough for sums that are right to a thousandth
            total = weights.sum(axis=0)
            of_pieces = sum(np.bincount(part, total, blocks * len(made_of)) for part in made_of)
            spread = np.maximum(of_pieces, tiny) ** (1 / len(made_of))
            weights = weights / np.prod(spread[made_of], axis=0)
            weights = weights / np.maximum(np.bincount(self.outs, weights.sum(axis=0), blocks), tiny)[self.outs]
            weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), tiny)
        return weights


def candidates(
    likelihood: NDArray[np.float64],
    partner: NDArray[np.integer],
    least: int,
    most: int,
    *,
    coverage: float,
    unseen: float,
) -> Candidates:
    """Return the pairs that there are and the likeliest others.

    Parameters
    ----------
    likelihood
        `[N, N]` how likely pairs are: about 1 over every half, and `unseen`.
    partner
        `[N]` pairs that are candidates in any case.
    least, most
        Bounds of M; between them, as many as `coverage` of the right pairs are expected among.
    coverage
        Share of the right pairs that are expected among the candidates.
    unseen
        Likelihood that pairs have which nothing speaks for.
    """
    ranked = likelihood.copy()
    ranked[np.arange(len(likelihood)), partner] = np.inf
    chosen = np.argsort(-ranked, axis=None, kind="stable")
    covered = np.cumsum(np.maximum(likelihood.ravel()[chosen] - unseen, 0.0))
    enough = int(np.searchsorted(covered, coverage * covered[-1])) + 1
    ins, outs = np.unravel_index(chosen[: np.clip(enough, least, most)], likelihood.shape)
    return Candidates(ins, outs, likelihood[ins, outs])
