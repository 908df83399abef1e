"""Host: how well each score of `PAIRINGS` tells the pairs that make blocks from all others."""

from dataclasses import dataclass

import numpy as np

from jaxsolve.analysis.subject import Subject
from jaxsolve.analysis.summary import NotMeasuredError, Summary, summary_of
from jaxsolve.pairing import PAIRINGS, Pairing, Scores, margins
from jaxsolve.puzzle.types import Flags, Floats, Integers


@dataclass(frozen=True, eq=False)
class PairScore:
    """The scores of all pairs of halves by one measure, and how those that make blocks stand out."""

    name: str
    scores: Scores
    """`[N, N]` first halves by second halves, in the order of their ids; larger is better."""
    right: Flags
    """`[N, N]` which pairs make blocks."""
    in_ids: list[int]
    out_ids: list[int]
    margins: Floats
    """`[K]` how far each block's score is above the best alternative of either half, in standard deviations of all
    scores, in the order of the first halves' ids; infinite without any alternative."""
    argmax: int
    """Blocks whose first half scores best with its partner."""

    @property
    def pairs(self) -> Summary | None:
        """Of the pairs that make blocks."""
        return summary_of(self.scores[self.right])

    @property
    def others(self) -> Summary | None:
        """Of all other pairs."""
        return summary_of(self.scores[~self.right])

    @property
    def gap(self) -> float | None:
        """The lowest score of a pair that makes a block less the highest of all others; None: there are no others."""
        pairs, others = self.pairs, self.others
        return pairs.min - others.max if pairs and others else None

    @property
    def certain(self) -> int:
        """Blocks whose halves would each choose the other."""
        return int((self.margins > 0).sum())

    def histogram(self, bins: int = 60) -> tuple[Floats, Integers, Integers]:
        """Return the edges of bins of equal width, `[bins + 1]`, and how many pairs and others fall into each."""
        edges = np.histogram_bin_edges(self.scores, bins)
        pairs, others = (np.histogram(self.scores[chosen], edges)[0] for chosen in (self.right, ~self.right))
        return edges, pairs, others


def pair_scores(subject: Subject) -> tuple[PairScore, ...]:
    """Score all pairs of halves by every registered measure.

    Raises
    ------
    NotMeasuredError
        A score is too large for float64.
    """
    whole, partner = subject.whole()
    ins, outs = ~whole.null_ins, ~whole.null_outs
    real, right, found = ins[:, None] & outs, subject.right(), []
    ids = subject.puzzle.in_ids.tolist(), subject.puzzle.out_ids.tolist()
    for name, score in PAIRINGS.items():
        with np.errstate(over="ignore", invalid="ignore"):
            scores = score(whole)
        if not np.isfinite(scores).all():
            raise NotMeasuredError(f"scores by {name} overflow float64; the halves are too large to compare")
        pairing = Pairing(name, scores, partner, margins(scores, partner, real), real)
        part = scores[np.ix_(ins, outs)]
        argmax = int(right[np.arange(len(part)), part.argmax(axis=1)].sum())
        found.append(PairScore(name, part, right, *ids, pairing.margins[pairing.whole], argmax))
    return tuple(found)
