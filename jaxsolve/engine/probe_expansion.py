"""Device: one more block for partial networks, scored by what a linear probe of the states after it leaves.

A state that is not final says little through the final readout. The best affine readout of it, a linear probe (Alain &
Bengio 2016, https://arxiv.org/abs/1610.01644), says how much of the answer a network has worked out by then.

No state of the next layer is formed. After the block (i, j) states are h + W_j a, up to a constant, with a the hidden
units of first half i: the moments of h, a and the target, taken once for each i, give those of the new states for
every j by products of D x D and H x D numbers. To first order, with the readout of the states before and what they
explain projected out, a pair takes H² numbers: that ranks the second halves of a first half, and the best few are
fitted exactly.

Rows are spread over the devices as those of `expansion` are. Moments of a state come together on one device, tile by
tile in the same order for any number of devices, and only the best expansions of each travel.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.linalg import cho_solve, solve_triangular

from jaxsolve.architecture.device import hidden_columns
from jaxsolve.backend.compile import compiled
from jaxsolve.backend.devices import AXIS, REPLICATED, Plain, plain_way, sharded
from jaxsolve.backend.precision import product
from jaxsolve.backend.shapes import Array, Float, Int
from jaxsolve.engine.expansion import ROWS, own_tiles, tiles
from jaxsolve.engine.network import Problem


class Fits(NamedTuple):
    """Numbers that say which expansions are the best; arrays, so that none of them compiles a program anew."""

    ridge: Any
    """`[]` ridge of the probes, as a share of the mean diagonal of the Gram matrix of their states"""
    action: Any
    """`[]` what the logarithm of the mean square of all updates so far counts, against that of the error"""
    costs: Any
    """`[N, N]` what is added to the logarithm of the error, for each first and second half"""


class Probed(NamedTuple):
    """The best expansions of some states, those of the first state first; undefined ones have infinite ranks."""

    ranked: Float[Array, " K"]
    """Logarithms of errors and updates, with costs: the lowest is the best."""
    losses: Float[Array, " K"]
    """Mean squared errors of the best affine readout after the block."""
    moved: Float[Array, " K"]
    """Mean squares of all updates so far, added up."""
    state: Int[Array, " K"]
    ins: Int[Array, " K"]
    outs: Int[Array, " K"]


class _Moments(NamedTuple):
    """Central second moments of the states of a partial network and of hidden units on them, means over rows."""

    states: Array
    """`[D, D]`"""
    target: Array
    """`[D, *K]` of states and targets"""
    variance: Array
    """`[]` of the targets, a sum over the outputs"""
    units: Array
    """`[I, H, H]`"""
    cross: Array
    """`[I, H, D]` of hidden units and states"""
    units_target: Array
    """`[I, H, *K]`"""


def _central(base: Array, first: Array, rows: int, features: int) -> _Moments:
    """Return central moments of sums over rows: of (h, 1, y) among themselves, and of a with (a, h, 1, y)."""
    units, outputs = first.shape[1], len(base) - features - 1
    mean = base[:features, features] / rows
    own = first[:, :, units + features] / rows
    pairs = first[:, :, :units] / rows - own[:, :, None] * own[:, None, :]
    cross = first[:, :, units : units + features] / rows - own[:, :, None] * mean
    if outputs == 1:
        target = base[features + 1, features] / rows
        of_states = base[:features, features + 1] / rows - mean * target
        variance = base[features + 1, features + 1] / rows - target**2
        of_units = first[:, :, units + features + 1] / rows - own * target
    else:
        target = base[features + 1 :, features] / rows
        of_states = base[:features, features + 1 :] / rows - mean[:, None] * target
        variance = jnp.sum(jnp.diagonal(base)[features + 1 :] / rows - target**2)
        of_units = first[:, :, units + features + 1 :] / rows - own[:, :, None] * target
    return _Moments(
        base[:features, :features] / rows - jnp.outer(mean, mean), of_states, variance, pairs, cross, of_units
    )


def _summed(problem: Problem, h: Array, ins: Array, left: Array, way: Plain) -> tuple[Array, Array]:
    """Return, on a device, the sums of `_central` over each of its tiles for one state, `[tiles, …]`."""
    tile, own = tiles(problem.rows, problem.over.size)
    y = own_tiles(problem.y - problem.y[0], tile, own)  # near its mean, and the same bits everywhere
    counts = own_tiles(jnp.ones(problem.rows), tile, own)
    times = lambda a, b: product(a, b, problem.tier)

    def of_tile(part: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        h, y, counts = part
        base = jnp.concatenate([h, jnp.ones_like(counts)[:, None], y.reshape(len(h), -1)], axis=1) * counts[:, None]

        def of_first(i: Array) -> Array:
            units = hidden_columns(problem, h.T, i) * counts
            return jnp.concatenate([times(units, units.T), times(units, base)], axis=1)

        if way == "batched":
            return times(base.T, base), jax.vmap(of_first)(ins)
        units = problem.pieces.b_in.shape[1]
        found = jnp.zeros((len(ins), units, units + base.shape[1]))
        found = lax.fori_loop(0, left, lambda k, sums: sums.at[k].set(of_first(ins[k])), found)
        return times(base.T, base), found

    return lax.map(of_tile, (h.reshape(own, tile, -1), y, counts))


def _factor(gram: Array, ridge: Array) -> Array:
    """Return the Cholesky factor of a Gram matrix `[D, D]` with a share of its mean diagonal added."""
    pull = ridge * jnp.trace(gram) / len(gram) + jnp.finfo(gram.dtype).tiny
    return jnp.linalg.cholesky(gram + pull * jnp.eye(len(gram), dtype=gram.dtype))


def _screened(problem: Problem, moments: _Moments, outs: Array, ridge: Array) -> Array:
    """Return what probes leave to first order behind all blocks of the first halves and some second ones, `[I, J]`."""
    factor = _factor(moments.states, ridge)
    fitted = cho_solve((factor, True), moments.target)
    left = moments.variance - _inner(problem, moments.target, fitted)
    pulled = product(problem.pieces.w_out[outs], fitted, problem.tier)
    unexplained = moments.units_target - product(moments.cross, fitted, problem.tier)

    def of_first(units: Array, cross: Array, unexplained: Array) -> Array:
        along = solve_triangular(factor, cross.T, lower=True)
        fresh = units - product(along.T, along, problem.tier)
        if pulled.ndim == 3:
            bent = jnp.einsum("jhk,hg->jgk", pulled, fresh, precision=lax.Precision.HIGHEST)
            return left + jnp.sum((bent - 2 * unexplained) * pulled, axis=(1, 2))
        quadratic = jnp.sum(product(pulled, fresh, problem.tier) * pulled, axis=1)
        return left - 2 * product(pulled, unexplained, problem.tier) + quadratic

    return lax.map(lambda part: of_first(*part), (moments.units, moments.cross, unexplained))


def _inner(problem: Problem, a: Array, b: Array) -> Array:
    return product(a, b, problem.tier) if a.ndim == 1 else jnp.sum(a * b)


def _refitted(
    problem: Problem, moments: _Moments, k: Array, outs: Array, ridge: Array, way: Plain
) -> tuple[Array, Array]:
    """Return what probes leave behind the k-th first half and C second ones, and mean squares of updates, `[C]`."""
    weights = problem.pieces.w_out[outs]
    count, units, features = weights.shape
    times = lambda a, b: product(a, b, problem.tier)
    side_by_side = jnp.moveaxis(weights, 0, 1).reshape(units, -1)
    of_each = lambda table: jnp.moveaxis(times(table, side_by_side).reshape(len(table), count, features), 1, 0)
    bent, update = of_each(moments.cross[k].T), times(weights.mT, of_each(moments.units[k]))
    own = moments.units_target[k]
    target = moments.target + (times(own, weights) if own.ndim == 1 else times(weights.mT, own))

    def explained(one: tuple[Array, Array]) -> Array:
        gram, target = one
        squares = solve_triangular(_factor(gram, ridge), target, lower=True) ** 2
        return jnp.sum(lax.optimization_barrier(squares))  # fused, their last bits depend on what is around

    grams = lax.optimization_barrier(moments.states + bent + bent.mT + update)
    # in turn on a core: what LAPACK deals out among threads waits for ever where all of them are devices
    every = lax.map(explained, (grams, target)) if way == "sequential" else jax.vmap(explained)((grams, target))
    return moments.variance - every, jnp.trace(update, axis1=-2, axis2=-1)


def _log(values: Array) -> Array:
    return jnp.log(jnp.maximum(values, jnp.finfo(values.dtype).tiny))


@compiled(static=("refits", "partners", "keep", "paired", "way"))
def best_probed(
    problem: Problem,
    states: Float[Array, "W Rp D"],
    first: Int[Array, ""],
    moved: Float[Array, " B"],
    ins: Int[Array, "B I"],
    outs: Int[Array, "B J"],
    left: Int[Array, " B"],
    fits: Fits,
    *,
    refits: int,
    partners: int,
    keep: int,
    paired: bool = False,
    way: Plain | None = None,
) -> Probed:
    """Return the best expansions of each of B states, from state `first` on, as linear probes rank them.

    Parameters
    ----------
    problem, states
        The rows, and states as `inputs_spread` and `grown` return them.
    moved
        Mean squares of all updates that have led to each state, added up.
    ins, outs, left
        The halves that each state may go on with: the first `left` of each kind; states without any come last. With
        `paired`, `outs[b, k]` goes with `ins[b, k]` alone.
    fits
        Numbers that say which are the best.
    refits
        Second halves that each first half is fitted exactly with: the best to first order.
    partners
        How many of those are kept for each first half before first halves are compared: second halves are compared by
        errors and costs alone, first halves by their updates as well.
    keep
        How many expansions of each state are returned.
    way
        Whether a device goes through first halves in turn or side by side; None: what suits it.
    """
    chosen = way or plain_way(problem.over)
    count, devices = ins.shape[0], problem.over.size
    own = max(2, -(-count // devices))  # a loop over one state is compiled to other last bits
    columns = 1 if paired else min(refits, outs.shape[1])
    most = min(keep, ins.shape[1] * columns)
    fill = lambda table: jnp.pad(jnp.asarray(table), [(0, own * devices - count)] + [(0, 0)] * (table.ndim - 1))

    def of_state(
        problem: Problem, fits: Fits, moments: _Moments, moved: Array, ins: Array, outs: Array, left: Array
    ) -> tuple[Array, ...]:
        there = jnp.arange(len(ins))[:, None] < left
        if paired:
            seconds, allowed = outs[:, None], there
        else:
            allowed = there & (jnp.arange(len(outs)) < left)
            roughly = _log(_screened(problem, moments, outs, fits.ridge)) + fits.costs[ins[:, None], outs]
            best = lax.top_k(jnp.where(allowed & ~jnp.isnan(roughly), -roughly, -jnp.inf), columns)[1]
            seconds, allowed = outs[best], jnp.take_along_axis(allowed, best, axis=1)
        refit = lambda at: _refitted(problem, moments, at[0], at[1], fits.ridge, chosen)
        errors, updates = lax.map(refit, (jnp.arange(len(ins)), seconds))
        score = _log(errors) + fits.costs[ins[:, None], seconds]
        score = jnp.where(allowed & ~jnp.isnan(score), score, jnp.inf)
        worst = -lax.top_k(-score, min(partners, columns))[0][:, -1:]
        rank = score + fits.action * _log(moved + updates)
        rank = jnp.where((score <= worst) & jnp.isfinite(rank), rank, jnp.inf)
        best, at = lax.top_k(-rank.ravel(), most)
        halves = ins[at // columns], seconds.ravel()[at]
        return -best, errors.ravel()[at], moved + updates.ravel()[at], *halves

    def on_one_device(
        problem: Problem, states: Array, first: Array, fits: Fits, moved: Array, ins: Array, outs: Array, left: Array
    ) -> Probed:
        some, there = fill(lax.dynamic_slice_in_dim(states, first, count)), jnp.sum(left > 0)

        def summed(w: Array, sums: tuple[Array, Array]) -> tuple[Array, Array]:
            base, firsts = _summed(problem, some[w], ins[w], left[w], chosen)
            return sums[0].at[w].set(base), sums[1].at[w].set(firsts)

        shapes = jax.eval_shape(lambda: _summed(problem, some[0], ins[0], left[0], chosen))
        blank = tuple(jnp.zeros((len(some), *part.shape), part.dtype) for part in shapes)
        sums = lax.fori_loop(0, there, summed, (blank[0], blank[1]))
        sums = [lax.all_to_all(part, AXIS, split_axis=0, concat_axis=1, tiled=True) for part in sums]
        mine = lax.axis_index(AXIS) * own + jnp.arange(own)

        def expanded(w: Array) -> tuple[Array, ...]:
            add = lambda total, part: (total + part, None)
            base, firsts = (lax.scan(add, jnp.zeros_like(part[w, 0]), part[w])[0] for part in sums)
            base, firsts, at = lax.optimization_barrier((base, firsts, mine[w]))
            moments = lax.optimization_barrier(_central(base, firsts, problem.rows, states.shape[-1]))
            return of_state(problem, fits, moments, moved[at], ins[at], outs[at], left[at])

        rank, errors, after, i, j = lax.map(expanded, jnp.arange(own))
        errors = errors if problem.outputs == 1 else errors / problem.outputs
        state = jnp.broadcast_to((first + mine)[:, None], rank.shape).astype(jnp.int32)
        parts = rank, errors, after, state, i, j
        return Probed(*(lax.all_gather(part.reshape(-1), AXIS, tiled=True) for part in parts))

    given = problem, states, jnp.asarray(first), Fits(*map(jnp.asarray, fits)), *map(fill, (moved, ins, outs, left))
    return sharded(on_one_device, problem.over, (REPLICATED, ROWS, *[REPLICATED] * 6), REPLICATED)(*given)
