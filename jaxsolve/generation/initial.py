"""Host: weights that training begins with. D features, H hidden units and N blocks; halves as products read them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from jaxsolve.generation.recipe import Recipe

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
    """`[D]`; `[D, K]` or `[M, K]` where there are several outputs"""
    b_last: Singles
    """`[]`, or `[K]`"""
    head: tuple[Singles, Singles] | None = None
    """`[D, M]` and `[M]` of a layer before the readout"""
    first: tuple[Singles, Singles] | None = None
    """`[I, D]` and `[D]` of a layer before the blocks"""
    gates: tuple[Singles, Singles] | None = None
    """`[N, D, H]` and `[N, H]` of gates beside first halves"""


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


def shaped(net: Weights, recipe: "Recipe", rng: np.random.Generator) -> tuple[Weights, Weights | None]:
    """Return the weights of a network as a recipe has it, and which of them are trained, 1 or 0; None: all are.

    Layers that a plain stack does not have are drawn as PyTorch's ``nn.Linear`` draws them. Blocks of fewer hidden
    units than others have weights of 0 for those that they lack, and biases that are not there are 0.
    """
    features = len(net.w_last)

    def layer(inputs: int, *outputs: int) -> tuple[Singles, Singles]:
        drawn = lambda *shape: rng.uniform(-(inputs**-0.5), inputs**-0.5, shape).astype(np.float32)
        return drawn(inputs, *outputs), drawn(*outputs)

    if recipe.outputs > 1 or recipe.head is not None:
        outputs = () if recipe.outputs == 1 else (recipe.outputs,)
        w_last, b_last = layer(recipe.head or features, *outputs)
        net = net._replace(w_last=w_last, b_last=b_last)
    net = net._replace(
        head=None if recipe.head is None else layer(features, recipe.head),
        first=None if recipe.inputs is None else layer(recipe.inputs, features),
        gates=None if recipe.gates == "none" else _beside(net, rng),
    )
    if recipe.biases == "all" and len(recipe.widths) < 2:
        return net, None
    ones = lambda some: tuple(map(np.ones_like, some))
    outer = (None if layer is None else ones(layer) for layer in net[6:])
    trained = Weights(*ones(net[:6]), *outer)
    inner = [(trained.w_in, trained.b_in), *(() if trained.gates is None else (trained.gates,))]
    for t, width in enumerate(recipe.widths_of_blocks):
        trained.w_out[t, width:] = 0
        for weight, bias in inner:
            weight[t, :, width:] = bias[t, width:] = 0
    if recipe.biases != "all":
        for bias in (trained.b_out, *(layer[1] for layer in inner)):
            bias[:] = 0
    if recipe.biases == "none":
        for bias in (trained.b_last, *(layer[1] for layer in (trained.head, trained.first) if layer is not None)):
            bias[...] = 0
    masked = lambda weight, mask: (weight * mask).astype(np.float32)
    outer = (
        None if layer is None or mask is None else tuple(map(masked, layer, mask))
        for layer, mask in zip(net[6:], trained[6:], strict=True)
    )
    return Weights(*map(masked, net[:6], trained[:6]), *outer), trained


def _beside(net: Weights, rng: np.random.Generator) -> tuple[Singles, Singles]:
    """Return gates, drawn as PyTorch's ``nn.Linear`` draws them, for the first halves of a network."""
    within = net.w_in.shape[1] ** -0.5
    drawn = (rng.uniform(-within, within, layer.shape) for layer in (net.w_in, net.b_in))
    return tuple(layer.astype(np.float32) for layer in drawn)  # pyright: ignore[reportReturnType]
