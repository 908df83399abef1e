"""Host: orders by the size of the blocks, smallest first."""

import numpy as np

from jaxsolve.ordering.paired import Order, Paired
from jaxsolve.puzzle import activation_of


def w_out_frobenius(paired: Paired) -> Order:
    """Sort by the Frobenius norm of W_out (Park 2026, https://arxiv.org/abs/2602.19845, section 4.1)."""
    return _ascending(np.sqrt((_w_out(paired) ** 2).sum(axis=(1, 2))))


def w_out_l1(paired: Paired) -> Order:
    """Sort by the sum of the absolute entries of W_out."""
    return _ascending(np.abs(_w_out(paired)).sum(axis=(1, 2)))


def delta_norm(paired: Paired) -> Order:
    """Sort by the mean norm of the block's update of the inputs (Park 2026, equation 5)."""
    problem = paired.problem
    x, activation = np.asarray(problem.x), activation_of(problem.activation)
    w_in, b_in, w_out, b_out, *_ = map(np.asarray, problem.pieces)
    norms = [
        np.linalg.norm(activation(x @ w_in[k].T + b_in[k]) @ w_out[j].T + b_out[j], axis=1).mean(dtype=np.float64)
        for k, j in enumerate(paired.partner)
    ]
    return _ascending(np.array(norms))


def random(paired: Paired) -> Order:
    """Return a random order, the same for the same seed."""
    return np.random.default_rng(paired.seed).permutation(paired.blocks).astype(np.int32)


def _w_out(paired: Paired) -> np.ndarray:
    return np.asarray(paired.problem.pieces.w_out, np.float64)[paired.partner]


def _ascending(sizes: np.ndarray) -> Order:
    return np.argsort(sizes, kind="stable").astype(np.int32)
