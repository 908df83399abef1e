"""Device: what second halves would gain at each position, by what the predictions have in common with hidden units.

At a position, e is what a linear probe of the states there leaves of the target, and g the mean gradient of the
predictions with respect to the states behind it. A second half j behind the hidden units a is worth g·w_out[j]·E[a e]
to first order: the target varies with the right one. Gains of several outputs are added up.
"""

from collections.abc import Callable

import jax.numpy as jnp
from jax import lax

from jaxsolve.architecture.device import all_pulled, hidden, output_gradients, pullback
from jaxsolve.backend.compile import compiled
from jaxsolve.backend.devices import REPLICATED, sharded
from jaxsolve.backend.precision import product
from jaxsolve.backend.shapes import Array, Float
from jaxsolve.engine.network import Problem, prefix_states, probe
from jaxsolve.puzzle import Assembly


def _gains(problem: Problem, h: Array, i: Array, pulled: Array, k: int | None) -> Array:
    """Return what every second half would gain behind first half `i` on the states `h`, for the k-th output."""
    left = -probe(problem, h)[2]
    left = left if k is None else left[:, k]
    return product(pulled, product(left, hidden(problem, h, i), problem.tier) / problem.rows, problem.tier)


def _over_outputs(of_output: Callable[[Array, int | None], Array], gradients: Array) -> Array:
    """Return the sum of what outputs say, each of its gradient with respect to the last states and its number."""
    if gradients.ndim == 2:
        return of_output(gradients, None)
    return sum((of_output(one, k) for k, one in enumerate(gradients)), jnp.zeros(()))


@compiled()
def partner_gains(problem: Problem, assembly: Assembly) -> Float[Array, "N N"]:
    """Return the gain of every second half (column) behind the first half that runs at each position (row)."""

    def on_one_device(problem: Problem, assembly: Assembly) -> Array:
        ins, outs = assembly
        states = prefix_states(problem, assembly)

        def backward(g: Array, at: tuple[Array, Array, Array]) -> tuple[Array, Array]:
            h, i, j = at
            return pullback(problem, h, g, i, j), jnp.mean(g, axis=0)

        def of_output(last: Array, k: int | None) -> Array:
            _, gradients = lax.scan(backward, last, (states[:-1], ins, outs), reverse=True)
            pulled, _ = all_pulled(problem, gradients)
            return lax.map(lambda at: _gains(problem, at[0], at[1], at[2], k), (states[:-1], ins, pulled))

        return _over_outputs(of_output, output_gradients(problem, states[-1]))

    run = sharded(on_one_device, problem.over, (REPLICATED, REPLICATED), REPLICATED)
    return run(problem, Assembly(*map(jnp.asarray, assembly)))


@compiled()
def input_gains(problem: Problem) -> Float[Array, "N N"]:
    """Return the gain of every second half (column) behind every first half (row) as the only block of a network."""

    def on_one_device(problem: Problem) -> Array:
        x = jnp.asarray(problem.x)

        def of_output(last: Array, k: int | None) -> Array:
            pulled = product(problem.pieces.w_out, jnp.mean(last, axis=0), problem.tier)
            return lax.map(lambda i: _gains(problem, x, i, pulled, k), jnp.arange(problem.blocks))

        return _over_outputs(of_output, output_gradients(problem, x))

    return sharded(on_one_device, problem.over, (REPLICATED,), REPLICATED)(problem)
