"""Host: how well each first half fits each second half, from the weights or from the data.

Every score is a matrix `[N, N]`, first halves by second halves, larger where a pair fits better. All of
them are a few matrix products over stacked halves; no product W_out·W_in is formed unless a score needs
its square.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxsolve.architecture import Network
from jaxsolve.puzzle import Puzzle
from jaxsolve.puzzle.types import Flags

Scores = NDArray[np.float64]
Array = NDArray[Any]


def trace(puzzle: Puzzle) -> Scores:
    """Return -tr(W_out W_in): trained blocks contract, so that right pairs have a large negative trace.

    Park (2026), https://arxiv.org/abs/2602.19845, proposition 1.
    """
    return -traces(puzzle)


def diagonal_dominance(puzzle: Puzzle) -> Scores:
    """Return |tr(W_out W_in)| / ||W_out W_in||_F, at most the square root of D.

    Park (2026), https://arxiv.org/abs/2602.19845, equation 4.
    """
    return _divide(np.abs(traces(puzzle)), _product_norms(puzzle))


def readout_trace(puzzle: Puzzle, *, weight: float = 0.5) -> Scores:
    """Return the standardised trace plus `weight` times its standardised part along the readout direction.

    With u = w_last/||w_last||, the part is uᵀ W_out W_in u: what a block takes back of the very direction
    that is read out, where training pulls hardest.
    """
    size = np.linalg.norm(puzzle.reads, axis=1, keepdims=True)
    directions = _divide(puzzle.reads, size)
    along = sum(((puzzle.w_in @ one) @ (one @ puzzle.w_out).T for one in directions), np.zeros(()))
    return -(standardised(traces(puzzle)) + weight * standardised(along))


def asymmetry(puzzle: Puzzle) -> Scores:
    """Return tr(M²)/||M||²_F of M = W_out W_in, 1 for a symmetric and -1 for an antisymmetric product.

    It is 1 - ||M - Mᵀ||²_F / (2 ||M||²_F): how little of the product is asymmetric. The products of right
    pairs, near a multiple of the identity, are the more symmetric ones.
    """
    squares = np.empty((len(puzzle.w_in), len(puzzle.w_out)))
    for i, w_in in enumerate(puzzle.w_in):
        product = (puzzle.w_out.reshape(-1, puzzle.hidden) @ w_in).reshape(-1, puzzle.features, puzzle.features)
        squares[i] = (product * product.swapaxes(1, 2)).sum(axis=(1, 2))
    return _divide(squares, _product_norms(puzzle) ** 2)


def gram(puzzle: Puzzle) -> Scores:
    """Return the cosine between the Gram matrices over hidden units, W_in W_inᵀ and W_outᵀ W_out, each centred.

    Gradient flow conserves their difference in linear nets (Du, Hu & Lee 2018, https://arxiv.org/abs/1806.00900),
    so that what training adds to one it adds to the other.
    """
    first, second = _hidden_grams(puzzle)
    return _cosines(_flat(first), _flat(second))


def norm_balance(puzzle: Puzzle) -> Scores:
    """Return the correlation over hidden units k of ||w_in,k||² + b_k² with ||w_out,k||².

    Gradient flow conserves the difference of the two for each unit of a homogeneous activation
    (Du, Hu & Lee 2018, https://arxiv.org/abs/1806.00900, theorem 2.1).
    """
    incoming = (puzzle.w_in**2).sum(axis=2) + puzzle.b_in**2
    return _cosines(incoming, (puzzle.w_out**2).sum(axis=1))


def probe(puzzle: Puzzle) -> Scores:
    """Return how what each pair would add to the readout varies with what is not linear in the inputs, by the data.

    With e what a linear probe of the inputs leaves of the predictions, and a_i the hidden units of first half i on
    the inputs, it is w_last·W_out·E[a_i e]: the gain of a block on the inputs themselves, to first order. Weights of
    the two halves are never compared. Right pairs come out on top where blocks see much of the inputs, which is
    where the states have not drifted far from them.
    """
    found = zip(nonlinear_responses(puzzle), puzzle.reads, strict=True)
    return sum((answers @ (read @ puzzle.w_out).T for answers, read in found), np.zeros(()))


def nonlinear_responses(puzzle: Puzzle) -> list[Array]:
    """Return, for each output, `responses` to what is not linear in the inputs of the predictions."""
    with np.errstate(all="ignore"):
        design = np.column_stack([np.ones(max(1, puzzle.rows)), puzzle.x])
        left = puzzle.y - design @ np.linalg.lstsq(design, puzzle.y)[0]
        return [responses(puzzle, one) for one in left.reshape(puzzle.rows, -1).T]


def responses(puzzle: Puzzle, told: Array) -> Array:
    """Return E[a e], `[N, H]`: a hidden units on the inputs, e what is told of each row, of standard deviation 1.

    Float64, gone through in float32. What overflows counts as nothing.
    """
    network, rows = Network(puzzle, puzzle.activation, np.float32), max(1, puzzle.rows)
    with np.errstate(all="ignore"):
        told, x = (told / max(1e-30, float(told.std()))).astype(np.float32), puzzle.x.astype(np.float32)
        found = np.stack([told @ network.hidden(x, i) / rows for i in range(len(network.w_in))]).astype(np.float64)
    return np.where(np.isfinite(found), found, 0.0)


def standardised(scores: Scores, real: Flags | None = None) -> Scores:
    """Return scores with mean 0 and standard deviation 1 over all pairs; all 0 if they do not differ.

    With `real`, `[N, N]`, only those pairs count, and the others are 0.
    """
    if real is None or real.all():
        return _divide(scores - scores.mean(), scores.std())
    return np.where(real, _divide(scores - scores[real].mean(), scores[real].std()), 0.0)


def of_pairs(values: Scores) -> Scores:
    """Return values without what belongs to either half alone; 0 where nothing but rounding is left."""
    left = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
    return left * (np.abs(left).max() > 1e-12 * np.abs(values).max())  # less is rounding


def traces(puzzle: Puzzle) -> Scores:
    """Return tr(W_out W_in) of all pairs."""
    return _flat(puzzle.w_in) @ _flat(puzzle.w_out.swapaxes(1, 2)).T


def _hidden_grams(puzzle: Puzzle) -> tuple[Array, Array]:
    return puzzle.w_in @ puzzle.w_in.swapaxes(1, 2), puzzle.w_out.swapaxes(1, 2) @ puzzle.w_out


def _product_norms(puzzle: Puzzle) -> Scores:
    """Return ||W_out W_in||_F of all pairs: its square is the inner product of the two Gram matrices."""
    first, second = _hidden_grams(puzzle)
    return np.sqrt(np.maximum(_flat(first) @ _flat(second).T, 0.0))


def _flat(matrices: Array) -> Array:
    return matrices.reshape(len(matrices), -1)


def _cosines(a: Array, b: Array) -> Scores:
    """Return the correlations between the rows of two matrices."""
    a, b = (rows - rows.mean(axis=1, keepdims=True) for rows in (a, b))
    return _divide(a @ b.T, np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1))


def _divide(a: Any, b: Any) -> Any:
    """Return a/b, and 0 where b is 0."""
    return np.divide(a, b, out=np.zeros(np.broadcast_shapes(np.shape(a), np.shape(b))), where=np.asarray(b) > 0)
