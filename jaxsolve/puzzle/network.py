"""Host: the reassembled network in NumPy, which judges answers in float64."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from jaxsolve.errors import UsageError
from jaxsolve.puzzle.types import Assembly, Floats, Puzzle

Array = NDArray[Any]

CHUNK_ROWS = 1000
"""Rows that go through the network together: their states stay in the cache of a core."""


def _gelu(x: Array) -> Array:
    from scipy.special import erf  # half a second to import, and only this activation needs it

    return 0.5 * x * (1.0 + erf(x / np.sqrt(2.0).astype(x.dtype)))


def _gelu_tanh(x: Array) -> Array:
    return 0.5 * x * (1.0 + np.tanh(np.sqrt(2.0 / np.pi).astype(x.dtype) * (x + 0.044715 * x**3)))


def _silu(x: Array) -> Array:
    return 0.5 * x * (1.0 + np.tanh(0.5 * x))


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda x: np.maximum(x, 0),
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "tanh": np.tanh,
    "silu": _silu,
}


def predict(
    puzzle: Puzzle,
    assembly: Assembly,
    *,
    rows: int | None = None,
    dtype: DTypeLike = np.float64,
) -> Floats:
    """Return what the arranged network answers for the first `rows` rows, `[R]`, computed in `dtype`."""
    activation = activation_of(puzzle.activation)
    x = puzzle.x[:rows]
    steps = list(zip(*map(np.asarray, assembly), strict=True))
    predictions = np.empty(len(x))
    with np.errstate(over="ignore", invalid="ignore"):  # a wrong assembly may overflow, and says so itself
        names = ("w_in", "b_in", "w_out", "b_out", "w_last", "b_last")
        w_in, b_in, w_out, b_out, w_last, b_last = (np.asarray(getattr(puzzle, name), dtype) for name in names)
        for start in range(0, len(x), CHUNK_ROWS):
            h = x[start : start + CHUNK_ROWS].astype(dtype)
            for i, j in steps:
                h = h + activation(h @ w_in[i].T + b_in[i]) @ w_out[j].T + b_out[j]
            predictions[start : start + CHUNK_ROWS] = h @ w_last + b_last
    return predictions


def mean_squared_error(puzzle: Puzzle, assembly: Assembly) -> float:
    """Return the float64 mean squared error against the original predictions over all rows."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.mean((predict(puzzle, assembly) - puzzle.y) ** 2))


def activation_of(name: str) -> Callable[[Array], Array]:
    """Return an activation by name; `UsageError` if there is none."""
    if name not in ACTIVATIONS:
        raise UsageError(f"no activation {name!r}; choose one of {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
