"""Host: one forward pass through the network, and what is seen at each position."""

from dataclasses import dataclass, fields
from functools import partial

import numpy as np

from jaxsolve.analysis.subject import Subject
from jaxsolve.analysis.summary import NotMeasuredError
from jaxsolve.architecture import Network, parallel
from jaxsolve.puzzle.network import chunks
from jaxsolve.puzzle.types import Floats


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """What the states of a network and its blocks are like, by position; means over rows."""

    state_norm: Floats
    """`[K+1]` ||h||, before every block and after the last."""
    update_norm: Floats
    """`[K]` ||r(h)||"""
    ratio: Floats
    """`[K]` ||r(h)||/||h||, over rows whose state is not 0; NaN if there is none."""
    delta_norm: Floats
    """`[K]` ||r(x)|| on the inputs themselves (Park 2026, https://arxiv.org/abs/2602.19845, equation 5)."""
    active_fraction: Floats
    """`[K]` share of hidden units that are open, their input above 0."""
    jacobian_trace: Floats
    """`[K]` tr J_r, of the Jacobian J_r = W_out diag(act'(W_in h + b_in)) W_in"""
    jacobian_square: Floats
    """`[K]` ||J_r||²_F"""


def forward(subject: Subject) -> ForwardPass:
    """Run the network once, in float64, and measure at each position.

    Raises
    ------
    NotMeasuredError
        States overflow, as they may where pairs or order are wrong.
    """
    threads = 8  # each holds what it has seen of its rows: sums of D and H numbers, and H² for one block at a time
    parts = [*parallel(partial(_sums, subject, subject.network), chunks(subject.x), threads)]
    rows, total = np.sum([count for _, count in parts], axis=0), {}
    for field in fields(ForwardPass):
        summed = np.sum([getattr(sums, field.name) for sums, _ in parts], axis=0)
        over = rows if field.name == "ratio" else np.full(summed.shape, subject.rows)
        total[field.name] = np.divide(summed, over, out=np.full(summed.shape, np.nan), where=over > 0)
    if not np.isfinite(total["state_norm"]).all():
        raise NotMeasuredError(f"states overflow behind position {_last(total['state_norm'])}, {subject.source}")
    return ForwardPass(**total)


def _sums(subject: Subject, network: Network, x: Floats) -> tuple[ForwardPass, Floats]:
    """Return the sums over some rows of everything, and how many of them have a state that is not 0, `[K]`."""
    h, seen, counts = x, [], []
    norm = np.linalg.norm(h, axis=1)
    norms = [norm.sum()]
    for i, j in zip(*subject.assembly, strict=True):
        inputs = network.inputs(h, i)
        update = network.second(network.activate(inputs), j)
        size, moves = np.linalg.norm(update, axis=1), norm > 0
        ratio = (size[moves] / norm[moves]).sum()
        delta = np.linalg.norm(network.residual(x, i, j), axis=1).sum()
        seen.append(
            (
                size.sum(),
                ratio,
                delta,
                (inputs[:, : network.w_in.shape[1]] > 0).mean(axis=1).sum(),
                *_jacobian(network, inputs, i, j),
            )
        )
        counts.append(moves.sum())
        h = h + update
        norm = np.linalg.norm(h, axis=1)
        norms.append(norm.sum())
    return ForwardPass(np.array(norms), *np.array(seen).T), np.array(counts, np.float64)


def _jacobian(network: Network, inputs: Floats, i: int, j: int) -> tuple[float, float]:
    """Return the sums over rows of tr J_r and of ||J_r||²_F, by sums over pairs of hidden units.

    With s the slopes of a row's hidden units, ||J_r||²_F = Σ_kl (W_outᵀW_out)_kl (W_in W_inᵀ)_kl s_k s_l.
    """
    w_in, w_out = network.w_into[i], np.tile(network.w_out[j], 1 + network.gated)
    slopes = network.pulled(inputs, np.ones((len(inputs), network.w_in.shape[1])))
    trace = slopes.sum(axis=0) @ np.einsum("kd,dk->k", w_in, w_out)
    square = ((slopes.T @ slopes) * (w_out.T @ w_out) * (w_in @ w_in.T)).sum()
    return float(trace), float(square)


def _last(norms: Floats) -> int:
    """Return the position of the block after which states are infinite."""
    return int(np.argmin(np.isfinite(norms))) - 1
