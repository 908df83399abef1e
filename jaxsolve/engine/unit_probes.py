"""Device: what the best readout of states and of hidden units on them leaves of the predictions.

A linear probe (`probe_expansion`) knows what a network has worked out so far. One that also reads hidden units of some
first halves knows what its next blocks could make of that, and so tells sooner that a path is lost: random features
(Rahimi & Recht 2007, https://papers.nips.cc/paper/3182-random-features-for-large-scale-kernel-machines).
"""

from typing import Any

import jax.numpy as jnp
from jax import lax

from jaxsolve.architecture.device import hidden
from jaxsolve.backend.compile import compiled
from jaxsolve.backend.devices import AXIS, REPLICATED, sharded
from jaxsolve.backend.precision import product
from jaxsolve.backend.shapes import Array, Float, Int
from jaxsolve.engine.expansion import ROWS, own_tiles, tiles
from jaxsolve.engine.network import Problem


def _left(total: Array, features: int, rows: int, ridge: Array) -> Array:
    """Return what the best readout leaves, from sums over rows of the products of features, 1 and the targets."""
    mean, target = total[:features, features] / rows, total[features + 1 :, features] / rows
    gram = total[:features, :features] / rows - mean[:, None] * mean
    common = total[:features, features + 1 :] / rows - mean[:, None] * target
    variance = jnp.sum(jnp.diagonal(total)[features + 1 :] / rows - target**2)
    scale = jnp.sqrt(jnp.diagonal(gram))
    scale = 1 / jnp.where(scale > 0, scale, 1.0)  # a unit that never changes tells nothing
    gram = gram * scale[:, None] * scale + ridge * jnp.eye(features, dtype=gram.dtype)
    explained = lax.linalg.triangular_solve(
        jnp.linalg.cholesky(gram), common * scale[:, None], left_side=True, lower=True
    )
    return variance - jnp.sum(explained**2)


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
    devices = problem.over.size
    tile, own = tiles(problem.rows, devices)

    def on_one_device(problem: Problem, states: Array, first: Array, halves: Array, ridge: Array) -> Array:
        y, counts = own_tiles(problem.y - problem.y[0], tile, own), own_tiles(jnp.ones(problem.rows), tile, own)

        def of_tile(part: tuple[Array, Array, Array]) -> Array:
            h, y, counts = part
            units = lax.map(lambda i: hidden(problem, h, i), halves)
            units = jnp.moveaxis(units, 0, 1).reshape(len(h), -1)
            table = jnp.concatenate([h, units, jnp.ones((len(h), 1), h.dtype), y.reshape(len(h), -1)], axis=1)
            table = table * counts[:, None]
            return product(table.T, table, problem.tier)

        def of_some(some: Array) -> Array:
            sums = lax.map(lambda h: lax.map(of_tile, (h.reshape(own, tile, -1), y, counts)), some)
            (sums,) = lax.all_to_all(sums, AXIS, split_axis=0, concat_axis=1, tiled=True)
            total = lax.scan(lambda total, part: (total + part, None), jnp.zeros_like(sums[0]), sums)[0]
            return _left(total, len(total) - 1 - problem.outputs, problem.rows, ridge)

        some = lax.dynamic_slice_in_dim(states, first, count)
        padded = jnp.pad(some, [(0, -count % devices), (0, 0), (0, 0)])
        errors = lax.map(of_some, padded.reshape(-1, devices, *states.shape[1:]))
        return lax.all_gather(errors, AXIS, axis=1).reshape(-1)[:count] / problem.outputs

    run = sharded(on_one_device, problem.over, (REPLICATED, ROWS, *[REPLICATED] * 3), REPLICATED)
    return run(problem, states, *map(jnp.asarray, (first, halves, ridge)))
