"""Device: the residual network, its states and its mean squared error."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, Num

from jaxsolve.errors import UsageError
from jaxsolve.puzzle import Assembly, Puzzle

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": jax.nn.relu,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "gelu_tanh": lambda x: jax.nn.gelu(x, approximate=True),
    "tanh": jnp.tanh,
    "silu": jax.nn.silu,
}

ACCEPT = lax.Precision.HIGHEST
"""Precision of every product that decides: true float32, where GPUs would otherwise use TF32."""


class Pieces(NamedTuple):
    """The weights, halves stacked in the order of their ids."""

    w_in: Num[Array, "N H D"]
    b_in: Num[Array, "N H"]
    w_out: Num[Array, "N D H"]
    b_out: Num[Array, "N D"]
    w_last: Num[Array, " D"]
    b_last: Num[Array, ""]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Problem:
    """What every device function looks at: the pieces and the rows they are judged on."""

    pieces: Pieces
    x: Num[Array, "R D"]
    y: Num[Array, " R"]
    activation: str = field(metadata={"static": True})

    @property
    def blocks(self) -> int:
        """N."""
        return self.pieces.w_in.shape[0]

    @property
    def rows(self) -> int:
        """R."""
        return self.x.shape[0]


def place(puzzle: Puzzle, rows: int | None = None) -> Problem:
    """Put the pieces and the first `rows` rows of a puzzle on the default device, in float32."""

    def put(table: np.ndarray | float) -> Array:
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and so does its loss
            return jax.device_put(np.asarray(table, dtype=np.float32))

    weights = puzzle.w_in, puzzle.b_in, puzzle.w_out, puzzle.b_out, puzzle.w_last, puzzle.b_last
    return Problem(Pieces(*map(put, weights)), put(puzzle.x[:rows]), put(puzzle.y[:rows]), puzzle.activation)


def device_names() -> list[str]:
    """Return what programs run on, one entry a device; `UsageError` if JAX finds none."""
    try:
        return [f"{device.platform}:{device.id} {device.device_kind}" for device in jax.devices()]
    except RuntimeError as error:
        raise UsageError(f"JAX finds no device to run on: {error}") from error


def residual(problem: Problem, h: Float[Array, "R D"], i: Int[Array, ""], j: Int[Array, ""]) -> Float[Array, "R D"]:
    """Return what the block of first half `i` and second half `j` adds to the states `h`."""
    p = problem.pieces
    hidden = jnp.matmul(h, p.w_in[i].T, precision=ACCEPT) + p.b_in[i]
    return jnp.matmul(ACTIVATIONS[problem.activation](hidden), p.w_out[j].T, precision=ACCEPT) + p.b_out[j]


def block(problem: Problem, h: Float[Array, "R D"], i: Int[Array, ""], j: Int[Array, ""]) -> Float[Array, "R D"]:
    """Return the states after a block, h + residual(h)."""
    return h + residual(problem, h, i, j)


def readout_loss(problem: Problem, h: Float[Array, "R D"]) -> Float[Array, ""]:
    """Return the mean squared error of the readout applied to the states `h`."""
    p = problem.pieces
    error = jnp.matmul(h, p.w_last, precision=ACCEPT) + p.b_last - problem.y
    return jnp.mean(error * error)


def prefix_states(problem: Problem, assembly: Assembly) -> Float[Array, "P R D"]:
    """Return the states before every position and after the last: P = N + 1."""
    last, before = lax.scan(lambda h, half: (block(problem, h, *half), h), jnp.asarray(problem.x), assembly)
    return jnp.concatenate([before, last[None]])
