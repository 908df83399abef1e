"""Host: how much of an error is that of the arithmetic that the predictions were computed in."""

import numpy as np

from jaxsolve.puzzle import Assembly, Puzzle, predict
from jaxsolve.puzzle.units import stored_steps

ROUNDING_FACTOR = 100.0
"""Squared errors up to this many times those of float32 arithmetic count as rounding."""
CEILING = 1e-6
"""Most of the variance of the predictions that can ever count as rounding."""


def tolerance(puzzle: Puzzle, assembly: Assembly, *, rows: int = 250) -> float:
    """Return the mean squared error that float32 arithmetic explains, measured on `rows` rows of the answer.

    It is `ROUNDING_FACTOR` times the mean squared difference between float32 and float64 predictions, and never less
    than for predictions stored in float32, whose steps are wide where they have a large offset; but at most `CEILING`
    of the variance of the predictions, for where rounding drowns the answer there is nothing to be certain of. (Where
    the steps alone are wider than that, they are a grid that predictions were rounded to: `grid.grid_of`.)
    """
    single, double = (predict(puzzle, assembly, rows=rows, dtype=dtype) for dtype in (np.float32, np.float64))
    with np.errstate(over="ignore", invalid="ignore"):
        arithmetic = float(np.mean((single - double) ** 2))
        storage = float(np.mean(stored_steps(puzzle) ** 2))
        most = CEILING * puzzle.variance
    return min(ROUNDING_FACTOR * (max(storage, arithmetic) if np.isfinite(arithmetic) else storage), most)
