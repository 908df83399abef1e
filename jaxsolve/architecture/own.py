"""Device: blocks of one's own: any function of parameters and states, in any number of axes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsolve.backend.shapes import Array, Float

Apply = Callable[[Any, Any], Any]
"""The states after a block, `[R, …]`, from its parameters and those before it; every row by itself."""
Read = Callable[[Any], Any]
"""Predictions, or features, of states `[R, …]`."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class OwnBlocks:
    """Whole blocks, which no halves are known of, in place of `Pieces`. States are laid out as `[R, D]` around them."""

    parameters: Any
    """A pytree of arrays `[N, …]`."""
    apply: Apply = field(metadata={"static": True})
    readout: Read = field(metadata={"static": True})
    """Returns `[R]` or `[R, K]`."""
    features: Read = field(metadata={"static": True})
    """What a linear probe sees of states, `[R, F]`."""
    shape: tuple[int, ...] = field(metadata={"static": True})
    """Of the state of a row; D is its product."""
    flops: float = field(default=0.0, metadata={"static": True})
    """Operations of one block on one row."""

    @property
    def blocks(self) -> int:
        """N."""
        return jax.tree.leaves(self.parameters)[0].shape[0]

    @property
    def width(self) -> int:
        """D."""
        return int(np.prod(self.shape))

    @property
    def units(self) -> int:
        """Numbers that a block holds on the way for a row, as far as is known: those of its states."""
        return self.width

    def states(self, h: Float[Array, "R D"]) -> Any:
        """Return states as functions of one's own take them."""
        return h.reshape(len(h), *self.shape)

    def run(self, h: Float[Array, "R D"], k: Any) -> Float[Array, "R D"]:
        """Return the states after block `k`."""
        own = jax.tree.map(lambda table: table[k], self.parameters)
        return jnp.asarray(self.apply(own, self.states(h))).reshape(h.shape)

    def read(self, h: Float[Array, "R D"]) -> Float[Array, "R *K"]:
        """Return the predictions that the last states make."""
        return self.readout(self.states(h))
