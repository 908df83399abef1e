"""Device: what Metropolis chains have in common: counted draws, parts of moves, tiles of rows, acceptance, counts.

Metropolis et al. (1953), https://doi.org/10.1063/1.1699114. The largest change that a move may make is drawn first, so
that the move is decided on as few tiles of rows as settle it: by the mean change so far, which has a standard error
(Korattikara, Chen & Welling 2014, https://proceedings.mlr.press/v32/korattikara14.html). States of a proposal are
written beside those of the network, position by position, and a flag says which of the two count: an accepted move
copies nothing.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsolve.architecture.device import block, readout_errors
from jaxsolve.backend.devices import AXIS, Plain
from jaxsolve.backend.shapes import Array, Float, Int
from jaxsolve.engine.network import Problem

Pair = tuple[Array, Array]


class Counts(NamedTuple):
    """What B chains did, by K kinds of moves."""

    proposed: Any
    """`[B, K]` int32"""
    accepted: Any
    """`[B, K]` int32"""
    applied: Any
    """`[B]` float32, blocks applied, each to all rows"""

    @classmethod
    def none(cls, kinds: int) -> "Counts":
        """Return the counts of a chain that has done nothing."""
        return cls(jnp.zeros(kinds, jnp.int32), jnp.zeros(kinds, jnp.int32), jnp.float32(0.0))

    def after(self, kind: Array, accepted: Array, applied: Array) -> "Counts":
        """Return the counts of a chain after another move."""
        one = (jnp.arange(len(self.proposed)) == kind).astype(jnp.int32)
        return Counts(self.proposed + one, self.accepted + one * accepted, self.applied + applied)


class Tiles(NamedTuple):
    """The rows of a problem in C tiles of r rows; the last one is filled up to S = C·r rows."""

    problem: Problem
    x: Float[Array, "S D"]
    y: Float[Array, "C r *K"]
    weights: Float[Array, "C r"]
    """1, and 0 for what only fills up"""

    @classmethod
    def of(cls, problem: Problem, most: int = 64) -> "Tiles":
        """Return tiles of at most so many rows: after 64 it pays for a core to look whether a move is settled."""
        count = -(-problem.rows // most)
        missing = -problem.rows % count
        fill = lambda table: jnp.pad(jnp.asarray(table), [(0, missing)] + [(0, 0)] * (table.ndim - 1))
        tiled = lambda table: fill(table).reshape(count, -1, *table.shape[1:])
        return cls(problem, fill(problem.x), tiled(problem.y), tiled(jnp.ones(problem.rows, jnp.float32)))


def draws(key: Array, step: Array, number: Array, count: int) -> Array:
    """Return uniform numbers, `[count]`, that depend on a step and a chain's number alone."""
    return jax.random.uniform(jax.random.fold_in(jax.random.fold_in(key, step), number), (count,))


def pick(u: Array, size: Array | int) -> Array:
    """Return a whole number below `size` from a uniform one; 0 where there is none."""
    return jnp.minimum((u * size).astype(jnp.int32), jnp.maximum(size, 1) - 1)


def pick_kind(u: Array, shares: Float[Array, " K"]) -> Array:
    """Return a kind of move from a uniform number."""
    return jnp.minimum(jnp.sum(jnp.cumsum(shares) <= u), len(shares) - 1)


def swapped(n: int, a: Array, b: Array) -> Int[Array, " N"]:
    """Return the positions that halves come from where two of them change places."""
    t = jnp.arange(n)
    return jnp.where(t == a, b, jnp.where(t == b, a, t))


def rotated(n: int, low: Array, high: Array, by: Array, up: Array) -> Int[Array, " N"]:
    """Return them where the first `by` of a segment move to its end (`up`), or as many of the last to its front."""
    t, size = jnp.arange(n), high - low + 1
    turned = low + (t - low + jnp.where(up, by, size - by)) % jnp.maximum(size, 1)
    return jnp.where((t >= low) & (t <= high), turned, t)


def largest_change(temperature: Array, u: Array, costs: Array) -> Array:
    """Return the largest change of the mean squared error that is accepted of a move that also adds costs.

    A move is accepted with probability min(1, exp(-change/temperature - costs)).
    """
    return temperature * (-jnp.log1p(-u) - costs)


def mean_change(change: Array, square: Array, seen: Array, rows: int) -> Pair:
    """Return the mean of changes and its standard error, from their sum and that of their squares on `seen` rows."""
    mean = change / seen
    return mean, jnp.sqrt(jnp.maximum(square / seen - mean * mean, 0) / seen * (1 - seen / rows))


def empty_states(tiles: Tiles) -> Float[Array, "2 P S D"]:
    """Return room for the states of a chain before every position and after the last, in two places; P = N + 1."""
    return jnp.zeros((2, tiles.problem.blocks + 1, *tiles.x.shape), jnp.float32).at[:, 0].set(tiles.x)


def states_at(tiles: Tiles, c: Array, t: Array | int, states: Array, slot: Int[Array, " P"]) -> Float[Array, "r D"]:
    """Return the states of a tile before a position."""
    tile = tiles.weights.shape[1]
    return lax.dynamic_slice(states, (slot[t], t, c * tile, 0), (1, 1, tile, states.shape[3]))[0, 0]


def run_blocks(
    tiles: Tiles, c: Array, halves: Pair, span: tuple[Any, Any], states: Array, slot: Int[Array, " P"], beside: int
) -> Pair:
    """Return the states of a tile after the blocks of a span of positions, and all states.

    They are written where those are that count (`beside` is 0), or in the other place (1).
    """

    def apply(t: Array, carry: Pair) -> Pair:
        h, states = carry
        h = block(tiles.problem, h, halves[0][t], halves[1][t])
        at = slot[t + 1] ^ beside, t + 1, c * tiles.weights.shape[1], 0
        return h, lax.dynamic_update_slice(states, h[None, None], at)

    return lax.fori_loop(*span, apply, (states_at(tiles, c, span[0], states, slot), states))


def squared_errors(tiles: Tiles, c: Array, h: Array) -> Float[Array, " r"]:
    """Return the squared errors of the readout on the last states of a tile, of several outputs their mean."""
    error = readout_errors(tiles.problem, h, tiles.y[c])
    return tiles.weights[c] * error * error if error.ndim == 1 else tiles.weights[c] * jnp.mean(error * error, axis=1)


def either(good: Array, new: Any, old: Any) -> Any:
    """Return one or the other of what consists of the same arrays."""
    return jax.tree.map(lambda one, other: jnp.where(good, one, other), new, old)


def each_chain(
    advance: Callable[..., Any], state: Any, cache: Any, *more: Array, way: Plain = "sequential"
) -> tuple[Any, Any, Any]:
    """Return where a device's chains are then and what they did, both for all devices, and their caches, which stay.

    `advance` makes that of the state and the cache of one chain, of `more` about it, and of its number. In turn, chains
    share one table of states, each with two places of its own that its `slot` names, so that none is copied.
    """
    chains = len(cache.slot)
    numbers = lax.axis_index(AXIS) * chains + jnp.arange(chains)
    if way == "batched":
        state, told, cache = jax.vmap(advance)(state, cache, *more, numbers)
    else:

        def of_chain(states: Array, one: tuple) -> tuple[Array, tuple]:
            k, number, state, cache, more = one
            own = cache._replace(states=states, slot=cache.slot + 2 * k)
            state, told, own = advance(state, own, *more, number)
            return own.states, (state, told, own._replace(states=(), slot=own.slot - 2 * k))

        shape = cache.states.shape
        each = jnp.arange(chains), numbers, state, cache._replace(states=()), more
        states, (state, told, cache) = lax.scan(of_chain, cache.states.reshape(-1, *shape[2:]), each)
        cache = cache._replace(states=states.reshape(shape))
    return *jax.tree.map(lambda table: lax.all_gather(table, AXIS, tiled=True), (state, told)), cache
