"""Host: from pair scores to pairs, and how sure of them the weights are."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jaxsolve.errors import UsageError, no_such
from jaxsolve.pairing.pairings import PAIRINGS, WEIGHT_PAIRINGS
from jaxsolve.pairing.scores import Scores, standardised
from jaxsolve.puzzle import Puzzle
from jaxsolve.puzzle.types import Flags


@dataclass(frozen=True, eq=False)
class Pairing:
    """An assignment of second halves to first halves, and the evidence for it."""

    name: str
    scores: Scores
    """`[N, N]` larger is better."""
    partner: NDArray[np.int64]
    """`[N]` row of the second half that each first half is paired with."""
    margins: NDArray[np.float64]
    """`[N]` see `margins`, in standard deviations."""
    real: Flags
    """`[N, N]` which pairs have no null half."""

    @property
    def whole(self) -> Flags:
        """Which first halves are paired as two real halves, `[N]`."""
        return self.real[np.arange(len(self.partner)), self.partner]

    @property
    def certain(self) -> int:
        """Pairs that each half would choose by itself; null halves go with whatever is left."""
        return int((self.margins > 0).sum())

    @property
    def sentence(self) -> str:
        """How many pairs there are, and how sure they are, in words."""
        return f"{len(self.partner)} pairs by {self.name}, {self.certain} of them certain"

    @property
    def argmax_differences(self) -> int:
        """First halves whose best score is not the one they were assigned; those left over do not count."""
        best = np.where(self.real, self.scores, -np.inf).argmax(axis=1)
        return int((best != self.partner)[self.whole].sum())

    @property
    def evidence(self) -> tuple[int, float]:
        """What pairings are ranked by: certain pairs, then the median margin of those without null halves."""
        return self.certain, float(np.median(self.margins[self.whole]))

    @property
    def standardised(self) -> Scores:
        """The scores in standard deviations of those without null halves, which themselves are 0, `[N, N]`."""
        return standardised(self.scores, self.real)


def assign(scores: Scores, real: Flags | None = None) -> NDArray[np.int64]:
    """Return the assignment of columns to rows with the largest total score, `[N]`.

    With `real`, `[N, N]`, a grid of some rows and some columns, as many of those as can be are assigned to each other,
    whatever other entries are worth: null halves get what is left over, in turn. Row-wise maxima that form a
    permutation are the assignment, and SciPy's solver (Crouse 2016, https://doi.org/10.1109/TAES.2016.140952) need
    not be loaded.
    """
    if real is None or real.all():
        return _assigned(scores)
    rows, columns = np.flatnonzero(real.any(axis=1)), np.flatnonzero(real.any(axis=0))
    part, partner = scores[np.ix_(rows, columns)], np.full(len(scores), -1)
    if len(rows) <= len(columns):
        partner[rows] = columns[_assigned(part)]
    else:
        partner[rows[_assigned(np.ascontiguousarray(part.T))]] = columns
    # one side has nothing but null halves left
    partner[partner < 0] = np.setdiff1d(np.arange(len(scores)), partner)
    return partner


def _assigned(scores: Scores) -> NDArray[np.int64]:
    """Return the best column of each row, all different; there are at least as many columns."""
    best = scores.argmax(axis=1)
    if len(set(best.tolist())) == len(best):
        return best
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(scores, maximize=True)[1]


def margins(scores: Scores, partner: NDArray[np.int64], real: Flags | None = None) -> NDArray[np.float64]:
    """Return how sure each pair is, `[N]`, in standard deviations of all scores without null halves.

    That of two real halves is their score less the best alternative of either. A half that is left over could only
    take the partner of another: its margin is what the best such exchange would lose, the score of the pair broken
    less that of the pair made. Without any alternative a margin is infinite.

    Parameters
    ----------
    scores
        `[N, N]`
    partner
        `[N]` the pairs.
    real
        `[N, N]` which pairs have no null half; all of them by default.
    """
    real = np.ones(scores.shape, np.bool_) if real is None else real
    rows = np.arange(len(scores))
    z = np.where(real, standardised(scores, real), -np.inf)
    own = z[rows, partner]
    z[rows, partner] = -np.inf
    rival = np.maximum(z.max(axis=1), z.max(axis=0)[partner])
    sure = np.subtract(own, rival, out=np.full(len(own), np.inf), where=np.isfinite(rival))
    whole = real[rows, partner]
    return sure if whole.all() else np.where(whole, sure, _left_over(z, own, partner))


def _left_over(z: Scores, own: NDArray[np.float64], partner: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return by how much the best exchange is worse that gives a left-over half a partner, `[N]`.

    Parameters
    ----------
    z
        `[N, N]` standardised scores of the pairs that could be; -inf for those that are and those of null halves.
    own
        `[N]` scores of the pairs that are, -inf with a null half.
    partner
        `[N]`
    """
    lost = np.where(np.isfinite(own), own, np.inf)
    lost_with = np.empty_like(lost)
    lost_with[partner] = lost
    return np.minimum((lost_with - z).min(axis=1), (lost[:, None] - z).min(axis=0)[partner])


def pair(puzzle: Puzzle, name: str) -> Pairing:
    """Pair all halves by one score.

    Raises
    ------
    UsageError
        There is no score of that name.
    """
    if name not in PAIRINGS:
        raise UsageError(no_such("pairing", name, PAIRINGS))
    return _pairing(name, _of_possible(puzzle, PAIRINGS[name](puzzle)), real_pairs(puzzle))


def rank_pairings(puzzle: Puzzle, names: Collection[str]) -> Iterator[Pairing]:
    """Yield pairings by several scores, each assignment once, the best supported first.

    Scores whose maxima settle every pair come before all others, so that the others, and the solver that
    they need, cost nothing unless they are asked for.
    """
    real = real_pairs(puzzle)
    scored = lambda name: _of_possible(puzzle, PAIRINGS[name](puzzle))
    by_name = {name: scored(name) for name in names if name in WEIGHT_PAIRINGS}
    settled = [name for name in by_name if _settles(by_name[name], real)]
    seen: set[bytes] = set()
    for first in (True, False):
        if not first:  # the data take longer to ask than the weights
            by_name |= {name: scored(name) for name in names if name not in by_name}
        pairings = [_pairing(name, scores, real) for name, scores in by_name.items() if (name in settled) == first]
        for pairing in sorted(pairings, key=lambda p: p.evidence, reverse=True):
            if pairing.partner.tobytes() not in seen:
                seen.add(pairing.partner.tobytes())
                yield pairing


def real_pairs(puzzle: Puzzle) -> Flags:
    """Return which pairs have no null half, `[N, N]`."""
    return ~(puzzle.null_ins[:, None] | puzzle.null_outs)


def _of_possible(puzzle: Puzzle, scores: Scores) -> Scores:
    """Return scores that are far below all others for pairs of halves of different widths."""
    possible = puzzle.possible
    if possible.all():
        return scores
    far = len(scores) * (float(np.ptp(scores)) + 1.0)
    return np.where(possible, scores, scores.min() - far)


def _pairing(name: str, scores: Scores, real: Flags) -> Pairing:
    partner = assign(scores, real)
    return Pairing(name, scores, partner, margins(scores, partner, real), real)


def _settles(scores: Scores, real: Flags) -> bool:
    """Whether every half of the side with fewer real ones has its best score with a half for which it is the best."""
    part = scores[np.ix_(real.any(axis=1), real.any(axis=0))]
    part = part if part.shape[0] <= part.shape[1] else part.T
    best = part.argmax(axis=1)
    return bool((part.argmax(axis=0)[best] == np.arange(len(best))).all())
