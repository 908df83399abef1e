"""Host: neighbourhoods of any size through compiled programs of one size."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from jaxsolve import engine
from jaxsolve.engine import Moves
from jaxsolve.puzzle import Assembly
from jaxsolve.run.run import Run

CHUNK = 64
"""Moves in one call of a program: a multiple of every number of lanes."""


def chunks(moves: Moves) -> Iterator[tuple[Moves, np.int32]]:
    """Split moves into chunks of equal size, the last padded, each with the number of moves that count."""
    for start in range(0, moves.size, CHUNK):
        part = moves.take(slice(start, start + CHUNK))
        yield part.take(np.minimum(np.arange(CHUNK), part.size - 1)), np.int32(part.size)


def move_losses(problem: "engine.Problem", assembly: Assembly, moves: Moves, run: Run) -> NDArray[np.float64]:
    """Return the mean squared error of an assembly after each of the moves, `[M]`."""
    losses = [np.empty(0)]
    for chunk, count in chunks(moves):
        values = engine.neighbourhood_losses(problem, assembly, chunk, count, lanes=engine.default_lanes())
        losses.append(np.asarray(values, np.float64)[:count])
        run.spend(int(count))
    return np.concatenate(losses)
