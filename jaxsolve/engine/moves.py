"""Host: neighbourhoods of an assembly as integer arrays.

A move is a permutation of positions for the first halves and one for the second halves, so that every
neighbourhood, of orders or of partners, is evaluated and applied by the same gather. `first` is the first
position a move touches: all states before it are shared with the assembly it starts from.
"""

from collections.abc import Callable
from dataclasses import dataclass
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

    def ranked(self) -> NDArray[np.intp]:
        """Return the moves in an order in which neighbours run the same blocks for longest, `[M]`."""
        words = np.stack([self.ins, self.outs], axis=-1).astype(">u2").reshape(self.size, 2 * self.ins.shape[1])
        return np.argsort(words.view(f"V{words.itemsize * words.shape[1]}").ravel(), kind="stable")


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """Moves by two segments that change places, made into permutations only when taken."""

    blocks: int
    """N"""
    segments: NDArray[np.int32]
    """`[M, 4]` (i, a, j, b): the a blocks from i and the b blocks from j, i + a <= j; what lies between stays."""
    halves: NDArray[np.int32]
    """`[M]` 0: both halves are moved, 1: first halves alone, 2: second halves alone"""

    @property
    def size(self) -> int:
        """M."""
        return len(self.segments)

    def take(self, index: slice | np.ndarray) -> Moves:
        """Return some of the moves."""
        i, a, j, b = self.segments[index].T[:, :, None]
        halves = self.halves[index, None]
        t = np.arange(self.blocks, dtype=np.int32)
        source = np.where((t >= i) & (t < i + b), t - i + j, t)
        source = np.where((t >= i + b) & (t < j + b - a), t - b + a, source)
        source = np.where((t >= j + b - a) & (t < j + b), t - (j + b - a) + i, source)
        return Moves(np.where(halves == 2, t, source), np.where(halves == 1, t, source), i[:, 0])

    def only(self, index: slice | np.ndarray) -> "Neighbourhood":
        """Return the neighbourhood of some of the moves."""
        return Neighbourhood(self.blocks, self.segments[index], self.halves[index])

    def ranked(self) -> NDArray[np.intp]:
        """Return the moves in an order in which neighbours run the same blocks for longest, `[M]`."""
        i, a, j, b = self.segments.T
        return np.lexsort((a, b, j, self.halves, -i))


def exchanges(i: Any, a: Any, j: Any, b: Any) -> NDArray[np.int32]:
    """Return the `segments` of a neighbourhood, `[M, 4]`, from numbers and arrays that broadcast to `[M]`."""
    return np.stack(np.broadcast_arrays(i, a, j, b), axis=-1).astype(np.int32)


def of_segments(n: int, segments: NDArray[np.int32], halves: int = 0) -> Neighbourhood:
    """Return a neighbourhood that moves the same halves in all its moves."""
    return Neighbourhood(n, segments, np.full(len(segments), halves, np.int32))


def union(*several: Neighbourhood) -> Neighbourhood:
    """Return the moves of several neighbourhoods of the same blocks, one after the other."""
    segments, halves = ([getattr(one, name) for one in several] for name in ("segments", "halves"))
    return Neighbourhood(several[0].blocks, np.concatenate(segments), np.concatenate(halves))


@cache
def adjacent(n: int) -> Neighbourhood:
    """Return the n - 1 exchanges of neighbouring positions, left to right."""
    t = np.arange(n - 1)
    return of_segments(n, exchanges(t, 1, t + 1, 1))


@cache
def swaps(n: int) -> Neighbourhood:
    """Return the n(n - 1)/2 exchanges of two positions."""
    i, j = np.triu_indices(n, 1)
    return of_segments(n, exchanges(i, 1, j, 1))


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
    return of_segments(n, np.concatenate(kinds))


@cache
def partner_swaps(n: int) -> Neighbourhood:
    """Return the n(n - 1) exchanges of the second halves, or of the first halves, of two blocks.

    Orders of the other halves stay, partners change.
    """
    segments = swaps(n).segments
    return union(of_segments(n, segments, 2), of_segments(n, segments, 1))


@cache
def reorderings(n: int) -> Neighbourhood:
    """Return all swaps and insertions, each once: neighbours that change places are both."""
    apart = swaps(n).segments
    return union(insertions(n), of_segments(n, apart[apart[:, 2] > apart[:, 0] + 1]))


@cache
def joint_moves(n: int) -> Neighbourhood:
    """Return all swaps, insertions and exchanges of partners."""
    return union(reorderings(n), partner_swaps(n))


NEIGHBOURHOODS: dict[str, Callable[[int], Neighbourhood]] = {
    "adjacent": adjacent,
    "swaps": swaps,
    "insertions": insertions,
    "partner_swaps": partner_swaps,
    "reorderings": reorderings,
    "joint_moves": joint_moves,
}


def as_moves(assemblies: Assembly) -> Moves:
    """Return whole assemblies `[M, N]` as moves from the identity, so that one program evaluates both."""
    ins, outs = (np.asarray(half, np.int32) for half in assemblies)
    return Moves(ins, outs, np.zeros(len(ins), np.int32))
