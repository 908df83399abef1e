"""Host: the sizes of the halves, and whether they tell which belong together."""

from dataclasses import dataclass

import numpy as np

from jaxsolve.analysis.subject import Subject
from jaxsolve.analysis.summary import NotMeasuredError, Summary, summary_of
from jaxsolve.puzzle.types import Floats


@dataclass(frozen=True, eq=False)
class Norms:
    """Frobenius norms of all halves, in the order of their piece ids."""

    w_in: Floats
    """`[N]`"""
    b_in: Floats
    """`[N]`"""
    w_out: Floats
    """`[N]`"""
    b_out: Floats
    """`[N]`"""
    in_ids: list[int]
    out_ids: list[int]
    w_last: float
    """Norm of the readout."""

    @property
    def summaries(self) -> dict[str, Summary | None]:
        """The norms of each kind as few numbers."""
        return {name: summary_of(getattr(self, name)) for name in ("w_in", "b_in", "w_out", "b_out")}


def norms(subject: Subject) -> Norms:
    """Return the Frobenius norms of the weights and biases of all halves."""
    puzzle = subject.puzzle
    w_in, b_in, w_out, b_out = map(_sizes, (puzzle.w_in, puzzle.b_in, puzzle.w_out, puzzle.b_out))
    ids = puzzle.in_ids.tolist(), puzzle.out_ids.tolist()
    return Norms(w_in, b_in, w_out, b_out, *ids, float(np.linalg.norm(puzzle.w_last)))


@dataclass(frozen=True)
class Rescaling:
    """How unequal the norms of the two halves of blocks are, as mean |log(||W_in||_F / ||W_out||_F)|.

    A block of a homogeneous activation computes the same when one half is multiplied and the other divided by a
    number. Weight decay alone would make the norms equal, and matching by norms would find the pairs; that it does
    not is seen where all four figures agree.
    """

    pairs: float
    """Of the blocks that run."""
    matched: float
    """Of the matching with the smallest total, by the Hungarian method (Kuhn 1955,
    https://doi.org/10.1002/nav.3800020109)."""
    random: float
    """Expected of a random matching: the mean over all pairs."""
    unlike: float
    """Of the matching with the largest total: no matching is further off."""
    found: int
    """Blocks that the matching by norms finds."""
    blocks: int


def rescaling(subject: Subject) -> Rescaling:
    """Test whether matching the norms of halves says which belong together."""
    from scipy.optimize import linear_sum_assignment

    first, second = _sizes(subject.puzzle.w_in), _sizes(subject.puzzle.w_out)
    sizes = np.concatenate([first, second])
    if not (np.isfinite(sizes) & (sizes > 0)).all():
        raise NotMeasuredError("the norm of a half is 0 or infinite, and has no logarithm")
    ratios = np.abs(np.log(first)[:, None] - np.log(second))
    ins, outs = subject.assembly
    least, most = (linear_sum_assignment(ratios, maximize=largest) for largest in (False, True))
    return Rescaling(
        pairs=float(ratios[ins, outs].mean()),
        matched=float(ratios[least].mean()),
        random=float(ratios.mean()),
        unlike=float(ratios[most].mean()),
        found=int(subject.right()[least].sum()),
        blocks=subject.blocks,
    )


def _sizes(tables: Floats) -> Floats:
    """Return the Frobenius norms of some matrices or vectors; halves too large for their squares are infinite."""
    with np.errstate(over="ignore"):
        return np.sqrt((tables**2).reshape(len(tables), -1).sum(axis=1))
