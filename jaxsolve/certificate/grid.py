"""Host: whether predictions were rounded, and to which grid."""

import math
from dataclasses import dataclass

import numpy as np

from jaxsolve.puzzle.types import Floats

DIGITS = 12
"""Most decimals that are looked for."""
CHANCE = 1e-9
"""Probability below which values on a grid are there by rounding."""
BINARY = {"bfloat16": (8, -133), "float16": (11, -24)}
"""Significant bits, and the exponent of the smallest number."""


@dataclass(frozen=True)
class Quantum:
    """The grid that numbers were rounded to."""

    name: str
    """``2 decimals``, ``float16`` or ``bfloat16``."""
    decimals: int | None = None

    def __str__(self) -> str:
        return self.name

    def steps(self, y: Floats) -> Floats:
        """Return the distance of neighbours on the grid at each number, as `y`."""
        if self.decimals is not None:
            return np.full(np.shape(y), 10.0**-self.decimals)
        bits, smallest = BINARY[self.name]
        return np.ldexp(1.0, np.maximum(np.frexp(y)[1] - bits, smallest))


def quantum(y: Floats) -> Quantum | None:
    """Return the coarsest grid that all numbers `[R]` are on, decimal first, then bfloat16 and float16; None: on none.

    Numbers may have been stored in float32 after rounding. A grid counts where so many different numbers on it
    are no chance, for numbers that float32 could have put between; two at least, so that a constant says nothing.
    """
    values = np.unique(np.abs(y[np.isfinite(y)]))
    values = values[values > 0]
    if len(values) < 2 or not np.isfinite(y).all():
        return None
    storage = values * np.finfo(np.float32).eps / 2 * 1.001
    for decimals in range(DIGITS + 1):
        scale = 10.0**decimals
        spare = 2 * storage * scale
        if spare.min() >= 1 or np.log(np.minimum(spare, 1)).sum() > math.log(CHANCE):
            break
        if (np.abs(values - np.rint(values * scale) / scale) <= storage).all():
            return Quantum(f"{decimals} decimals", decimals)
    for name, (bits, _) in BINARY.items():
        steps = Quantum(name).steps(values)
        chance = (bits - 24) * math.log(2) * len(values)
        if chance < math.log(CHANCE) and (np.rint(values / steps) * steps == values).all():
            return Quantum(name)
    return None
