"""Host: neighbourhoods of an assembly as integer arrays.

A move is a permutation of positions for the first halves and one for the second halves, so that every
neighbourhood, of orders or of partners, is evaluated and applied by the same gather. `first` is the first
position a move touches: all states before it are shared with the assembly it starts from.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np

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


def _exchanges(n: int, segments: Iterator[tuple[int, int, int, int]]) -> Moves:
    """Return the moves that exchange the segments `[i, i+a)` and `[j, j+b)`, i + a <= j, keeping what lies between."""
    i, a, j, b = np.array(list(segments), dtype=np.int32).reshape(-1, 4).T[:, :, None]
    t = np.arange(n, dtype=np.int32)
    source = np.where((t >= i) & (t < i + b), t - i + j, t)
    source = np.where((t >= i + b) & (t < j + b - a), t - b + a, source)
    source = np.where((t >= j + b - a) & (t < j + b), t - (j + b - a) + i, source)
    return Moves(source, source, i[:, 0])


@cache
def adjacent(n: int) -> Moves:
    """Return the n - 1 exchanges of neighbouring positions, left to right."""
    return _exchanges(n, ((t, 1, t + 1, 1) for t in range(n - 1)))


@cache
def swaps(n: int) -> Moves:
    """Return the n(n - 1)/2 exchanges of two positions."""
    return _exchanges(n, ((i, 1, j, 1) for i in range(n) for j in range(i + 1, n)))


@cache
def insertions(n: int, longest: int = 3) -> Moves:
    """Return the moves of a segment of 1 … `longest` blocks to every other place, each only once.

    Moving a segment past a blocks is moving these a blocks past it, so a move is the exchange of two
    touching segments of which the shorter has at most `longest` blocks; `longest` = 1 gives (n - 1)².
    Or (1976), Traveling Salesman-Type Combinatorial Problems, PhD thesis, Northwestern University.
    """
    pairs = ((a, b) for a in range(1, n) for b in range(1, n) if min(a, b) <= longest)
    return _exchanges(n, ((i, a, i + a, b) for a, b in pairs for i in range(n - a - b + 1)))


@cache
def partner_swaps(n: int) -> Moves:
    """Return the n(n - 1)/2 exchanges of the second halves of two blocks; orders stay, partners change."""
    exchanged = swaps(n)
    return Moves(np.broadcast_to(np.arange(n, dtype=np.int32), exchanged.ins.shape), exchanged.outs, exchanged.first)


NEIGHBOURHOODS: dict[str, Callable[..., Moves]] = {
    "adjacent": adjacent,
    "swaps": swaps,
    "insertions": insertions,
    "partner_swaps": partner_swaps,
}


def as_moves(assemblies: Assembly) -> Moves:
    """Return whole assemblies `[M, N]` as moves from the identity, so that one program evaluates both."""
    ins, outs = (np.asarray(half, np.int32) for half in assemblies)
    return Moves(ins, outs, np.zeros(len(ins), np.int32))
