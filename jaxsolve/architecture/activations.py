"""Host: the activations, one entry a line. A new entry is read, solved, certified, generated and tested by itself."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Activation:
    """A function of hidden units. It and its slope keep the shape and the type, float32 or float64, of an array."""

    function: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    """Its derivative; at a kink, that on either side."""
    on_devices: Callable[[Any], Callable[[Any], Any]]
    """Returns its JAX counterpart, given the module `jax.nn`, so that JAX is loaded only where it is needed."""
    usual: bool = False
    """Whether it is tried where nobody has said what the activation is."""
    option: float | None = None
    """A number that may be told behind a colon, as in ``leaky_relu:0.2``; None: there is none."""
    with_option: "Callable[[float], Activation] | None" = None

    @functools.cached_property
    def closed(self) -> float:
        """A point where it is exactly 0 in any arithmetic, perhaps so far out that exponentials vanish."""
        return next(x for x in (0.0, -1e3, 1e3) if not self.function(np.full(1, x)).any())

    @functools.cached_property
    def carrier(self) -> tuple[float, float]:
        """A point where it is well away from 0, and its value there."""
        values = ((x, float(self.function(np.full(1, x))[0])) for x in (1.0, -1.0, 2.0, -2.0, 0.5))
        return next(pair for pair in values if 0.1 < abs(pair[1]) < 10)


def _relu(x: Array) -> Array:
    return np.maximum(x, 0)


def _step(x: Array) -> Array:
    return (x > 0).astype(x.dtype)


def _erf(x: Array) -> Array:
    from scipy.special import erf  # slow to import, and few activations need it

    return erf(x)


def _gelu(x: Array) -> Array:
    return 0.5 * x * (1.0 + _erf(x / math.sqrt(2.0)))


def _gelu_slope(x: Array) -> Array:
    near = np.clip(x, -40, 40)  # its square does not overflow, and the density is 0 beyond
    density = np.exp(-0.5 * np.square(near)) / math.sqrt(2.0 * math.pi)
    return 0.5 * (1.0 + _erf(x / math.sqrt(2.0))) + x * density


def _cubic(x: Array) -> tuple[Array, Array]:
    near = np.clip(x, -30, 30)  # its cube does not overflow, and tanh is 1 or -1 beyond
    return near, np.tanh(math.sqrt(2.0 / math.pi) * (near + 0.044715 * near**3))


def _gelu_tanh(x: Array) -> Array:
    return 0.5 * x * (1.0 + _cubic(x)[1])


def _gelu_tanh_slope(x: Array) -> Array:
    near, tanh = _cubic(x)
    inner = math.sqrt(2.0 / math.pi) * (1.0 + 3 * 0.044715 * near**2)
    return 0.5 * (1.0 + tanh) + 0.5 * near * (1.0 - tanh**2) * inner


def _sigmoid(x: Array) -> Array:
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1.0) / (1.0 + small)


def _tanh_slope(x: Array) -> Array:
    near = np.clip(x, -400, 400)  # twice that does not overflow, and the slope is 0 beyond
    return 4.0 * _sigmoid(2.0 * near) * _sigmoid(-2.0 * near)


def _silu(x: Array) -> Array:
    return 0.5 * x * (1.0 + np.tanh(0.5 * x))


def _silu_slope(x: Array) -> Array:
    return _sigmoid(x) * (1.0 + x * _sigmoid(-x))


def _softplus(x: Array) -> Array:
    return _relu(x) + np.log1p(np.exp(-np.abs(x)))


def _mish_slope(x: Array) -> Array:
    soft = _softplus(x)
    return np.tanh(soft) + x * (_tanh_slope(soft) * _sigmoid(x))


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _selu() -> Activation:
    """Klambauer et al. (2017), https://arxiv.org/abs/1706.02515."""
    scale, limit = 1.0507009873554805, 1.6732632423543772
    return Activation(
        lambda x: scale * np.where(x > 0, x, limit * _elu(x)),
        lambda x: scale * np.where(x > 0, 1.0, limit * np.exp(np.minimum(x, 0))),
        lambda nn: nn.selu,
    )


def _hardswish(x: Array) -> Array:
    return x * (np.clip(x + 3.0, 0, 6) / 6.0)


def _hardswish_slope(x: Array) -> Array:
    return np.where(np.abs(x) < 3, x / 3.0 + 0.5, x > 0)


def _leaky_relu(slope: float) -> Activation:
    return Activation(
        lambda x: np.where(x > 0, x, slope * x),
        lambda x: np.where(x > 0, 1.0, slope).astype(x.dtype),
        lambda nn: lambda x: nn.leaky_relu(x, slope),
        option=slope,
        with_option=_leaky_relu,
    )


ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation(_relu, _step, lambda nn: nn.relu, usual=True),
    "gelu": Activation(_gelu, _gelu_slope, lambda nn: lambda x: nn.gelu(x, approximate=False), usual=True),
    "gelu_tanh": Activation(_gelu_tanh, _gelu_tanh_slope, lambda nn: nn.gelu, usual=True),
    "tanh": Activation(np.tanh, _tanh_slope, lambda nn: nn.tanh, usual=True),
    "silu": Activation(_silu, _silu_slope, lambda nn: nn.silu, usual=True),
    "leaky_relu": _leaky_relu(0.01),
    "elu": Activation(_elu, lambda x: np.exp(np.minimum(x, 0)), lambda nn: nn.elu),
    "selu": _selu(),
    "sigmoid": Activation(_sigmoid, lambda x: _sigmoid(x) * _sigmoid(-x), lambda nn: nn.sigmoid),
    "softplus": Activation(_softplus, _sigmoid, lambda nn: nn.softplus),
    "mish": Activation(lambda x: x * np.tanh(_softplus(x)), _mish_slope, lambda nn: nn.mish),
    "hardswish": Activation(_hardswish, _hardswish_slope, lambda nn: nn.hard_swish),
    "relu6": Activation(lambda x: np.clip(x, 0, 6), lambda x: _step(x) * _step(6 - x), lambda nn: nn.relu6),
    "relu2": Activation(lambda x: _relu(x) ** 2, lambda x: 2 * _relu(x), lambda nn: lambda x: nn.relu(x) ** 2),
    "identity": Activation(lambda x: x, np.ones_like, lambda nn: lambda x: x),
}  # fmt: skip
