"""Host: what can be said of an answer from what it leaves: that it is noise, or that no answer near it is as good."""

import math
from dataclasses import dataclass

from jaxsolve.certificate.bounds import BOUNDS, Bounds
from jaxsolve.certificate.causes import Cause
from jaxsolve.certificate.grid import Quantum
from jaxsolve.certificate.neighbour import Rival
from jaxsolve.certificate.rounding import ROUNDING_FACTOR
from jaxsolve.errors import first_of


@dataclass(frozen=True)
class Evidence:
    """What can be said of the residual of an answer; None where an earlier test had failed already.

    Errors are in units of `Puzzle.y`; sentences give them in those of the table.
    """

    rows: int
    mse: float
    """Mean squared error over all rows; infinite if the answer overflows."""
    rounding: float
    """Mean squared error up to which float32 arithmetic explains everything."""
    fit: float
    """Share of the variance of the predictions that the answer accounts for, 1 - mse / variance."""
    quantum: Quantum | None
    """What the predictions were rounded to."""
    step: float
    """Root mean square of its steps; 0 without one."""
    outside: int
    """Rows whose error is more than half a step, where there is a grid."""
    compared: int = 0
    """Rivals that were compared with the answer on all rows."""
    best_rival: Rival | None = None
    """The one that lowers the error most; if none does, the one with the lowest t."""
    alike: tuple[Rival, ...] = ()
    """Moves that lead to answers that fit equally well, as far as the rows can tell."""
    moves: int | None = None
    """Single moves and exchanges of partners that those compared were the nearest of; None: none was compared."""
    least_t: float | None = None
    """Least t of a move that changes the predictions by more than rounding: how many standard errors it is worse."""
    least_rise: float | None = None
    """Least rise of the mean squared error by such a move."""
    cause: Cause | None = None
    """What explains most of what is left, if that is known."""
    explained: float | None = None
    """How far above chance the residual is predicted from inputs, states and directions of change, in standard
    deviations."""
    unit: float = 1.0
    """One unit of `Puzzle.y` in those of the table."""
    bounds: Bounds = BOUNDS
    """What it is held against."""

    @property
    def exact(self) -> bool:
        """Whether float32 arithmetic explains what is left."""
        return self.mse <= self.rounding

    @property
    def rounded(self) -> bool:
        """Whether the rounding of the predictions explains what is left: of every row, and of all of them together.

        Errors of rounding are even over a step: their squares have a mean of a twelfth of its square, and a standard
        deviation of sqrt(4/5) of that mean.
        """
        chance = 1 + self.bounds.alike * math.sqrt(0.8 / self.rows)
        even = self.mse <= chance * self.step**2 / 12 + 2 * self.step * math.sqrt(self.rounding)
        return self.quantum is not None and self.outside == 0 and even

    @property
    def reproduced(self) -> bool:
        """Whether predictions are reproduced by a known computation: to float32 rounding, a table's, or another."""
        return self.exact or self.rounded or (self.cause is not None and self.cause.reproduces)

    @property
    def noise(self) -> float:
        """Standard deviation of what is left, less what float32 arithmetic and the grid of the predictions give."""
        known = self.rounding / ROUNDING_FACTOR + self.step**2 / 12
        return self.unit * math.sqrt(max(self.mse - known, 0.0))

    @property
    def floor(self) -> str:
        """What the predictions are reproduced to, in words, if that is noise."""
        if self.exact:
            return "float32 rounding"
        return f"their rounding to {self.quantum}" if self.rounded else f"a noise floor of {self.noise:#.3g}"

    @property
    def alike_positions(self) -> tuple[int, ...]:
        """Positions of the blocks that equally good answers disagree about."""
        return tuple(sorted({p for rival in self.alike for p in rival.positions}))

    @property
    def blurred(self) -> bool:
        """Whether every move that was looked at leads to an answer as good, so that the data tell nothing apart."""
        return self.compared > 0 and len(self.alike) == self.compared

    @property
    def needed_t(self) -> float:
        """Standard errors by which each move has to be worse, for the family of all to be: Student's t."""
        from scipy.special import stdtrit

        return float(-stdtrit(max(1, self.rows - 1), self.bounds.family_wise_error / max(1, self.moves or 1)))

    @property
    def unexplained(self) -> float:
        """Mean squared error that no known cause explains."""
        return self.mse if self.cause is None else min(self.mse, self.cause.left)

    @property
    def confusable(self) -> str | None:
        """What speaks against this order and no other being the right one, in words; None: nothing does."""
        if self._unfit:
            return self._unfit
        if self.lowered:
            return self.lowered
        if self.moves is None:
            return "it was not compared with its neighbours"
        if self.least_t is None or self.least_rise is None:
            return "every answer near it is the same network" if self.moves else None
        if self.least_t < self.needed_t:
            return f"a move is worse by {self.least_t:.1f} standard errors alone, and {self.needed_t:.1f} are needed"
        if self.least_rise < self.bounds.separation * self.unexplained:
            share, needed = self.least_rise / self.unexplained, self.bounds.separation
            return f"a move raises the squared error by {share:.2g} of what is left alone, and {needed:g} is needed"
        return None

    @property
    def identified(self) -> bool:
        """Whether the data say that this order and none near it is the right one."""
        return self.confusable is None

    @property
    def doubt(self) -> str | None:
        """The first test that failed, and by how much; None: what is left is noise."""
        if self._unfit:
            return self._unfit
        needed = 1 if self.exact else self.bounds.rounded_rows if self.rounded else self.bounds.rows
        if self.rows < needed:
            return f"{self.rows} rows are too few to tell noise from a wrong answer: {needed} are needed"
        if self.quantum and self.outside and not self.exact and self.mse <= self.step**2:
            return f"{self.outside} of {self.rows} rows are off by more than rounding to {self.quantum}"
        if self.lowered:
            return self.lowered
        if self.blurred and not (self.exact or self.rounded):
            return "all answers near it fit as well"
        if not self.exact and not self.rounded and (self.explained is None or self.explained >= self.bounds.explained):
            if self.explained is None:
                return "something known explains most of it" if self.cause else "it was not looked into"
            most = self.bounds.explained
            return f"inputs and states predict part of it (z {self.explained:.1f}, and noise has at most {most:g})"
        return None

    @property
    def _unfit(self) -> str | None:
        """How far an answer is from accounting for enough, in words; None: it does."""
        if not math.isfinite(self.mse):
            return "the answer overflows"
        if self.fit >= self.bounds.fit:
            return None
        return f"the answer accounts for {max(self.fit, 0):.3g} of the variance, and {self.bounds.fit} is needed"

    @property
    def lowered(self) -> str | None:
        """Which move lowers the error, and by how much, in words; None: none does."""
        rival = self.best_rival
        if rival is None or not rival.difference < -self.rounding:
            return None
        what = f"{rival.kind}, positions {rival.positions[0]} and {rival.positions[1]}"
        return f"a move lowers it by {-rival.difference * self.unit**2:.3g} ({what}; t {rival.t:.1f})"

    @property
    def is_noise(self) -> bool:
        """Whether all tests agree that the answer leaves nothing but noise."""
        return self.doubt is None

    @property
    def separation(self) -> str:
        """By how much this answer is better than those near it, in words."""
        if self.least_t is None or self.least_rise is None:
            return "no answer near it is another network"
        times = self.least_rise / self.mse if self.mse > 0 else math.inf
        rise = f", to {1 + times:.3g} times what is left" if times < 1e6 else ""
        return (
            f"each of {self.moves} swaps, insertions and exchanges of partners raises the squared error, by "
            f"{self.least_t:.1f} standard errors at least ({self.needed_t:.1f} needed){rise}"
        )

    @property
    def sentence(self) -> str:
        """What is known of the residual, in one line."""
        if self.doubt and not self.reproduced:
            left = f"what is left, {self.unit * math.sqrt(self.mse):.3g} on average, is not shown to be noise"
            return f"{left}: {self.doubt}"
        if self.exact:
            left = "what is left is float32 rounding: no move lowers it"
        elif self.rounded:
            left = f"what is left is rounding to {self.quantum}: no row is off by more than half a step"
        elif self.cause is not None and self.cause.reproduces:
            left = "what is left is the rounding of that"
        else:
            left = f"what is left is noise with a standard deviation of {self.noise:.3g}: no move lowers it and nothing"
            left += f" in the states explains it (z {self.explained or 0:.1f})"
        return f"{left}{self.told_alike}"

    @property
    def told_alike(self) -> str:
        """Which answers fit equally well, to go on with; nothing if none does."""
        if not self.alike:
            return ""
        places = first_of(self.alike_positions, 12)
        count = f"{len(self.alike)} other answers fit" if len(self.alike) > 1 else "one other answer fits"
        return f"; {count} equally well and cannot be told from it (positions {places})"
