"""Device: what second halves would gain at each position, by what the predictions have in common with hidden units.

At a position, e is what a linear probe of the states there leaves of the target, and g the mean gradient of the
predictions with respect to the states behind it. A second half j behind the hidden units a is worth g·w_out[j]·E[a e]
to first order: the target varies with the right one.
"""

import jax.numpy as jnp
from jax import lax

from jaxsolve.architecture.device import all_pulled, hidden, projected, pullback
from jaxsolve.backend.compile import compiled
from jaxsolve.backend.devices import REPLICATED, sharded
from jaxsolve.backend.precision import product
from jaxsolve.backend.shapes import Array, Float
from jaxsolve.engine.network import Problem, prefix_states, probe
from jaxsolve.puzzle import Assembly


@compiled()
def partner_gains(problem: Problem, assembly: Assembly) -> Float[Array, "N N"]:
    """Return the gain of every second half (column) behind the first half that runs at each position (row)."""

    def on_one_device(problem: Problem, assembly: Assembly) -> Array:
        ins, outs = assembly
        states = prefix_states(problem, assembly)

        def backward(g: Array, at: tuple[Array, Array, Array]) -> tuple[Array, Array]:
            h, i, j = at
            return pullback(problem, h, g, i, j), jnp.mean(g, axis=0)

        last = jnp.broadcast_to(problem.pieces.w_last, states[0].shape)
        _, gradients = lax.scan(backward, last, (states[:-1], ins, outs), reverse=True)
        pulled, _ = all_pulled(problem, gradients)

        def of_position(at: tuple[Array, Array, Array]) -> Array:
            h, i, pull = at
            left = -probe(problem, h)[2]
            return product(pull, product(left, hidden(problem, h, i), problem.tier) / problem.rows, problem.tier)

        return lax.map(of_position, (states[:-1], ins, pulled))

    run = sharded(on_one_device, problem.over, (REPLICATED, REPLICATED), REPLICATED)
    return run(problem, Assembly(*map(jnp.asarray, assembly)))


@compiled()
def input_gains(problem: Problem) -> Float[Array, "N N"]:
    """Return the gain of every second half (column) behind every first half (row) as the only block of a network."""

    def on_one_device(problem: Problem) -> Array:
        x = jnp.asarray(problem.x)
        left = -probe(problem, x)[2]
        pulled, _ = projected(problem)

        def of_first(i: Array) -> Array:
            return product(pulled, product(left, hidden(problem, x, i), problem.tier) / problem.rows, problem.tier)

        return lax.map(of_first, jnp.arange(problem.blocks))

    return sharded(on_one_device, problem.over, (REPLICATED,), REPLICATED)(problem)
