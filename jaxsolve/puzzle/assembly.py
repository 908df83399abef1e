"""Host: a candidate answer."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Assembly(NamedTuple):
    """A candidate answer: two permutations. Position t runs first half `ins[t]`, then second half `outs[t]`.

    Of a padded puzzle, positions with a null half add nothing; that is how pieces are left out.
    Arrays are NumPy's on the host and JAX's on the device, and may have leading axes for many candidates.
    """

    ins: Any
    """`[*B, N]` int32, rows of `Puzzle.w_in`."""
    outs: Any
    """`[*B, N]` int32, rows of `Puzzle.w_out`."""

    @property
    def partner(self) -> NDArray[np.int32]:
        """Second half of each first half, `[*B, N]`, whatever the order; on the host."""
        return np.take_along_axis(self.outs, np.argsort(self.ins, axis=-1), axis=-1).astype(np.int32)
