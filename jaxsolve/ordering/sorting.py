"""Host: orders by the size of the blocks, smallest first."""

import numpy as np

from jaxsolve.ordering.paired import Order, Paired


def w_out_frobenius(paired: Paired) -> Order:
    """Sort by the Frobenius norm of W_out (Park 2026, https://arxiv.org/abs/2602.19845, section 4.1)."""
    return _ascending(np.sqrt((_w_out(paired) ** 2).sum(axis=(1, 2))))


def w_out_l1(paired: Paired) -> Order:
    """Sort by the sum of the absolute entries of W_out."""
    return _ascending(np.abs(_w_out(paired)).sum(axis=(1, 2)))


def delta_norm(paired: Paired) -> Order:
    """Sort by the mean norm of the block's update of the inputs (Park 2026, equation 5)."""
    network, x = paired.network, paired.inputs
    updates = (network.residual(x, k, int(j)) for k, j in enumerate(paired.partner))
    norms = [np.linalg.norm(update, axis=1).mean(dtype=np.float64) for update in updates]
    return _ascending(np.array(norms))


def random(paired: Paired) -> Order:
    """Return a random order, the same for the same seed."""
    return np.random.default_rng(paired.seed).permutation(paired.blocks).astype(np.int32)


def _w_out(paired: Paired) -> np.ndarray:
    return paired.network.w_out.astype(np.float64)[paired.partner]


def _ascending(sizes: np.ndarray) -> Order:
    return np.argsort(sizes, kind="stable").astype(np.int32)
