"""Host: many numbers as few."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from jaxsolve.errors import JaxsolveError


class NotMeasuredError(JaxsolveError):
    """A measurement has no meaning here, or would take too long: one line that says why, and the way out."""


@dataclass(frozen=True)
class Summary:
    """Mean, standard deviation (of the numbers themselves, not of a sample), and range of some numbers."""

    count: int
    mean: float
    std: float
    min: float
    median: float
    max: float


def summary_of(values: ArrayLike) -> Summary | None:
    """Return the summary of the finite ones among some numbers; None where there are none."""
    numbers = np.asarray(values, np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size:
        return None
    figures = numbers.mean(), numbers.std(), numbers.min(), np.median(numbers), numbers.max()
    return Summary(numbers.size, *map(float, figures))


def correlation(a: ArrayLike, b: ArrayLike) -> float | None:
    """Return the correlation of two series of numbers; None where either does not vary."""
    first, second = (np.asarray(values, np.float64) for values in (a, b))
    first, second = first - first.mean(), second - second.mean()
    size = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / size if 0 < size < np.inf else None
