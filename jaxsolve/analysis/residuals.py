"""Host: how large what blocks add is beside what they are given, for every pair of halves on the inputs."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from jaxsolve.analysis.subject import Subject
from jaxsolve.analysis.summary import NotMeasuredError, Summary, summary_of
from jaxsolve.architecture import Network, parallel
from jaxsolve.puzzle.network import chunks
from jaxsolve.puzzle.types import Flags, Floats


@dataclass(frozen=True, eq=False)
class Residuals:
    """||r(x)||/||x|| of every pair of halves, mean over the inputs."""

    ratios: Floats
    """`[N, N]` first halves by second halves."""
    right: Flags
    """`[N, N]` which pairs make blocks."""
    input_norm: float
    """Mean norm of the inputs, over the same rows."""
    rows: int
    """Rows that were measured; those whose inputs are all 0 have no ratio."""

    @property
    def every(self) -> Summary | None:
        """Of all pairs."""
        return summary_of(self.ratios)

    @property
    def pairs(self) -> Summary | None:
        """Of those that make blocks."""
        return summary_of(self.ratios[self.right])


def residuals(subject: Subject, *, work: float = 1e12, least_rows: int = 256, chunk_rows: int = 256) -> Residuals:
    """Measure how much every pair of halves would add to the inputs, in float32.

    Parameters
    ----------
    subject
        What is measured.
    work
        Floating-point operations that all pairs may take; where they would take more, fewer rows do.
    least_rows
        Rows that are measured in any case.
    chunk_rows
        Rows that meet all second halves together, so that N times as many updates are held at once and not N² times.

    Raises
    ------
    NotMeasuredError
        All inputs are zero.
    """
    puzzle = subject.puzzle
    row = 2 * len(puzzle.w_in) * len(puzzle.w_out) * puzzle.features * puzzle.hidden
    x = subject.x[: max(least_rows, int(work / row))]
    input_norm = float(np.linalg.norm(x, axis=1).mean())
    x = x[np.linalg.norm(x, axis=1) > 0]
    if not len(x):
        raise NotMeasuredError("all inputs are zero: nothing can be compared with their norm")
    network = Network(puzzle, puzzle.activation, np.float32)
    total = sum(parallel(partial(_sums, network), chunks(x, chunk_rows)))
    return Residuals(np.asarray(total / len(x)), subject.right(), input_norm, len(x))


def _sums(network: Network, x: Floats) -> Floats:
    """Return ||r(x)||/||x|| of every pair, summed over rows, `[N, N]`."""
    h, weight = x.astype(np.float32), 1 / np.linalg.norm(x, axis=1)
    updates = (network.every_second(network.hidden(h, i)) for i in range(len(network.w_in)))
    squares = (np.einsum("rjd,rjd->rj", update, update) for update in updates)
    return np.stack([weight @ np.sqrt(one, dtype=np.float64) for one in squares])
