"""Host: which of many moves are best, without evaluating all of them exactly on all rows.

Nothing found here is accepted as it is: a search takes a move only by its exact loss on all of its rows.
"""

import numpy as np
from numpy.typing import NDArray

from jaxsolve import engine
from jaxsolve.engine import Neighbourhood
from jaxsolve.puzzle import Assembly
from jaxsolve.run.run import Run


def screen_rows(problem: "engine.Problem", partners: bool, memory: float, *, most: int = 256) -> int:
    """Return on how many rows moves are screened: fewer for very deep networks, whose changes take much memory.

    Each of several outputs of a row says as much as a row more.
    """
    copies = 3 * problem.outputs  # of what it keeps, made on the way
    row = 4 * copies * len(problem.over.local_devices) * (2 + 3 * partners) * problem.blocks**2
    return max(1, min(problem.rows, -(-most // problem.outputs), int(memory // row)))


def screen_applications(problem: "engine.Problem", partners: bool) -> int:
    """Return how many applications of a block the matrix products of a screen amount to."""
    blocks = problem.blocks
    return (4 if partners else 3) * blocks * (blocks + 1) // 2 + 3 * blocks


def screen(problem: "engine.Problem", assembly: Assembly, moves: Neighbourhood, run: Run) -> NDArray[np.float64]:
    """Return the loss of each move as predicted to first order on a few rows, `[M]`; infinite if undefined."""
    run.spend(0)
    partners = bool(moves.halves.any())

    def predicted(memory: float) -> NDArray[np.float64]:
        few = engine.first_rows(problem, screen_rows(problem, partners, memory), tier="screen")
        at_once, parts = 1024 * problem.over.size, [np.empty(0)]  # moves that a call has room for
        changes = engine.first_order_changes(few, assembly, partners=partners)
        for start in range(0, moves.size, at_once):
            part = moves.only(np.minimum(np.arange(start, start + at_once), moves.size - 1))
            parts.append(np.asarray(engine.predicted_losses(few, changes, part.segments, part.halves)))
        return np.concatenate(parts)[: moves.size]

    losses = run.within_memory(problem, predicted)
    return np.where(np.isnan(losses), np.inf, losses)
