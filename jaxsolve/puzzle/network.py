"""Host: what an assembly of a puzzle predicts, over all rows and on all cores."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import DTypeLike

from jaxsolve.architecture import Network
from jaxsolve.architecture.activations import Array
from jaxsolve.backend import CORES
from jaxsolve.puzzle.types import Assembly, Floats, Puzzle

CHUNK_ROWS = 1000
"""Rows that go through the network together: their states stay in the cache of a core."""


def predict(puzzle: Puzzle, assembly: Assembly, *, rows: int | None = None, dtype: DTypeLike = np.float64) -> Floats:
    """Return what an assembly answers for the first `rows` rows, `[R]`, computed in `dtype`."""
    network = Network(puzzle, puzzle.activation, dtype)
    return by_rows(lambda x: network.predict(x.astype(dtype), assembly), puzzle.x[:rows])


def by_rows(output: Callable[[Array], Array], x: Array) -> Floats:
    """Return the outputs, `[R]`, of a function of some rows of `x`, in chunks and on all cores."""

    def part(start: int) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):  # a wrong assembly may overflow, and says so itself
            return output(x[start : start + CHUNK_ROWS])

    with ThreadPoolExecutor(CORES) as threads:
        return np.concatenate([*threads.map(part, range(0, len(x), CHUNK_ROWS))], dtype=np.float64)


def mean_squared_error(puzzle: Puzzle, assembly: Assembly, dtype: DTypeLike = np.float64) -> float:
    """Return the mean squared error against the original predictions over all rows, predicted in `dtype`."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.mean((predict(puzzle, assembly, dtype=dtype) - puzzle.y) ** 2))
