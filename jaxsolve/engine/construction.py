"""Device: orders built block by block, for given pairs: block k is first half k with second half `partner[k]`."""

import jax.numpy as jnp
from jax import lax

from jaxsolve.architecture.device import block, readout_loss
from jaxsolve.backend.compile import compiled
from jaxsolve.backend.devices import REPLICATED, SHARDED, collected, collected_spec, sharded
from jaxsolve.backend.shapes import Array, Float, Int
from jaxsolve.engine.network import Problem, prefix_states
from jaxsolve.puzzle import Assembly


@compiled()
def insertion_losses(
    problem: Problem, partner: Int[Array, " N"], order: Int[Array, " N"], length: Int[Array, ""]
) -> Float[Array, "N N"]:
    """Return the loss of the partial order `order[:length]` with block k (row) inserted at place p (column).

    Infinity where p > length or where k is in the order already. States before the place are shared.
    """
    n, devices = problem.blocks, problem.over.size
    partner, order = jnp.asarray(partner), jnp.asarray(order)

    def on_one_device(
        problem: Problem, partner: Array, order: Array, length: Array, mine: Int[Array, " K"]
    ) -> Float[Array, "K N"]:
        used = jnp.zeros(n, bool).at[jnp.where(jnp.arange(n) < length, order, n)].set(True, mode="drop")
        prefix = prefix_states(problem, Assembly(order, partner[order]))
        step = lambda t, h: block(problem, h, order[t], partner[order[t]])

        def loss(p: Int[Array, ""], k: Int[Array, ""]) -> Float[Array, ""]:
            def evaluate() -> Float[Array, ""]:
                h = lax.fori_loop(p, length, step, block(problem, prefix[p], k, partner[k]))
                return readout_loss(problem, h, problem.y)

            return lax.cond((k >= n) | used[k % n] | (p > length), lambda: jnp.float32(jnp.inf), evaluate)

        return collected(lax.map(lambda k: lax.map(lambda p: loss(p, k), jnp.arange(n)), mine))

    blocks = jnp.arange(-(-n // devices) * devices)
    run = sharded(
        on_one_device, problem.over, (REPLICATED, REPLICATED, REPLICATED, REPLICATED, SHARDED), collected_spec()
    )
    return run(problem, partner, order, length, blocks)[:n]
