"""Device: Metropolis chains over networks that may leave blocks out, judged by a readout that is fitted to them.

With every block in place a wrong half spoils what all later blocks see, and the loss says little about the others.
Networks that may leave blocks out (the grand canonical ensemble: a block has a price) and whose readout adapts (a
linear probe, drawn towards the network's own) grow right pairs one by one as they cool.

Moves are decided on as few rows as settle them: tiles of rows are added, from a random one on, until the mean
change of the squared error is several standard errors away from what would be accepted (Korattikara, Chen & Welling
2014, https://arxiv.org/abs/1304.5299). States of rows that nobody has asked for since the last accepted move are
behind, and are only brought up when they are.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsolve.architecture.device import block, readout_errors
from jaxsolve.backend.compile import compiled
from jaxsolve.backend.devices import AXIS, EACH, SAME, spread
from jaxsolve.backend.shapes import Array, Int
from jaxsolve.engine.growth_moves import GROWTH_KINDS, Proposal, proposal
from jaxsolve.engine.network import Problem, probe

TILE = 64
"""Most rows of a tile."""
FEWEST = 2
"""Tiles before the first verdict."""
HOPELESS = 1e6
"""Mean change of squared errors from which on nothing more needs to be known."""


class Networks(NamedTuple):
    """B networks of some blocks each."""

    ins: Any
    """`[B, N]` int32; the first `length` run, the others are left out"""
    outs: Any
    """`[B, N]` int32"""
    length: Any
    """`[B]` int32"""


class Climate(NamedTuple):
    """How moves are proposed and accepted; all of it can change without compiling again."""

    temperature: Any
    """`[]` in units of the mean squared error"""
    price: Any
    """`[]` of a block, in units of the temperature"""
    ridge: Any
    """`[]` how much the readout is drawn towards the network's own, in units of the states' mean square"""
    confidence: Any
    """`[]` standard errors that settle a move"""
    shares: Any
    """`[6]` probabilities of `GROWTH_KINDS`"""


class Growth(NamedTuple):
    """What B chains did and where they are."""

    proposed: Any
    """`[B, 6]` int32, moves by `GROWTH_KINDS`"""
    accepted: Any
    """`[B, 6]` int32"""
    applied: Any
    """`[B]` float32, blocks applied, each to all rows"""
    probed: Any
    """`[B]` mean squared error of the fitted readout"""
    losses: Any
    """`[B]` mean squared error of the network's own readout"""


class Ensemble(NamedTuple):
    """What chains keep on their devices between the steps."""

    states: Any
    """`[B, 2, N + 1, R', D]` states before every position and after the last, in one of two places"""
    slot: Any
    """`[B, N + 1, tiles]` int32, in which"""
    valid: Any
    """`[B, tiles]` int32, position up to which they are right"""
    fresh: Any
    """`[B, tiles]` whether the squared errors are"""
    errors: Any
    """`[B, tiles, rows of a tile]` squared errors of the fitted readout"""


def growth_tiles(rows: int) -> tuple[int, int]:
    """Return the rows of a tile and how many there are."""
    count = -(-rows // TILE)
    return -(-rows // count), count


@compiled()
def ensemble_placed(problem: Problem, numbers: Int[Array, " B"]) -> Ensemble:
    """Return what chains keep, of which nothing is right yet but the inputs; B is a multiple of the devices."""
    n, (tile, count) = problem.blocks, growth_tiles(problem.rows)

    def on_one_device(problem: Problem, numbers: Array) -> Ensemble:
        x = jnp.pad(jnp.asarray(problem.x), ((0, tile * count - problem.rows), (0, 0)))
        b = len(numbers)
        states = jnp.zeros((b, 2, n + 1, *x.shape), jnp.float32).at[:, :, 0].set(x)
        none = jnp.zeros((b, count), jnp.int32)
        slot, errors = jnp.zeros((b, n + 1, count), jnp.int32), jnp.zeros((b, count, tile), jnp.float32)
        return Ensemble(states, slot, none, none > 0, errors)

    return spread(on_one_device, problem.over, (SAME, EACH), EACH)(problem, jnp.asarray(numbers))


class _Rows(NamedTuple):
    """The rows of a problem in tiles, as a device sees them."""

    problem: Problem
    y: Array
    """`[tiles, rows of a tile]`"""
    weights: Array
    """`[tiles, rows of a tile]` 1, and 0 for what only fills up the last tile"""

    @property
    def shape(self) -> tuple[int, int]:
        """Tiles, and rows of a tile."""
        count, tile = self.y.shape
        return count, tile

    @classmethod
    def of(cls, problem: Problem) -> "_Rows":
        """Return the rows of a problem in tiles."""
        tile, count = growth_tiles(problem.rows)
        fill = lambda table: jnp.pad(table, (0, tile * count - problem.rows)).reshape(count, tile)
        return cls(problem, fill(jnp.asarray(problem.y)), fill(jnp.ones(problem.rows, jnp.float32)))


def _squares(rows: _Rows, h: Array, c: Array, readout: tuple[Array, Array]) -> Array:
    """Return the squared errors of a readout on a tile."""
    error = readout_errors(rows.problem, h, rows.y[c], readout)
    return rows.weights[c] * error * error


def _run(
    rows: _Rows, c: Array, network: Networks, begin: Array, states: Array, slot: Array, beside: int
) -> tuple[Array, Array]:
    """Apply the blocks of a network to a tile, and write its states where they are, or beside."""
    tile = rows.shape[1]

    def apply(t: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        h, states = carry
        h = block(rows.problem, h, network.ins[t], network.outs[t])
        at = slot[t + 1, c] ^ beside, t + 1, c * tile, 0
        return h, lax.dynamic_update_slice(states, h[None, None], at)

    start = slot[begin, c], begin, c * tile, 0
    h = lax.dynamic_slice(states, start, (1, 1, tile, states.shape[3]))[0, 0]
    return lax.fori_loop(begin, network.length, apply, (h, states))


def _brought_up(rows: _Rows, c: Array, network: Networks, kept: Ensemble, readout: tuple[Array, Array]) -> Ensemble:
    """Make the states and errors of a tile right."""
    begin = jnp.where(kept.fresh[c], network.length, kept.valid[c])  # no branch: it would copy all states
    h, states = _run(rows, c, network, begin, kept.states, kept.slot, 0)
    return Ensemble(
        states,
        kept.slot,
        kept.valid.at[c].set(network.length),
        kept.fresh.at[c].set(True),
        kept.errors.at[c].set(_squares(rows, h, c, readout)),
    )


def _all_brought_up(rows: _Rows, network: Networks, kept: Ensemble, readout: tuple[Array, Array]) -> Ensemble:
    return lax.fori_loop(0, rows.shape[0], lambda c, kept: _brought_up(rows, c, network, kept, readout), kept)


def _last(rows: _Rows, network: Networks, kept: Ensemble) -> Array:
    """Return the last states of all rows, `[R, D]`."""
    (count, tile), width = rows.shape, kept.states.shape[3]
    at = lambda c: (kept.slot[network.length, c], network.length, c * tile, 0)
    cut = lambda c: lax.dynamic_slice(kept.states, at(c), (1, 1, tile, width))[0, 0]
    return lax.map(cut, jnp.arange(count)).reshape(-1, width)[: rows.problem.rows]


def _decide(
    rows: _Rows,
    network: Networks,
    kept: Ensemble,
    readout: tuple[Array, Array],
    move: Proposal,
    most: Array,
    start: Array,
    confidence: Array,
) -> tuple[Array, Networks, Ensemble, Array]:
    """Return whether a move is accepted, where the chain is then, and the blocks it took."""
    after = Networks(network.ins[move.ins], network.outs[move.outs], move.length)
    (count, tile), all_rows = rows.shape, rows.problem.rows

    def look(carry: tuple) -> tuple:
        m, _, total, square, kept, errors, work = carry
        c = (start + m) % count
        work = work + (network.length - kept.valid[c]) + (after.length - move.first)
        kept = _brought_up(rows, c, network, kept, readout)
        h, states = _run(rows, c, after, move.first, kept.states, kept.slot, 1)
        found = _squares(rows, h, c, readout)
        change = found - kept.errors[c]
        total, square = total + jnp.sum(change), square + jnp.sum(change * change)
        seen = jnp.minimum((m + 1.0) * tile, all_rows)
        mean = total / seen
        variance = jnp.maximum(square / seen - mean * mean, 0.0) / seen * (1.0 - seen / all_rows)
        width = jnp.where(m + 1 < count, confidence * jnp.sqrt(variance), 0.0)
        settled = (m + 1 >= min(FEWEST, count)) & (jnp.abs(mean - most) > width) | (m + 1 == count)
        hopeless = ~(mean < HOPELESS)
        verdict = jnp.where(hopeless, -1, jnp.where(settled, jnp.where(mean < most, 1, -1), 0))
        return m + 1, verdict, total, square, kept._replace(states=states), errors.at[c].set(found), work

    begin = jnp.int32(0), jnp.where(move.legal, 0, -1), jnp.float32(0), jnp.float32(0)
    carry = *begin, kept, jnp.zeros_like(kept.errors), jnp.int32(1)  # nothing is for nothing
    m, verdict, _, _, kept, errors, work = lax.while_loop(lambda carry: carry[1] == 0, look, carry)
    accept = verdict > 0
    looked = (jnp.arange(count) - start) % count < m
    flip = accept & looked & (jnp.arange(kept.slot.shape[0])[:, None] > move.first)
    known = jnp.where(looked, after.length, jnp.minimum(kept.valid, move.first))
    kept = Ensemble(
        kept.states,
        jnp.where(flip, 1 - kept.slot, kept.slot),
        jnp.where(accept, known, kept.valid),
        jnp.where(accept, looked, kept.fresh),
        jnp.where((accept & looked)[:, None], errors, kept.errors),
    )
    network = jax.tree.map(lambda new, old: jnp.where(accept, new, old), after, network)
    return accept, network, kept, work


@compiled(static=("steps",), donate=("kept",))
def grown_canonically(
    problem: Problem, networks: Networks, kept: Ensemble, climate: Climate, seeds: Int[Array, " 2"], *, steps: int
) -> tuple[Networks, Growth, Ensemble]:
    """Fit the readout of every network, let its chain decide some moves, and judge where it has come to.

    Parameters
    ----------
    problem
        The rows that moves are judged on.
    networks, kept
        B networks, a multiple of the devices, and what their chains keep; the latter consumed.
    climate
        Temperature, price, ridge: the same for all chains.
    seeds
        Start of all randomness, and the number of the first step.
    steps
        Moves that each chain decides.
    """

    def on_one_device(
        problem: Problem, networks: Networks, kept: Ensemble, climate: Climate, seeds: Array
    ) -> tuple[Networks, Growth, Ensemble]:
        rows, p, key = _Rows.of(problem), problem.pieces, jax.random.key(seeds[0])
        count, tile = rows.shape

        def of_chain(network: Networks, kept: Ensemble, number: Array) -> tuple[Networks, Growth, Ensemble]:
            stale = lambda kept: kept._replace(fresh=jnp.zeros_like(kept.fresh))
            kept = _all_brought_up(rows, network, stale(kept), (p.w_last, p.b_last))
            readout = probe(problem, _last(rows, network, kept), climate.ridge)[:2]
            kept = _all_brought_up(rows, network, stale(kept), readout)

            def step(carry: tuple, s: Array) -> tuple[tuple, None]:
                network, kept, proposed, accepted, applied = carry
                u = jax.random.uniform(jax.random.fold_in(jax.random.fold_in(key, s), number), (10,))
                move = proposal(problem.blocks, network.length, u[:8], climate.shares)
                dearer = climate.price * (move.length - network.length)
                most = climate.temperature * (-jnp.log1p(-u[8]) - dearer)
                start = jnp.minimum((u[9] * count).astype(jnp.int32), count - 1)
                accept, network, kept, work = _decide(
                    rows, network, kept, readout, move, most, start, climate.confidence
                )
                one = (jnp.arange(len(GROWTH_KINDS)) == move.kind).astype(jnp.int32)
                applied = applied + work.astype(jnp.float32) * tile / problem.rows
                return (network, kept, proposed + one, accepted + one * accept, applied), None

            none = jnp.zeros(len(GROWTH_KINDS), jnp.int32)
            start = network, kept, none, none, jnp.float32(0.0)
            network, kept, *did = lax.scan(step, start, seeds[1] + jnp.arange(steps))[0]
            kept = _all_brought_up(rows, network, kept, readout)
            error = readout_errors(problem, _last(rows, network, kept), problem.y)
            proposed, accepted, applied = did
            judged = jnp.sum(kept.errors) / problem.rows, jnp.mean(error * error)
            return network, Growth(proposed, accepted, applied, *judged), kept

        numbers = lax.axis_index(AXIS) * len(networks.ins) + jnp.arange(len(networks.ins))
        found = lax.map(lambda one: of_chain(*one), (networks, kept, numbers))
        everywhere = lambda table: lax.all_gather(table, AXIS, tiled=True)
        return *jax.tree.map(everywhere, found[:2]), found[2]

    given = jax.tree.map(jnp.asarray, (networks, kept, climate, seeds))
    return spread(on_one_device, problem.over, (SAME, EACH, EACH, SAME, SAME), (SAME, SAME, EACH))(problem, *given)
