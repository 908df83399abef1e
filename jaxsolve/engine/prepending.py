"""Device: what one more block before a partial network would make of it, for networks that grow from their end.

What runs behind a new first block is not linear, so that there is no fused projection. To first order it is: with g
the gradient of the readout with respect to the inputs, row by row, the block (i, j) changes the prediction by
act(w_in[i]·x + b_in[i])·(w_out[j]ᵀ·g) + b_out[j]·g. The hidden units on the inputs are the same for all networks. It
ranks; `suffix_losses` decides.
"""

import jax
import jax.numpy as jnp
from jax import lax

from jaxsolve.architecture.device import all_hidden, all_pulled, block, readout, readout_loss
from jaxsolve.backend.compile import compiled
from jaxsolve.backend.devices import AXIS, REPLICATED, SHARDED, sharded
from jaxsolve.backend.shapes import Array, Bool, Float, Int
from jaxsolve.engine.network import Problem


def _outputs(problem: Problem, x: Array, ins: Array, outs: Array, begin: Array) -> Array:
    """Return what the blocks from position `begin` on make of some inputs."""
    n = problem.blocks
    step = lambda h, t: (jnp.where(t >= begin, block(problem, h, ins[t], outs[t]), h), None)
    return readout(problem, lax.scan(step, x, jnp.arange(n))[0])


@compiled()
def prepended_losses(
    problem: Problem, ins: Int[Array, "B N"], outs: Int[Array, "B N"], begin: Int[Array, ""], left: Bool[Array, "B 2 N"]
) -> Float[Array, "B N N"]:
    """Return the loss of B networks, each with one more block (i, j) before it, to first order.

    Parameters
    ----------
    problem
        The rows.
    ins, outs, begin
        The networks, B a multiple of the devices: the positions from `begin` on run.
    left
        First and second halves that may be used; the losses of others are infinite.
    """
    size = 256  # rows whose effects are formed together
    missing = -problem.rows % size

    def on_one_device(problem: Problem, ins: Array, outs: Array, begin: Array, left: Array) -> Array:
        xs = jnp.pad(jnp.asarray(problem.x), ((0, missing), (0, 0))).reshape(-1, size, problem.x.shape[1])
        rest = problem.y.shape[1:]
        ys = jnp.pad(jnp.asarray(problem.y), [(0, missing)] + [(0, 0)] * len(rest)).reshape(-1, size, *rest)
        weights = jnp.pad(jnp.ones(problem.rows), (0, missing)).reshape(-1, size)

        def of_network(network: tuple[Array, Array, Array]) -> Array:
            ins, outs, left = network

            def of_rows(sums: Array, part: tuple[Array, Array, Array]) -> tuple[Array, None]:
                x, y, weight = part
                predicted, back = jax.vjp(lambda x: _outputs(problem, x, ins, outs, begin), x)
                units = all_hidden(problem, x)

                def squared(away: Array, g: Array) -> Array:
                    pulled, biases = all_pulled(problem, g)
                    change = jnp.einsum("rih,rjh->rij", units, pulled, precision=lax.Precision.HIGHEST)
                    error = away[:, None, None] + change + biases[:, None]
                    return jnp.sum(weight[:, None, None] * error * error, axis=0)

                if predicted.ndim == 1:
                    return sums + squared(predicted - y, back(jnp.ones_like(predicted))[0]), None
                of_output = lambda k: back(jnp.zeros_like(predicted).at[:, k].set(1.0))[0]
                for k in range(predicted.shape[1]):
                    sums += squared(predicted[:, k] - y[:, k], of_output(k)) / predicted.shape[1]
                return sums, None

            start = jnp.zeros((problem.blocks, problem.blocks), jnp.float32)
            losses = lax.scan(of_rows, start, (xs, ys, weights))[0] / problem.rows
            allowed = left[0][:, None] & left[1]
            return jnp.where(allowed & ~jnp.isnan(losses), losses, jnp.inf)

        return lax.all_gather(lax.map(of_network, (ins, outs, left)), AXIS, tiled=True)

    run = sharded(on_one_device, problem.over, (REPLICATED, SHARDED, SHARDED, REPLICATED, SHARDED), REPLICATED)
    return run(problem, *map(jnp.asarray, (ins, outs, begin, left)))


@compiled()
def suffix_losses(
    problem: Problem, ins: Int[Array, "B N"], outs: Int[Array, "B N"], begin: Int[Array, ""]
) -> Float[Array, " B"]:
    """Return the loss of B networks, a multiple of the devices, of which the positions from `begin` on run."""

    def on_one_device(problem: Problem, ins: Array, outs: Array, begin: Array) -> Array:
        def of_network(network: tuple[Array, Array]) -> Array:
            ins, outs = network
            step = lambda t, h: block(problem, h, ins[t], outs[t])
            h = lax.fori_loop(begin, problem.blocks, step, jnp.asarray(problem.x))
            return readout_loss(problem, h, problem.y)

        losses = lax.map(of_network, (ins, outs))
        return lax.all_gather(jnp.where(jnp.isnan(losses), jnp.inf, losses), AXIS, tiled=True)

    run = sharded(on_one_device, problem.over, (REPLICATED, SHARDED, SHARDED, REPLICATED), REPLICATED)
    return run(problem, *map(jnp.asarray, (ins, outs, begin)))
