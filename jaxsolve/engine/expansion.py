"""Device: what one more block would make of partial networks, for every first and second half that is left.

The readout is linear, so that a second half j reaches it only through p_j = w_out[j]ᵀ·w_last and its bias: the
error after the block (i, j) is that of the state before it plus act(w_in[i]·h + b_in[i])·p_j + c_j. No state of the
next layer is formed, and all j share the hidden units of one i.

The rows of all states are spread over the devices, in tiles whose size does not depend on how many there are. Sums
over tiles are exchanged and added in the same order everywhere: losses are the same for any number of devices, and
states never move between them.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import PartitionSpec

from jaxsolve.architecture.device import block, hidden, measured, projected, read, readout_errors
from jaxsolve.backend.compile import compiled
from jaxsolve.backend.devices import AXIS, REPLICATED, Plain, plain_way, sharded
from jaxsolve.backend.precision import product
from jaxsolve.backend.shapes import Array, Float, Int
from jaxsolve.engine.network import Problem

ROWS = PartitionSpec(None, AXIS)
"""States, `[W, R', D]`, the rows of each spread over the devices; R' is R filled up to whole tiles."""


class Expansions(NamedTuple):
    """Some expansions of some states, the best first; undefined ones have infinite losses."""

    ranked: Array
    """`[K]` the losses by which they were chosen: with noise, where there is any"""
    losses: Array
    """`[K]` mean squared errors of the readout after the block"""
    state: Array
    """`[K]` int32"""
    ins: Array
    """`[K]` int32, the halves of the block"""
    outs: Array
    """`[K]` int32"""


def tiles(rows: int, devices: int, *, most: int = 512, few: int = 64) -> tuple[int, int]:
    """Return the rows of a tile, and how many tiles each device has.

    With `most` rows, what is between the products of a tile stays in a core's cache; tiles have `few` where there are
    few rows in all, so that every device has some.
    """
    count = max(-(-rows // most), min(8, rows // few), 1)
    return -(-rows // count), -(-count // devices)


def own_tiles(table: Array, tile: int, own: int) -> Array:
    """Return a device's part of an array with R rows, filled up with zeros, `[tiles, rows of a tile, …]`."""
    missing = lax.axis_size(AXIS) * own * tile - table.shape[0]
    table = jnp.pad(table, [(0, missing)] + [(0, 0)] * (table.ndim - 1))
    part = lax.dynamic_slice_in_dim(table, lax.axis_index(AXIS) * own * tile, own * tile)
    return part.reshape(own, tile, *table.shape[1:])


@compiled()
def inputs_spread(problem: Problem) -> Float[Array, "1 Rp D"]:
    """Return the one state of a network without blocks."""
    tile, own = tiles(problem.rows, problem.over.size)
    run = sharded(lambda p: own_tiles(p.x, tile, own).reshape(1, own * tile, -1), problem.over, REPLICATED, ROWS)
    return run(problem)


@compiled()
def grown(
    problem: Problem, states: Float[Array, "W Rp D"], parents: Int[Array, " K"], ins: Int[Array, " K"], outs: Array
) -> Float[Array, "K Rp D"]:
    """Return the states after one more block each, of some of the states before."""
    tile, own = tiles(problem.rows, problem.over.size)

    def on_one_device(problem: Problem, states: Array, parents: Array, ins: Array, outs: Array) -> Array:
        def grow(child: tuple[Array, Array, Array]) -> Array:
            w, i, j = child
            parts = states[w].reshape(own, tile, -1)
            return lax.map(lambda h: block(problem, h, i, j), parts).reshape(own * tile, -1)

        return lax.map(grow, (parents, ins, outs))

    run = sharded(on_one_device, problem.over, (REPLICATED, ROWS, REPLICATED, REPLICATED, REPLICATED), ROWS)
    return run(problem, states, *map(jnp.asarray, (parents, ins, outs)))


def _summed(
    problem: Problem,
    states: Array,
    ins: Array,
    outs: Array,
    left: Array,
    count: Array,
    paired: bool,
    way: Plain,
) -> Array:
    """Return, on a device, the sums of squared errors over each of its tiles, `[B, tiles, I, J]`.

    A core goes through the states and first halves that there are one by one, an accelerator through 8 states
    and all first halves side by side.
    """
    (weights, biases), (tile, own) = projected(problem), tiles(problem.rows, problem.over.size)
    y, counts = own_tiles(problem.y, tile, own), own_tiles(jnp.ones(problem.rows), tile, own)
    seconds = 1 if paired else outs.shape[1]

    def of_state(h: Array, ins: Array, outs: Array, left: Array) -> Array:
        def of_tile(part: tuple[Array, Array, Array]) -> Array:
            h, y, counts = part
            base = readout_errors(problem, h, y)

            def of_first(k: Array) -> Array:
                i, js = ins[k], outs[k][None] if paired else outs
                units = hidden(problem, h, i)
                if base.ndim == 1:
                    error = product(units, weights[js].T, problem.tier) + (base[:, None] + biases[js])
                    return product(counts, error * error, problem.tier)
                own = jnp.moveaxis(weights[js], 1, 0)
                error = product(units, own.reshape(len(own), -1), problem.tier).reshape(-1, *own.shape[1:])
                error += base[:, None] + biases[js]
                return product(counts, jnp.mean(error * error, axis=2), problem.tier)

            if way == "batched":
                return jax.vmap(of_first)(jnp.arange(len(ins)))
            return lax.fori_loop(
                0, left, lambda k, sums: sums.at[k].set(of_first(k)), jnp.zeros((len(ins), seconds), jnp.float32)
            )

        return lax.map(of_tile, (h.reshape(own, tile, -1), y, counts))

    lanes = 1 if way == "sequential" else min(8, len(states))

    def some(g: Array, sums: Array) -> Array:
        cut = lambda table: lax.dynamic_slice_in_dim(table, g * lanes, lanes)
        group = cut(states), cut(ins), cut(outs), cut(left)
        found = of_state(*(part[0] for part in group))[None] if lanes == 1 else jax.vmap(of_state)(*group)
        return lax.dynamic_update_slice_in_dim(sums, found, g * lanes, 0)

    sums = jnp.zeros((len(states), own, ins.shape[1], seconds), jnp.float32)
    return lax.fori_loop(0, -(-count // lanes), some, sums)


@compiled(static=("keep", "paired", "way"))
def best_expansions(
    problem: Problem,
    states: Float[Array, "W Rp D"],
    first: Int[Array, ""],
    ins: Int[Array, "B I"],
    outs: Int[Array, "B J"],
    left: Int[Array, " B"],
    noise: Float[Array, "B II JJ"],
    *,
    keep: int,
    paired: bool = False,
    way: Plain | None = None,
) -> Expansions:
    """Return the best expansions of B states, from state `first` on, by all pairs of the halves given for each.

    Every device adds up and ranks its share of the states, so that only the `keep` best of each travel.

    Parameters
    ----------
    problem, states
        The rows, and states as `inputs_spread` and `grown` return them.
    ins, outs, left
        The halves that each state may go on with: the first `left` of each kind; states without any come last. With
        `paired`, `outs[b, k]` goes with `ins[b, k]` alone.
    noise
        What is added to losses before they are ranked: for each expansion, or one number for all of a state.
    keep
        How many are returned.
    way
        Whether a device goes through states and first halves in turn or side by side; None: what suits it.
    """
    chosen = way or plain_way(problem.over)
    count, devices = ins.shape[0], problem.over.size
    own = -(-count // devices)
    fill = lambda table: jnp.pad(jnp.asarray(table), [(0, own * devices - count)] + [(0, 0)] * (table.ndim - 1))

    def on_one_device(
        problem: Problem, states: Array, first: Array, ins: Array, outs: Array, left: Array, noise: Array
    ) -> Expansions:
        some = fill(lax.dynamic_slice_in_dim(states, first, count))
        sums = _summed(problem, some, ins, outs, left, jnp.sum(left > 0), paired, chosen)
        sums = lax.all_to_all(sums, AXIS, split_axis=0, concat_axis=1, tiled=True)
        add = lambda total, part: (total + part, None)
        losses = lax.scan(add, jnp.zeros_like(sums[:, 0]), sums.swapaxes(0, 1))[0] / problem.rows
        mine = lax.axis_index(AXIS) * own + jnp.arange(own)
        n_in, n_out = losses.shape[1:]
        allowed = jnp.arange(n_in)[:, None] < left[mine][:, None, None]
        if not paired:
            allowed &= jnp.arange(n_out) < left[mine][:, None, None]
        losses = jnp.where(allowed & ~jnp.isnan(losses), losses, jnp.inf)
        ranked = losses + noise[mine]
        best, at = lax.top_k(-ranked.ravel(), min(keep, losses.size))
        w = at // (n_in * n_out)
        of_in, of_out = at // n_out % n_in, at % n_out
        halves = ins[mine][w, of_in], outs[mine][w, of_in if paired else of_out]
        found = -best, losses.ravel()[at], first + mine[w], *halves
        return Expansions(*(lax.all_gather(part, AXIS, tiled=True) for part in found))

    given = problem, states, jnp.asarray(first), *map(fill, (ins, outs, left, noise))
    found = sharded(on_one_device, problem.over, (REPLICATED, ROWS, *[REPLICATED] * 5), REPLICATED)(*given)
    order = jnp.lexsort((found.state, found.ranked))[:keep]  # of equals, the first state's first
    return Expansions(*(part[order] for part in found))


@compiled(static=("rows",))
def outputs(
    problem: Problem,
    states: Float[Array, "W Rp D"],
    parents: Int[Array, " K"],
    ins: Int[Array, " K"],
    outs: Int[Array, " K"],
    *,
    rows: int,
) -> Float[Array, "K S"]:
    """Return what the readout makes of some expansions on the first of `rows` rows that are in the first tile.

    S is as many as these rows, times the outputs where there are several.
    """
    tile, _ = tiles(problem.rows, problem.over.size)

    def on_one_device(problem: Problem, states: Array, parents: Array, ins: Array, outs: Array) -> Array:
        few = states[:, : min(rows, tile)]
        of_child = lambda child: measured(read(problem, block(problem, few[child[0]], child[1], child[2])))
        mine = lax.map(of_child, (parents, ins, outs))
        return lax.all_gather(mine, AXIS)[0]

    run = sharded(on_one_device, problem.over, (REPLICATED, ROWS, REPLICATED, REPLICATED, REPLICATED), REPLICATED)
    return run(problem, states, *map(jnp.asarray, (parents, ins, outs)))
