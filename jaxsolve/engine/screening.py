"""Device: what every move would do to the loss, to first order, from one forward and one backward pass.

With g the gradient of the predictions with respect to the states at a position, a block put there changes
the predictions by about g·(what it adds), and one taken away by -g·(what it added). An insertion is one of
each, a swap two of each; the blocks between stay as they are. A block that moves down no longer finds its
own update among its inputs, so that what it adds there is computed without. The prediction of a move is
the mean of (error + 0.6·change)²: activations saturate, so that large changes end up smaller, and between 0.5 and 0.7
most of the best moves rank first from random orders (bench/results, screening). It ranks; an exact evaluation decides.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsolve.architecture.device import (
    block,
    by_output,
    hidden,
    measured,
    output_gradients,
    pullback,
    pulled,
    readout_errors,
)
from jaxsolve.architecture.own import OwnBlocks
from jaxsolve.backend.compile import compiled
from jaxsolve.backend.devices import AXIS, REPLICATED, SHARDED, collected, collected_spec, sharded
from jaxsolve.backend.shapes import Array, Float, Int
from jaxsolve.engine.network import Problem, prefix_states
from jaxsolve.puzzle import Assembly


class Changes(NamedTuple):
    """How the predictions change, to first order; P = N + 1, R rows last, or as many measurements (`by_output`)."""

    error: Array
    """`[R]` of the predictions as they are"""
    removed: Array
    """`[P, R]` by the blocks before a position, summed: what taking them away would take back"""
    inserted: Array
    """`[P, P, R]` by inserting before position p the blocks that now run before s, summed over these"""
    replaced: Array
    """`[K, N, N, R]` if position t ran what s runs now: both halves, the first alone, the second alone"""


def _weigh(
    problem: Problem, assembly: Assembly, mine: Int[Array, " T"], partners: bool
) -> tuple[Float[Array, " R"], Float[Array, "N R"], Float[Array, "T N R"], Float[Array, "T K N R"]]:
    """Return errors, own effects, and effects of insertion and replacement at some of the P positions."""
    n = problem.blocks
    states = prefix_states(problem, assembly)
    error = measured(readout_errors(problem, states[n], problem.y))
    gradients = output_gradients(problem, states[n])
    return error, *by_output(lambda last: _weigh_output(problem, assembly, mine, partners, states, last), gradients)


def _weigh_output(
    problem: Problem,
    assembly: Assembly,
    mine: Int[Array, " T"],
    partners: bool,
    states: Float[Array, "P R D"],
    last: Float[Array, "R D"],
) -> tuple[Float[Array, "N R"], Float[Array, "T N R"], Float[Array, "T K N R"]]:
    """Return the effects on one output, with its gradient with respect to the last states."""
    n, (ins, outs) = problem.blocks, assembly

    def backward(g: Float[Array, "R D"], at: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        h, i, j = at
        return pullback(problem, h, g, i, j), g

    first, after = lax.scan(backward, last, (states[:n], ins, outs), reverse=True)
    before = jnp.concatenate([first[None], after])
    own = jnp.sum(after * (states[1:] - states[:n]), axis=2)

    def whole_at(t: Int[Array, ""]) -> tuple[Float[Array, "N R"], Float[Array, "K N R"]]:
        h, own_t = states[t], jnp.minimum(t, n - 1)

        def of(s: Int[Array, ""]) -> tuple[Float[Array, " R"], Float[Array, "K R"]]:
            without = h - jnp.where(s < t, states[s + 1] - states[s], 0.0)
            update = block(problem, without, ins[s], outs[s]) - without
            along = lambda g: jnp.sum(g * update, axis=1)
            return along(before[t]), along(after[own_t])[None] - own[own_t]

        inserted, replaced = lax.map(of, jnp.arange(n))
        return inserted, jnp.moveaxis(replaced, 0, 1)

    def at_position(t: Int[Array, ""]) -> tuple[Float[Array, "N R"], Float[Array, "K N R"]]:
        h, g, own_t = states[t], (before[t], after[jnp.minimum(t, n - 1)]), jnp.minimum(t, n - 1)
        act = lambda h, s: hidden(problem, h, ins[s])
        pull = lambda g, s: pulled(problem, g, outs[s])
        weigh = lambda acted, pulled: jnp.sum(acted * pulled[0], axis=1) + pulled[1]
        own_act, own_pull = act(h, own_t), pull(g[1], own_t)

        def of(s: Int[Array, ""]) -> tuple[Float[Array, " R"], Float[Array, "K R"]]:
            without = h - jnp.where(s < t, states[s + 1] - states[s], 0.0)
            acted = act(without, s)
            replaced = [weigh(acted, pull(g[1], s))]
            if partners:
                replaced += [weigh(act(h, s), own_pull), weigh(own_act, pull(g[1], s))]
            return weigh(acted, pull(g[0], s)), jnp.stack(replaced) - own[own_t]

        inserted, replaced = lax.map(of, jnp.arange(n))
        return inserted, jnp.moveaxis(replaced, 0, 1)

    return own, *lax.map(whole_at if isinstance(problem.pieces, OwnBlocks) else at_position, mine)


@compiled(static=("partners",))
def first_order_changes(problem: Problem, assembly: Assembly, *, partners: bool) -> Changes:
    """Return how the predictions change to first order with any block at any position.

    With `partners` also with any first half and any second half alone; K is then 3, else 1.
    """
    n, devices = problem.blocks, problem.over.size

    def on_one_device(problem: Problem, assembly: Assembly, mine: Int[Array, " T"]) -> Changes:
        error, own, *parts = _weigh(problem, assembly, jnp.minimum(mine, n), partners)
        inserted, replaced = (lax.all_gather(part, AXIS, tiled=True) for part in parts)
        removed = jnp.pad(jnp.cumsum(own, axis=0), ((1, 0), (0, 0)))
        inserted = jnp.pad(jnp.cumsum(inserted[: n + 1], axis=1), ((0, 0), (1, 0), (0, 0)))
        return Changes(error, removed, inserted, jnp.moveaxis(replaced[:n], 1, 0))

    positions = jnp.arange(-(-(n + 1) // devices) * devices)
    run = sharded(on_one_device, problem.over, (REPLICATED, REPLICATED, SHARDED), REPLICATED)
    return run(problem, Assembly(*map(jnp.asarray, assembly)), positions)


@compiled()
def predicted_losses(
    problem: Problem, changes: Changes, segments: Int[Array, "M 4"], halves: Int[Array, " M"]
) -> Float[Array, " M"]:
    """Return the loss of each move to first order, for moves as a `Neighbourhood` has them.

    M is a multiple of 64 times the devices, 64 predictions being formed together; first or second halves alone are
    exchanged one by one only.
    """

    def on_one_device(changes: Changes, segments: Int[Array, "L 4"], halves: Int[Array, " L"]) -> Float[Array, " L"]:
        error, removed, inserted, replaced = changes

        def loss(segment: Int[Array, " 4"], half: Int[Array, ""]) -> Float[Array, ""]:
            i, a, j, b = segment
            alone = jnp.minimum(half, replaced.shape[0] - 1)
            taken = lambda begin, size: removed[begin + size] - removed[begin]
            given = lambda p, begin, size: inserted[p, begin + size] - inserted[p, begin]
            down = given(j + b, i, a) - taken(i, a)
            up = given(i, j, b) - taken(j, b)
            across = given(j, i, a) - taken(i, a) + up
            change = jnp.where(i + a < j, across, jnp.where(a <= b, down, up))
            one_by_one = (a == 1) & (b == 1)
            change = jnp.where(one_by_one, replaced[alone, i, j] + replaced[alone, j, i], change)
            return jnp.mean((error + 0.6 * change) ** 2)

        parts = segments.reshape(-1, 64, 4), halves.reshape(-1, 64)
        return collected(lax.map(lambda part: jax.vmap(loss)(*part), parts).ravel())

    run = sharded(on_one_device, problem.over, (REPLICATED, SHARDED, SHARDED), collected_spec())
    return run(changes, jnp.asarray(segments), jnp.asarray(halves))
