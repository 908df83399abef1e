"""Device: exact mean squared errors of many candidates near one assembly, or anywhere.

On a CPU, every device evaluates its candidates in turn, each as a sequence of plain matrix products, which
is what keeps a core busiest, and each from the states that it shares with the one before (`paths`).
Elsewhere `lanes` candidates run side by side from the earliest position at which one of them departs.
States stay on the devices between calls and are only renewed behind the last change.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxsolve.engine.compile import compiled
from jaxsolve.engine.devices import EACH, SAME, by_device, collected, collected_spec, spread
from jaxsolve.engine.network import Problem, block, readout_loss
from jaxsolve.engine.paths import Paths
from jaxsolve.engine.shapes import Array, Float, Int
from jaxsolve.puzzle import Assembly

ACCELERATOR_LANES = 64


def default_lanes() -> int:
    """Return how many candidates run side by side on one of the default devices."""
    return 1 if jax.default_backend() == "cpu" else ACCELERATOR_LANES


def input_states(problem: Problem) -> Float[Array, "C S R D"]:
    """Return S = 2(N + 1) slots for the states of every device, of which only the first is valid: the inputs."""
    states = np.zeros((1, 2 * (problem.blocks + 1), *problem.x.shape), np.float32)
    states[0, 0] = problem.x
    return by_device(problem.over, lambda: states)


@compiled(static=("lanes",), donate=("states",))
def path_losses(
    problem: Problem,
    assembly: Assembly,
    states: Float[Array, "C S R D"],
    paths: Paths,
    *,
    lanes: int,
) -> tuple[Float[Array, "C M"], Float[Array, "C S R D"]]:
    """Return the loss of every path, undefined behind the first `paths.count`, and the states of `assembly`.

    Parameters
    ----------
    problem, assembly
        What the paths are relative to.
    states
        States of the assembly, valid up to the source of path 0, S = 2(N + 1) slots a device; consumed.
    paths
        What each device evaluates; M - 1 is a multiple of `lanes`.
    lanes
        Candidates evaluated side by side; losses do not depend on it but for rounding.
    """
    walk = _in_turn if lanes == 1 else _side_by_side

    def on_one_device(problem: Problem, assembly: Assembly, states: Array, paths: Paths) -> tuple[Array, Array]:
        mine = Paths(*(field[0] for field in paths))
        losses, states = walk(problem, assembly, states[0], mine, lanes)
        return collected(losses[None]), states[None]

    halves = Assembly(*(jnp.asarray(half) for half in assembly))
    run = spread(on_one_device, problem.over, (SAME, SAME, EACH, EACH), (collected_spec(), EACH))
    return run(problem, halves, states, paths)


def _in_turn(
    problem: Problem, assembly: Assembly, states: Float[Array, "S R D"], paths: Paths, lanes: int
) -> tuple[Float[Array, " M"], Float[Array, "S R D"]]:
    slots = problem.blocks + 1

    def walk(m: Int[Array, ""], carry: tuple[Array, Array]) -> tuple[Array, Array]:
        losses, states = carry
        i, j = assembly.ins[paths.ins[m]], assembly.outs[paths.outs[m]]
        source, kept = paths.source[m], jnp.where(m == 0, 0, slots)

        def keep(t: Int[Array, ""], carry: tuple[Array, Array]) -> tuple[Array, Array]:
            h, states = carry
            h = block(problem, h, i[t], j[t])
            return h, states.at[kept + t + 1].set(h)

        start = source % slots
        h, states = lax.fori_loop(start, paths.keep[m], keep, (states[source], states))
        h = lax.fori_loop(
            jnp.maximum(start, paths.keep[m]), problem.blocks, lambda t, h: block(problem, h, i[t], j[t]), h
        )
        return losses.at[m].set(readout_loss(problem, h)), states

    return lax.fori_loop(0, paths.count, walk, (jnp.zeros(paths.source.shape, jnp.float32), states))


def _side_by_side(
    problem: Problem, assembly: Assembly, states: Float[Array, "S R D"], paths: Paths, lanes: int
) -> tuple[Float[Array, " M"], Float[Array, "S R D"]]:
    n = problem.blocks
    ins, outs = assembly
    renew = lambda t, known: known.at[t + 1].set(block(problem, known[t], ins[t], outs[t]))
    states = lax.fori_loop(paths.source[0], n, renew, states)
    losses = jnp.zeros(paths.source.shape, jnp.float32).at[0].set(readout_loss(problem, states[n]))

    def group(g: Int[Array, ""], losses: Float[Array, " M"]) -> Float[Array, " M"]:
        cut = lambda table: lax.dynamic_slice_in_dim(table, 1 + g * lanes, lanes)
        i, j, start = ins[cut(paths.ins)], outs[cut(paths.outs)], cut(paths.source).min()
        step = jax.vmap(lambda h, i, j: block(problem, h, i, j))
        h = jnp.broadcast_to(states[start], (lanes, *states.shape[1:]))
        h = lax.fori_loop(start, n, lambda t, h: step(h, i[:, t], j[:, t]), h)
        found = jax.vmap(lambda h: readout_loss(problem, h))(h)
        return lax.dynamic_update_slice_in_dim(losses, found, 1 + g * lanes, 0)

    return lax.fori_loop(0, (paths.count - 1 + lanes - 1) // lanes, group, losses), states
