"""Host: from pair scores to pairs, and how sure of them the weights are."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jaxsolve.errors import UsageError
from jaxsolve.pairing.scores import PAIRINGS, WEIGHT_PAIRINGS, Scores, standardised
from jaxsolve.puzzle import Puzzle


@dataclass(frozen=True, eq=False)
class Pairing:
    """An assignment of second halves to first halves, and the evidence for it."""

    name: str
    scores: Scores
    """`[N, N]` larger is better."""
    partner: NDArray[np.int64]
    """`[N]` row of the second half that each first half is paired with."""
    margins: NDArray[np.float64]
    """`[N]` score of each pair less the best other score in its row and column, in standard deviations."""

    @property
    def certain(self) -> int:
        """Pairs that each half would choose by itself."""
        return int((self.margins > 0).sum())

    @property
    def argmax_differences(self) -> int:
        """First halves whose best score is not the one they were assigned."""
        return int((self.scores.argmax(axis=1) != self.partner).sum())

    @property
    def evidence(self) -> tuple[int, float]:
        """What pairings are ranked by: certain pairs, then the median margin."""
        return self.certain, float(np.median(self.margins))


def assign(scores: Scores) -> NDArray[np.int64]:
    """Return the assignment of columns to rows with the largest total score, `[N]`.

    Row-wise maxima that form a permutation are that assignment, and SciPy's solver (Crouse 2016,
    https://doi.org/10.1109/TAES.2016.140952) need not be loaded.
    """
    best = scores.argmax(axis=1)
    if len(set(best.tolist())) == len(best):
        return best
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(scores, maximize=True)[1]


def margins(scores: Scores, partner: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each pair's score less the best alternative of either half, in standard deviations of all scores."""
    z = standardised(scores)
    rows = np.arange(len(z))
    own = z[rows, partner]
    z[rows, partner] = -np.inf
    rival = np.maximum(z.max(axis=1), z.max(axis=0)[partner])
    return np.where(np.isfinite(rival), own - rival, np.inf)


def pair(puzzle: Puzzle, name: str) -> Pairing:
    """Pair all halves by one score.

    Raises
    ------
    UsageError
        There is no score of that name.
    """
    if name not in PAIRINGS:
        raise UsageError(f"no pairing {name!r}; choose one of {', '.join(PAIRINGS)}")
    return _pairing(name, PAIRINGS[name](puzzle))


def rank_pairings(puzzle: Puzzle, names: Collection[str]) -> Iterator[Pairing]:
    """Yield pairings by several scores, each assignment once, the best supported first.

    Scores whose maxima settle every pair come before all others, so that the others, and the solver that
    they need, cost nothing unless they are asked for.
    """
    by_name = {name: PAIRINGS[name](puzzle) for name in names if name in WEIGHT_PAIRINGS}
    settled = [name for name in by_name if _settles(by_name[name])]
    seen: set[bytes] = set()
    for first in (True, False):
        if not first:  # the data take longer to ask than the weights
            by_name |= {name: PAIRINGS[name](puzzle) for name in names if name not in by_name}
        pairings = [_pairing(name, scores) for name, scores in by_name.items() if (name in settled) == first]
        for pairing in sorted(pairings, key=lambda p: p.evidence, reverse=True):
            if pairing.partner.tobytes() not in seen:
                seen.add(pairing.partner.tobytes())
                yield pairing


def _pairing(name: str, scores: Scores) -> Pairing:
    partner = assign(scores)
    return Pairing(name, scores, partner, margins(scores, partner))


def _settles(scores: Scores) -> bool:
    """Whether every half of either side has its best score with the half that has its best score with it."""
    best = scores.argmax(axis=1)
    return bool((scores.argmax(axis=0)[best] == np.arange(len(best))).all())
