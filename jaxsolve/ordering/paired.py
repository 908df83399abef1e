"""Host: what an ordering seed is given: a problem whose halves are paired."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jaxsolve import engine
from jaxsolve.puzzle import Assembly
from jaxsolve.run import Evaluator, Run

Order = NDArray[np.int32]
"""`[N]` permutation of the blocks; block k is first half k with its partner."""


@dataclass(frozen=True, eq=False)
class Paired:
    """The problem, on the rows that candidates are compared on, with the halves of each block known."""

    problem: "engine.Problem"
    partner: Order
    """`[N]` second half of each first half."""
    run: Run
    seed: int = 0
    """Start of all randomness."""

    @property
    def blocks(self) -> int:
        """N."""
        return len(self.partner)

    def assembly(self, order: NDArray[np.integer]) -> Assembly:
        """Return the assembly that runs the blocks in an order; `[*B, N]` for many."""
        order = order.astype(np.int32)
        return Assembly(order, self.partner[order])

    def losses(self, orders: list[Order]) -> NDArray[np.float64]:
        """Return the mean squared error of each order, `[B]`."""
        stay = np.arange(self.blocks, dtype=np.int32)
        moves = engine.as_moves(self.assembly(np.stack(orders)))
        return Evaluator(self.problem, Assembly(stay, stay), self.run).losses(moves)
