"""Host: the products W_out W_in of the blocks: what a block would do to its input if all its units were open."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jaxsolve.analysis.subject import Subject
from jaxsolve.analysis.summary import NotMeasuredError
from jaxsolve.puzzle.types import Floats


@dataclass(frozen=True, eq=False)
class Products:
    """W_out W_in of each block, by position."""

    matrices: Floats
    """`[K, D, D]`"""
    unpaired: Floats
    """`[K, D, D]` for comparison, the products of the same first halves with the next block's second halves."""

    @cached_property
    def traces(self) -> Floats:
        """tr(W_out W_in), `[K]`: the sum of the eigenvalues."""
        return np.trace(self.matrices, axis1=1, axis2=2)

    @cached_property
    def frobenius(self) -> Floats:
        """Frobenius norms, `[K]`."""
        return np.sqrt((self.matrices**2).sum(axis=(1, 2)))

    @cached_property
    def eigenvalues(self) -> NDArray[np.complex128]:
        """Complex, those with the smallest real part first, `[K, D]`."""
        return np.sort_complex(np.linalg.eigvals(self.matrices).astype(np.complex128))

    @property
    def negative_share(self) -> float:
        """The share of all eigenvalues whose real part is negative: directions in which blocks contract."""
        return float((self.eigenvalues.real < 0).mean())

    @property
    def negative_shares(self) -> Floats:
        """The same of each block, `[K]`."""
        return (self.eigenvalues.real < 0).mean(axis=1)

    @cached_property
    def singular_values(self) -> Floats:
        """Largest first, `[K, D]`."""
        return np.asarray(np.linalg.svd(self.matrices, compute_uv=False), np.float64)

    @property
    def effective_rank(self) -> Floats:
        """The exponential of the entropy of the singular values as shares of their sum, `[K]`; 0 of a zero product.

        Roy & Vetterli (2007), The effective rank: a measure of effective dimensionality, EUSIPCO,
        https://infoscience.epfl.ch/handle/20.500.14299/10446.
        """
        total = self.singular_values.sum(axis=1, keepdims=True)
        shares = np.divide(self.singular_values, total, out=np.zeros_like(self.singular_values), where=total > 0)
        logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
        return np.where(total[:, 0] > 0, np.exp(-(shares * logs).sum(axis=1)), 0.0)


def products(subject: Subject) -> Products:
    """Multiply the two halves of each block.

    Raises
    ------
    NotMeasuredError
        A product is too large for float64.
    """
    ins, outs = subject.assembly
    with np.errstate(over="ignore", invalid="ignore"):
        first, second = subject.puzzle.w_in[ins], subject.puzzle.w_out[outs]
        found = Products(second @ first, np.roll(second, -1, axis=0) @ first)
    if not np.isfinite(found.matrices).all():
        raise NotMeasuredError("a product W_out W_in overflows float64; its halves are too large to measure")
    return found
