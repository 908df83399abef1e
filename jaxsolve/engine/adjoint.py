"""Device: first-order losses of many moves of the order from one forward and one backward pass.

Putting another block at position t changes every row's prediction by about g·(what it adds - what stands
there adds), g the gradient of the prediction with respect to the states after t. This ranks moves; only an
exact evaluation decides.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from jaxsolve.engine.compile import compiled
from jaxsolve.engine.moves import Moves
from jaxsolve.engine.network import ACCEPT, Problem, block, prefix_states, residual
from jaxsolve.puzzle import Assembly


@compiled()
def screened_losses(problem: Problem, assembly: Assembly, moves: Moves) -> Float[Array, " M"]:
    """Return the predicted loss of each move; moves permute first and second halves alike."""
    p, rows = problem.pieces, problem.rows
    states = prefix_states(problem, assembly)
    error = jnp.matmul(states[-1], p.w_last, precision=ACCEPT) + p.b_last - problem.y
    effects = _effects(problem, assembly, states)
    positions = jnp.arange(problem.blocks)
    effects = effects - effects[positions, positions][:, None]

    def loss(source: Int[Array, " N"]) -> Float[Array, ""]:
        step = lambda t, change: change + effects[t, source[t]]
        after = lax.fori_loop(0, problem.blocks, step, error)
        return jnp.sum(after * after) / rows

    return lax.map(loss, moves.ins)


def _effects(problem: Problem, assembly: Assembly, states: Float[Array, "P R D"]) -> Float[Array, "N N R"]:
    """Return the first-order change of each prediction when position t (first axis) runs the block of s (second)."""

    def back(gradient: Float[Array, "R D"], at: tuple[Array, Assembly]) -> tuple[Array, Array]:
        h, (i, j) = at
        along = lambda half: jnp.sum(residual(problem, h, *half) * gradient, axis=1)
        _, pull = jax.vjp(lambda h: block(problem, h, i, j), h)
        return pull(gradient)[0], lax.map(along, assembly)

    readout = jnp.broadcast_to(problem.pieces.w_last, states.shape[1:])
    return lax.scan(back, readout, (states[:-1], assembly), reverse=True)[1]
