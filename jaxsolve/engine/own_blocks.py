"""Device: problems whose blocks are functions of one's own, and what a linear probe makes of one block more."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxsolve.architecture.own import Apply, OwnBlocks, Read
from jaxsolve.backend.compile import compiled
from jaxsolve.backend.devices import AXIS, REPLICATED, SHARDED, mesh, put, sharded
from jaxsolve.backend.precision import product
from jaxsolve.backend.shapes import Array, Float, Int
from jaxsolve.engine.network import Problem


def seen_by_probe(states: Any) -> Array:
    """Return what a linear probe sees of states `[R, …, C]`: the mean of each channel, and the last of each."""
    flat = states.reshape(len(states), -1, states.shape[-1])
    return flat[:, 0] if flat.shape[1] == 1 else jnp.concatenate([flat.mean(axis=1), flat[:, -1]], axis=1)


def own_problem(
    parameters: Any,
    apply: Apply,
    states: np.ndarray,
    y: np.ndarray,
    readout: Read,
    features: Read = seen_by_probe,
    *,
    devices: int | None = None,
) -> Problem:
    """Put blocks of one's own on the first `devices` devices, in float32.

    Parameters
    ----------
    parameters
        A pytree of arrays `[N, …]`.
    apply, readout, features
        As `OwnBlocks` has them.
    states, y
        `[R, …]` what blocks begin with, and `[R]` or `[R, K]` what the readout is to make of it in the end.
    """
    over = mesh(devices)
    single = lambda table: put(np.asarray(table, np.float32), over)
    shape = states.shape[1:]
    known = OwnBlocks(jax.tree.map(single, parameters), apply, readout, features, shape)
    one = jax.jit(lambda h: known.run(h, 0)).lower(jnp.zeros((1, known.width))).cost_analysis()
    flops = float((one or {}).get("flops", 0.0)) or 4.0 * known.width
    blocks = OwnBlocks(known.parameters, apply, readout, features, shape, flops)
    return Problem(blocks, single(states.reshape(len(states), -1)), single(y), "identity", over)


@compiled()
def own_probe_errors(
    problem: Problem, states: Float[Array, "W R D"], parents: Int[Array, " K"], blocks: Int[Array, " K"]
) -> Float[Array, " K"]:
    """Return what the best affine readout of features leaves of the targets, after one block more of some states.

    K is a multiple of the devices. The ridge is a thousandth of the features' variance.
    """
    own = problem.pieces
    assert isinstance(own, OwnBlocks)

    def on_one_device(problem: Problem, states: Array, parents: Array, blocks: Array) -> Array:
        own, y = problem.pieces, problem.y.reshape(problem.rows, -1)
        assert isinstance(own, OwnBlocks)
        target = y - jnp.mean(y, axis=0)

        def error(one: tuple[Array, Array]) -> Array:
            h = own.run(states[one[0]], one[1])
            seen = own.features(own.states(h)).reshape(problem.rows, -1)
            seen = seen - jnp.mean(seen, axis=0)
            gram = product(seen.T, seen, problem.tier) / problem.rows
            cross = product(seen.T, target, problem.tier) / problem.rows
            pull = 1e-3 * jnp.trace(gram) / len(gram) + jnp.finfo(jnp.float32).tiny
            factor = jnp.linalg.cholesky(gram + pull * jnp.eye(len(gram)))
            explained = jax.scipy.linalg.solve_triangular(factor, cross, lower=True) ** 2
            return jnp.mean(target**2) - jnp.sum(explained) / target.shape[1]

        return lax.all_gather(lax.map(error, (parents, blocks)), AXIS, tiled=True)

    run = sharded(on_one_device, problem.over, (REPLICATED, REPLICATED, SHARDED, SHARDED), REPLICATED)
    return run(problem, states, jnp.asarray(parents), jnp.asarray(blocks))


@compiled()
def own_states(
    problem: Problem, states: Float[Array, "W R D"], parents: Int[Array, " K"], blocks: Int[Array, " K"]
) -> Float[Array, "K R D"]:
    """Return the states after one block more each, of some states."""
    own = problem.pieces
    assert isinstance(own, OwnBlocks)
    return lax.map(lambda one: own.run(states[one[0]], one[1]), (jnp.asarray(parents), jnp.asarray(blocks)))
