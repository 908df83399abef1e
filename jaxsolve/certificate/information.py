"""Host: whether a table holds enough to tell one answer from all others, before anybody searches."""

import math
from dataclasses import dataclass

import numpy as np

from jaxsolve.certificate.grid import quantum
from jaxsolve.certificate.rounding import ROUNDING_FACTOR
from jaxsolve.puzzle import Puzzle
from jaxsolve.puzzle.units import of_table, stored_steps


@dataclass(frozen=True)
class Information:
    """How much a table says of its network."""

    rows: int
    """Different rows of inputs, counted up to as many as are needed."""
    values: int
    """Different predictions, likewise."""
    bits_per_row: float
    """Logarithm, base 2, of how many predictions a row could have and be told apart."""
    answers: float
    """Logarithm, base 2, of the number of answers there are."""
    spare: float = 20.0
    """Bits beyond those that number all answers: another fits by chance with a probability of 2 to the minus that."""
    usual: float = 20.0
    """Bits of a row whose prediction float32 holds and arithmetic reproduces to ten of its steps."""

    @property
    def needed(self) -> int:
        """Rows that tell all answers apart: of such predictions or, where they are all the same, of usual ones."""
        return max(2, math.ceil((self.answers + self.spare) / (self.bits_per_row or self.usual)))

    @property
    def lacking(self) -> str | None:
        """Why the table cannot tell answers apart, and what would help, in words; None: it can."""
        if not self.answers:
            return None
        many = f"there are 10^{self.answers * math.log10(2):.0f} answers"
        if self.values < 2:
            if self.rows > 1:
                return f"all predictions are the same, and {many}: rows are needed on which they differ"
            return f"there is one row of data, and {many}: at least {self.needed} different rows are needed"
        if min(self.rows, self.values) < 2 or self.rows * self.bits_per_row < self.answers + self.spare:
            rows = f"{self.rows} different row{'' if self.rows == 1 else 's'}"
            each = f"{self.values} different predictions" if self.values < self.rows else "predictions"
            return (
                f"{rows} with {each} can tell {_power(self.rows * self.bits_per_row)} apart, and {many}: "
                f"at least {self.needed} different rows are needed"
            )
        return None


def _power(bits: float) -> str:
    return f"10^{bits * math.log10(2):.0f}"


def information(puzzle: Puzzle) -> Information:
    """Return how much the rows of a puzzle say, against the number of its answers: all orders of either half."""
    answers = 2 * math.lgamma(puzzle.blocks + 1) / math.log(2)
    bits = _bits(puzzle)
    found = Information(0, 0, bits, answers)
    for count in (256, puzzle.rows):  # nearly always, a few rows do
        few = puzzle.first_rows(count)
        rows, values = len(np.unique(few.x, axis=0)), len(np.unique(few.y, axis=0))
        found = Information(rows, values, bits, answers)
        if found.lacking is None:
            break
    return found


def _bits(puzzle: Puzzle) -> float:
    """Return the logarithm, base 2, of how many predictions of a row can be told apart."""
    within = math.sqrt(ROUNDING_FACTOR)  # steps of float32 within which predictions are reproduced
    with np.errstate(over="ignore", invalid="ignore"):
        reach, steps = float(np.ptp(puzzle.y)), within * float(np.median(stored_steps(puzzle)))
        if grid := quantum(of_table(puzzle)):
            steps = max(steps / within, float(np.median(grid.steps(of_table(puzzle)))) / puzzle.units.size)
    bits = math.log2(1 + reach / steps) if 0 < reach < math.inf and steps > 0 else 0.0
    # outputs that follow from others tell nothing more
    bits *= 1 if puzzle.y.ndim == 1 else np.linalg.matrix_rank(puzzle.w_last)
    values = len(np.unique(puzzle.y, axis=0))
    # where each is there twice, there are no others to be had
    return min(bits, math.log2(values)) if 2 * values < puzzle.rows else bits
