"""Device: what second halves would gain at each position, by what the predictions have in common with hidden units.

At a position, e is what a linear probe of the states there leaves of the target, and g the mean gradient of the
predictions with respect to the states behind it. A second half j behind the hidden units a is worth g·w_out[j]·E[a e]
to first order: the target varies with the right one. Gains of several outputs are added up.
"""

from collections.abc import Sequence

import jax.numpy as jnp
from jax import lax

from jaxsolve.architecture.device import all_pulled, hidden, output_gradients, pullback
from jaxsolve.backend.compile import compiled
from jaxsolve.backend.devices import REPLICATED, sharded
from jaxsolve.backend.precision import product
from jaxsolve.backend.shapes import Array, Float
from jaxsolve.engine.network import Problem, prefix_states, probe
from jaxsolve.puzzle import Assembly


def _outputs(gradients: Array) -> Array:
    """Return gradients with an axis for outputs, `[K, R, D]`, also where there is one."""
    return gradients[None] if gradients.ndim == 2 else gradients


def _gains(problem: Problem, units: Array, left: Array, pulled: Sequence[Array]) -> Array:
    """Return what every second half would gain behind some hidden units, by how each output pulls at it."""
    each = [left] if left.ndim == 1 else [left[:, k] for k in range(left.shape[1])]
    common = lambda one: product(one, units, problem.tier) / problem.rows
    first, *more = (product(own, common(one), problem.tier) for own, one in zip(pulled, each, strict=True))
    return sum(more, first)


@compiled()
def partner_gains(problem: Problem, assembly: Assembly) -> Float[Array, "N N"]:
    """Return the gain of every second half (column) behind the first half that runs at each position (row)."""

    def on_one_device(problem: Problem, assembly: Assembly) -> Array:
        ins, outs = assembly
        states = prefix_states(problem, assembly)

        def backward(g: Array, at: tuple[Array, Array, Array]) -> tuple[Array, Array]:
            h, i, j = at
            return pullback(problem, h, g, i, j), jnp.mean(g, axis=0)

        def pulled_by(last: Array) -> Array:
            _, gradients = lax.scan(backward, last, (states[:-1], ins, outs), reverse=True)
            return all_pulled(problem, gradients)[0]

        def of_position(at: tuple[Array, Array, tuple[Array, ...]]) -> Array:
            h, i, pulled = at
            return _gains(problem, hidden(problem, h, i), -probe(problem, h)[2], pulled)

        pulled = tuple(pulled_by(last) for last in _outputs(output_gradients(problem, states[-1])))
        return lax.map(of_position, (states[:-1], ins, pulled))

    run = sharded(on_one_device, problem.over, (REPLICATED, REPLICATED), REPLICATED)
    return run(problem, Assembly(*map(jnp.asarray, assembly)))


@compiled()
def input_gains(problem: Problem) -> Float[Array, "N N"]:
    """Return the gain of every second half (column) behind every first half (row) as the only block of a network."""

    def on_one_device(problem: Problem) -> Array:
        x = jnp.asarray(problem.x)

        left, each = -probe(problem, x)[2], _outputs(output_gradients(problem, x))
        pulled = [product(problem.pieces.w_out, jnp.mean(last, axis=0), problem.tier) for last in each]
        return lax.map(lambda i: _gains(problem, hidden(problem, x, i), left, pulled), jnp.arange(problem.blocks))

    return sharded(on_one_device, problem.over, (REPLICATED,), REPLICATED)(problem)
