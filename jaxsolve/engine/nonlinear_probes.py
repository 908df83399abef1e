"""Device: what the best readout of states, and of what becomes of them, leaves of the predictions.

A linear probe (`probe_expansion`) knows what a network has worked out so far. One that also reads hidden units of some
first halves knows what its next blocks could make of that, and so tells sooner that a path is lost: random features
(Rahimi & Recht 2007, https://papers.nips.cc/paper/3182-random-features-for-large-scale-kernel-machines). Where it is
known about which blocks come next, the states behind them tell more: what a wrong block has spoilt grows on the way.
Such rollouts come from games and control (Bertsekas, Tsitsiklis & Wu 1997, https://doi.org/10.1023/A:1009635226865).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsolve.architecture.device import block, hidden
from jaxsolve.backend.compile import compiled
from jaxsolve.backend.devices import AXIS, REPLICATED, sharded
from jaxsolve.backend.precision import product
from jaxsolve.backend.shapes import Array, Float, Int
from jaxsolve.engine.expansion import ROWS, own_tiles, tiles
from jaxsolve.engine.network import Problem


class _Moments(NamedTuple):
    """Of features and targets, Q in all, in some tiles: means, and sums of products of what differs from them."""

    rows: Float[Array, " tiles"]
    mean: Float[Array, "tiles Q"]
    products: Float[Array, "tiles Q Q"]


def _moments(problem: Problem, features: Array, y: Array, counts: Array) -> _Moments:
    """Return the moments of a tile: about its own mean, for far from zero little is left of small differences."""
    table = jnp.concatenate([features, y.reshape(len(y), -1)], axis=1)
    count = jnp.sum(counts)
    mean = counts @ table / jnp.maximum(count, 1.0)
    table = (table - mean) * counts[:, None]
    return _Moments(count, mean, product(table.T, table, problem.tier))


def _errors(problem: Problem, moments: _Moments, ridge: Array) -> Float[Array, ""]:
    """Return what the best readout leaves for the one of S = devices states that is a device's own.

    `moments` are those of the device's tiles of all S, `[S, tiles, …]`. Tiles are put together by Chan, Golub & LeVeque
    1983 (https://doi.org/10.1080/00031305.1983.10483115).
    """
    exchange = lambda part: lax.all_to_all(part, AXIS, split_axis=0, concat_axis=1, tiled=True)[0]
    summed = lambda parts: lax.scan(lambda total, part: (total + part, None), jnp.zeros_like(parts[0]), parts)[0]
    own = _Moments(*map(exchange, moments))
    away = own.mean - summed(own.rows[:, None] * own.mean) / problem.rows
    between = lax.map(lambda tile: tile[0] * tile[1][:, None] * tile[1], (own.rows, away))
    total = (summed(own.products) + summed(between)) / problem.rows
    return _left(total, len(total) - problem.outputs, ridge)


def _errors_of(problem: Problem, moments_of: Callable[[Any], _Moments], some: Any, ridge: Array) -> Float[Array, " C"]:
    """Return what the best readouts leave for C networks, arrays whose first axis they are, on every device.

    `moments_of` returns the moments of a network's features in the device's own tiles.
    """
    devices, count = problem.over.size, len(jax.tree.leaves(some)[0])

    def dealt(table: Array) -> Array:
        padded = jnp.pad(table, [(0, -count % devices)] + [(0, 0)] * (table.ndim - 1))
        return padded.reshape(-1, devices, *table.shape[1:])

    errors = lax.map(lambda few: _errors(problem, lax.map(moments_of, few), ridge), jax.tree.map(dealt, some))
    return lax.all_gather(errors, AXIS, axis=1).reshape(-1)[:count] / problem.outputs


def _left(total: Array, features: int, ridge: Array) -> Array:
    """Return what the best readout leaves, from the covariances of features and targets."""
    gram, common = total[:features, :features], total[:features, features:]
    scale = jnp.sqrt(jnp.diagonal(gram))
    scale = 1 / jnp.where(scale > 0, scale, 1.0)  # a feature that never changes tells nothing
    gram = gram * scale[:, None] * scale + ridge * jnp.eye(features, dtype=gram.dtype)
    explained = lax.linalg.triangular_solve(
        jnp.linalg.cholesky(gram), common * scale[:, None], left_side=True, lower=True
    )
    return jnp.sum(jnp.diagonal(total)[features:]) - jnp.sum(explained**2)


@compiled(static=("count",))
def unit_probe_errors(
    problem: Problem,
    states: Float[Array, "W Rp D"],
    first: Int[Array, ""],
    halves: Int[Array, " F"],
    ridge: Any,
    *,
    count: int,
) -> Float[Array, " count"]:
    """Return the mean squared errors of the best readouts of states and of the hidden units of some first halves.

    Parameters
    ----------
    problem, states
        The rows, and W states as `inputs_spread` and `grown` return them.
    first, count
        The first of the states that are asked for, and how many they are.
    halves
        The first halves whose units are read.
    ridge
        `[]` ridge of the readouts, as a share of the variance of each feature.
    """
    tile, own = tiles(problem.rows, problem.over.size)

    def on_one_device(problem: Problem, states: Array, first: Array, halves: Array, ridge: Array) -> Array:
        y, counts = own_tiles(problem.y, tile, own), own_tiles(jnp.ones(problem.rows), tile, own)

        def of_tile(part: tuple[Array, Array, Array]) -> _Moments:
            h, y, counts = part
            units = lax.map(lambda i: hidden(problem, h, i), halves)
            units = jnp.moveaxis(units, 0, 1).reshape(len(h), -1)
            return _moments(problem, jnp.concatenate([h, units], axis=1), y, counts)

        of_state = lambda h: lax.map(of_tile, (h.reshape(own, tile, -1), y, counts))
        return _errors_of(problem, of_state, lax.dynamic_slice_in_dim(states, first, count), ridge)

    run = sharded(on_one_device, problem.over, (REPLICATED, ROWS, *[REPLICATED] * 3), REPLICATED)
    return run(problem, states, *map(jnp.asarray, (first, halves, ridge)))


@compiled(static=("every",))
def rollout_probe_errors(
    problem: Problem,
    states: Float[Array, "W Rp D"],
    parents: Int[Array, " C"],
    ins: Int[Array, "C T"],
    outs: Int[Array, "C T"],
    there: Int[Array, ""],
    ridge: Any,
    *,
    every: int,
) -> Float[Array, " C"]:
    """Return the mean squared errors of the best readouts of the states that some blocks lead to, read together.

    Parameters
    ----------
    problem, states
        The rows, and W states as `inputs_spread` and `grown` return them.
    parents, ins, outs
        From which state each of C networks goes on, with which T blocks; T - 1 is a multiple of `every`.
    there
        `[]` how many of the T there are; those behind are not run.
    ridge
        `[]` ridge of the readouts, as a share of the variance of each feature.
    every
        States are read behind the first block and after every so many more.
    """
    tile, own = tiles(problem.rows, problem.over.size)

    def on_one_device(
        problem: Problem, states: Array, parents: Array, ins: Array, outs: Array, there: Array, ridge: Array
    ) -> Array:
        y, counts = own_tiles(problem.y, tile, own), own_tiles(jnp.ones(problem.rows), tile, own)
        runs = jnp.arange(ins.shape[1]) < there
        rest = lambda of: of[1:].reshape(-1, every)

        def of_child(child: tuple[Array, Array, Array]) -> _Moments:
            w, ins, outs = child

            def run(h: Array, one: tuple[Array, Array, Array]) -> tuple[Array, None]:
                i, j, runs = one
                return jnp.where(runs, block(problem, h, i, j), h), None

            def read(h: Array, some: tuple[Array, Array, Array]) -> tuple[Array, Array]:
                h = lax.scan(run, h, some)[0]
                return h, h

            def of_tile(part: tuple[Array, Array, Array]) -> _Moments:
                h, y, counts = part
                first = run(h, (ins[0], outs[0], runs[0]))[0]
                later = lax.scan(read, first, (rest(ins), rest(outs), rest(runs)))[1]
                features = jnp.concatenate([first, jnp.moveaxis(later, 0, 1).reshape(len(h), -1)], axis=1)
                return _moments(problem, features, y, counts)

            return lax.map(of_tile, (states[w].reshape(own, tile, -1), y, counts))

        return _errors_of(problem, of_child, (parents, ins, outs), ridge)

    run = sharded(on_one_device, problem.over, (REPLICATED, ROWS, *[REPLICATED] * 5), REPLICATED)
    return run(problem, states, *map(jnp.asarray, (parents, ins, outs, there, ridge)))
