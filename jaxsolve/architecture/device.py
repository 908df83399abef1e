"""Device: the network in JAX, and the variants of its layers that searches need."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax import lax

from jaxsolve.architecture.activations import activation_of
from jaxsolve.backend.precision import Tier, product
from jaxsolve.backend.shapes import Array, Float, Int, Num

Half = Any
"""A half, `[]` int32; or `...` where `Pieces` holds no other."""


class Pieces(NamedTuple):
    """The weights, halves stacked in the order of their ids, and laid out as products read them: h @ w."""

    w_in: Num[Array, "N D H"]
    b_in: Num[Array, "N H"]
    w_out: Num[Array, "N H D"]
    b_out: Num[Array, "N D"]
    w_last: Num[Array, " D"]
    b_last: Num[Array, ""]


@runtime_checkable
class Net(Protocol):
    """What these functions look at."""

    @property
    def pieces(self) -> Pieces:
        """The weights."""
        ...

    @property
    def activation(self) -> str:
        """Its name."""
        ...

    @property
    def tier(self) -> Tier:
        """What results are used for."""
        ...


class Bare(NamedTuple):
    """A network without rows."""

    pieces: Pieces
    activation: str
    tier: Tier


def activation(name: str) -> Callable[[Array], Array]:
    """Return an activation by name."""
    return activation_of(name).on_devices(jax.nn)


def kernel_activation(name: str) -> Callable[[Array], Array]:
    """Return an activation by name, of operations that Triton has."""
    return activation_of(name).on_devices(SimpleNamespace(**{**vars(jax.nn), "gelu": _kernel_gelu}))


def _kernel_gelu(x: Array, approximate: bool = True) -> Array:
    return jax.nn.gelu(x, approximate=True) if approximate else 0.5 * x * (1.0 + _erf(x * 0.5**0.5))


def _erf(x: Array) -> Array:
    """Return the error function to 1.5e-7, which Triton does not have (Abramowitz & Stegun 1964, 7.1.26)."""
    z = jnp.abs(x)
    t = 1.0 / (1.0 + 0.3275911 * z)
    tail = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
    return jnp.sign(x) * (1.0 - tail * jnp.exp(-z * z))


def hidden(net: Net, h: Float[Array, "R D"], i: Half) -> Float[Array, "R H"]:
    """Return the hidden units of first half `i` on the states `h`."""
    p = net.pieces
    return activation(net.activation)(product(h, p.w_in[i], net.tier) + p.b_in[i])


def hidden_columns(net: Net, columns: Float[Array, "D R"], i: Half) -> Float[Array, "H R"]:
    """Return those of states that stand side by side: products of hidden units among themselves are faster so."""
    p = net.pieces
    return activation(net.activation)(product(p.w_in[i].T, columns, net.tier) + p.b_in[i][:, None])


def second(net: Net, units: Float[Array, "R H"], j: Half, onto: Float[Array, "R D"] | None = None) -> Array:
    """Return what second half `j` makes of hidden units, `[R, D]`, added `onto` states before its bias is."""
    update = product(units, net.pieces.w_out[j], net.tier)
    return (update if onto is None else onto + update) + net.pieces.b_out[j]


def residual(net: Net, h: Float[Array, "R D"], i: Half, j: Half) -> Float[Array, "R D"]:
    """Return what the block of first half `i` and second half `j` adds to the states `h`."""
    return second(net, hidden(net, h, i), j)


def block(net: Net, h: Float[Array, "R D"], i: Half, j: Half) -> Float[Array, "R D"]:
    """Return the states after a block, h + residual(h)."""
    return h + residual(net, h, i, j)


def pullback(net: Net, h: Float[Array, "R D"], gradient: Float[Array, "R D"], i: Half, j: Half) -> Array:
    """Return the gradient before a block, `[R, D]`, of that after it and the states `h` before it."""
    return jax.vjp(lambda h: block(net, h, i, j), h)[1](gradient)[0]


def read(net: Net, h: Float[Array, "R D"]) -> Float[Array, " R"]:
    """Return what the readout makes of the states `h`, but for its bias."""
    return product(h, net.pieces.w_last, net.tier)


def readout(net: Net, h: Float[Array, "R D"], fitted: tuple[Array, Array] | None = None) -> Float[Array, " R"]:
    """Return the predictions that the last states make; or that weights and bias `fitted` to them do."""
    weight, bias = fitted or net.pieces[4:]
    return product(h, weight, net.tier) + bias


def readout_errors(
    net: Net, h: Float[Array, "R D"], y: Float[Array, " R"], fitted: tuple[Array, Array] | None = None
) -> Float[Array, " R"]:
    """Return by how much those are above the target."""
    return readout(net, h, fitted) - y


def readout_loss(net: Net, h: Float[Array, "R D"], y: Float[Array, " R"]) -> Float[Array, ""]:
    """Return the mean squared error of the readout applied to the states `h`."""
    error = readout_errors(net, h, y)
    return jnp.mean(error * error)


def all_hidden(net: Net, h: Float[Array, "R D"]) -> Float[Array, "R N H"]:
    """Return the hidden units of every first half on the states `h`, in float32 throughout."""
    p = net.pieces
    inputs = jnp.einsum("rd,ndh->rnh", h, p.w_in, precision=lax.Precision.HIGHEST) + p.b_in
    return activation(net.activation)(inputs)


def pulled(net: Net, gradient: Float[Array, "R D"], j: Half) -> tuple[Float[Array, "R H"], Float[Array, " R"]]:
    """Return how what is read along a gradient follows from the hidden units of second half `j`: weights and bias."""
    p = net.pieces
    return product(gradient, p.w_out[j].T, net.tier), product(gradient, p.b_out[j], net.tier)


def all_pulled(net: Net, gradient: Float[Array, "R D"]) -> tuple[Float[Array, "R N H"], Float[Array, "R N"]]:
    """Return those of every second half."""
    p = net.pieces
    weights = jnp.einsum("rd,nhd->rnh", gradient, p.w_out, precision=lax.Precision.HIGHEST)
    return weights, product(gradient, p.b_out.T, net.tier)


def projected(net: Net) -> tuple[Float[Array, "N H"], Float[Array, " N"]]:
    """Return how what is read out follows from the hidden units of every last second half: weights and biases."""
    p = net.pieces
    return product(p.w_out, p.w_last, net.tier), product(p.b_out, p.w_last, net.tier)


def first_halves(net: Net, h: Float[Array, "R D"], ins: Int[Array, " U"]) -> tuple[Array, Array, Array]:
    """Return the weights of some first halves side by side, `[D, U·H]`, their hidden units and slopes, `[R, U·H]`."""
    w = jnp.moveaxis(net.pieces.w_in[ins], 1, 0).reshape(h.shape[1], -1)
    inputs = product(h, w, net.tier) + net.pieces.b_in[ins].reshape(-1)
    units, slopes = jax.jvp(activation(net.activation), (inputs,), (jnp.ones_like(inputs),))
    return w, units, slopes


def mixed_second(net: Net, shares: Float[Array, "U N"]) -> tuple[Array, Array]:
    """Return what second halves add to each first half, by shares: weights, `[U·H, D]`, and bias, `[D]`."""
    p = net.pieces
    w = jnp.tensordot(shares, p.w_out, 1, precision=lax.Precision.HIGHEST)
    return w.reshape(-1, w.shape[-1]), product(shares.sum(axis=0), p.b_out, net.tier)
