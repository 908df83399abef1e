"""Device: networks whose positions run mixtures of blocks, and Gauss-Newton steps of their shares.

An order is a permutation matrix: which block runs at which position. Relaxed to a doubly stochastic matrix, every
position adds the weighted sum of what some blocks would add, x <- x + sum_k share_k f_k(x). The predictions are
differentiable in the shares, with gradients of all shares of a position for little more than one pass over its blocks,
and squared errors call for Gauss-Newton steps: moves that make up for each other are seen together.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxsolve.engine.compile import compiled
from jaxsolve.engine.devices import SAME, spread
from jaxsolve.engine.network import ACTIVATIONS, Problem
from jaxsolve.engine.precision import product
from jaxsolve.engine.shapes import Array, Float, Int

TIGHT = 1e3
"""Damping of what would change the sums of shares, in units of that of other changes."""
LEAST = 1e-9
"""Share below which blocks change as if they had that one."""

DENSE = 0.07
"""Share of all pairs of a position's halves from which it is faster to multiply all of them."""


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
def mixed(problem: Problem, mixture: Mixture) -> tuple[Float[Array, " R"], Float[Array, "T R D"]]:
    """Return the errors of a mixture's predictions, and the states before every position."""

    def on_one_device(problem: Problem, mixture: Mixture) -> tuple[Array, Array]:
        p, act = problem.pieces, ACTIVATIONS[problem.activation]

        def position(h: Array, at: Mixture) -> tuple[Array, Array]:
            w, bias = _second(problem, at)
            return h + product(act(_first(problem, h, at.ins)[1]), w, problem.tier) + bias, h

        last, states = lax.scan(position, jnp.asarray(problem.x), mixture)
        return product(last, p.w_last, problem.tier) + p.b_last - problem.y, states

    return spread(on_one_device, problem.over, (SAME, SAME), SAME)(problem, mixture)


@compiled()
def influences(problem: Problem, mixture: Mixture, states: Float[Array, "T R D"]) -> Float[Array, "T R K"]:
    """Return the derivative of every prediction by every share.

    Parameters
    ----------
    problem, mixture
        The rows, and the network.
    states
        Those of `mixed`.
    """

    def on_one_device(problem: Problem, mixture: Mixture, states: Array) -> Array:
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

        last = jnp.broadcast_to(p.w_last, states.shape[1:])
        return lax.scan(position, last, (states, mixture), reverse=True)[1]

    run = spread(on_one_device, problem.over, (SAME, SAME, SAME), SAME)
    return run(problem, mixture, states)


def joined(influences: list[Float[Array, "T r K"]]) -> Float[Array, "T R K"]:
    """Return the influences on the predictions of all rows by those of parts of them."""
    return influences[0] if len(influences) == 1 else jnp.concatenate(influences, axis=1)


def _inner(hidden: Array, pulled: Array, at: Mixture) -> Array:
    """Return the inner products of pairs' units, `[R, K]`, of what halves make of them, `[R, U, H]` and `[R, V, H]`."""
    if len(at.shares) < DENSE * len(at.ins) * len(at.outs):
        return (hidden[:, at.first] * pulled[:, at.second]).sum(axis=2)
    return jnp.einsum("ruh,rvh->ruv", hidden, pulled, precision=lax.Precision.HIGHEST)[:, at.first, at.second]


@compiled()
def products_of_rows(mixture: Mixture, influences: Float[Array, "T R K"]) -> Float[Array, "R R"]:
    """Return how much alike rows depend on shares: inner products of their influences, weighted by the shares."""
    weighted = influences * jnp.maximum(mixture.shares, LEAST)[:, None]
    return jnp.einsum("trk,tsk->rs", weighted, influences, precision=lax.Precision.HIGHEST)


@compiled(static=("blocks",))
def share_changes(
    mixture: Mixture,
    influences: Float[Array, "T R K"],
    products: Float[Array, "R R"],
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
    mixture, influences, products, errors
        The network, and what `influences`, `products_of_rows` and `mixed` say of it.
    damping
        In the squared units of the predictions.
    blocks
        N, how many halves of either kind there are.
    """
    (positions, rows, _), at = influences.shape, jnp.arange(len(influences))
    tight = jnp.sqrt(TIGHT * rows * damping)
    shares = jnp.maximum(mixture.shares, LEAST)
    weighted = influences * shares[:, None]
    halves = [jnp.take_along_axis(mixture[k], mixture[k + 2], axis=1) for k in (0, 1)]
    by_pair = jnp.moveaxis(weighted, 2, 1).reshape(-1, rows)
    of_halves = [jax.ops.segment_sum(by_pair, half.reshape(-1), blocks) for half in halves]
    cross = tight * jnp.concatenate([weighted.sum(axis=2), *of_halves])
    positions_by = [jnp.zeros((positions, blocks)).at[at[:, None], half].add(shares) for half in halves]
    ins_by_outs = jnp.zeros((blocks, blocks)).at[halves[0], halves[1]].add(shares)
    sums = jnp.block(
        [
            [jnp.diag(shares.sum(axis=1)), *positions_by],
            [positions_by[0].T, jnp.diag(ins_by_outs.sum(axis=1)), ins_by_outs],
            [positions_by[1].T, ins_by_outs.T, jnp.diag(ins_by_outs.sum(axis=0))],
        ]
    )
    gram = jnp.block([[products, cross.T], [cross, tight**2 * sums]])
    factor = jax.scipy.linalg.cho_factor(gram + rows * damping * jnp.eye(len(gram)))
    found = jax.scipy.linalg.cho_solve(factor, jnp.concatenate([-errors, jnp.zeros(len(sums))]))
    of_rows, of_positions, of_ins, of_outs = jnp.split(found, [rows, rows + positions, rows + positions + blocks])
    pull = jnp.einsum("r,trk->tk", of_rows, influences, precision=lax.Precision.HIGHEST)
    return shares * (pull + tight * (of_positions[:, None] + of_ins[halves[0]] + of_outs[halves[1]]))
