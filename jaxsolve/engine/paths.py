"""Host: in which turn candidates are evaluated, so that each goes on from what it shares with the one before.

A candidate is a word, its letters the pairs of halves that its positions run. Candidates in lexicographic
order are the leaves of the trie of these words from left to right, and one depth-first walk applies every
node of it once: no exact evaluation that only shares prefixes applies fewer blocks. The words are those of
moves, so that the assembly they start from comes before all others, and its states stay where they are.
"""

import itertools
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve.engine.moves import Moves


class Paths(NamedTuple):
    """What each of C devices evaluates, one path after the other; path 0 is the assembly moves start from.

    States are kept in 2P slots, P = N + 1: those of the assembly before position t in slot t, those of the
    path that was last kept in slot P + t.
    """

    ins: Any
    """`[C, M, N]` int32, positions as in `Moves`"""
    outs: Any
    """`[C, M, N]` int32"""
    source: Any
    """`[C, M]` int32, slot of the states that the path goes on from"""
    keep: Any
    """`[C, M]` int32, position up to which its states are kept for the paths that go on from it"""
    count: Any
    """`[C]` int32, paths that matter"""


@dataclass(frozen=True, eq=False)
class Plan:
    """Paths, and which move each of them is."""

    paths: Paths
    shares: list[slice]
    """The moves of each device."""
    applications: int
    """Blocks that all devices apply together to all rows."""

    def gather(self, losses: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the losses of the moves, in their order, from those of all paths, `[C, M]`."""
        parts = [losses[c, 1 : 1 + share.stop - share.start] for c, share in enumerate(self.shares)]
        return np.concatenate(parts).astype(np.float64)


def starts(moves: Moves) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return where each of some moves starts, and whether behind the one before it.

    Else it starts where it departs from the assembly.
    """
    words = np.stack([moves.ins, moves.outs], axis=-1)
    blocks = words.shape[1]
    differ = (words[1:] != words[:-1]).any(axis=-1)
    shared = np.where(differ.any(axis=1), differ.argmax(axis=1), blocks)
    shared = np.concatenate([np.zeros(min(1, moves.size), np.intp), shared])
    return np.maximum(shared, moves.first), shared > moves.first


def plan(moves: Moves, *, devices: int, room: int, valid: int, chains: bool) -> Plan:
    """Deal moves to devices in their order, about the same work to each.

    Parameters
    ----------
    moves
        At most `devices` (`room` - 1) of them, best as `ranked`.
    devices, room
        C and M, path 0 included.
    valid
        States of the assembly up to this position are right already.
    chains
        Whether paths may go on from each other, and not from the assembly alone.
    """
    blocks = moves.ins.shape[1]
    begin, chained = starts(moves)
    if not chains:
        begin, chained = np.asarray(moves.first), np.zeros(moves.size, bool)
    shares = _shares(blocks - begin + 1, devices, room - 1)
    ins, outs = np.zeros((2, devices, room, blocks), np.int32)
    source, keep = np.zeros((2, devices, room), np.int32)
    applied = 0
    ins[:, 0] = outs[:, 0] = np.arange(blocks)
    source[:, 0], keep[:, 0] = valid, blocks
    for c, share in enumerate(shares):
        first, start, behind = moves.first[share], begin[share].copy(), chained[share].copy()
        if len(start):
            start[0], behind[0] = first[0], False
        here = slice(1, 1 + len(start))
        ins[c, here], outs[c, here] = moves.ins[share], moves.outs[share]
        source[c, here] = np.where(behind, blocks + 1 + start, start)
        keep[c, here] = np.where(np.append(behind[1:], False), np.append(start[1:], 0), start) if len(start) else 0
        applied += int((blocks - start).sum()) + blocks - valid
    count = np.array([1 + share.stop - share.start for share in shares], np.int32)
    return Plan(Paths(ins, outs, source, keep, count), shares, applied)


def _shares(work: NDArray[np.integer], devices: int, room: int) -> list[slice]:
    total = np.concatenate([[0], np.cumsum(work)])
    ends, size = [0], len(work)
    for c in range(1, devices + 1):
        fair = int(np.searchsorted(total, total[-1] * c / devices))
        ends.append(min(max(fair, size - room * (devices - c)), ends[-1] + room, size))
    return [slice(a, b) for a, b in itertools.pairwise(ends)]
