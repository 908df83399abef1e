"""Device: exact mean squared errors of many moves from one assembly.

States before the first position that a move touches are those of the assembly itself: they are kept on the
device between calls and only renewed behind the last change. On a CPU, candidates run one after the other,
each as a sequence of plain matrix products, which is what keeps its cores busiest; elsewhere `lanes`
candidates run side by side.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from jaxsolve.engine.compile import compiled
from jaxsolve.engine.moves import Moves
from jaxsolve.engine.network import Problem, block, readout_loss
from jaxsolve.puzzle import Assembly

ACCELERATOR_LANES = 64


def default_lanes() -> int:
    """Return how many candidates run side by side on the default device."""
    return 1 if jax.default_backend() == "cpu" else ACCELERATOR_LANES


def input_states(problem: Problem) -> Float[Array, "P R D"]:
    """Return states, P = N + 1, of which only those before the first position are valid: the inputs."""
    states = np.zeros((problem.blocks + 1, *problem.x.shape), np.float32)
    states[0] = problem.x
    return jax.device_put(states)


@compiled(static=("lanes",), donate=("states",))
def neighbourhood_losses(
    problem: Problem,
    assembly: Assembly,
    states: Float[Array, "P R D"],
    valid: Int[Array, ""],
    moves: Moves,
    count: Int[Array, ""],
    *,
    lanes: int,
) -> tuple[Float[Array, " M"], Float[Array, "P R D"]]:
    """Return the loss of each of the first `count` moves, infinity for the rest, and the states of `assembly`.

    Parameters
    ----------
    problem, assembly
        What the moves start from.
    states
        States of the assembly before every position and after the last, P = N + 1; consumed.
    valid
        The states up to this position are right; those behind it are renewed.
    moves, count
        M moves, a multiple of `lanes`, of which `count` matter.
    lanes
        Candidates evaluated side by side; losses do not depend on it but for rounding.
    """
    n = problem.blocks
    ins, outs = jnp.asarray(assembly.ins), jnp.asarray(assembly.outs)
    renew = lambda t, known: known.at[t + 1].set(block(problem, known[t], ins[t], outs[t]))
    states = lax.fori_loop(valid, n, renew, states)

    def loss(move: Moves) -> Float[Array, ""]:
        i, j = ins[move.ins], outs[move.outs]
        step = lambda t, h: block(problem, h, i[t], j[t])
        return readout_loss(problem, lax.fori_loop(move.first, n, step, states[move.first]))

    def group(g: Int[Array, ""], losses: Float[Array, " M"]) -> Float[Array, " M"]:
        several = Moves(*(lax.dynamic_slice_in_dim(field, g * lanes, lanes) for field in moves))
        alone = Moves(*(field[0] for field in several))
        found = loss(alone)[None] if lanes == 1 else jax.vmap(loss)(several)
        return lax.dynamic_update_slice_in_dim(losses, found, g * lanes, 0)

    unknown = jnp.full(moves.size, jnp.inf, jnp.float32)
    losses = lax.fori_loop(0, (count + lanes - 1) // lanes, group, unknown)
    return jnp.where(jnp.arange(moves.size) < count, losses, jnp.inf), states
