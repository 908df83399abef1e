"""Device: Metropolis chains over assemblies: many of them, each deciding one proposed move after the other.

What a move costs is kept small. States before the first position that it touches are shared, and that position is the
same for all chains of a step, so that chains that run side by side have the same number of blocks to apply. A move is
refused after some tiles of rows: for certain where the sum of squared errors, which only grows with rows, is over what
it may be, and as good as certain where the mean change so far is, by some standard errors. Moves are accepted on all
rows alone.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsolve.backend.compile import compiled
from jaxsolve.backend.devices import AXIS, REPLICATED, SHARDED, Plain, plain_way, sharded
from jaxsolve.backend.shapes import Array, Float, Int
from jaxsolve.engine import metropolis
from jaxsolve.engine.metropolis import Counts, Pair, Tiles
from jaxsolve.engine.network import Problem

MOVE_KINDS = ("swap", "partner", "reversal", "insertion")
"""Two blocks change places; two blocks exchange one half; a segment is reversed; a segment moves."""


class Chains(NamedTuple):
    """The state of B chains."""

    ins: Any
    """`[B, N]` int32"""
    outs: Any
    """`[B, N]` int32"""
    sums: Any
    """`[B]` sums of squared errors over all rows"""
    best_ins: Any
    """`[B, N]` int32, the best assembly of each chain so far"""
    best_outs: Any
    """`[B, N]` int32"""
    best_sums: Any
    """`[B]`"""


class AnnealingParameters(NamedTuple):
    """How moves are proposed and accepted; all of it can change without compiling again."""

    temperature: Any
    """`[B]` of each chain, in units of the mean squared error"""
    factor: Any
    """`[]` by which temperatures are multiplied after every step"""
    shares: Any
    """`[4]` probabilities of `MOVE_KINDS`"""
    reach: Any
    """`[]` exponent of how far apart the positions of a move are: 1 for any distance alike, more for closer ones"""
    prior: Any
    """`[N, N]` costs of first and second halves (columns) as pairs; zero where nothing is known of them"""
    places: Any
    """`[N, N]` costs of first halves at positions (columns), likewise"""
    confidence: Any
    """`[]` standard errors by which moves have to be worse on some rows to be refused without the others; infinity:
    moves are refused only for certain"""


class Cache(NamedTuple):
    """What chains keep on their devices between the steps."""

    states: Any
    """`[B, 2, N + 1, R', D]` states before every position and after the last, in one of two places"""
    slot: Any
    """`[B, N + 1]` int32, in which"""


def shuffled_tiles(problem: Problem, way: Plain) -> Tiles:
    """Return the rows of a problem in tiles, one tile where chains are decided side by side.

    Rows come in an order that has nothing to do with what is in them, so that some speak for the others.
    """
    order = jax.random.permutation(jax.random.key(0), problem.rows)
    x, y = (jnp.take(jnp.asarray(table), order, axis=0) for table in (problem.x, problem.y))
    shuffled = replace(problem, x=x, y=y)
    return Tiles.of(shuffled, problem.rows) if way == "batched" else Tiles.of(shuffled)


@compiled(static=("way",))
def chains_placed(
    problem: Problem, ins: Int[Array, "B N"], outs: Int[Array, "B N"], *, way: Plain | None = None
) -> tuple[Float[Array, " B"], Cache]:
    """Return the sums of squared errors of B assemblies, a multiple of the devices, and their states."""
    chosen = way or plain_way(problem.over)

    def on_one_device(problem: Problem, ins: Array, outs: Array) -> tuple[Array, Cache]:
        tiles, slot = shuffled_tiles(problem, chosen), jnp.zeros(problem.blocks + 1, jnp.int32)

        def of_chain(halves: Pair) -> tuple[Array, Cache]:
            def of_tile(carry: Pair, c: Array) -> tuple[Pair, None]:
                total, states = carry
                h, states = metropolis.run_blocks(tiles, c, halves, (0, problem.blocks), states, slot, 0)
                return (total + jnp.sum(metropolis.squared_errors(tiles, c, h)), states), None

            start = jnp.float32(0.0), metropolis.empty_states(tiles)
            total, states = lax.scan(of_tile, start, jnp.arange(len(tiles.weights)))[0]
            return total, Cache(states, slot)

        sums, cache = lax.map(of_chain, (ins, outs))
        return lax.all_gather(sums, AXIS, tiled=True), cache

    run = sharded(on_one_device, problem.over, (REPLICATED, SHARDED, SHARDED), (REPLICATED, SHARDED))
    return run(problem, jnp.asarray(ins), jnp.asarray(outs))


def proposal(
    n: int, first: Array, u: Float[Array, " 4"], parameters: AnnealingParameters, longest: int = 4
) -> tuple[Array, Array, Array]:
    """Return a move as permutations of positions, `[N]` for each half, and its kind.

    A move and the one that takes it back are equally likely. `first` is its first position, and `longest` is the most
    blocks that an insertion moves.
    """
    t, low = jnp.arange(n), u[3] < 0.5
    last = first + 1 + metropolis.pick(u[0] ** parameters.reach, n - 1 - first)
    kind = metropolis.pick_kind(u[1], parameters.shares)
    by = jnp.minimum(1 + metropolis.pick(u[2], longest), last - first)
    swapped, moved = metropolis.swapped(n, first, last), metropolis.rotated(n, first, last, by, low)
    reversed_ = jnp.where((t >= first) & (t <= last), first + last - t, t)
    source = jnp.stack([swapped, swapped, reversed_, moved])[kind]  # in the order of `MOVE_KINDS`
    partner = kind == MOVE_KINDS.index("partner")
    return jnp.where(partner & low, t, source), jnp.where(partner & ~low, t, source), kind


def _evaluate(
    tiles: Tiles, halves: Pair, first: Array, most: Array, limit: Array, confidence: Array, cache: Cache
) -> tuple[Array, Array, Array]:
    """Return the sum of squared errors as far as it was added up, the tiles it took, and the states.

    `most` is the largest sum that is accepted, and `limit` the largest mean change.
    """
    (count, tile), rows, n = tiles.weights.shape, tiles.problem.rows, tiles.problem.blocks

    def look(carry: tuple) -> tuple:
        c, total, change, square, states = carry
        h, states = metropolis.run_blocks(tiles, c, halves, (first, n), states, cache.slot, 1)
        squares = metropolis.squared_errors(tiles, c, h)
        last = metropolis.states_at(tiles, c, n, states, cache.slot)  # read after the writes: else all are copied
        each = squares - metropolis.squared_errors(tiles, c, last)
        return c + 1, total + jnp.sum(squares), change + jnp.sum(each), square + jnp.sum(each * each), states

    def open_yet(carry: tuple) -> Array:
        c, total, change, square, _ = carry
        mean, error = metropolis.mean_change(change, square, jnp.clip(c * tile, 1, rows), rows)
        hopeless = (c > 0) & (mean - confidence * error > limit)
        return (c < count) & (total <= most) & ~hopeless

    start = jnp.int32(0), jnp.float32(0.0), jnp.float32(0.0), jnp.float32(0.0), cache.states
    done, total, _, _, states = look(start) if count == 1 else lax.while_loop(open_yet, look, start)
    return total, done, states


def _step(tiles: Tiles, parameters: AnnealingParameters, key: Array, number: Array, carry: tuple, s: Array) -> tuple:
    """Return a chain, its counts, its cache and its temperature after a step."""
    chain, counts, cache, temperature = carry
    n, rows, (count, tile) = tiles.problem.blocks, tiles.problem.rows, tiles.weights.shape
    first = jax.random.randint(jax.random.fold_in(key, s), (), 0, n - 1)
    u = metropolis.draws(key, s, 1 + number, 5)
    of_ins, of_outs, kind = proposal(n, first, u[:4], parameters)
    ins, outs = chain.ins[of_ins], chain.outs[of_outs]
    costs = lambda i, j: jnp.sum(parameters.prior[i, j]) + jnp.sum(parameters.places[i, jnp.arange(n)])
    limit = metropolis.largest_change(temperature, u[4], costs(ins, outs) - costs(chain.ins, chain.outs))
    most = chain.sums + rows * limit
    total, done, states = _evaluate(tiles, (ins, outs), first, most, limit, parameters.confidence, cache)
    accept = (done == count) & (total <= most)
    better, to = accept & (total < chain.best_sums), (ins, outs, total)
    chain = Chains(*metropolis.either(accept, to, chain[:3]), *metropolis.either(better, to, chain[3:]))
    flip = accept & (jnp.arange(n + 1) > first)
    cache = Cache(states, jnp.where(flip, cache.slot ^ 1, cache.slot))
    counts = counts.after(kind, accept, (done * tile * (n - first)).astype(jnp.float32) / rows)
    return chain, counts, cache, temperature * parameters.factor


@compiled(static=("steps", "way"), donate=("cache",))
def annealed(
    problem: Problem,
    chains: Chains,
    cache: Cache,
    parameters: AnnealingParameters,
    seeds: Int[Array, " 2"],
    *,
    steps: int,
    way: Plain | None = None,
) -> tuple[Chains, Counts, Cache]:
    """Return chains some steps later.

    Parameters
    ----------
    problem
        The rows that moves are judged on.
    chains, cache
        B chains, a multiple of the devices, and their states; the latter consumed.
    parameters
        How moves are proposed and accepted. Costs beside the change of the mean squared error are the sum of `prior`
        over the pairs and of `places` over the blocks.
    seeds
        Start of all randomness, and the number of the first step: a step depends on both and on its chain's number.
    steps
        Moves that each chain decides.
    way
        Whether a device decides for one chain after the other or for all of its chains at once; None: what suits it.
        Chains are placed in the same way.
    """
    chosen = way or plain_way(problem.over)

    def on_one_device(
        problem: Problem, chains: Chains, cache: Cache, parameters: AnnealingParameters, seeds: Array
    ) -> tuple[Chains, Counts, Cache]:
        tiles, key = shuffled_tiles(problem, chosen), jax.random.key(seeds[0])

        def of_chain(chain: Chains, cache: Cache, temperature: Array, number: Array) -> tuple[Chains, Counts, Cache]:
            step = lambda carry, s: (_step(tiles, parameters, key, number, carry, s), None)
            start = chain, Counts.none(len(MOVE_KINDS)), cache, temperature
            return lax.scan(step, start, seeds[1] + jnp.arange(steps))[0][:3]

        return metropolis.each_chain(of_chain, chains, cache, parameters.temperature, way=chosen)

    specs = (
        REPLICATED,
        SHARDED,
        SHARDED,
        AnnealingParameters(SHARDED, *[REPLICATED] * (len(AnnealingParameters._fields) - 1)),
        REPLICATED,
    )
    run = sharded(on_one_device, problem.over, specs, (REPLICATED, REPLICATED, SHARDED))
    return run(problem, *jax.tree.map(jnp.asarray, (chains, cache, parameters, seeds)))
