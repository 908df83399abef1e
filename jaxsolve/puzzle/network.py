"""Host: the reassembled network in NumPy: what judges answers, in float64 and without a compiler to trust."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from jaxsolve.backend import CORES
from jaxsolve.errors import UsageError
from jaxsolve.puzzle.types import Assembly, Floats, Puzzle

Array = NDArray[Any]

CHUNK_ROWS = 1000
"""Rows that go through the network together: their states stay in the cache of a core."""


def _gelu(x: Array) -> Array:
    from scipy.special import erf  # slow to import, and only this activation needs it

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


def activation_of(name: str) -> Callable[[Array], Array]:
    """Return an activation by name; `UsageError` if there is none."""
    if name not in ACTIVATIONS:
        raise UsageError(f"no activation {name!r}; choose one of {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]


class Network:
    """Pieces as arrays of one type, ready to run in any order: those of a puzzle, or those on a device."""

    def __init__(self, pieces: Any, activation: str, dtype: DTypeLike = np.float64) -> None:
        with np.errstate(over="ignore"):  # what a type cannot hold becomes infinite
            weights = pieces.w_in, pieces.b_in, pieces.w_out, pieces.b_out, pieces.w_last, pieces.b_last
            self.w_in, self.b_in, self.w_out, self.b_out, self.w_last, self.b_last = (
                np.asarray(weight, dtype) for weight in weights
            )
        self.activation = activation_of(activation)

    def residual(self, h: Array, i: int, j: int) -> Array:
        """Return what first half `i` and second half `j` add to the states `h`, `[R, D]`."""
        hidden = h @ self.w_in[i].T
        hidden += self.b_in[i]
        update = self.activation(hidden) @ self.w_out[j].T
        update += self.b_out[j]
        return update

    def states(self, h: Array, assembly: Assembly) -> list[Array]:
        """Return the states before every position and after the last, from the states `h` on."""
        states = [h]
        for i, j in zip(*assembly, strict=True):
            states.append(states[-1] + self.residual(states[-1], i, j))
        return states

    def predict(self, h: Array, assembly: Assembly) -> Array:
        """Return the predictions of an assembly that begins in the states `h`, `[R]`."""
        for i, j in zip(*assembly, strict=True):
            h = h + self.residual(h, i, j)
        return h @ self.w_last + self.b_last


def predict(
    puzzle: Puzzle,
    assembly: Assembly,
    *,
    rows: int | None = None,
    dtype: DTypeLike = np.float64,
    activation: Callable[[Array], Array] | None = None,
) -> Floats:
    """Return what an assembly answers for the first `rows` rows, `[R]`, computed in `dtype`.

    `activation` takes the place of that of the puzzle.
    """
    network, x = Network(puzzle, puzzle.activation, dtype), puzzle.x[:rows]
    network.activation = activation or network.activation

    def part(start: int) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):  # a wrong assembly may overflow, and says so itself
            return network.predict(x[start : start + CHUNK_ROWS].astype(dtype), assembly)

    with ThreadPoolExecutor(CORES) as threads:
        return np.concatenate([*threads.map(part, range(0, len(x), CHUNK_ROWS))], dtype=np.float64)


def mean_squared_error(puzzle: Puzzle, assembly: Assembly, dtype: DTypeLike = np.float64) -> float:
    """Return the mean squared error against the original predictions over all rows, predicted in `dtype`."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.mean((predict(puzzle, assembly, dtype=dtype) - puzzle.y) ** 2))
