"""Host: what an assembly of a puzzle predicts, over all rows and on all cores."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import DTypeLike

from jaxsolve.architecture import Network, parallel
from jaxsolve.architecture.activations import Array
from jaxsolve.puzzle.types import Assembly, Floats, Puzzle

CHUNK_ROWS = 1000
"""Rows that go through the network together: their states stay in the cache of a core."""


def predict(puzzle: Puzzle, assembly: Assembly, *, rows: int | None = None, dtype: DTypeLike = np.float64) -> Floats:
    """Return what an assembly answers for the first `rows` rows, as `Puzzle.y`, computed in `dtype`."""
    network = Network(puzzle, puzzle.activation, dtype)
    return by_rows(lambda x: network.predict(x.astype(dtype), assembly), puzzle.x[:rows])


def by_rows(output: Callable[[Array], Array], x: Array) -> Floats:
    """Return the outputs, `[R]` or `[R, K]`, of a function of some rows of `x`, in chunks and on all cores."""
    return np.concatenate([*parallel(output, chunks(x))], dtype=np.float64)


def chunks(x: Array, rows: int = CHUNK_ROWS) -> Iterator[Array]:
    """Yield so many of the rows after the others."""
    return (x[start : start + rows] for start in range(0, len(x), rows))


def mean_squared_error(puzzle: Puzzle, assembly: Assembly, dtype: DTypeLike = np.float64) -> float:
    """Return the mean squared error against the original predictions over all rows, predicted in `dtype`."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.mean((predict(puzzle, assembly, dtype=dtype) - puzzle.y) ** 2))


def error_of(puzzle: Puzzle, assembly: Assembly) -> float:
    """Return the mean squared error in float32, infinite where it is undefined."""
    return float(np.nan_to_num(mean_squared_error(puzzle, assembly, np.float32), nan=np.inf))
