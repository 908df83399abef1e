"""Device: exact mean squared errors of many candidates near one assembly, or anywhere.

On a CPU, every device evaluates its candidates in turn, each as a sequence of plain matrix products, which
is what keeps a core busiest, and each from the states that it shares with the one before (`paths`).
Elsewhere `LANES` candidates run side by side from the earliest position at which one of them departs, or all of
them in one kernel (`fused`).
States stay on the devices between calls and are only renewed behind the last change.
"""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxsolve.architecture.device import block, readout_loss
from jaxsolve.backend.compile import compiled
from jaxsolve.backend.devices import REPLICATED, SHARDED, by_device, collected, collected_spec, sharded
from jaxsolve.backend.precision import Tier
from jaxsolve.backend.shapes import Array, Float, Int
from jaxsolve.engine.fused import fused_losses, simple
from jaxsolve.engine.moves import as_moves
from jaxsolve.engine.network import Problem, first_rows
from jaxsolve.engine.paths import Paths, plan
from jaxsolve.puzzle import Assembly

Way = Literal["sequential", "batched", "fused"]
"""How a device goes through its candidates; losses do not depend on it but for rounding."""

LANES = 64
"""Candidates that run side by side."""
AGREEMENT: dict[Tier, float] = {"screen": 1e-2, "accept": 1e-5}
"""Largest relative difference of losses to the plain way at which the kernel is used."""


def best_way(problem: Problem) -> Way:
    """Return how the devices of a problem go through candidates: the kernel where it agrees with the plain way."""
    if problem.over.devices.flat[0].platform == "cpu":
        return "sequential"
    return "fused" if simple(problem) and kernel_agrees(problem) else "batched"


_agreed: dict[tuple, bool] = {}


def kernel_agrees(problem: Problem) -> bool:
    """Return whether the kernel compiles here and gives random candidates the losses of the plain way."""
    kind = problem.pieces.w_in.shape, problem.activation, problem.tier, problem.over
    if kind not in _agreed:
        trials = 16  # candidates on which the two are compared
        few, rng = first_rows(problem, 4 * LANES, problem.tier), np.random.default_rng(0)
        orders = np.stack([rng.permutation(problem.blocks) for _ in range(2 * trials)]).astype(np.int32)
        candidates = as_moves(Assembly(orders[:trials], orders[trials:]))
        room = 1 + -(-trials // LANES) * LANES
        paths = plan(candidates, devices=problem.over.size, room=room, valid=0, chains=False).paths
        stay = Assembly(*np.tile(np.arange(problem.blocks, dtype=np.int32), (2, 1)))
        ways: tuple[Way, Way] = "batched", "fused"
        try:
            plain, fused = (np.asarray(path_losses(few, stay, input_states(few), paths, way=w)[0]) for w in ways)
        except Exception:  # whatever a back end that is changing may raise
            _agreed[kind] = False
        else:
            known = np.arange(room) < paths.count[:, None]
            # losses below 1e-6 of the mean square of the predictions are all the same
            size = plain[known] + 1e-6 * np.mean(np.square(few.y))
            _agreed[kind] = bool((np.abs(fused - plain)[known] <= AGREEMENT[problem.tier] * size).all())
    return _agreed[kind]


def input_states(problem: Problem) -> Float[Array, "C S R D"]:
    """Return S = 2(N + 1) slots for the states of every device, of which none is valid but the inputs."""
    slots = np.zeros((1, 2 * (problem.blocks + 1), *problem.x.shape), np.float32)
    return by_device(problem.over, lambda: slots)


@compiled(static=("way",), donate=("states",))
def path_losses(
    problem: Problem,
    assembly: Assembly,
    states: Float[Array, "C S R D"],
    paths: Paths,
    *,
    way: Way,
) -> tuple[Float[Array, "C M"], Float[Array, "C S R D"]]:
    """Return the loss of every path, undefined behind the first `paths.count`, and the states of `assembly`.

    Parameters
    ----------
    problem, assembly
        What the paths are relative to.
    states
        States of the assembly, valid up to the source of path 0, S = 2(N + 1) slots a device; consumed.
    paths
        What each device evaluates; in turn they may go on from each other, else from the assembly alone.
        Side by side M - 1 is a multiple of `LANES`.
    way
        How a device goes through its candidates.
    """
    walk = {"sequential": _sequential, "batched": _batched, "fused": _fused}[way]

    def on_one_device(problem: Problem, assembly: Assembly, states: Array, paths: Paths) -> tuple[Array, Array]:
        mine = Paths(*(field[0] for field in paths))
        losses, states = walk(problem, assembly, states[0].at[0].set(problem.x), mine)
        return collected(losses[None]), states[None]

    halves = Assembly(*(jnp.asarray(half) for half in assembly))
    run = sharded(on_one_device, problem.over, (REPLICATED, REPLICATED, SHARDED, SHARDED), (collected_spec(), SHARDED))
    return run(problem, halves, states, paths)


def _sequential(
    problem: Problem, assembly: Assembly, states: Float[Array, "S R D"], paths: Paths
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
        return losses.at[m].set(readout_loss(problem, h, problem.y)), states

    return lax.fori_loop(0, paths.count, walk, (jnp.zeros(paths.source.shape, jnp.float32), states))


def _renewed(problem: Problem, assembly: Assembly, states: Float[Array, "S R D"], valid: Array) -> Array:
    renew = lambda t, known: known.at[t + 1].set(block(problem, known[t], assembly.ins[t], assembly.outs[t]))
    return lax.fori_loop(valid, problem.blocks, renew, states)


def _batched(
    problem: Problem, assembly: Assembly, states: Float[Array, "S R D"], paths: Paths
) -> tuple[Float[Array, " M"], Float[Array, "S R D"]]:
    n = problem.blocks
    states = _renewed(problem, assembly, states, paths.source[0])
    losses = jnp.zeros(paths.source.shape, jnp.float32).at[0].set(readout_loss(problem, states[n], problem.y))

    def group(g: Int[Array, ""], losses: Float[Array, " M"]) -> Float[Array, " M"]:
        cut = lambda table: lax.dynamic_slice_in_dim(table, 1 + g * LANES, LANES)
        i, j, start = assembly.ins[cut(paths.ins)], assembly.outs[cut(paths.outs)], cut(paths.source).min()
        step = jax.vmap(lambda h, i, j: block(problem, h, i, j))
        h = jnp.broadcast_to(states[start], (LANES, *states.shape[1:]))
        h = lax.fori_loop(start, n, lambda t, h: step(h, i[:, t], j[:, t]), h)
        found = jax.vmap(lambda h: readout_loss(problem, h, problem.y))(h)
        return lax.dynamic_update_slice_in_dim(losses, found, 1 + g * LANES, 0)

    return lax.fori_loop(0, (paths.count - 1 + LANES - 1) // LANES, group, losses), states


def _fused(
    problem: Problem, assembly: Assembly, states: Float[Array, "S R D"], paths: Paths
) -> tuple[Float[Array, " M"], Float[Array, "S R D"]]:
    states = _renewed(problem, assembly, states, paths.source[0])
    # what does not matter starts behind the last block
    start = jnp.where(jnp.arange(paths.source.shape[0]) < paths.count, paths.source, problem.blocks)
    ins, outs = assembly.ins[paths.ins], assembly.outs[paths.outs]
    interpret = problem.over.devices.flat[0].platform == "cpu"
    return fused_losses(problem, states, start.at[0].set(problem.blocks), ins, outs, interpret=interpret), states
