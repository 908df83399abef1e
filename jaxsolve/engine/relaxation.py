"""Device: networks whose positions run mixtures of blocks, and Gauss-Newton steps of their shares.

An order is a permutation matrix: which block runs at which position. Relaxed to a doubly stochastic matrix, every
position adds the weighted sum of what some blocks would add, x <- x + sum_k share_k f_k(x). The predictions are
differentiable in the shares, with gradients of all shares of a position for little more than one pass over its blocks,
and squared errors call for Gauss-Newton steps: moves that make up for each other are seen together.

Devices share the rows, in tiles that are gone through by themselves and put together in one order, so that results do
not depend on how many devices there are.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxsolve.engine.compile import compiled
from jaxsolve.engine.devices import AXIS, EACH, SAME, plain_way, split, spread
from jaxsolve.engine.network import ACTIVATIONS, Problem
from jaxsolve.engine.precision import product
from jaxsolve.engine.shapes import Array, Float, Int

TIGHT = 1e3
"""Damping of what would change the sums of shares, in units of that of other changes."""
LEAST = 1e-9
"""Share below which blocks change as if they had that one."""
DENSE = 0.07
"""Share of all pairs of a position's halves from which it is faster to multiply all of them."""
TILES = {"in_turn": 192, "side_by_side": 4096}
"""Rows of a tile at most, by how devices compute: what a core makes of them at a position stays in its cache."""


class Rows(NamedTuple):
    """Some rows in C equal tiles, as many for every device; what fills the last ones up counts nothing."""

    x: Float[Array, "C r D"]
    y: Float[Array, "C r"]
    counts: Float[Array, "C r"]
    """1 or 0."""


def tiled(problem: Problem, rows: np.ndarray) -> Rows:
    """Deal some rows of a problem out, `[R]`."""
    tile = -(-len(rows) // -(-len(rows) // TILES[plain_way(problem.over)]))
    devices = problem.over.size
    tiles = -(-len(rows) // (tile * devices)) * devices
    where = np.pad(rows, (0, tiles * tile - len(rows)), mode="edge").reshape(tiles, tile)
    counts = (np.arange(where.size) < len(rows)).reshape(where.shape)
    tables = np.asarray(problem.x)[where], np.asarray(problem.y)[where], counts.astype(np.float32)
    return Rows(*(split(table, problem.over) for table in tables))


class Mixture(NamedTuple):
    """What every position runs: K pairs of U first and V second halves, each to a share.

    Halves that many pairs have in common are gone through once.
    """

    ins: Int[Array, "T U"]
    """First halves, some of them perhaps for nothing."""
    outs: Int[Array, "T V"]
    first: Int[Array, "T K"]
    """Which of `ins` each pair has."""
    second: Int[Array, "T K"]
    """Which of `outs`."""
    shares: Float[Array, "T K"]


def mixture(ins: np.ndarray, outs: np.ndarray, shares: np.ndarray, part: int = 1) -> Mixture:
    """Put the pairs that positions run, `[T, K]` each, on a device; numbers of halves are multiples of `part`."""
    (own_ins, first), (own_outs, second) = (_distinct(half, part) for half in (ins, outs))
    own_ins, own_outs, first, second = (jnp.asarray(some, jnp.int32) for some in (own_ins, own_outs, first, second))
    return Mixture(own_ins, own_outs, first, second, jnp.asarray(shares, jnp.float32))


def _distinct(halves: np.ndarray, part: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct entries of each row, `[T, U]`, the last as often as it takes, and which each entry is."""
    found = [np.unique(row, return_inverse=True) for row in halves]
    most = -(-max(len(some) for some, _ in found) // part) * part
    return np.stack([np.pad(some, (0, most - len(some)), mode="edge") for some, _ in found]), np.stack(
        [which for _, which in found]
    )


def _first(problem: Problem, h: Array, ins: Array) -> tuple[Array, Array]:
    """Return the first halves' weights side by side, `[D, U·H]`, and what they make of states, `[R, U·H]`."""
    w = jnp.moveaxis(problem.pieces.w_in[ins], 1, 0).reshape(h.shape[1], -1)
    return w, product(h, w, problem.tier) + problem.pieces.b_in[ins].reshape(-1)


def _second(problem: Problem, at: Mixture) -> tuple[Array, Array]:
    """Return what second halves add to each first half, by shares: weights, `[U·H, D]`, and bias, `[D]`."""
    p = problem.pieces
    table = jnp.zeros((len(at.ins), len(at.outs))).at[at.first, at.second].add(at.shares)
    w = jnp.tensordot(table, p.w_out[at.outs], 1, precision=lax.Precision.HIGHEST)
    return w.reshape(-1, w.shape[-1]), product(table.sum(axis=0), p.b_out[at.outs], problem.tier)


@compiled()
def mixed(problem: Problem, rows: Rows, mixture: Mixture) -> tuple[Float[Array, "C r"], Float[Array, "C T r D"]]:
    """Return the errors of a mixture's predictions, and the states before every position."""

    def on_one_device(problem: Problem, rows: Rows, mixture: Mixture) -> tuple[Array, Array]:
        p, act = problem.pieces, ACTIVATIONS[problem.activation]

        def position(h: Array, at: Mixture) -> tuple[Array, Array]:
            w, bias = _second(problem, at)
            return h + product(act(_first(problem, h, at.ins)[1]), w, problem.tier) + bias, h

        def of_tile(tile: Rows) -> tuple[Array, Array]:
            last, states = lax.scan(position, tile.x, mixture)
            return (product(last, p.w_last, problem.tier) + p.b_last - tile.y) * tile.counts, states

        errors, states = lax.map(of_tile, rows)
        return lax.all_gather(errors, AXIS, tiled=True), states

    return spread(on_one_device, problem.over, (SAME, EACH, SAME), (SAME, EACH))(problem, rows, mixture)


@compiled()
def influences(
    problem: Problem, rows: Rows, mixture: Mixture, states: Float[Array, "C T r D"]
) -> Float[Array, "C r TK"]:
    """Return the derivative of every prediction by every share.

    Parameters
    ----------
    problem, rows, mixture
        The network, and what it is given.
    states
        Those of `mixed`.
    """

    def on_one_device(problem: Problem, rows: Rows, mixture: Mixture, states: Array) -> Array:
        p, act = problem.pieces, ACTIVATIONS[problem.activation]

        def position(g: Array, of: tuple[Array, Mixture]) -> tuple[Array, Array]:
            h, at = of
            w, before = _first(problem, h, at.ins)
            hidden, slopes = jax.jvp(act, (before,), (jnp.ones_like(before),))
            pulled = product(g, p.w_out[at.outs].reshape(-1, h.shape[1]).T, problem.tier)
            by_half = lambda units: units.reshape(len(h), -1, p.w_in.shape[2])
            own = _inner(by_half(hidden), by_half(pulled), at)
            own += product(g, p.b_out[at.outs].T, problem.tier)[:, at.second]
            back = slopes * product(g, _second(problem, at)[0].T, problem.tier)
            return g + product(back, w.T, problem.tier), own

        def of_tile(tile: tuple[Array, Array]) -> Array:
            counts, states = tile
            last = counts[:, None] * p.w_last
            own = lax.scan(position, last, (states, mixture), reverse=True)[1]
            return jnp.moveaxis(own, 0, 1).reshape(len(counts), -1)

        return lax.map(of_tile, (rows.counts, states))

    run = spread(on_one_device, problem.over, (SAME, EACH, SAME, EACH), EACH)
    return run(problem, rows, mixture, states)


def _inner(hidden: Array, pulled: Array, at: Mixture) -> Array:
    """Return the inner products of pairs' units, `[R, K]`, of what halves make of them, `[R, U, H]` and `[R, V, H]`."""
    if len(at.shares) < DENSE * len(at.ins) * len(at.outs):
        return (hidden[:, at.first] * pulled[:, at.second]).sum(axis=2)
    return jnp.einsum("ruh,rvh->ruv", hidden, pulled, precision=lax.Precision.HIGHEST)[:, at.first, at.second]


class Equations(NamedTuple):
    """What steps of every damping begin from: inner products, by shares, of influences and of sums of shares."""

    of_rows: Float[Array, "R R"]
    of_sums: Float[Array, "R S"]
    """Over positions, first halves and second halves."""
    among_sums: Float[Array, "S S"]


def _sums(mixture: Mixture, blocks: int) -> Float[Array, "T K S"]:
    """Return which sums each share of a position is in: that of its position and those of its halves, 1 or 0."""
    halves = [jnp.take_along_axis(mixture[k], mixture[k + 2], axis=1) for k in (0, 1)]
    positions, pairs = mixture.shares.shape
    own = jnp.broadcast_to(jnp.eye(positions)[:, None], (positions, pairs, positions))
    return jnp.concatenate([own, *(jax.nn.one_hot(half, blocks) for half in halves)], axis=2)


@compiled(static=("count", "blocks"))
def equations(
    problem: Problem, mixture: Mixture, influences: Float[Array, "C r TK"], *, count: int, blocks: int
) -> Equations:
    """Return what the rows that count say.

    Parameters
    ----------
    problem, mixture, influences
        The network, and what `influences` says of it.
    count
        R, how many rows count.
    blocks
        N, how many halves of either kind there are.
    """
    shares = jnp.maximum(mixture.shares, LEAST).reshape(-1)
    sums = _sums(mixture, blocks).reshape(len(shares), -1)

    def on_one_device(own: Array, shares: Array, sums: Array) -> tuple[Array, Array]:
        every = lax.all_gather(own, AXIS, tiled=True).reshape(-1, own.shape[2])[:count]
        times = lambda a, b: jnp.matmul(a, b, precision=lax.Precision.HIGHEST)
        found = lax.map(lambda tile: (times(tile * shares, every.T), times(tile * shares, sums)), own)
        return jax.tree.map(lambda part: lax.all_gather(part, AXIS, tiled=True), found)

    found = spread(on_one_device, problem.over, (EACH, SAME, SAME), SAME)(influences, shares, sums)
    among = jnp.matmul((sums * shares[:, None]).T, sums, precision=lax.Precision.HIGHEST)
    of_rows, of_sums = (table.reshape(-1, table.shape[2])[:count] for table in found)
    return Equations(of_rows, of_sums, among)


@compiled(static=("blocks",))
def share_changes(
    problem: Problem,
    mixture: Mixture,
    influences: Float[Array, "C r TK"],
    said: Equations,
    errors: Float[Array, " R"],
    damping: Float[Array, ""],
    *,
    blocks: int,
) -> Float[Array, "T K"]:
    """Return the damped Gauss-Newton step of the shares: what it would make of them need not be positive.

    It minimises the mean of (errors + influences · change)² + damping · sum(change² / shares), a trust region in the
    metric of Fisher and Shahshahani, in which what has no share gets none (Levenberg 1944,
    https://doi.org/10.1090/qam/10666; Amari 1998, https://doi.org/10.1162/089976698300017746), while changes of the
    sums over positions, first halves and second halves cost `TIGHT` times as much. There are fewer rows than shares,
    so that the step is found from as many equations as there are rows and sums.

    Parameters
    ----------
    problem, mixture, influences, said, errors
        The network, and what `influences`, `equations` and `mixed` say of it.
    damping
        In the squared units of the predictions.
    blocks
        N, how many halves of either kind there are.
    """

    def pulled(own: Array, of_rows: Array) -> Array:
        by_tile = lax.map(lambda of: product(of[1], of[0], problem.tier), (own, of_rows))
        return lax.all_gather(by_tile, AXIS, tiled=True).sum(axis=0)

    rows, (tiles, tile, _) = len(errors), influences.shape
    tight = jnp.sqrt(TIGHT * rows * damping)
    shares = jnp.maximum(mixture.shares, LEAST)
    sums = _sums(mixture, blocks).reshape(shares.size, -1)
    gram = jnp.block([[said.of_rows, tight * said.of_sums], [tight * said.of_sums.T, tight**2 * said.among_sums]])
    factor = jax.scipy.linalg.cho_factor(gram + rows * damping * jnp.eye(len(gram)))
    found = jax.scipy.linalg.cho_solve(factor, jnp.concatenate([-errors, jnp.zeros(len(said.among_sums))]))
    of_rows = jnp.pad(found[:rows], (0, tiles * tile - rows)).reshape(tiles, tile)
    pull = spread(pulled, problem.over, (EACH, EACH), SAME)(influences, of_rows)
    back = tight * jnp.matmul(sums, found[rows:], precision=lax.Precision.HIGHEST)
    return shares * (pull + back).reshape(shares.shape)
