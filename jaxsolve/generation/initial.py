"""Host: weights that training begins with. D features, H hidden units and N blocks; halves as products read them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]


class Weights(NamedTuple):
    """A residual network in the order it runs, laid out as `engine.Pieces` is."""

    w_in: Singles
    """`[N, D, H]`"""
    b_in: Singles
    """`[N, H]`"""
    w_out: Singles
    """`[N, H, D]`"""
    b_out: Singles
    """`[N, D]`"""
    w_last: Singles
    """`[D]`"""
    b_last: Singles
    """`[]`"""


Initial = Callable[[np.random.Generator, int, int, int], Weights]


def _pytorch(rng: np.random.Generator, blocks: int, features: int, hidden: int) -> Weights:
    """Draw weights and biases as PyTorch's ``nn.Linear`` does: uniform within 1/√(inputs)."""

    def uniform(inputs: int, *shape: int) -> Singles:
        return rng.uniform(-(inputs**-0.5), inputs**-0.5, shape).astype(np.float32)

    return Weights(
        uniform(features, blocks, features, hidden),
        uniform(features, blocks, hidden),
        uniform(hidden, blocks, hidden, features),
        uniform(hidden, blocks, features),
        uniform(features, features),
        uniform(features),
    )


def _xavier(rng: np.random.Generator, blocks: int, features: int, hidden: int) -> Weights:
    """Draw normal weights of variance 2/(inputs + outputs) (Glorot & Bengio 2010); biases are 0."""
    both = features + hidden
    return _normal(rng, blocks, features, hidden, (2 / both) ** 0.5, (2 / both) ** 0.5)


def _he(rng: np.random.Generator, blocks: int, features: int, hidden: int) -> Weights:
    """Draw normal weights of variance 2/inputs (He et al. 2015, https://arxiv.org/abs/1502.01852); biases are 0."""
    return _normal(rng, blocks, features, hidden, (2 / features) ** 0.5, (2 / hidden) ** 0.5)


def _small(rng: np.random.Generator, blocks: int, features: int, hidden: int) -> Weights:
    """Draw as `he` does; second halves divided by √N, so that the states do not grow with the depth."""
    return _normal(rng, blocks, features, hidden, (2 / features) ** 0.5, (2 / hidden / blocks) ** 0.5)


def _zero_out(rng: np.random.Generator, blocks: int, features: int, hidden: int) -> Weights:
    """Draw as `he` does; second halves are 0, so that every block begins as the identity."""
    return _normal(rng, blocks, features, hidden, (2 / features) ** 0.5, 0.0)


def _normal(
    rng: np.random.Generator, blocks: int, features: int, hidden: int, scale_in: float, scale_out: float
) -> Weights:
    draw = lambda scale, *shape: (scale * rng.standard_normal(shape)).astype(np.float32)
    w_in, w_out = draw(scale_in, blocks, features, hidden), draw(scale_out, blocks, hidden, features)
    w_last, none = draw(features**-0.5, features), lambda *shape: np.zeros(shape, np.float32)
    return Weights(w_in, none(blocks, hidden), w_out, none(blocks, features), w_last, none())


INITIAL: dict[str, Initial] = {
    "pytorch": _pytorch,
    "xavier": _xavier,
    "he": _he,
    "small": _small,
    "zero_out": _zero_out,
}
