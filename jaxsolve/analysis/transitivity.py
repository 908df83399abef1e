"""Host: whether preferences of blocks for each other's places are an order, or go round in circles.

Park (2026), https://arxiv.org/abs/2602.19845, section 4.3: in a first order by delta-norm every two blocks exchange
their places, and the one stays first whose going back would cost more. Three blocks contradict themselves where a
prefers to be before b, b before c and c before a.
"""

from dataclasses import dataclass
from math import comb

import numpy as np

from jaxsolve.analysis.subject import Subject
from jaxsolve.analysis.summary import NotMeasuredError, Summary, summary_of
from jaxsolve.ordering import Paired, seed_order, swap_gaps
from jaxsolve.puzzle import mean_squared_error
from jaxsolve.puzzle.types import Floats, Integers


@dataclass(frozen=True, eq=False)
class Transitivity:
    """All exchanges of two blocks in a first order, and the triples of blocks that contradict themselves."""

    order_seed: str
    """The seed of the first order, in the direction with the lower error."""
    seed_mse: float
    """Mean squared error of the first order on these rows."""
    positions: Integers
    """`[P]` positions in the first order whose blocks were exchanged: all of them, or a random sample."""
    pairs: list[tuple[int, int]]
    """`[P]` the two pieces of each of those blocks."""
    gaps: Floats
    """`[P, P]` change of the error when two blocks are exchanged; [s, t] > 0: the one at s should be before that at
    t, and [t, s] = -[s, t]."""
    cycles: Integers
    """`[C, 3]` triples that contradict themselves, as entries of `positions`."""
    depth: Integers | None
    """`[P]` where those blocks are in the answer; None without one."""
    blocks: int
    """K"""
    rows: int

    @property
    def triples(self) -> int:
        """Triples of blocks that could contradict themselves."""
        return comb(len(self.positions), 3)

    @property
    def margins(self) -> Summary | None:
        """|change of the error| of all exchanges."""
        return summary_of(np.abs(self.gaps[np.triu_indices(len(self.gaps), 1)]))

    @property
    def cycle_margins(self) -> Floats:
        """|change of the error| of the three exchanges of each contradiction, `[C, 3]`, smallest first."""
        a, b, c = self.cycles.T
        return np.sort(np.abs(np.stack([self.gaps[a, b], self.gaps[b, c], self.gaps[c, a]], axis=1)), axis=1)

    @property
    def spans(self) -> Integers | None:
        """How many positions of the answer lie between the first and the last block of each contradiction, `[C]`."""
        return None if self.depth is None else np.ptp(self.depth[self.cycles], axis=1)


def transitivity(subject: Subject, *, rows: int = 2000, work: float = 4e12) -> Transitivity:
    """Exchange every two blocks, or of many blocks every two of a sample, and count contradictions.

    Parameters
    ----------
    subject
        What is measured.
    rows
        Rows on which exchanges are judged, at most, as in the paper.
    work
        Floating-point operations that all exchanges may take; where they would take more, some blocks are sampled.

    Raises
    ------
    NotMeasuredError
        There are fewer than three blocks, or the first order has no finite error.
    """
    if subject.blocks < 3:
        raise NotMeasuredError(f"transitivity is about three blocks; there are {subject.blocks}")
    rows = min(rows, subject.rows)
    paired, name = subject.paired(rows), "delta_norm"
    order = seed_order(paired, name)
    losses = [mean_squared_error(paired.puzzle, paired.assembly(one)) for one in (order, order[::-1])]
    if not losses[0] <= losses[1]:
        order, name = np.ascontiguousarray(order[::-1]), f"{name}_descending"
    if not np.isfinite(losses).any():
        raise NotMeasuredError(f"the error of the order by {name} overflows: no exchange makes it better or worse")
    positions = _sampled(paired, subject.seed, work)
    gaps = swap_gaps(paired, order, positions)
    where = np.empty(subject.blocks, np.int64)
    where[subject.alone[2]] = np.arange(subject.blocks)
    ids = paired.puzzle.in_ids[order], paired.puzzle.out_ids[paired.partner[order]]
    return Transitivity(
        order_seed=name,
        seed_mse=float(np.nanmin(losses)),
        positions=positions,
        pairs=[(int(ids[0][t]), int(ids[1][t])) for t in positions],
        gaps=gaps,
        cycles=cycles_of(gaps),
        depth=where[order[positions]] if subject.known else None,
        blocks=subject.blocks,
        rows=rows,
    )


def cycles_of(gaps: Floats) -> Integers:
    """Return the triples a, b, c with a before b, b before c, and c before a, `[C, 3]`, each beginning with its least.

    Held are N² numbers at a time, not N³.
    """
    ahead = gaps > 0
    found = [np.zeros((0, 3), np.int64)]
    for a in range(len(gaps) - 2):
        b, c = np.nonzero(ahead[a, a + 1 :, None] & ahead[a + 1 :, a + 1 :] & ahead[a + 1 :, a])
        found.append(np.stack([np.full(len(b), a), b + a + 1, c + a + 1], axis=1))
    return np.concatenate(found)


def _sampled(paired: Paired, seed: int, work: float) -> Integers:
    """Return the positions whose blocks are exchanged: all that can be in time, or so many at random."""
    puzzle, k = paired.puzzle, paired.blocks
    # half the blocks of an exchange are shared with others, on average
    each = 0.5 * k * 4 * puzzle.features * puzzle.hidden * puzzle.rows
    most = max(3, int(np.sqrt(2 * work / each)))
    if most >= k:
        return np.arange(k)
    return np.sort(np.random.default_rng(seed).choice(k, most, replace=False))
