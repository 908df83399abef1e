"""Host: expansions of a beam that is scored by probes, and which of them run the same blocks."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Children(NamedTuple):
    """Expansions of a beam."""

    rank: NDArray[np.float64]
    losses: NDArray[np.float64]
    moved: NDArray[np.float64]
    parent: NDArray[np.int32]
    ins: NDArray[np.int32]
    outs: NDArray[np.int32]

    def take(self, index: NDArray[np.integer]) -> "Children":
        """Return some of them."""
        return self._make(part[index] for part in self)


def sets(ins: NDArray[np.int32], outs: NDArray[np.int32], children: Children, blocks: int) -> NDArray[np.uint64]:
    """Return the same number for children that run the same blocks, and different ones otherwise.

    Zobrist 1970, A New Hashing Method with Application for Game Playing.
    """
    keys = np.random.default_rng(0).integers(2**64, size=(blocks, blocks), dtype=np.uint64)
    before = np.bitwise_xor.reduce(keys[ins, outs], axis=1)
    return before[children.parent] ^ keys[children.ins, children.outs]
