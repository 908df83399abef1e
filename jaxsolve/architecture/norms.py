"""Host: what is done to states before a layer reads them, one entry a line: norms without parameters.

Those with parameters are followed by an affine map, which belongs to the weights of the layer behind it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Norm:
    """A function of states, `[*B, D]`, feature by feature or over all features, which keeps their type."""

    function: Callable[[Array, float], Array]
    """Of states and the number behind a colon."""
    pullback: Callable[[Array, Array, float], Array]
    """Gradient before it, from states, the gradient behind it and that number."""
    on_devices: Callable[[Any], Callable[[Any, float], Any]]
    """Returns its JAX counterpart, given the module `jax.numpy`, so that JAX is loaded only where it is needed."""
    option: float
    """The number, where none is said: what is added to a mean square before its root is taken."""


def _mean(x: Array) -> Array:
    return x.mean(axis=-1, keepdims=True)


def _rms(x: Array, epsilon: float) -> Array:
    return np.sqrt(_mean(x * x) + x.dtype.type(epsilon))


def _rms_norm(x: Array, epsilon: float) -> Array:
    return x / _rms(x, epsilon)


def _rms_pullback(x: Array, gradient: Array, epsilon: float) -> Array:
    size = _rms(x, epsilon)
    return (gradient - x / size * _mean(gradient * x / size)) / size


def _layer_pullback(x: Array, gradient: Array, epsilon: float) -> Array:
    back = _rms_pullback(x - _mean(x), gradient, epsilon)
    return back - _mean(back)


def _rms_on_devices(jnp: Any) -> Callable[[Any, float], Any]:
    return lambda x, epsilon: x / jnp.sqrt(jnp.mean(x * x, axis=-1, keepdims=True) + epsilon)


def _layer_on_devices(jnp: Any) -> Callable[[Any, float], Any]:
    return lambda x, epsilon: _rms_on_devices(jnp)(x - jnp.mean(x, axis=-1, keepdims=True), epsilon)


NORMS: dict[str, Norm] = {
    "layer_norm": Norm(lambda x, e: _rms_norm(x - _mean(x), e), _layer_pullback, _layer_on_devices, 1e-5),
    "rms_norm": Norm(_rms_norm, _rms_pullback, _rms_on_devices, float(np.finfo(np.float32).eps)),
}  # fmt: skip
"""Ba, Kiros & Hinton (2016), https://arxiv.org/abs/1607.06450; Zhang & Sennrich (2019),
https://arxiv.org/abs/1910.07467. Their numbers are the defaults of PyTorch's modules."""
