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
from jax import lax

from jaxsolve.architecture.device import (
    by_output,
    first_halves,
    measured,
    mixed_second,
    output_gradients,
    readout_errors,
)
from jaxsolve.backend.compile import compiled
from jaxsolve.backend.devices import AXIS, REPLICATED, SHARDED, plain_way, sharded
from jaxsolve.backend.precision import product
from jaxsolve.backend.shapes import Array, Float, Int
from jaxsolve.engine.mixtures import HALVES, PAIRS, ROOM, Mixture, Rows
from jaxsolve.engine.network import Problem


def _table(problem: Problem, of: Mixture) -> Float[Array, "A N"]:
    """Return the share of every second half for each of the first."""
    return jnp.zeros((len(of.ins), problem.blocks)).at[of.first, of.outs[of.second]].add(of.shares)


def _chunk(table: Array, k: Array, size: int, axis: int = 0) -> Array:
    return lax.dynamic_slice_in_dim(table, k * size, size, axis)


def _spans(of: Mixture) -> Int[Array, "T 2 3"]:
    """Return the chunks that each position begins with, and those that it ends before."""
    return jnp.stack([jnp.concatenate([jnp.zeros((1, 3), jnp.int32), of.ends[:-1]]), of.ends], axis=1)


@compiled()
def mixed(
    problem: Problem, rows: Rows, mixture: Mixture
) -> tuple[Float[Array, "C m"], Float[Array, "C T r D"], Float[Array, "C r D"]]:
    """Return the errors of a mixture's predictions, the states before every position, and the last ones.

    Each row makes as many measurements, m in all, as there are outputs.
    """

    def on_one_device(problem: Problem, rows: Rows, mixture: Mixture) -> tuple[Array, Array, Array]:
        table, size = _table(problem, mixture), HALVES[plain_way(problem.over)]

        def position(h: Array, span: Array) -> tuple[Array, Array]:
            def chunk(k: Array, after: Array) -> Array:
                w, bias = mixed_second(problem, _chunk(table, k, size))
                hidden, _ = first_halves(problem, h, _chunk(mixture.ins, k, size))
                return after + product(hidden, w, problem.tier) + bias

            return lax.fori_loop(span[0, 0], span[1, 0], chunk, h), h

        def of_tile(tile: Rows) -> tuple[Array, Array, Array]:
            last, states = lax.scan(position, tile.x, _spans(mixture))
            errors = readout_errors(problem, last, tile.y)
            return measured(errors * tile.counts.reshape(-1, *[1] * (errors.ndim - 1))), states, last

        errors, states, last = lax.map(of_tile, rows)
        return lax.all_gather(errors, AXIS, tiled=True), states, last

    return sharded(on_one_device, problem.over, (REPLICATED, SHARDED, REPLICATED), (REPLICATED, SHARDED, SHARDED))(
        problem, rows, mixture
    )


@compiled()
def jacobian(
    problem: Problem, rows: Rows, mixture: Mixture, states: Float[Array, "C T r D"], last: Float[Array, "C r D"]
) -> Float[Array, "C P m"]:
    """Return the derivative of every measurement by every share; that of what has none is undefined.

    Parameters
    ----------
    problem, rows, mixture
        The network, and what it is given.
    states, last
        Those of `mixed`.
    """

    def on_one_device(problem: Problem, rows: Rows, mixture: Mixture, states: Array, last: Array) -> Array:
        p, size = problem.pieces, HALVES[plain_way(problem.over)]
        halves, features, units = p.w_in.shape
        table, most = _table(problem, mixture), -(-max(halves, problem.blocks) // size) * size
        alone = jnp.ones(units)

        def position(carry: tuple[Array, ...], at: tuple[Array, Array]) -> tuple[tuple[Array, ...], None]:
            (g, found, hidden, pulled), (h, (begin, end)) = carry, at

            def kept(buffer: Array, k: Array, units_of_chunk: Array) -> Array:
                return lax.dynamic_update_slice_in_dim(buffer, units_of_chunk, k * size * units, 1)

            def seconds(k: Array, pulled: Array) -> Array:
                w = p.w_out[_chunk(mixture.outs, k, size)].reshape(-1, features).T
                return kept(pulled, k - begin[1], product(g, w, problem.tier))

            def firsts(k: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
                before_it, hidden = carry
                own, back = first_halves(problem, h, _chunk(mixture.ins, k, size))
                read = product(g, mixed_second(problem, _chunk(table, k, size))[0].T, problem.tier)
                return before_it + back(read), kept(hidden, k - begin[0], own)

            pulled = lax.fori_loop(begin[1], end[1], seconds, pulled)
            before_it, hidden = lax.fori_loop(begin[0], end[0], firsts, (g, hidden))

            def pairs(k: Array, found: Array) -> Array:
                first, second = (_chunk(part, k, PAIRS) for part in (mixture.first, mixture.second))
                by_half = lambda buffer, which: buffer.reshape(len(h), -1, units)[:, which]
                both = by_half(hidden, first - begin[0] * size) * by_half(pulled, second - begin[1] * size)
                own = product(both, alone, problem.tier)
                own += product(g, p.b_out[mixture.outs[second]].T, problem.tier)
                return lax.dynamic_update_slice_in_dim(found, own.T, k * PAIRS, 0)

            found = lax.fori_loop(begin[2], end[2], pairs, found)
            return (before_it, found, hidden, pulled), None

        def of_tile(tile: tuple[Array, Array, Array]) -> Array:
            counts, states, last = tile

            def of_output(gradient: Array) -> Array:
                buffer = jnp.zeros((len(counts), most * units))
                found = jnp.zeros((len(mixture.shares), len(counts)))
                carry = counts[:, None] * gradient, found, buffer, buffer
                return lax.scan(position, carry, (states, _spans(mixture)), reverse=True)[0][1]

            return by_output(of_output, output_gradients(problem, last))

        return lax.map(of_tile, (rows.counts, states, last))

    run = sharded(on_one_device, problem.over, (REPLICATED, SHARDED, REPLICATED, SHARDED, SHARDED), SHARDED)
    return run(problem, rows, mixture, states, last)


class NormalEquations(NamedTuple):
    """What steps of every damping begin from: inner products, by shares, of derivatives and of sums of shares."""

    of_rows: Float[Array, "R R"]
    of_sums: Float[Array, "R S"]
    """Over positions, the pieces that first halves are made of, and second halves."""
    among_sums: Float[Array, "S S"]


def _sums(of: Mixture) -> tuple[Array, ...]:
    """Return which sum of each kind the share of each pair is in, `[P]` each: its position's and its pieces'."""
    blocks, made_of = len(of.ends), of.parts[of.ins[of.first]]
    return of.position, *(blocks + made_of.T), blocks * (1 + made_of.shape[1]) + of.outs[of.second]


@compiled(static=("count",))
def normal_equations(
    problem: Problem, mixture: Mixture, jacobian: Float[Array, "C P m"], *, count: int
) -> NormalEquations:
    """Return the normal equations of the measurements that count.

    Parameters
    ----------
    problem, mixture, jacobian
        The network, and what `jacobian` says of it.
    count
        R, how many count: those of rows that are not there to fill up tiles.
    """
    sums = (2 + mixture.parts.shape[1]) * problem.blocks
    exact = lambda spec, a, b: jnp.einsum(spec, a, b, precision=lax.Precision.HIGHEST)

    def on_one_device(own: Array, mixture: Mixture) -> tuple[Array, Array, Array]:
        every, of = lax.all_gather(own, AXIS, tiled=True), _sums(mixture)

        def part(k: Array, found: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            shares = _chunk(mixture.shares, k, ROOM)
            of_sums = sum(jax.nn.one_hot(_chunk(which, k, ROOM), sums) for which in of)
            weighted, all_rows = shares[:, None] * _chunk(own, k, ROOM, 1), _chunk(every, k, ROOM, 1)
            by_tile = lambda tile: (exact("pr,dps->rds", tile, all_rows), exact("pr,pz->rz", tile, of_sums))
            more = *lax.map(by_tile, weighted), exact("pz,py->zy", shares[:, None] * of_sums, of_sums)
            return jax.tree.map(jnp.add, found, more)

        tiles, _, rows = every.shape
        shapes = (len(own), rows, tiles, rows), (len(own), rows, sums), (sums, sums)
        used = -(-mixture.ends[-1, 2] * PAIRS // ROOM)
        of_rows, of_sums, among = lax.fori_loop(0, used, part, tuple(jnp.zeros(shape) for shape in shapes))
        of_rows, of_sums = (lax.all_gather(one, AXIS, tiled=True) for one in (of_rows, of_sums))
        return of_rows.reshape(-1, tiles * rows), of_sums.reshape(-1, sums), among

    of_rows, of_sums, among = sharded(on_one_device, problem.over, (SHARDED, REPLICATED), REPLICATED)(jacobian, mixture)
    return NormalEquations(of_rows[:count, :count], of_sums[:count], among)


@compiled()
def gauss_newton_step(
    problem: Problem,
    mixture: Mixture,
    jacobian: Float[Array, "C P m"],
    said: NormalEquations,
    errors: Float[Array, " R"],
    damping: Float[Array, ""],
    free: Float[Array, ""],
) -> tuple[Float[Array, " P"], Float[Array, ""]]:
    """Return the damped Gauss-Newton step of the shares, and that of the logarithm of what multiplies all of them.

    What it would make of shares need not be positive.

    It minimises the mean of (errors + jacobian · change)² + damping · sum(change² / shares), a trust region in the
    metric of Fisher and Shahshahani, in which what has no share gets none (Levenberg 1944,
    https://doi.org/10.1090/qam/10666; Amari 1998, https://doi.org/10.1162/089976698300017746), while changes of the
    sums over positions and pieces cost 1000 times as much. There are fewer rows than shares,
    so that the step is found from as many equations as there are rows and sums.

    Parameters
    ----------
    problem, mixture, jacobian, said, errors
        The network, and what `jacobian`, `normal_equations` and `mixed` say of it.
    damping
        In the squared units of the predictions.
    free
        How many times less a change of that factor costs than one of a share of 1; at 0 it stays as it is.
    """

    def pulled(own: Array, of_rows: Array) -> Array:
        by_tile = lax.map(lambda of: product(of[0], of[1], problem.tier), (own, of_rows))
        return lax.all_gather(by_tile, AXIS, tiled=True).sum(axis=0)

    rows, (tiles, _, tile) = len(errors), jacobian.shape
    tight, by_factor = jnp.sqrt(1e3 * rows * damping), said.of_sums[:, : len(mixture.ends)].sum(axis=1)
    of_rows = said.of_rows + free * jnp.outer(by_factor, by_factor)
    gram = jnp.block([[of_rows, tight * said.of_sums], [tight * said.of_sums.T, tight**2 * said.among_sums]])
    factor = jax.scipy.linalg.cho_factor(gram + rows * damping * jnp.eye(len(gram)))
    found = jax.scipy.linalg.cho_solve(factor, jnp.concatenate([-errors, jnp.zeros(len(said.among_sums))]))
    in_tiles = jnp.pad(found[:rows], (0, tiles * tile - rows)).reshape(tiles, tile)
    pull = sharded(pulled, problem.over, (SHARDED, SHARDED), REPLICATED)(jacobian, in_tiles)
    back = tight * sum(found[rows:][which] for which in _sums(mixture))
    return mixture.shares * (pull + back), free * by_factor @ found[:rows]
