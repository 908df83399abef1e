"""Device: the network in JAX, and the variants of its layers that searches need."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax import lax

from jaxsolve.architecture.forms import Seen, activation_of, form_of
from jaxsolve.architecture.norms import NORMS
from jaxsolve.architecture.own import OwnBlocks
from jaxsolve.backend.precision import Tier, product
from jaxsolve.backend.shapes import Array, Float, Int, Num
from jaxsolve.errors import UsageError

Half = Any
"""A half, `[]` int32; or `...` where `Pieces` holds no other."""


class Outer(NamedTuple):
    """A layer that is no block."""

    weight: Num[Array, "I O"]
    bias: Num[Array, " O"]


class Gates(NamedTuple):
    """What hidden units are multiplied by: the activation of one more layer for each first half."""

    weight: Num[Array, "N D H"]
    bias: Num[Array, "N H"]


class Pieces(NamedTuple):
    """The weights, halves stacked in the order of their ids, and laid out as products read them: h @ w."""

    w_in: Num[Array, "N D H"]
    b_in: Num[Array, "N H"]
    w_out: Num[Array, "N H D"]
    b_out: Num[Array, "N D"]
    w_last: Num[Array, "M *K"]
    """Of the states, M = D, or of the units of the head; no axis K where there is one output."""
    b_last: Num[Array, "*K"]
    head: Outer | None = None
    """A layer more before the readout, `[D, M]`, with the activation of the blocks; None: there is none."""
    first: Outer | None = None
    """A layer before all blocks, `[I, D]`; None: there is none, or states are what it has made of the inputs."""
    gates: Gates | None = None
    """Of gated blocks, whose first halves have no activation of their own; None: blocks are not gated."""

    @property
    def blocks(self) -> int:
        """N."""
        return self.w_out.shape[0]

    @property
    def width(self) -> int:
        """D."""
        return self.w_in.shape[1]

    @property
    def units(self) -> int:
        """H."""
        return self.w_in.shape[2]

    @property
    def flops(self) -> int:
        """Floating-point operations of the matrix products of one block on one row, 4·D·H; 6·D·H with gates."""
        return (4 if self.gates is None else 6) * self.width * self.units


@runtime_checkable
class Net(Protocol):
    """What these functions look at."""

    @property
    def pieces(self) -> Pieces:
        """The weights."""
        ...

    @property
    def activation(self) -> str:
        """Its name; that of its form, where there is more to it."""
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


def _seen(how: Seen, h: Array) -> Array:
    if how.everything:
        return h
    if how.name in NORMS:
        return NORMS[how.name].on_devices(jnp)(h, how.option)  # pyright: ignore[reportArgumentType]
    return activation(how.name if how.option is None else f"{how.name}:{how.option!r}")(h)


def embedded(net: Net, x: Float[Array, "R I"]) -> Float[Array, "R D"]:
    """Return the states that blocks begin with: the inputs, or what a layer before them makes of these."""
    first = net.pieces.first
    if first is None:
        return x
    return _seen(form_of(net.activation).first, product(x, first.weight, net.tier) + first.bias)


def seen(net: Net, h: Float[Array, "*B D"]) -> Float[Array, "*B D"]:
    """Return what first halves see of the states `h`: mostly the states themselves."""
    return _seen(form_of(net.activation).before, h)


def seen_pullback(net: Net, h: Float[Array, "*B D"], gradient: Float[Array, "*B D"]) -> Float[Array, "*B D"]:
    """Return the gradient with respect to the states `h`, of that with respect to what is seen of them."""
    if form_of(net.activation).before.everything:
        return gradient
    return jax.vjp(lambda h: seen(net, h), h)[1](gradient)[0]


def _units(net: Net, inputs: Callable[[Array, Array], Array], i: Any) -> Array:
    """Return hidden units of first halves `i`; `inputs` is what a layer, weights and biases, makes of the states."""
    p, act = net.pieces, activation(net.activation)
    if p.gates is None:
        return act(inputs(p.w_in[i], p.b_in[i]))
    return act(inputs(p.gates.weight[i], p.gates.bias[i])) * inputs(p.w_in[i], p.b_in[i])


def hidden(net: Net, h: Float[Array, "R D"], i: Half) -> Float[Array, "R H"]:
    """Return the hidden units of first half `i` on the states `h`."""
    h = seen(net, h)
    return _units(net, lambda w, b: product(h, w, net.tier) + b, i)


def hidden_columns(net: Net, columns: Float[Array, "D R"], i: Half) -> Float[Array, "H R"]:
    """Return those of states that stand side by side: products of hidden units among themselves are faster so."""
    columns = seen(net, columns.T).T
    return _units(net, lambda w, b: product(w.T, columns, net.tier) + b[:, None], i)


def second(net: Net, units: Float[Array, "R H"], j: Half, onto: Float[Array, "R D"] | None = None) -> Array:
    """Return what second half `j` makes of hidden units, `[R, D]`, added `onto` states before its bias is."""
    update = product(units, net.pieces.w_out[j], net.tier)
    return (update if onto is None else onto + update) + net.pieces.b_out[j]


def residual(net: Net, h: Float[Array, "R D"], i: Half, j: Half) -> Float[Array, "R D"]:
    """Return what the block of first half `i` and second half `j` adds to the states `h`."""
    return second(net, hidden(net, h, i), j)


def block(net: Net, h: Float[Array, "R D"], i: Half, j: Half) -> Float[Array, "R D"]:
    """Return the states after a block, h + residual(h); of whole blocks, after block `i`."""
    if isinstance(net.pieces, OwnBlocks):
        return net.pieces.run(h, i)
    return h + residual(net, h, i, j)


def pullback(net: Net, h: Float[Array, "R D"], gradient: Float[Array, "R D"], i: Half, j: Half) -> Array:
    """Return the gradient before a block, `[R, D]`, of that after it and the states `h` before it."""
    return jax.vjp(lambda h: block(net, h, i, j), h)[1](gradient)[0]


def linear(net: Net) -> bool:
    """Return whether predictions are affine in the last states, as far as is known."""
    if isinstance(net.pieces, OwnBlocks):
        return False
    return form_of(net.activation).last.everything and net.pieces.head is None


def last(net: Net, h: Float[Array, "R D"]) -> Float[Array, "R M"]:
    """Return what predictions are affine in: the last states, or what a norm or a layer more makes of them."""
    units, head = _seen(form_of(net.activation).last, h), net.pieces.head
    return units if head is None else activation(net.activation)(product(units, head.weight, net.tier) + head.bias)


def read(net: Net, h: Float[Array, "R D"]) -> Float[Array, "R *K"]:
    """Return what the readout makes of the states `h`, but for its bias."""
    return product(last(net, h), net.pieces.w_last, net.tier)


def readout(net: Net, h: Float[Array, "R D"], fitted: tuple[Array, Array] | None = None) -> Float[Array, "R *K"]:
    """Return the predictions that the last states make; or that weights and bias `fitted` to them do."""
    if isinstance(net.pieces, OwnBlocks):
        return net.pieces.read(h)
    weight, bias = fitted or net.pieces[4:6]
    return product(last(net, h), weight, net.tier) + bias


def output_gradients(net: Net, h: Float[Array, "R D"]) -> Float[Array, "*K R D"]:
    """Return the gradients of the predictions with respect to the last states `h`, output by output if there are any.

    What goes through them one by one is `by_output`.
    """
    if linear(net):
        w = net.pieces.w_last
        return jnp.broadcast_to(w, h.shape) if w.ndim == 1 else jnp.broadcast_to(w.T[:, None], (w.shape[1], *h.shape))
    predicted, back = jax.vjp(lambda h: readout(net, h), h)
    if predicted.ndim == 1:
        return back(jnp.ones_like(predicted))[0]
    of_output = lambda one: back(jnp.broadcast_to(one, predicted.shape))[0]
    return jax.vmap(of_output)(jnp.eye(predicted.shape[1]))


def by_output(function: Callable[[Array], Any], gradients: Float[Array, "*K R D"]) -> Any:
    """Return what a function makes of the gradient of an output, its arrays with rows last; of several, `[…, R·K]`.

    Rows and outputs are then measurements alike: those of a row stand side by side, as in what `measured` returns.
    """
    if gradients.ndim == 2:
        return function(gradients)
    every = jax.vmap(function, out_axes=-1)(gradients)
    return jax.tree.map(lambda table: table.reshape(*table.shape[:-2], -1), every)


def measured(table: Float[Array, "R *K"]) -> Float[Array, " M"]:
    """Return errors or targets as a list of measurements, M = R·K, those of a row side by side."""
    return table.reshape(-1)


def readout_errors(
    net: Net, h: Float[Array, "R D"], y: Float[Array, "R *K"], fitted: tuple[Array, Array] | None = None
) -> Float[Array, "R *K"]:
    """Return by how much those are above the targets."""
    return readout(net, h, fitted) - y


def readout_loss(net: Net, h: Float[Array, "R D"], y: Float[Array, "R *K"]) -> Float[Array, ""]:
    """Return the mean squared error of the readout applied to the states `h`."""
    error = readout_errors(net, h, y)
    return jnp.mean(error * error)


def all_hidden(net: Net, h: Float[Array, "R D"]) -> Float[Array, "R N H"]:
    """Return the hidden units of every first half on the states `h`, in float32 throughout."""
    h = seen(net, h)
    return _units(net, lambda w, b: jnp.einsum("rd,ndh->rnh", h, w, precision=lax.Precision.HIGHEST) + b, ...)


def pulled(net: Net, gradient: Float[Array, "R D"], j: Half) -> tuple[Float[Array, "R H"], Float[Array, " R"]]:
    """Return how what is read along a gradient follows from the hidden units of second half `j`: weights and bias."""
    p = net.pieces
    return product(gradient, p.w_out[j].T, net.tier), product(gradient, p.b_out[j], net.tier)


def all_pulled(net: Net, gradient: Float[Array, "R D"]) -> tuple[Float[Array, "R N H"], Float[Array, "R N"]]:
    """Return those of every second half."""
    p = net.pieces
    weights = jnp.einsum("rd,nhd->rnh", gradient, p.w_out, precision=lax.Precision.HIGHEST)
    return weights, product(gradient, p.b_out.T, net.tier)


def projected(net: Net) -> tuple[Float[Array, "N H *K"], Float[Array, "N *K"]]:
    """Return how what is read out follows from the hidden units of every last second half: weights and biases.

    Raises
    ------
    UsageError
        The readout is not `linear`.
    """
    p = net.pieces
    if not linear(net):
        raise UsageError("beams by the readout need one that sees the states themselves; choose probe_beam")
    return product(p.w_out, p.w_last, net.tier), product(p.b_out, p.w_last, net.tier)


def first_halves(
    net: Net, h: Float[Array, "R D"], ins: Int[Array, " U"]
) -> tuple[Float[Array, "R V"], Callable[[Float[Array, "R V"]], Float[Array, "R D"]]]:
    """Return the hidden units of some first halves side by side, V = U·H, and what pulls gradients back through them.

    That is given a gradient with respect to these units and returns the one with respect to the states `h`.
    """
    beside = lambda h, w, b: product(h, jnp.moveaxis(w, 1, 0).reshape(h.shape[1], -1), net.tier) + b.reshape(-1)
    units, back = jax.vjp(lambda h: _units(net, lambda w, b: beside(h, w, b), ins), seen(net, h))
    return units, lambda gradient: seen_pullback(net, h, back(gradient)[0])


def mixed_second(net: Net, shares: Float[Array, "U N"]) -> tuple[Array, Array]:
    """Return what second halves add to each first half, by shares: weights, `[U·H, D]`, and bias, `[D]`."""
    p = net.pieces
    w = jnp.tensordot(shares, p.w_out, 1, precision=lax.Precision.HIGHEST)
    return w.reshape(-1, w.shape[-1]), product(shares.sum(axis=0), p.b_out, net.tier)
