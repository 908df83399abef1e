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


class Mixture(NamedTuple):
    """What every position runs: K blocks, each to a share."""

    ins: Int[Array, "T K"]
    """First halves."""
    outs: Int[Array, "T K"]
    shares: Float[Array, "T K"]


def mixture(ins: np.ndarray, outs: np.ndarray, shares: np.ndarray) -> Mixture:
    """Put what positions run, `[T, K]` each, on a device."""
    return Mixture(jnp.asarray(ins, jnp.int32), jnp.asarray(outs, jnp.int32), jnp.asarray(shares, jnp.float32))


def _first(problem: Problem, h: Array, ins: Array) -> tuple[Array, Array]:
    """Return the first halves' weights side by side, `[D, K·H]`, and what they make of states, `[R, K·H]`."""
    w = jnp.moveaxis(problem.pieces.w_in[ins], 1, 0).reshape(h.shape[1], -1)
    return w, product(h, w, problem.tier) + problem.pieces.b_in[ins].reshape(-1)


@compiled()
def mixed(problem: Problem, mixture: Mixture) -> tuple[Float[Array, " R"], Float[Array, "T R D"]]:
    """Return the errors of a mixture's predictions, and the states before every position."""

    def on_one_device(problem: Problem, mixture: Mixture) -> tuple[Array, Array]:
        p, act = problem.pieces, ACTIVATIONS[problem.activation]

        def position(h: Array, at: Mixture) -> tuple[Array, Array]:
            hidden = act(_first(problem, h, at.ins)[1])
            weights = p.w_out[at.outs] * at.shares[:, None, None]
            added = product(hidden, weights.reshape(-1, h.shape[1]), problem.tier)
            return h + added + product(at.shares, p.b_out[at.outs], problem.tier), h

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

        def position(g: Array, at: tuple[Array, Mixture]) -> tuple[Array, Array]:
            h, (ins, outs, shares) = at
            w, before = _first(problem, h, ins)
            hidden, slopes = jax.jvp(act, (before,), (jnp.ones_like(before),))
            pulled = product(g, p.w_out[outs].reshape(-1, h.shape[1]).T, problem.tier)
            own = (hidden * pulled).reshape(len(h), len(ins), -1).sum(axis=2) + product(
                g, p.b_out[outs].T, problem.tier
            )
            back = slopes * pulled * jnp.repeat(shares, p.w_in.shape[2])
            return g + product(back, w.T, problem.tier), own

        last = jnp.broadcast_to(p.w_last, states.shape[1:])
        return lax.scan(position, last, (states, mixture), reverse=True)[1]

    run = spread(on_one_device, problem.over, (SAME, SAME, SAME), SAME)
    return run(problem, mixture, states)


@compiled(static=("blocks",))
def share_changes(
    mixture: Mixture,
    influences: Float[Array, "T R K"],
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
    mixture, influences, errors
        The network, and what `influences` and `mixed` say of it.
    damping
        In the squared units of the predictions.
    blocks
        N, how many halves of either kind there are.
    """
    (positions, rows, _), at = influences.shape, jnp.arange(len(influences))
    tight = jnp.sqrt(TIGHT * rows * damping)
    shares = jnp.maximum(mixture.shares, LEAST)
    weighted = influences * shares[:, None]
    by_pair = jnp.moveaxis(weighted, 2, 1).reshape(-1, rows)
    of_halves = [jax.ops.segment_sum(by_pair, half.reshape(-1), blocks) for half in mixture[:2]]
    cross = tight * jnp.concatenate([weighted.sum(axis=2), *of_halves])
    positions_by = [jnp.zeros((positions, blocks)).at[at[:, None], half].add(shares) for half in mixture[:2]]
    ins_by_outs = jnp.zeros((blocks, blocks)).at[mixture.ins, mixture.outs].add(shares)
    sums = jnp.block(
        [
            [jnp.diag(shares.sum(axis=1)), *positions_by],
            [positions_by[0].T, jnp.diag(ins_by_outs.sum(axis=1)), ins_by_outs],
            [positions_by[1].T, ins_by_outs.T, jnp.diag(ins_by_outs.sum(axis=0))],
        ]
    )
    rows_by_rows = jnp.einsum("trk,tsk->rs", weighted, influences, precision=lax.Precision.HIGHEST)
    gram = jnp.block([[rows_by_rows, cross.T], [cross, tight**2 * sums]])
    factor = jax.scipy.linalg.cho_factor(gram + rows * damping * jnp.eye(len(gram)))
    found = jax.scipy.linalg.cho_solve(factor, jnp.concatenate([-errors, jnp.zeros(len(sums))]))
    of_rows, of_positions, of_ins, of_outs = jnp.split(found, [rows, rows + positions, rows + positions + blocks])
    pull = jnp.einsum("r,trk->tk", of_rows, influences, precision=lax.Precision.HIGHEST)
    return shares * (pull + tight * (of_positions[:, None] + of_ins[mixture.ins] + of_outs[mixture.outs]))
