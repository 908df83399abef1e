"""Host: how much of an error is that of the arithmetic that the predictions were computed in."""

import numpy as np

from jaxsolve.puzzle import Assembly, Puzzle, predict

ROUNDING_ROWS = 250
"""Rows on which the cost of float32 arithmetic is measured."""
ROUNDING_FACTOR = 100.0
"""Squared errors up to this many times those of float32 arithmetic count as rounding."""
CEILING = 1e-6
"""Most of the mean square of the predictions that can ever count as rounding."""


def tolerance(puzzle: Puzzle, assembly: Assembly) -> float:
    """Return the mean squared error that float32 arithmetic explains, measured on the assembly itself.

    It is `ROUNDING_FACTOR` times the mean squared difference between float32 and float64 predictions, and
    never less than for predictions stored in float32; but at most `CEILING` of the mean square of the
    predictions, for where rounding drowns the answer there is nothing to be certain of.
    """
    single, double = (predict(puzzle, assembly, rows=ROUNDING_ROWS, dtype=dtype) for dtype in (np.float32, np.float64))
    with np.errstate(over="ignore", invalid="ignore"):
        arithmetic = float(np.mean((single - double) ** 2))
        scale = float(np.mean(puzzle.y**2))
    storage = float(np.finfo(np.float32).eps) ** 2 * scale
    rounding = ROUNDING_FACTOR * (max(storage, arithmetic) if np.isfinite(arithmetic) else storage)
    return min(rounding, CEILING * scale)
