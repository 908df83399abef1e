"""Device: orders built block by block, for given pairs: block k is first half k with second half `partner[k]`."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from jaxsolve.engine.compile import compiled
from jaxsolve.engine.network import Problem, block, prefix_states, readout_loss, residual
from jaxsolve.puzzle import Assembly


def _mean_norm(update: Float[Array, "R D"]) -> Float[Array, ""]:
    return jnp.mean(jnp.sqrt(jnp.sum(update * update, axis=1)))


@compiled()
def delta_greedy_order(problem: Problem, partner: Int[Array, " N"]) -> Int[Array, " N"]:
    """Return the order in which each next block is the one whose update of the current states is smallest."""
    blocks = jnp.arange(problem.blocks, dtype=jnp.int32)

    def step(carry: tuple[Float[Array, "R D"], Array], _: None) -> tuple:
        h, used = carry

        def norm(k: Int[Array, ""]) -> Float[Array, ""]:
            return lax.cond(
                used[k], lambda: jnp.float32(jnp.inf), lambda: _mean_norm(residual(problem, h, k, partner[k]))
            )

        k = jnp.argmin(lax.map(norm, blocks)).astype(jnp.int32)
        return (block(problem, h, k, partner[k]), used.at[k].set(True)), k

    start = (jnp.asarray(problem.x), jnp.zeros(problem.blocks, bool))
    return lax.scan(step, start, length=problem.blocks)[1]


@compiled()
def insertion_losses(
    problem: Problem, partner: Int[Array, " N"], order: Int[Array, " N"], length: Int[Array, ""]
) -> Float[Array, "N N"]:
    """Return the loss of the partial order `order[:length]` with block k (column) inserted at place p (row).

    Infinity where p > length or where k is in the order already. States before the place are shared.
    """
    n = problem.blocks
    blocks = jnp.arange(n, dtype=jnp.int32)
    used = jnp.zeros(n, bool).at[jnp.where(blocks < length, order, n)].set(True, mode="drop")
    prefix = prefix_states(problem, Assembly(order, partner[order]))
    step = lambda t, h: block(problem, h, order[t], partner[order[t]])

    def loss(p: Int[Array, ""], k: Int[Array, ""]) -> Float[Array, ""]:
        def evaluate() -> Float[Array, ""]:
            return readout_loss(problem, lax.fori_loop(p, length, step, block(problem, prefix[p], k, partner[k])))

        return lax.cond(used[k] | (p > length), lambda: jnp.float32(jnp.inf), evaluate)

    return lax.map(lambda p: lax.map(lambda k: loss(p, k), blocks), blocks)
