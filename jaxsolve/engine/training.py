"""Device: training a residual network on labelled rows, every batch split between the devices.

A call takes several steps. In each, a device goes through its share of the batch in parts that its cache holds, sums
the gradients, and the sums of all devices are added up, so that all take the same step. How many devices there are
changes the order of these sums, and with it the rounding of the weights; nothing else does.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, PartitionSpec

from jaxsolve.architecture.device import Bare, Gates, Outer, Pieces, embedded, hidden, readout_errors, second
from jaxsolve.backend.compile import compiled
from jaxsolve.backend.devices import AXIS, REPLICATED, mesh, put, sharded
from jaxsolve.backend.shapes import Array, Float, Int
from jaxsolve.engine.optimisers import OPTIMISERS

PART_ROWS = {"cpu": 250}
"""Rows that a device of each platform takes through the network together; accelerators take 16384."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Training:
    """What a network is trained on, and how; the numbers may be changed without compiling anew."""

    x: Float[Array, "R I"]
    y: Float[Array, "R *K"]
    learning_rate: Float[Array, ""]
    weight_decay: Float[Array, ""]
    trained: Pieces | None
    """1 for each weight that is trained, and 0; None: all are."""
    activation: str = field(metadata={"static": True})
    optimiser: str = field(metadata={"static": True})
    """A name of `OPTIMISERS`."""
    over: Mesh = field(metadata={"static": True})

    @property
    def rows(self) -> int:
        """R."""
        return self.x.shape[0]


class Learner(NamedTuple):
    """A network that is being trained, the same on every device."""

    net: Pieces
    """Block t is its pair of halves t."""
    moments: Any
    """What the optimiser remembers."""


def training_placed(
    x: np.ndarray,
    y: np.ndarray,
    *,
    activation: str,
    optimiser: str,
    learning_rate: float,
    weight_decay: float = 0.0,
    trained: Any = None,
    devices: int | None = None,
) -> Training:
    """Put inputs `[R, I]` and labels `[R]` or `[R, K]` on the first `devices` devices, in float32.

    `trained` is 1 for each weight that is trained, and 0, arrays as those of `Pieces`; None: all are.
    """
    over = mesh(devices)
    single = lambda table: put(np.asarray(table, np.float32), over)
    masks = None if trained is None else as_pieces(jax.tree.map(single, tuple(trained)))
    tables = single(x), single(y), single(learning_rate), single(weight_decay), masks
    return Training(*tables, activation, optimiser, over)


def as_pieces(net: Any) -> Pieces:
    """Return arrays as those of `Pieces`, other layers than halves and readout as pairs, as such."""
    more = zip((Outer, Outer, Gates), net[6:], strict=True)
    return Pieces(*net[:6], *(None if layer is None else kind(*layer) for kind, layer in more))


@compiled()
def learner(net: Any, given: Training) -> Learner:
    """Return an untrained learner with these weights, arrays as those of `Pieces`."""
    begin = lambda net, given: Learner(net, _rule(given).init(net))
    return sharded(begin, given.over, (REPLICATED, REPLICATED), REPLICATED)(
        as_pieces(jax.tree.map(jnp.asarray, tuple(net))), given
    )


def dealt(order: np.ndarray, batch: int, over: Mesh) -> np.ndarray:
    """Deal rows to batches, devices and parts: `order` `[R]` becomes `[S, devices, parts, rows]`.

    Batches have `batch` rows, the last one what is left. Places without a row hold -1.
    """
    steps, share = -(-len(order) // batch), -(-batch // over.size)
    parts = -(-share // PART_ROWS.get(over.devices.flat[0].platform, 16384))
    rows = -(-share // parts)
    places = np.full((steps, over.size * parts * rows), -1, np.int32)
    padded = np.full(steps * batch, -1, np.int32)
    padded[: len(order)] = order
    places[:, :batch] = padded.reshape(steps, batch)
    # the first rows of a batch go to the first places of every part, so that a short batch is shared as well
    return places.reshape(steps, rows, over.size, parts).transpose(0, 2, 3, 1)


@compiled(donate=("state",))
def trained(
    state: Learner, given: Training, batches: Int[Array, "S devices parts rows"], steps: Int[Array, ""]
) -> tuple[Learner, Float[Array, ""]]:
    """Return the learner after one step for each of the first `steps` batches, and the mean of their losses.

    A loss is the mean squared error of the rows of a batch before its step.
    """

    def on_one_device(state: Learner, given: Training, batches: Array, steps: Array) -> tuple[Learner, Array]:
        rule = _rule(given)

        def step(t: Array, carry: tuple[Learner, Array]) -> tuple[Learner, Array]:
            (net, moments), total = carry
            own = _summed_gradients(net, given, batches[t, 0])
            gradients, loss, rows = lax.psum(own, AXIS)
            mean = jax.tree.map(lambda g: g / rows, gradients)
            if given.trained is not None:
                mean = jax.tree.map(jnp.multiply, mean, given.trained)
            updates, moments = rule.update(mean, moments, net)
            return Learner(jax.tree.map(jnp.add, net, updates), moments), total + loss / rows

        state, total = lax.fori_loop(0, steps, step, (state, jnp.float32(0)))
        return state, total / steps

    specs = REPLICATED, REPLICATED, PartitionSpec(None, AXIS), REPLICATED
    return sharded(on_one_device, given.over, specs, REPLICATED)(state, given, batches, steps)


@compiled()
def training_loss(net: Pieces, given: Training, batches: Int[Array, "S devices parts rows"]) -> Float[Array, ""]:
    """Return the mean squared error of a network over all rows that are dealt."""

    def on_one_device(net: Pieces, given: Training, batches: Array) -> Array:
        parts = batches.reshape(-1, batches.shape[-1])
        losses = lax.map(lambda rows: _squared_errors(net, given, rows), parts)
        loss, rows = lax.psum((jnp.sum(losses), jnp.sum(parts >= 0)), AXIS)
        return loss / rows

    return sharded(on_one_device, given.over, (REPLICATED, REPLICATED, PartitionSpec(None, AXIS)), REPLICATED)(
        net, given, batches
    )


def training_flops(net: Pieces, rows: int) -> int:
    """Return the operations of matrix products that training on so many rows takes.

    Three times those of the blocks' forward pass: the backward pass has two products for each of its.
    """
    return 3 * rows * net.blocks * net.flops


def _rule(given: Training) -> Any:
    return OPTIMISERS[given.optimiser](given.learning_rate, given.weight_decay)


def _summed_gradients(net: Pieces, given: Training, parts: Int[Array, "parts rows"]) -> tuple[Pieces, Array, Array]:
    """Return sums over the rows of a device: gradients, squared errors, and their number."""
    value = jax.value_and_grad(_squared_errors)
    count = jnp.sum(parts >= 0).astype(jnp.float32)
    if len(parts) == 1:
        loss, gradients = value(net, given, parts[0])
        return gradients, loss, count

    def add(total: tuple[Array, Pieces], rows: Array) -> tuple[tuple[Array, Pieces], None]:
        return jax.tree.map(jnp.add, total, value(net, given, rows)), None

    nothing = jnp.float32(0), jax.tree.map(jnp.zeros_like, net)
    loss, gradients = lax.scan(add, nothing, parts)[0]
    return gradients, loss, count


def _squared_errors(net: Pieces, given: Training, rows: Int[Array, " rows"]) -> Float[Array, ""]:
    """Return the sum of squared errors of some rows."""
    bare = Bare(net, given.activation, "accept")

    def step(h: Array, halves: tuple[Any, ...]) -> tuple[Array, None]:
        w_in, b_in, w_out, b_out, gates = halves
        here = net._replace(w_in=w_in, b_in=b_in, w_out=w_out, b_out=b_out, gates=gates)
        alone = bare._replace(pieces=here)
        return second(alone, hidden(alone, h, ...), ..., onto=h), None

    # only what the products gave is kept for the way back: all else is cheaper to compute again than to read
    thrifty = jax.checkpoint(step, policy=jax.checkpoint_policies.dots_saveable, prevent_cse=False)
    h, _ = lax.scan(thrifty, embedded(bare, given.x[rows]), (*net[:4], net.gates))
    error = readout_errors(bare, h, given.y[rows])
    squares = error * error if error.ndim == 1 else jnp.mean(error * error, axis=1)
    return jnp.sum(jnp.where(rows >= 0, squares, 0.0))
