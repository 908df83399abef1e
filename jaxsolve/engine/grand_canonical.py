"""Device: Metropolis chains over networks that may leave blocks out, judged by a readout that is fitted to them.

With every block in place a wrong half spoils what all later blocks see, and the loss says little about the others.
Networks that may leave blocks out (the grand canonical ensemble: a block has a chemical potential) and whose readout
adapts (a linear probe, drawn towards the network's own) grow right pairs one by one as they cool.

Moves are decided on as few rows as settle them: tiles of rows are added, from a random one on, until the mean change
of the squared error is several standard errors away from what would be accepted. States of rows that nobody has asked
for since the last accepted move are behind, and are only brought up when they are.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsolve.architecture.device import readout_loss
from jaxsolve.backend.compile import compiled
from jaxsolve.backend.devices import REPLICATED, SHARDED, sharded
from jaxsolve.backend.shapes import Array, Float, Int
from jaxsolve.engine import metropolis
from jaxsolve.engine.metropolis import Counts, Pair, Tiles
from jaxsolve.engine.network import Problem, probe

GROWTH_KINDS = ("swap", "first", "second", "insertion", "add", "remove")
"""Two blocks change places; first halves or second halves do; a segment moves; a block is put in; one is taken out."""


class Networks(NamedTuple):
    """B networks of some blocks each."""

    ins: Any
    """`[B, N]` int32; the first `length` run, the others are left out"""
    outs: Any
    """`[B, N]` int32"""
    length: Any
    """`[B]` int32"""


class GrowthParameters(NamedTuple):
    """How moves are proposed and accepted; all of it can change without compiling again."""

    temperature: Any
    """`[]` in units of the mean squared error"""
    chemical_potential: Any
    """`[]` of a block, in units of the temperature, as what it costs to put one in"""
    ridge: Any
    """`[]` how much the readout is drawn towards the network's own, in units of the states' mean square"""
    confidence: Any
    """`[]` standard errors that settle a move"""
    shares: Any
    """`[6]` probabilities of `GROWTH_KINDS`"""


class Growth(NamedTuple):
    """What B chains did and where they are."""

    counts: Any
    """By `GROWTH_KINDS`"""
    probed: Any
    """`[B]` mean squared error of the fitted readout"""
    losses: Any
    """`[B]` mean squared error of the network's own readout"""


class GrowthCache(NamedTuple):
    """What chains keep on their devices between the steps; C tiles of r rows."""

    states: Any
    """`[B, 2, N + 1, C·r, D]` states before every position and after the last, in one of two places"""
    slot: Any
    """`[B, N + 1, C]` int32, in which"""
    valid: Any
    """`[B, C]` int32, position up to which they are right"""
    fresh: Any
    """`[B, C]` whether the squared errors are"""
    errors: Any
    """`[B, C, r]` squared errors of the fitted readout"""


class Proposal(NamedTuple):
    """A move: which positions the halves come from, `[N]` each, and what it touches."""

    ins: Array
    outs: Array
    length: Array
    first: Array
    kind: Array
    legal: Array


def proposal(
    n: int, length: Array, u: Float[Array, " 8"], shares: Float[Array, " 6"], longest: int = 4, near: float = 6.0
) -> Proposal:
    """Return a random move of a network of `length` blocks, from eight uniform numbers.

    A block is chosen of all there are: what would move one that is left out is no move, so that each block in place is
    moved as often, however many there are. A swap that would be with one of those moves the block somewhere else.
    `longest` is the most blocks of a segment that moves. The two positions of every other move are `near` apart on
    average, and those of the others any distance.
    """
    t = jnp.arange(n)
    kind = metropolis.pick_kind(u[0], shares)
    swap, segment, add, remove = (kind == GROWTH_KINDS.index(name) for name in ("swap", "insertion", "add", "remove"))
    a = metropolis.pick(u[1], n)
    limit = jnp.where(swap | segment, length, n)  # halves may also come from blocks that are left out
    away = 1 + (-jnp.log1p(-u[2]) * near).astype(jnp.int32)
    close = jnp.where(u[3] < 0.5, a - away, a + away)
    far = (a + 1 + metropolis.pick(u[2], limit - 1)) % jnp.maximum(limit, 1)
    b = jnp.where((u[4] < 0.5) & (close >= 0) & (close < limit), close, far)
    low, high, swapped = jnp.minimum(a, b), jnp.maximum(a, b), metropolis.swapped(n, a, b)
    by = jnp.minimum(1 + metropolis.pick(u[5], jnp.where(swap, 1, longest)), jnp.maximum(high - low, 1))
    moved = metropolis.rotated(n, low, high, by, jnp.where(swap, a == low, u[6] < 0.5))
    place, gone = metropolis.pick(u[1], length + 1), metropolis.pick(u[1], length)
    removed = jnp.where(t == n - 1, gone, jnp.where(t >= gone, t + 1, t))

    def source(half: str, v: Array) -> Array:
        taken = length + metropolis.pick(v, n - length)
        added = jnp.where(t == place, taken, jnp.where((t > place) & (t <= taken), t - 1, t))
        exchange = (kind == GROWTH_KINDS.index(half)) | (swap & (u[7] * n < length))
        return jnp.select([exchange, swap | segment, add, remove], [swapped, moved, added, removed], t)

    first = jnp.select([add, remove], [place, gone], low)
    possible = jnp.where(swap | segment, a < length, low < length) & (a != b)
    legal = jnp.select([add, remove], [length < n, length > 0], possible)
    after = length + add.astype(jnp.int32) - remove.astype(jnp.int32)
    return Proposal(source("first", u[5]), source("second", u[6]), after, first, kind, legal)


@compiled()
def ensemble_placed(problem: Problem, numbers: Int[Array, " B"]) -> GrowthCache:
    """Return what chains keep, of which nothing is right yet but the inputs; B is a multiple of the devices."""

    def on_one_device(problem: Problem, numbers: Array) -> GrowthCache:
        tiles = Tiles.of(problem)
        none = jnp.zeros(len(tiles.weights), jnp.int32)
        slot = jnp.zeros((problem.blocks + 1, len(none)), jnp.int32)
        one = GrowthCache(metropolis.empty_states(tiles), slot, none, none > 0, jnp.zeros_like(tiles.weights))
        return jax.tree.map(lambda table: jnp.broadcast_to(table, (len(numbers), *table.shape)), one)

    return sharded(on_one_device, problem.over, (REPLICATED, SHARDED), SHARDED)(problem, jnp.asarray(numbers))


def _run(tiles: Tiles, c: Array, network: Networks, begin: Array, cache: GrowthCache, beside: int) -> Pair:
    span = begin, network.length
    return metropolis.run_blocks(tiles, c, (network.ins, network.outs), span, cache.states, cache.slot[:, c], beside)


def _brought_up(tiles: Tiles, c: Array, network: Networks, cache: GrowthCache) -> GrowthCache:
    """Make the states and errors of a tile right."""
    begin = jnp.where(cache.fresh[c], network.length, cache.valid[c])  # no branch: it would copy all states
    h, states = _run(tiles, c, network, begin, cache, 0)
    return GrowthCache(
        states,
        cache.slot,
        cache.valid.at[c].set(network.length),
        cache.fresh.at[c].set(True),
        cache.errors.at[c].set(metropolis.squared_errors(tiles, c, h)),
    )


def _all_brought_up(tiles: Tiles, network: Networks, cache: GrowthCache) -> GrowthCache:
    return lax.fori_loop(0, len(tiles.weights), lambda c, cache: _brought_up(tiles, c, network, cache), cache)


def _last(tiles: Tiles, network: Networks, cache: GrowthCache) -> Array:
    """Return the last states of all rows, `[R, D]`."""
    cut = lambda c: metropolis.states_at(tiles, c, network.length, cache.states, cache.slot[:, c])
    return lax.map(cut, jnp.arange(len(tiles.weights))).reshape(tiles.x.shape)[: tiles.problem.rows]


def _verdict(tiles: Tiles, seen: Array, change: Array, square: Array, most: Array, confidence: Array) -> Int[Array, ""]:
    """Return 1 for a move that is accepted, -1 for one that is refused, and 0 where more tiles are needed."""
    (count, tile), rows = tiles.weights.shape, tiles.problem.rows
    mean, error = metropolis.mean_change(change, square, jnp.minimum(1.0 * seen * tile, rows), rows)
    width = jnp.where(seen < count, confidence * error, 0.0)
    settled = (seen >= min(2, count)) & (jnp.abs(mean - most) > width) | (seen == count)  # one tile may be an odd one
    hopeless = ~(mean < 1e6)  # so far away, or not even a number, that nothing more needs to be known
    return jnp.where(hopeless, -1, jnp.where(settled, jnp.where(mean < most, 1, -1), 0))


def _decide(
    tiles: Tiles, network: Networks, cache: GrowthCache, move: Proposal, most: Array, start: Array, confidence: Array
) -> tuple[Array, Networks, GrowthCache, Array]:
    """Return whether a move is accepted, where the chain is then, and the blocks it took, each to a tile."""
    after, count = Networks(network.ins[move.ins], network.outs[move.outs], move.length), len(tiles.weights)

    def look(carry: tuple) -> tuple:
        m, _, change, square, cache, errors, work = carry
        c = (start + m) % count
        work = work + (network.length - cache.valid[c]) + (after.length - move.first)
        cache = _brought_up(tiles, c, network, cache)
        h, states = _run(tiles, c, after, move.first, cache, 1)
        found = metropolis.squared_errors(tiles, c, h)
        each = found - cache.errors[c]
        change, square = change + jnp.sum(each), square + jnp.sum(each * each)
        verdict = _verdict(tiles, m + 1, change, square, most, confidence)
        return m + 1, verdict, change, square, cache._replace(states=states), errors.at[c].set(found), work

    begin = jnp.int32(0), jnp.where(move.legal, 0, -1), jnp.float32(0), jnp.float32(0)
    carry = *begin, cache, jnp.zeros_like(cache.errors), jnp.int32(1)  # nothing is for nothing
    m, verdict, _, _, cache, errors, work = lax.while_loop(lambda carry: carry[1] == 0, look, carry)
    accept = verdict > 0
    looked = (jnp.arange(count) - start) % count < m
    flip = accept & looked & (jnp.arange(len(cache.slot))[:, None] > move.first)
    known = jnp.where(looked, after.length, jnp.minimum(cache.valid, move.first))
    cache = GrowthCache(
        cache.states,
        jnp.where(flip, cache.slot ^ 1, cache.slot),
        jnp.where(accept, known, cache.valid),
        jnp.where(accept, looked, cache.fresh),
        jnp.where((accept & looked)[:, None], errors, cache.errors),
    )
    return accept, metropolis.either(accept, after, network), cache, work


def _step(tiles: Tiles, parameters: GrowthParameters, key: Array, number: Array, carry: tuple, s: Array) -> tuple:
    """Return a network, its counts and its cache after a step."""
    network, counts, cache = carry
    u, (count, tile) = metropolis.draws(key, s, number, 10), tiles.weights.shape
    move = proposal(tiles.problem.blocks, network.length, u[:8], parameters.shares)
    costs = parameters.chemical_potential * (move.length - network.length)
    most = metropolis.largest_change(parameters.temperature, u[8], costs)
    start, confidence = metropolis.pick(u[9], count), parameters.confidence
    accept, network, cache, work = _decide(tiles, network, cache, move, most, start, confidence)
    applied = work.astype(jnp.float32) * tile / tiles.problem.rows
    return network, counts.after(move.kind, accept, applied), cache


@compiled(static=("steps",), donate=("cache",))
def grown_canonically(
    problem: Problem,
    networks: Networks,
    cache: GrowthCache,
    parameters: GrowthParameters,
    seeds: Int[Array, " 2"],
    *,
    steps: int,
) -> tuple[Networks, Growth, GrowthCache]:
    """Fit the readout of every network, let its chain decide some moves, and judge where it has come to.

    Parameters
    ----------
    problem
        The rows that moves are judged on.
    networks, cache
        B networks, a multiple of the devices, and what their chains keep; the latter consumed.
    parameters
        Temperature, chemical potential, ridge: the same for all chains.
    seeds
        Start of all randomness, and the number of the first step.
    steps
        Moves that each chain decides.
    """

    def on_one_device(
        problem: Problem, networks: Networks, cache: GrowthCache, parameters: GrowthParameters, seeds: Array
    ) -> tuple[Networks, Growth, GrowthCache]:
        tiles, key = Tiles.of(problem), jax.random.key(seeds[0])

        def of_chain(network: Networks, cache: GrowthCache, number: Array) -> tuple[Networks, Growth, GrowthCache]:
            stale = lambda cache: cache._replace(fresh=jnp.zeros_like(cache.fresh))
            cache = _all_brought_up(tiles, network, stale(cache))
            weights, bias, _ = probe(problem, _last(tiles, network, cache), parameters.ridge)
            pieces = problem.pieces._replace(w_last=weights, b_last=bias)
            fitted = tiles._replace(problem=replace(problem, pieces=pieces))
            cache = _all_brought_up(fitted, network, stale(cache))
            step = lambda carry, s: (_step(fitted, parameters, key, number, carry, s), None)
            start = network, Counts.none(len(GROWTH_KINDS)), cache
            network, counts, cache = lax.scan(step, start, seeds[1] + jnp.arange(steps))[0]
            cache = _all_brought_up(fitted, network, cache)
            losses = readout_loss(problem, _last(tiles, network, cache), problem.y)
            return network, Growth(counts, jnp.sum(cache.errors) / problem.rows, losses), cache

        return metropolis.each_chain(of_chain, networks, cache)

    given = jax.tree.map(jnp.asarray, (networks, cache, parameters, seeds))
    return sharded(
        on_one_device,
        problem.over,
        (REPLICATED, SHARDED, SHARDED, REPLICATED, REPLICATED),
        (REPLICATED, REPLICATED, SHARDED),
    )(problem, *given)
