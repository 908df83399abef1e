"""Host: neighbourhoods of an assembly as integer arrays.

A move is a permutation of positions for the first halves and one for the second halves, so that every
neighbourhood, of orders or of partners, is evaluated and applied by the same gather. `first` is the first
position a move touches: all states before it are shared with the assembly it starts from.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve.puzzle import Assembly


class Moves(NamedTuple):
    """M moves; moved assembly t ← position `ins[m, t]` (and `outs[m, t]`) of the one before."""

    ins: Any
    """`[M, N]` int32"""
    outs: Any
    """`[M, N]` int32"""
    first: Any
    """`[M]` int32"""

    def take(self, index: slice | np.ndarray) -> "Moves":
        """Return some of the moves."""
        return Moves(self.ins[index], self.outs[index], self.first[index])

    @property
    def size(self) -> int:
        """M."""
        return self.first.shape[0]


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """All moves of one kind: two segments that change places, made into permutations only when taken."""

    blocks: int
    """N"""
    segments: NDArray[np.int32]
    """`[M, 4]` (i, a, j, b): the a blocks from i and the b blocks from j, i + a <= j; what lies between stays."""
    partners: bool = False
    """Whether second halves alone are moved."""

    @property
    def size(self) -> int:
        """M."""
        return len(self.segments)

    def take(self, index: slice | np.ndarray) -> Moves:
        """Return some of the moves."""
        i, a, j, b = self.segments[index].T[:, :, None]
        t = np.arange(self.blocks, dtype=np.int32)
        source = np.where((t >= i) & (t < i + b), t - i + j, t)
        source = np.where((t >= i + b) & (t < j + b - a), t - b + a, source)
        source = np.where((t >= j + b - a) & (t < j + b), t - (j + b - a) + i, source)
        return Moves(np.broadcast_to(t, source.shape) if self.partners else source, source, i[:, 0])


def exchanges(i: Any, a: Any, j: Any, b: Any) -> NDArray[np.int32]:
    """Return the `segments` of a neighbourhood, `[M, 4]`, from numbers and arrays that broadcast to `[M]`."""
    return np.stack(np.broadcast_arrays(i, a, j, b), axis=-1).astype(np.int32)


@cache
def adjacent(n: int) -> Neighbourhood:
    """Return the n - 1 exchanges of neighbouring positions, left to right."""
    t = np.arange(n - 1)
    return Neighbourhood(n, exchanges(t, 1, t + 1, 1))


@cache
def swaps(n: int) -> Neighbourhood:
    """Return the n(n - 1)/2 exchanges of two positions."""
    i, j = np.triu_indices(n, 1)
    return Neighbourhood(n, exchanges(i, 1, j, 1))


@cache
def insertions(n: int, longest: int = 3) -> Neighbourhood:
    """Return the moves of a segment of 1 … `longest` blocks to every other place, each only once.

    Moving a segment past a blocks is moving these a blocks past it, so a move is the exchange of two
    touching segments of which the shorter has at most `longest` blocks; `longest` = 1 gives (n - 1)².
    Or (1976), Traveling Salesman-Type Combinatorial Problems, PhD thesis, Northwestern University.
    """
    kinds = [exchanges([], 0, 0, 0)]
    for a in range(1, n):
        for b in range(1, (n - a if a <= longest else min(longest, n - a)) + 1):
            i = np.arange(n - a - b + 1)
            kinds.append(exchanges(i, a, i + a, b))
    return Neighbourhood(n, np.concatenate(kinds))


@cache
def partner_swaps(n: int) -> Neighbourhood:
    """Return the n(n - 1)/2 exchanges of the second halves of two blocks; orders stay, partners change."""
    return replace(swaps(n), partners=True)


NEIGHBOURHOODS: dict[str, Callable[[int], Neighbourhood]] = {
    "adjacent": adjacent,
    "swaps": swaps,
    "insertions": insertions,
    "partner_swaps": partner_swaps,
}


def as_moves(assemblies: Assembly) -> Moves:
    """Return whole assemblies `[M, N]` as moves from the identity, so that one program evaluates both."""
    ins, outs = (np.asarray(half, np.int32) for half in assemblies)
    return Moves(ins, outs, np.zeros(len(ins), np.int32))
