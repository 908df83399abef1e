"""Device: Metropolis chains over assemblies: many of them, each deciding one proposed move after the other.

What a move costs is kept small. States before the first position that it touches are shared, and that position is the
same for all chains of a step, so that chains that run side by side have the same number of blocks to apply. What it
may cost is drawn first, so that it can be refused after some tiles of rows: for certain where the sum of squared
errors, which only grows with rows, is over it already, and as good as certain where the mean change so far is over it
by some standard errors (Korattikara, Chen & Welling 2014, https://proceedings.mlr.press/v32/korattikara14.html).
Moves are accepted on all rows alone. States of a proposal are written beside those of the assembly, position by
position, and a flag says which of the two count: an accepted move copies nothing.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsolve.architecture.device import block, readout_errors
from jaxsolve.backend.compile import compiled
from jaxsolve.backend.devices import AXIS, EACH, SAME, Plain, plain_way, spread
from jaxsolve.backend.shapes import Array, Float, Int
from jaxsolve.engine.network import Problem

MOVE_KINDS = ("swap", "partner", "reversal", "insertion")
"""Two blocks change places; two blocks exchange one half; a segment is reversed; a segment moves."""
LONGEST = 4
"""Most blocks that an insertion moves."""
TILE = 64
"""Most rows after which a core looks whether a move is refused already."""


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


class Counts(NamedTuple):
    """What B chains did."""

    proposed: Any
    """`[B, 4]` int32, moves by `MOVE_KINDS`"""
    accepted: Any
    """`[B, 4]` int32"""
    applied: Any
    """`[B]` float32, blocks applied, each to all rows"""


class Cooling(NamedTuple):
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
    doubt: Any
    """`[]` standard errors by which moves have to be worse on some rows to be refused without the others; infinity:
    moves are refused only for certain"""


class Kept(NamedTuple):
    """What chains keep on their devices between the steps."""

    states: Any
    """`[B, 2, N + 1, R', D]` states before every position and after the last, in one of two places"""
    slot: Any
    """`[B, N + 1]` int32, in which"""


def row_tiles(problem: Problem, way: Plain) -> tuple[int, int]:
    """Return the rows of a tile and how many there are: one where chains are decided side by side."""
    if way == "side_by_side":
        return problem.rows, 1
    count = -(-problem.rows // TILE)
    return -(-problem.rows // count), count


def _tiled(problem: Problem, way: Plain) -> tuple[Array, Array, Array]:
    """Return inputs, targets and weights of rows, filled up to whole tiles, `[tiles, rows of a tile, …]`.

    Rows come in an order that has nothing to do with what is in them, so that some speak for the others.
    """
    tile, count = row_tiles(problem, way)
    missing = tile * count - problem.rows
    y = jnp.asarray(problem.y)
    order = jax.random.permutation(jax.random.key(0), problem.rows)
    x = jnp.pad(jnp.take(jnp.asarray(problem.x), order, axis=0), ((0, missing), (0, 0))).reshape(count, tile, -1)
    y = jnp.pad(jnp.take(y, order), (0, missing)).reshape(count, tile)
    return x, y, jnp.pad(jnp.ones(problem.rows, jnp.float32), (0, missing)).reshape(count, tile)


def _squares(problem: Problem, h: Array, y: Array, counts: Array) -> Array:
    error = readout_errors(problem, h, y)
    return counts * error * error


@compiled(static=("way",))
def chains_placed(
    problem: Problem, ins: Int[Array, "B N"], outs: Int[Array, "B N"], *, way: Plain | None = None
) -> tuple[Float[Array, " B"], Kept]:
    """Return the sums of squared errors of B assemblies, a multiple of the devices, and their states."""
    chosen = way or plain_way(problem.over)

    def on_one_device(problem: Problem, ins: Array, outs: Array) -> tuple[Array, Kept]:
        def of_chain(halves: tuple[Array, Array]) -> tuple[Array, Array]:
            def of_tile(part: tuple[Array, Array, Array]) -> tuple[Array, Array]:
                x, y, counts = part
                last, before = lax.scan(lambda h, half: (block(problem, h, *half), h), x, halves)
                return jnp.sum(_squares(problem, last, y, counts)), jnp.concatenate([before, last[None]])

            sums, states = lax.map(of_tile, _tiled(problem, chosen))
            total = lax.scan(lambda total, part: (total + part, None), jnp.float32(0.0), sums)[0]
            states = states.swapaxes(0, 1).reshape(states.shape[1], -1, states.shape[3])
            return total, jnp.stack([states, states])

        sums, states = lax.map(of_chain, (ins, outs))
        slot = jnp.zeros((len(ins), ins.shape[1] + 1), jnp.int32)
        return lax.all_gather(sums, AXIS, tiled=True), Kept(states, slot)

    run = spread(on_one_device, problem.over, (SAME, EACH, EACH), (SAME, EACH))
    return run(problem, jnp.asarray(ins), jnp.asarray(outs))


def _proposal(n: int, f: Array, u: Array, cooling: Cooling) -> tuple[Array, Array, Array]:
    """Return a move whose first position is f as permutations of positions, `[N]` for each half, and its kind.

    A move and the one that takes it back are equally likely.
    """
    t = jnp.arange(n)
    span = n - 1 - f
    end = f + 1 + jnp.minimum((span * u[0] ** cooling.reach).astype(jnp.int32), span - 1)
    kind = jnp.minimum(jnp.sum(jnp.cumsum(cooling.shares) <= u[1]), len(MOVE_KINDS) - 1)
    size = end - f + 1
    by = jnp.minimum(1 + (LONGEST * u[2]).astype(jnp.int32), size - 1)
    inside = (t >= f) & (t <= end)
    swapped = jnp.where(t == f, end, jnp.where(t == end, f, t))
    moved = f + (t - f + jnp.where(u[3] < 0.5, by, size - by)) % size
    other = jnp.where(kind == MOVE_KINDS.index("reversal"), f + end - t, moved)
    source = jnp.where(kind <= MOVE_KINDS.index("partner"), swapped, jnp.where(inside, other, t))
    half = jnp.where(kind == MOVE_KINDS.index("partner"), jnp.where(u[3] < 0.5, 1, 2), 0)
    return jnp.where(half == 1, t, source), jnp.where(half == 2, t, source), kind


@compiled(static=("steps", "way"), donate=("kept",))
def annealed(
    problem: Problem,
    chains: Chains,
    kept: Kept,
    cooling: Cooling,
    seeds: Int[Array, " 2"],
    *,
    steps: int,
    way: Plain | None = None,
) -> tuple[Chains, Counts, Kept]:
    """Return chains some steps later: Metropolis et al. (1953), https://doi.org/10.1063/1.1699114.

    Parameters
    ----------
    problem
        The rows that moves are judged on.
    chains, kept
        B chains, a multiple of the devices, and their states; the latter consumed.
    cooling
        How moves are proposed and accepted. A move is accepted with probability min(1, exp(-Δ/T - ΔS)), Δ the change
        of the mean squared error and S the sum of `cooling.prior` over the pairs and `cooling.places` over the blocks.
    seeds
        Start of all randomness, and the number of the first step: a step depends on both and on its chain's number.
    steps
        Moves that each chain decides.
    way
        Whether a device decides for one chain after the other or for all of its chains at once; None: what suits it.
        Chains are placed in the same way.
    """
    chosen = way or plain_way(problem.over)
    n, rows, (tile, count) = problem.blocks, problem.rows, row_tiles(problem, chosen)

    def on_one_device(
        problem: Problem, chains: Chains, kept: Kept, cooling: Cooling, seeds: Array
    ) -> tuple[Chains, Counts, Kept]:
        _, ys, counts = _tiled(problem, chosen)
        key, positions = jax.random.key(seeds[0]), jnp.arange(n)

        def evaluate(
            f: Array, halves: tuple[Array, Array], most: Array, limit: Array, kept: Kept
        ) -> tuple[Array, Array, Array]:
            """Return the sum of squared errors as far as it was added up, the tiles it took, and the states.

            `most` is the largest sum that is accepted, and `limit` the largest mean change.
            """
            ins, outs = halves

            def of_tile(k: Array, total: Array, change: Array, states: Array) -> tuple[Array, Array, Array, Array]:
                shape = 1, 1, tile, states.shape[3]

                def apply(t: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
                    h, states = carry
                    h = block(problem, h, ins[t], outs[t])
                    at = 1 - kept.slot[t + 1], t + 1, k * tile, 0
                    return h, lax.dynamic_update_slice(states, h[None, None], at)

                h = lax.dynamic_slice(states, (kept.slot[f], f, k * tile, 0), shape)[0, 0]
                h, states = lax.fori_loop(f, n, apply, (h, states))
                squares = _squares(problem, h, ys[k], counts[k])
                if count > 1:
                    last = lax.dynamic_slice(states, (kept.slot[n], n, k * tile, 0), shape)[0, 0]
                    each = squares - _squares(problem, last, ys[k], counts[k])
                    change += jnp.stack([jnp.sum(each), jnp.sum(each * each)])
                return k + 1, total + jnp.sum(squares), change, states

            def go_on(carry: tuple[Array, Array, Array, Array]) -> Array:
                k, total, change, _ = carry
                seen = jnp.clip(k * tile, 1, rows)
                mean, square = change / seen
                error = jnp.sqrt(jnp.maximum(square - mean * mean, 0) / seen * (1 - seen / rows))
                hopeless = (k > 0) & (mean - cooling.doubt * error > limit)
                return (k < count) & (total <= most) & ~hopeless

            carry = jnp.int32(0), jnp.float32(0.0), jnp.zeros(2, jnp.float32), kept.states
            if count == 1:
                done, total, _, states = of_tile(*carry)
            else:
                done, total, _, states = lax.while_loop(go_on, lambda carry: of_tile(*carry), carry)
            return total, done, states

        def of_chain(chain: Chains, kept: Kept, temperature: Array, number: Array) -> tuple[Chains, Counts, Kept]:
            def step(carry: tuple[Chains, Counts, Kept, Array], s: Array) -> tuple[tuple, None]:
                chain, did, kept, temperature = carry
                common = jax.random.fold_in(key, s)
                f = jax.random.randint(common, (), 0, n - 1)
                u = jax.random.uniform(jax.random.fold_in(common, 1 + number), (5,))
                of_ins, of_outs, kind = _proposal(n, f, u, cooling)
                ins, outs = chain.ins[of_ins], chain.outs[of_outs]
                costs = lambda ins, outs: jnp.sum(cooling.prior[ins, outs]) + jnp.sum(cooling.places[ins, positions])
                worse = costs(ins, outs) - costs(chain.ins, chain.outs)
                limit = temperature * (-jnp.log1p(-u[4]) - worse)
                most = chain.sums + rows * limit
                total, done, states = evaluate(f, (ins, outs), most, limit, kept)
                accept = (done == count) & (total <= most)
                better = accept & (total < chain.best_sums)
                either = lambda good, new, old: jnp.where(good, new, old)
                chain = Chains(
                    either(accept, ins, chain.ins),
                    either(accept, outs, chain.outs),
                    either(accept, total, chain.sums),
                    either(better, ins, chain.best_ins),
                    either(better, outs, chain.best_outs),
                    either(better, total, chain.best_sums),
                )
                flip = accept & (jnp.arange(n + 1) > f)
                kept = Kept(states, jnp.where(flip, 1 - kept.slot, kept.slot))
                one = (jnp.arange(len(MOVE_KINDS)) == kind).astype(jnp.int32)
                share = (done * tile * (n - f)).astype(jnp.float32) / rows
                did = Counts(did.proposed + one, did.accepted + one * accept, did.applied + share)
                return (chain, did, kept, temperature * cooling.factor), None

            none = jnp.zeros(len(MOVE_KINDS), jnp.int32)
            start = chain, Counts(none, none, jnp.float32(0.0)), kept, temperature
            return lax.scan(step, start, seeds[1] + jnp.arange(steps))[0][:3]

        numbers = lax.axis_index(AXIS) * len(chains.ins) + jnp.arange(len(chains.ins))
        given = chains, kept, cooling.temperature, numbers
        found = lax.map(lambda one: of_chain(*one), given) if chosen == "in_turn" else jax.vmap(of_chain)(*given)
        everywhere = lambda table: lax.all_gather(table, AXIS, tiled=True)
        return *jax.tree.map(everywhere, found[:2]), found[2]

    specs = SAME, EACH, EACH, Cooling(EACH, *[SAME] * (len(Cooling._fields) - 1)), SAME
    run = spread(on_one_device, problem.over, specs, (SAME, SAME, EACH))
    return run(problem, *jax.tree.map(jnp.asarray, (chains, kept, cooling, seeds)))
