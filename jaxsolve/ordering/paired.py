"""Host: what an ordering seed is given: a puzzle whose halves are paired."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jaxsolve import engine
from jaxsolve.architecture import Network
from jaxsolve.puzzle import Assembly, Puzzle
from jaxsolve.run import Evaluator, Run

Order = NDArray[np.int32]
"""`[N]` permutation of the blocks; block k is first half k with its partner."""


@dataclass(eq=False)
class Paired:
    """A puzzle, on the rows that candidates are compared on, with the halves of each block known."""

    puzzle: Puzzle
    partner: Order
    """`[N]` second half of each first half."""
    run: Run
    seed: int = 0
    """Start of all randomness."""
    placed: "engine.Problem | None" = None
    """The same on the devices, if it is there already."""

    @property
    def blocks(self) -> int:
        """N."""
        return len(self.partner)

    @property
    def problem(self) -> "engine.Problem":
        """The puzzle on the devices, put there when it is first asked for."""
        self.placed = self.placed or engine.to_device(self.puzzle)
        return self.placed

    @cached_property
    def network(self) -> Network:
        """The pieces as the devices have them, in float32."""
        return Network(self.puzzle, self.puzzle.activation, np.float32)

    @property
    def inputs(self) -> NDArray[np.float32]:
        """The inputs as the devices have them, `[R, D]`."""
        with np.errstate(over="ignore"):
            return self.puzzle.x.astype(np.float32)

    def assembly(self, order: NDArray[np.integer]) -> Assembly:
        """Return the assembly that runs the blocks in an order; `[*B, N]` for many."""
        order = order.astype(np.int32)
        return Assembly(order, self.partner[order])

    def losses(self, orders: list[Order]) -> NDArray[np.float64]:
        """Return the mean squared error of each order, `[B]`."""
        stay = np.arange(self.blocks, dtype=np.int32)
        moves = engine.as_moves(self.assembly(np.stack(orders)))
        return Evaluator(self.problem, Assembly(stay, stay), self.run).losses(moves)
