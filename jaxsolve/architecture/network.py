"""Host: the network in NumPy: what judges answers, in float64 and without a compiler to trust."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from jaxsolve.architecture.activations import Array
from jaxsolve.architecture.forms import form_of
from jaxsolve.backend import CORES

S = TypeVar("S")
T = TypeVar("T")
Index = Any
"""A half, or several, `[K]`: then results have an axis more."""


def parallel(function: Callable[[S], T], parts: Iterable[S], most: int | None = None) -> Iterator[T]:
    """Yield what a function makes of each part, in their order: on all cores, or on so many at most."""
    parts = list(parts)
    if len(parts) < 2:  # starting threads would take longer
        yield from map(partial(_quietly, function), parts)
        return
    with workers(most) as each:
        yield from each(function, parts)


@contextmanager
def workers(most: int | None = None) -> Iterator[Callable[[Callable[[S], T], Iterable[S]], Iterator[T]]]:
    """Hold the threads of `parallel` for several calls of what is given, a function of a function and its parts."""
    with ThreadPoolExecutor(min(CORES, most or CORES)) as threads:
        yield lambda function, parts: threads.map(partial(_quietly, function), parts)


def _quietly(function: Callable[[S], T], part: S) -> T:
    """Return what a function makes of a part; overflow is no warning: a wrong assembly says so by what it gives."""
    with np.errstate(over="ignore", invalid="ignore"):  # threads have settings of their own
        return function(part)


class Network:
    """Pieces as arrays of one type, ready to run in any order: those of a puzzle, or those on a device."""

    def __init__(self, pieces: Any, activation: str, dtype: DTypeLike = np.float64) -> None:
        with np.errstate(over="ignore"):  # what a type cannot hold becomes infinite
            weights = pieces.w_in, pieces.b_in, pieces.w_out, pieces.b_out, pieces.w_last, pieces.b_last
            self.w_in, self.b_in, self.w_out, self.b_out, self.w_last, self.b_last = (
                np.asarray(weight, dtype) for weight in weights
            )
            self.w_into, self.b_into = self.w_in, self.b_in
            if pieces.gates is not None:
                both = zip(pieces.gates, (self.w_in, self.b_in), strict=True)
                self.w_into, self.b_into = (np.concatenate([np.asarray(gate, dtype), own], 1) for gate, own in both)
            head = pieces.head
            self.head = None if head is None else (np.asarray(head.weight, dtype), np.asarray(head.bias, dtype))
        self._form = form_of(activation)

    def layer(self, h: Array, weight: Array, bias: Array) -> Array:
        """Return what a linear layer, `[*K, O, I]` and `[*K, O]`, makes of `h`, `[*K, R, I]`."""
        found = h @ weight.mT
        found += bias[..., None, :]
        return found

    def activate(self, inputs: Array) -> Array:
        """Return the hidden units of their `inputs`, `[*B, H]`."""
        if not self.gated:
            return self._form.activation.function(inputs)
        gates, own = np.split(inputs, 2, axis=-1)
        return self._form.activation.function(gates) * own

    def pulled(self, inputs: Array, gradient: Array) -> Array:
        """Return the gradient with respect to `inputs` of hidden units, of that with respect to these, `[*B, H]`."""
        activation = self._form.activation
        if not self.gated:
            return gradient * activation.slope(inputs)
        gates, own = np.split(inputs, 2, axis=-1)
        of_gates, of_own = gradient * own * activation.slope(gates), gradient * activation.function(gates)
        return np.concatenate([of_gates, of_own], axis=-1)

    @property
    def gated(self) -> bool:
        """Whether hidden units have gates; those of a half stand in front of it in `w_into`, `[N, 2·H, D]`."""
        return self.w_into.shape[1] > self.w_in.shape[1]

    def inputs(self, h: Array, i: Index) -> Array:
        """Return what first half `i` puts into its hidden units, `[R, H]`, or several do, `[R, K, H]`.

        With gates, what goes into these comes first, `[R, 2·H]`.
        """
        weight, bias = self.w_into[i], self.b_into[i]
        seen = self._form.before.function(h)
        return self.layer(seen, weight.reshape(-1, weight.shape[-1]), bias.ravel()).reshape(len(h), *bias.shape)

    def hidden(self, h: Array, i: Index) -> Array:
        """Return the hidden units of first half `i` on the states `h`, `[R, H]`, or of several, `[R, K, H]`."""
        return self.activate(self.inputs(h, i))

    def second(self, units: Array, j: Index) -> Array:
        """Return what second half `j` makes of hidden units, `[R, D]`; or several of `[K, R, H]` or `[R, H]`."""
        return self.layer(units, self.w_out[j], self.b_out[j])

    def every_second(self, units: Array) -> Array:
        """Return what every second half makes of hidden units, `[R, N, D]`."""
        weights = self.w_out.reshape(-1, units.shape[-1])
        return self.layer(units, weights, self.b_out.ravel()).reshape(len(units), *self.b_out.shape)

    def residual(self, h: Array, i: int, j: int) -> Array:
        """Return what first half `i` and second half `j` add to the states `h`, `[R, D]`."""
        return self.second(self.hidden(h, i), j)

    def block(self, h: Array, i: int, j: int) -> Array:
        """Return the states after a block, h + residual(h)."""
        return h + self.residual(h, i, j)

    def pullback(self, h: Array, gradient: Array, i: int, j: int) -> Array:
        """Return the gradient before a block, `[R, D]`, of that after it and the states `h` before it."""
        back = self.pulled(self.inputs(h, i), gradient @ self.w_out[j])
        return gradient + self.seen_pullback(h, back @ self.w_into[i])

    def seen_pullback(self, h: Array, gradient: Array) -> Array:
        """Return the gradient of that with respect to what blocks see of the states `h`."""
        return self._form.before.pullback(h, gradient)

    @property
    def sees_all(self) -> bool:
        """Whether first halves see the states themselves."""
        return self._form.before.everything

    def last(self, h: Array) -> Array:
        """Return what predictions are affine in: the last states, or what a norm or a layer more makes of them."""
        seen = self._form.last.function(h)
        return seen if self.head is None else self._form.activation.function(self.layer(seen, *self.head))

    def readout(self, h: Array) -> Array:
        """Return the predictions that the last states make, `[R]`, or `[R, K]` where there are several outputs."""
        return self.last(h) @ self.w_last.T + self.b_last

    def output_gradients(self, h: Array) -> list[Array]:
        """Return the gradient of each output with respect to the last states `h`, `[R, D]`."""
        found = []
        for weight in self.w_last.reshape(-1, self.w_last.shape[-1]):
            gradient = np.broadcast_to(weight, (len(h), len(weight)))
            if self.head is not None:
                slopes = self._form.activation.slope(self.layer(self._form.last.function(h), *self.head))
                gradient = (gradient * slopes) @ self.head[0]
            found.append(self._form.last.pullback(h, gradient))
        return found

    def readout_errors(self, h: Array, y: Array) -> Array:
        """Return by how much those are above the targets, as these."""
        return self.readout(h) - y

    def states(self, h: Array, assembly: Iterable[Any]) -> list[Array]:
        """Return the states before every position and after the last, from the states `h` on."""
        states = [h]
        for i, j in zip(*assembly, strict=True):
            states.append(self.block(states[-1], i, j))
        return states

    def predict(self, h: Array, assembly: Iterable[Any]) -> Array:
        """Return the predictions of an assembly that begins in the states `h`, as `readout`."""
        for i, j in zip(*assembly, strict=True):
            h = self.block(h, i, j)
        return self.readout(h)
