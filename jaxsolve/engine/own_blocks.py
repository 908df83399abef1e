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
from jaxsolve.errors import UsageError


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
    placed = jax.tree.map(single, parameters)
    weights = sum(leaf.size / leaf.shape[0] for leaf in jax.tree.leaves(placed))
    # as if every position of a row met every weight
    blocks = OwnBlocks(placed, apply, readout, features, shape, 2.0 * weights * float(np.prod(shape[:-1])))
    return Problem(blocks, single(states.reshape(len(states), -1)), single(y), "identity", over)


def check_own(parameters: Any, apply: Apply, states: np.ndarray, y: np.ndarray, readout: Read) -> int:
    """Return N, the number of blocks of one's own.

    Raises
    ------
    UsageError
        Their parameters do not agree on it, or `apply` or `readout` give other sizes than are expected of them.
    """
    firsts = sorted({np.shape(leaf)[:1] for leaf in jax.tree.leaves(parameters)})
    if len(firsts) != 1 or not firsts[0]:
        shown = ", ".join(str(first[0]) if first else "none" for first in firsts) or "nothing"
        raise UsageError(f"blocks: first axes of their parameters are {shown}; expected one number of blocks for all")
    if len(states) != len(y):
        raise UsageError(f"x has {len(states)} rows and y {len(y)}; expected as many")
    single = lambda table: np.asarray(table, np.float32)
    some, one = single(states[:2]), jax.tree.map(lambda leaf: single(leaf)[0], parameters)
    after = jax.eval_shape(apply, one, some).shape
    if after != some.shape:
        raise UsageError(f"apply makes states {list(after[1:])} of {list(some.shape[1:])}; expected the same")
    given = jax.eval_shape(readout, some).shape[1:]
    if given != y.shape[1:] or y.ndim > 2:
        raise UsageError(f"readout gives {list(given)} for each row and y has {list(y.shape[1:])}; expected the same")
    return firsts[0][0]


def own_predictions(
    parameters: Any, apply: Apply, states: np.ndarray, readout: Read, order: np.ndarray, *, double: bool
) -> np.ndarray:
    """Return what blocks of one's own answer in an order, in float64 (`double`) or float32, `[R]` or `[R, K]`."""
    kind = np.float64 if double else np.float32
    cast = lambda leaf: np.asarray(leaf, kind) if np.issubdtype(np.asarray(leaf).dtype, np.floating) else leaf
    blocks = OwnBlocks(jax.tree.map(cast, parameters), apply, readout, seen_by_probe, states.shape[1:])
    flat = cast(states).reshape(len(states), -1)
    with jax.enable_x64(double):
        parts = [
            _answered(blocks, part, np.asarray(order, np.int32)) for part in np.array_split(flat, -(-len(flat) // 1024))
        ]
        return np.concatenate([np.asarray(part, np.float64) for part in parts])


@compiled()
def _answered(blocks: OwnBlocks, h: Any, order: Any) -> Any:
    return blocks.read(lax.fori_loop(0, len(order), lambda t, h: blocks.run(h, order[t]), jnp.asarray(h)))


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
