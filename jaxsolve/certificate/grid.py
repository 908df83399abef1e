"""Host: whether predictions were rounded, and to which grid."""

import math
from dataclasses import dataclass

import numpy as np

from jaxsolve.certificate.rounding import CEILING, ROUNDING_FACTOR
from jaxsolve.puzzle import Puzzle
from jaxsolve.puzzle.types import Floats
from jaxsolve.puzzle.units import LINKS, of_table, stored_steps

BINARY = {"bfloat16": (8, -133), "float16": (11, -24)}
"""Significant bits, and the exponent of the smallest number."""
FLOAT32 = "float32"


@dataclass(frozen=True)
class Quantum:
    """The grid that numbers were rounded to."""

    name: str
    """``2 decimals``, ``float16``, ``bfloat16``, or ``float32`` where an offset makes its steps wide."""
    decimals: int | None = None

    def __str__(self) -> str:
        return self.name

    def steps(self, y: Floats) -> Floats:
        """Return the distance of neighbours on the grid at each number, as `y`."""
        if self.decimals is not None:
            return np.full(np.shape(y), 10.0**-self.decimals)
        bits, smallest = BINARY[self.name]
        return np.ldexp(1.0, np.maximum(np.frexp(y)[1] - bits, smallest))


def quantum(y: Floats, *, digits: int = 12, chance: float = 1e-9) -> Quantum | None:
    """Return the coarsest grid that all numbers `[R]` are on, decimal first, then bfloat16 and float16; None: on none.

    Numbers may have been stored in float32 after rounding. A grid counts where so many different numbers on it
    are no chance, for numbers that float32 could have put between; two at least, so that a constant says nothing.
    At most `digits` decimals are looked for; `chance` is the probability below which numbers are there by rounding.
    """
    values = np.unique(np.abs(y[np.isfinite(y)]))
    values = values[values > 0]
    if len(values) < 2 or not np.isfinite(y).all():
        return None
    storage = values * np.finfo(np.float32).eps / 2 * 1.001
    for decimals in range(digits + 1):
        scale = 10.0**decimals
        spare = 2 * storage * scale
        if spare.min() >= 1 or np.log(np.minimum(spare, 1)).sum() > math.log(chance):
            break
        if (np.abs(values - np.rint(values * scale) / scale) <= storage).all():
            return Quantum(f"{decimals} decimals", decimals)
    for name, (bits, _) in BINARY.items():
        steps = Quantum(name).steps(values)
        by_chance = (bits - 24) * math.log(2) * len(values)
        if by_chance < math.log(chance) and (np.abs(np.rint(values / steps) * steps - values) <= storage).all():
            return Quantum(name)
    return None


def grid_of(puzzle: Puzzle) -> tuple[Quantum, Floats] | None:
    """Return what the predictions of a table were rounded to, and the steps of that in units of `y`, `[R]`.

    That float32 holds them says nothing, unless its steps are too wide to pass for the rounding of arithmetic: those
    of predictions with an offset many times their spread. None: on no grid.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        given = of_table(puzzle)
        if (found := quantum(given)) is not None:
            link = LINKS.get(puzzle.units.link)
            return found, found.steps(given) * (1 if link is None else link.slope(given)) / puzzle.units.size
        steps = stored_steps(puzzle)
        wide = ROUNDING_FACTOR * np.mean(steps**2) > CEILING * puzzle.variance > 0
    return (Quantum(FLOAT32), steps) if wide else None
