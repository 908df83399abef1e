"""Host: whether blocks keep lengths as trained ones are said to, which would make their traces negative.

Proposition 1 of Park (2026), https://arxiv.org/abs/2602.19845, appendix B: with J_r the Jacobian of what a block adds,
a block that keeps lengths on average, E[(I + J_r)ᵀ(I + J_r)] = I, has 2 E[tr J_r] = -E||J_r||²_F; if moreover every
hidden unit is open half of the time, tr(W_out W_in) = -E||J_r||²_F.
"""

from dataclasses import dataclass

import numpy as np

from jaxsolve.analysis.forward import ForwardPass
from jaxsolve.analysis.subject import Subject
from jaxsolve.analysis.summary import correlation
from jaxsolve.puzzle.types import Floats


@dataclass(frozen=True, eq=False)
class Isometry:
    """Both sides of proposition 1, and of what it is drawn from, by position; means over the states there."""

    trace: Floats
    """`[K]` tr(W_out W_in): the left side."""
    jacobian_square: Floats
    """`[K]` E||J_r||²_F: the right side, but for its sign."""
    jacobian_trace: Floats
    """`[K]` E[tr J_r]: half the left side, if units are open half of the time; half the right side, by isometry."""
    stretch: Floats
    """`[K]` E||I + J_r||²_F / D: how much a block lengthens small changes, squared; 1 by isometry."""

    @property
    def negative(self) -> int:
        """Blocks whose trace is negative, as the proposition has it."""
        return int((self.trace < 0).sum())

    @property
    def ratio(self) -> float | None:
        """Median of -tr(W_out W_in) / E||J_r||²_F; 1 by the proposition. None: no block has a Jacobian but 0."""
        return _median_ratio(-self.trace, self.jacobian_square)

    @property
    def isometry_ratio(self) -> float | None:
        """Median of -2 E[tr J_r] / E||J_r||²_F; 1 by isometry alone."""
        return _median_ratio(-2 * self.jacobian_trace, self.jacobian_square)

    @property
    def half_open_ratio(self) -> float | None:
        """Median of 2 E[tr J_r] / tr(W_out W_in); 1 if units are open half of the time."""
        return _median_ratio(2 * self.jacobian_trace, self.trace)

    @property
    def correlation(self) -> float | None:
        """Correlation of tr(W_out W_in) with -E||J_r||²_F over the blocks; None where either does not vary."""
        return correlation(self.trace, -self.jacobian_square)


def isometry(subject: Subject, seen: ForwardPass) -> Isometry:
    """Compare both sides of proposition 1, where the blocks run."""
    ins, outs = subject.assembly
    first, second = subject.puzzle.w_in[ins], subject.puzzle.w_out[outs]
    d = subject.puzzle.features
    stretch = 1 + (2 * seen.jacobian_trace + seen.jacobian_square) / d
    return Isometry(np.einsum("khd,kdh->k", first, second), seen.jacobian_square, seen.jacobian_trace, stretch)


def _median_ratio(a: Floats, b: Floats) -> float | None:
    there = b != 0
    return float(np.median(a[there] / b[there])) if there.any() else None
