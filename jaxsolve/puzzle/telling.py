"""Host: which piece has a role that shapes leave open, told by the data."""

from dataclasses import dataclass

import numpy as np

from jaxsolve.architecture.pieces import Piece
from jaxsolve.puzzle.types import Floats


@dataclass(frozen=True, eq=False)
class DataTelling:
    """Tells roles by a table of inputs and predictions."""

    x: Floats
    """`[R, I]`"""
    y: Floats
    """`[R, K]`"""

    def readout(self, candidates: list[Piece], first: Piece | None) -> Piece:
        """Return the piece whose outputs of the features go along most with the predictions.

        States carry their inputs through all blocks, so that predictions follow the readout of the inputs.
        """
        x = self.x if first is None else self.x @ first.weight.T
        return max(candidates, key=lambda piece: self._agreement(x @ piece.weight.T))

    def first(self, candidates: list[Piece], reads: Floats) -> Piece:
        """Return the piece of whose outputs, rectified or not, what is read goes along most with the predictions."""

        def agreement(piece: Piece) -> float:
            states = self.x @ piece.weight.T + piece.bias
            return max(self._agreement(seen @ reads.T) for seen in (states, np.maximum(states, 0.0)))

        return max(candidates, key=agreement)

    def _agreement(self, output: Floats) -> float:
        """Return the correlation of outputs with the predictions, over all of them."""
        a, b = output - output.mean(axis=0), self.y - self.y.mean(axis=0)
        size = float(np.linalg.norm(a) * np.linalg.norm(b))
        return float((a * b).sum()) / size if size > 0 else 0.0
