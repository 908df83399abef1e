"""Host: why the right answer may not reproduce the predictions to the last bit, tried on the answer itself.

Some causes can be computed: another arithmetic, a leaky ReLU, an affine map. What they leave says whether they are it.
Of others only the size is known, that of roundings nobody has kept: of inputs or pieces in a text file, of pieces in
half precision or a few levels. They are named where what is left is about as large as they would make it.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from jaxsolve.architecture import activation_of
from jaxsolve.certificate.arithmetic import ARITHMETICS, predicted_in
from jaxsolve.certificate.grid import quantum
from jaxsolve.certificate.rounding import CEILING, ROUNDING_FACTOR, tolerance
from jaxsolve.puzzle import Assembly, Puzzle, predict
from jaxsolve.puzzle.types import Floats
from jaxsolve.puzzle.units import affine_fit, rescaled


@dataclass(frozen=True)
class Causes:
    """Numbers by which causes are compared and named."""

    rows: int = 500
    """Rows on which causes are compared; whether one reproduces the predictions is asked on all."""
    explains: float = 0.9
    """Share of what is left that a cause has to explain to be named."""
    worth: float = 0.5
    """Share of what is left on few rows that a cause leaves there at most, where it is tried on all."""
    whole: float = 0.9
    """Share of the rows that an arithmetic has to reproduce to float32 rounding, where it does not reproduce them all:
    with another order of summation, a number is rounded to the other side here and there."""
    alike: float = 1.5
    """Factor of the lowest error within which causes leave as much: the rows do not tell them apart."""
    sizes: tuple[float, float] = (0.3, 3.0)
    """Squared errors over those that a rounding would leave, between which it is named: roundings of layers that follow
    each other add up or cancel by such a factor."""
    draws: int = 4
    """Times that a rounding is drawn."""
    pruned: float = 0.01
    """Share of zeros among the weights from which on pieces are called pruned."""


@dataclass(frozen=True)
class Cause:
    """What explains that an answer leaves more than float32 rounding."""

    name: str
    words: str
    """What it is, to go on with: ``computed with TF32 products``."""
    left: float
    """Mean squared error that it leaves unexplained, in the units of `Puzzle.y`."""
    share: float
    """Share of the squared error that it explains; 0 where only its size is known."""
    reproduces: bool = False
    """Whether every prediction is reproduced under it, up to the rounding of its own arithmetic."""


def find_cause(
    puzzle: Puzzle,
    assembly: Assembly,
    mse: float,
    check: Callable[[], None] = lambda: None,
    *,
    numbers: Causes = Causes(),
) -> Cause | None:
    """Return what explains most of the errors of an answer; None: nothing that is known does.

    Parameters
    ----------
    puzzle, assembly
        The puzzle, without null halves (`jaxsolve.puzzle.running`), and an answer.
    mse
        What it leaves, in the units of `Puzzle.y`.
    check
        Called every second or so, to raise what is to end it.
    numbers
        By which causes are compared and named.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        ways = _arithmetics, _slopes, _maps, _statistics
        rounding, computed = tolerance(puzzle, assembly), []
        for way in ways:
            check()
            computed += way(puzzle, assembly, mse, rounding, numbers)
        best = min(computed, key=lambda one: one.left, default=None)
        if best is not None and (best.reproduces or best.left <= (1 - numbers.explains) * mse):
            return best
        check()
        likely = sorted(_roundings(puzzle, assembly, mse, numbers), key=lambda one: one[0])
    if not likely:
        return None
    first = likely[0][1]
    words = [one.words for apart, one in likely if apart <= likely[0][0] + math.log(numbers.alike)]
    return replace(first, words=", or ".join(words))


def _arithmetics(puzzle: Puzzle, assembly: Assembly, mse: float, rounding: float, numbers: Causes) -> Iterator[Cause]:
    """Yield the arithmetic that leaves least; with others that leave as little in its words."""
    few = puzzle.first_rows(numbers.rows)
    tried = {name: _mean_square(predicted_in(few, assembly, way) - few.y) for name, way in ARITHMETICS.items()}
    tried = {name: one for name, one in tried.items() if np.isfinite(one)}
    if not tried:
        return
    lowest = min(tried.values())
    if lowest > numbers.worth * _mean_square(predict(few, assembly) - few.y):
        return
    names = [name for name, one in tried.items() if one <= numbers.alike * lowest]
    way = ARITHMETICS[names[0]]
    words = f"computed with {_listed([ARITHMETICS[name].words for name in names])}"
    found, other = (predicted_in(puzzle, assembly, way, sums) for sums in (np.float32, np.float64))
    left = _mean_square(found - puzzle.y)
    own = max(_mean_square(found - other), rounding / ROUNDING_FACTOR)
    whole = float(np.mean((found - puzzle.y) ** 2 <= rounding))
    most = CEILING * puzzle.variance
    reproduces = left <= min(ROUNDING_FACTOR * own, most)
    if not reproduces and whole >= numbers.whole and left <= most:
        reproduces = True
        words += f" ({whole:.1%} to float32 rounding, others but for a number that was rounded to the other side)"
    yield _computed(names[0], words, mse, left, reproduces)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _slopes(puzzle: Puzzle, assembly: Assembly, mse: float, rounding: float, numbers: Causes) -> Iterator[Cause]:
    """Yield the leaky ReLU that fits best, of a puzzle that is read with ReLU, or one of another slope."""
    if puzzle.activation.partition(":")[0] not in ("relu", "leaky_relu"):  # a form with nothing else
        return
    few, slope, step = puzzle.first_rows(numbers.rows), activation_of(puzzle.activation).option or 0.0, 1e-3
    for _ in range(4):  # Gauss-Newton steps
        here, ahead = (_leaky(few, assembly, s) for s in (slope, slope + step))
        by = ((ahead - here) / step).ravel()
        slope += float(by @ (few.y - here).ravel() / max(float(by @ by), np.finfo(float).tiny))
        if not -1 < slope < 1:
            return
    most = numbers.worth * _mean_square(predict(few, assembly) - few.y)
    if not _mean_square(_leaky(few, assembly, slope) - few.y) <= most:
        return
    short = float(f"{slope:.2g}")
    errors = {s: _mean_square(_leaky(puzzle, assembly, s) - puzzle.y) for s in (short, slope)}
    slope = short if errors[short] <= max(rounding, numbers.alike * errors[slope]) else slope
    words = f"computed with a leaky ReLU of slope {slope:.4g}"
    yield _computed("leaky_relu", words, mse, errors[slope], errors[slope] <= rounding)


def _leaky(puzzle: Puzzle, assembly: Assembly, slope: float) -> Floats:
    return predict(puzzle.replace(activation=f"leaky_relu:{slope!r}"), assembly)


def _maps(puzzle: Puzzle, assembly: Assembly, mse: float, rounding: float, numbers: Causes) -> Iterator[Cause]:
    """Yield the affine map of the outputs that fits best, unless somebody has said that there is none."""
    fit = None if puzzle.link_given else affine_fit(puzzle, assembly)
    if fit is not None:
        words = f"written in other units ({rescaled(puzzle, fit).units.words or 'output'})"
        yield _computed("affine", words, mse, fit.mse, fit.mse <= rounding)


def _statistics(puzzle: Puzzle, assembly: Assembly, mse: float, rounding: float, numbers: Causes) -> Iterator[Cause]:
    """Yield the means and deviations of the inputs that fit best, where those of the table were taken for them.

    Gauss-Newton steps of one factor and one offset for each input, from derivatives by finite differences.
    """
    if puzzle.units.ddof is None or puzzle.inputs is not None:
        return
    few = puzzle.first_rows(numbers.rows)
    factor, offset = np.ones(puzzle.features), np.zeros(puzzle.features)
    tiny = 1e-4  # what inputs are moved by for derivatives
    moved = lambda of: of.replace(x=of.x * factor + offset)
    for _ in range(4):
        here = predict(moved(few), assembly)
        columns = []
        for k in range(puzzle.features):
            ahead = moved(few)
            shifted = ahead.x.copy()
            shifted[:, k] += tiny
            slope = (predict(ahead.replace(x=shifted), assembly) - here) / tiny
            columns += [(slope.T * few.x[:, k]).T.ravel(), slope.ravel()]
        change = np.linalg.lstsq(np.stack(columns, axis=1), (few.y - here).ravel())[0]
        factor, offset = factor + change[::2], offset + change[1::2]
    left = _mean_square(predict(moved(puzzle), assembly) - puzzle.y)
    words = "computed from inputs standardised with other means and deviations than the table's"
    yield _computed("statistics", words, mse, left, left <= rounding)


def _computed(name: str, words: str, mse: float, left: float, reproduces: bool) -> Cause:
    return Cause(name, words, left, max(0.0, 1 - left / mse) if mse > 0 else 0.0, reproduces)


def _roundings(puzzle: Puzzle, assembly: Assembly, mse: float, numbers: Causes) -> Iterator[tuple[float, Cause]]:
    """Yield roundings of inputs or pieces that would leave about as much, and how far from it; last, what has no size.

    How far is the absolute logarithm of what is left over what they would leave.
    """
    few, rng = puzzle.first_rows(numbers.rows), np.random.default_rng(0)
    own = predict(few, assembly)

    def size(draw: Callable[[], Puzzle]) -> float:
        return float(np.mean([_mean_square(predict(draw(), assembly) - own) for _ in range(numbers.draws)]))

    def about(name: str, words: str, draw: Callable[[], Puzzle]) -> Iterator[tuple[float, Cause]]:
        expected = size(draw)
        if numbers.sizes[0] * expected <= mse <= numbers.sizes[1] * expected:
            yield abs(math.log(mse / expected)), Cause(name, words, 0.0, 0.0)

    as_in_table = puzzle.units.ddof is None and puzzle.inputs is None
    if grid := quantum(few.x.ravel() if as_in_table else np.empty(0)):
        steps = grid.steps(few.x)
        rounded = lambda: few.replace(x=few.x + steps * rng.uniform(-0.5, 0.5, few.x.shape))
        yield from about("inputs", f"computed from inputs before they were rounded to {grid}", rounded)
    if (found := _steps_of_pieces(puzzle)) is not None:
        words, tables = found
        shaken = lambda: few.replace(
            **{name: getattr(few, name) + step * rng.uniform(-0.5, 0.5, step.shape) for name, step in tables.items()}
        )
        yield from about("pieces", f"those of pieces before they were rounded to {words}", shaken)
    weights = np.concatenate([puzzle.w_in.ravel(), puzzle.w_out.ravel()])
    if (zeros := float(np.mean(weights == 0))) >= numbers.pruned:
        yield math.inf, Cause("pruned", f"those of pieces before {zeros:.0%} of their weights were set to 0", mse, 0.0)


def _steps_of_pieces(puzzle: Puzzle) -> tuple[str, dict[str, Floats]] | None:
    """Return what the weights of pieces were rounded to, and the distance of neighbours there; None: to nothing."""
    names = ("w_in", "w_out")
    flat = np.concatenate([getattr(puzzle, name).ravel() for name in names])
    if grid := quantum(flat):
        return str(grid), {name: grid.steps(getattr(puzzle, name)) for name in names}
    steps = {name: _level_steps(getattr(puzzle, name)) for name in names}
    known = {name: step for name, step in steps.items() if step is not None}
    return ("a few levels a row, as int8 has them", known) if len(known) == len(names) else None


def _level_steps(weights: Floats) -> Floats | None:
    """Return the distance of the levels that each row of some matrices is on, as `weights`; None: most are on none.

    Levels are whole multiples of one number; it is a part of the least distance of two weights of the row.
    """
    rows = weights.reshape(-1, weights.shape[-1])
    ordered = np.sort(np.abs(rows), axis=1)
    apart = np.diff(np.concatenate([np.zeros((len(rows), 1)), ordered], axis=1), axis=1)
    largest = ordered[:, -1:]
    least = np.where(apart > 1e-5 * largest, apart, np.inf).min(axis=1, keepdims=True)
    found = np.full(least.shape, np.nan)
    for parts in range(1, 7):
        with np.errstate(divide="ignore", invalid="ignore"):
            step = least / parts
            counts = rows / step
            # weights were stored in float32 behind their level
            whole = np.abs(counts - np.rint(counts)) <= 1e-3 + 1e-6 * np.abs(counts)
            # nobody speaks of more than 300 levels
            fits = whole.all(axis=1, keepdims=True) & (largest / step <= 300) & np.isfinite(step)
        found = np.where(np.isnan(found) & fits, step, found)
    if np.mean(np.isnan(found)) > 0.1:
        return None
    return np.broadcast_to(np.nan_to_num(found), rows.shape).reshape(weights.shape)


def _mean_square(errors: NDArray[np.floating]) -> float:
    return float(np.mean(np.asarray(errors, np.float64) ** 2))
