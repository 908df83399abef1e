"""Host: rules that turn gradients into steps, by name; Optax is loaded when one is first used."""

from collections.abc import Callable
from typing import Any

Rule = Callable[[Any, Any], Any]
"""From a learning rate and a weight decay, numbers or arrays, to an `optax.GradientTransformation`."""


def _adam(rate: Any, decay: Any) -> Any:
    import optax

    return optax.chain(optax.add_decayed_weights(decay), optax.adam(rate))


def _adamw(rate: Any, decay: Any) -> Any:
    import optax

    return optax.adamw(rate, weight_decay=decay)


def _sgd(rate: Any, decay: Any) -> Any:
    import optax

    return optax.chain(optax.add_decayed_weights(decay), optax.sgd(rate))


def _momentum(rate: Any, decay: Any) -> Any:
    import optax

    return optax.chain(optax.add_decayed_weights(decay), optax.sgd(rate, momentum=0.9))


def _rmsprop(rate: Any, decay: Any) -> Any:
    import optax

    return optax.chain(optax.add_decayed_weights(decay), optax.rmsprop(rate, decay=0.99, eps_in_sqrt=False))


def _lion(rate: Any, decay: Any) -> Any:
    import optax

    return optax.lion(rate, weight_decay=decay)


OPTIMISERS: dict[str, Rule] = {
    "adam": _adam,
    "adamw": _adamw,
    "sgd": _sgd,
    "momentum": _momentum,
    "rmsprop": _rmsprop,
    "lion": _lion,
}
"""With the constants of PyTorch's classes of these names. Decay is added to the gradient, but in `adamw` and `lion`,
which shrink the weights themselves (Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101)."""
