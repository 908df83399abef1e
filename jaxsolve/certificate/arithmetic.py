"""Host: what a network predicts in other arithmetics than float32: those that accelerators and half precision have.

Each is imitated in NumPy: operands of matrix products are rounded to fewer digits, sums are in float32, and, where a
whole layer is in half precision, what leaves it is rounded, too.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from jaxsolve.architecture import Network
from jaxsolve.architecture.activations import Array
from jaxsolve.puzzle import Assembly, Puzzle
from jaxsolve.puzzle.network import by_rows
from jaxsolve.puzzle.types import Floats

Rounding = Callable[[Array], Array]

TF32_DROPPED = 13
"""Bits of a float32 that TF32 does not have."""


def _same(values: Array) -> Array:
    return values


class Arithmetic(NamedTuple):
    """How a layer is computed: each number is rounded by these before it is used again."""

    words: str
    operand: Rounding
    """Of the operands of products."""
    result: Rounding = _same
    """Of what a layer or an activation gives."""
    bias: Rounding = _same
    """Of biases, before they are added."""
    state: Rounding = _same
    """Of the states between blocks."""


def _truncated(values: Array) -> Array:
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return (bits & np.uint32(0xFFFFFFFF << TF32_DROPPED & 0xFFFFFFFF)).view(np.float32)


def _nearest(values: Array) -> Array:
    """Round to the nearest TF32 number, to even where two are as near."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    half = np.uint32((1 << TF32_DROPPED - 1) - 1)
    return _truncated((bits + half + ((bits >> np.uint32(TF32_DROPPED)) & np.uint32(1))).view(np.float32))


def _bfloat16(values: Array) -> Array:
    import ml_dtypes

    return np.asarray(values, np.float32).astype(ml_dtypes.bfloat16).astype(np.float32)


def _float16(values: Array) -> Array:
    return np.asarray(values, np.float32).astype(np.float16).astype(np.float32)


FLOAT32 = Arithmetic("float32", _same)
ARITHMETICS: dict[str, Arithmetic] = {
    "tf32": Arithmetic("TF32 products", _nearest),
    "tf32_truncated": Arithmetic("TF32 products of truncated operands", _truncated),
    "bfloat16": Arithmetic("bfloat16 products", _bfloat16),
    "float16": Arithmetic("float16 products", _float16),
    "bfloat16_results": Arithmetic("bfloat16 products and results", _bfloat16, _bfloat16),
    "float16_results": Arithmetic("float16 products and results", _float16, _float16),
    "bfloat16_layers": Arithmetic("layers in bfloat16", _bfloat16, _bfloat16, _bfloat16),
    "float16_layers": Arithmetic("layers in float16", _float16, _float16, _float16),
    "bfloat16_throughout": Arithmetic("bfloat16 throughout", _bfloat16, _bfloat16, _bfloat16, _bfloat16),
    "float16_throughout": Arithmetic("float16 throughout", _float16, _float16, _float16, _float16),
}
"""By name. TF32 is what NVIDIA GPUs multiply float32 with where they are let
(https://docs.nvidia.com/cuda/cuda-c-programming-guide/#alternate-floating-point); layers in half precision are what
automatic mixed precision makes of them (https://docs.pytorch.org/docs/stable/amp.html)."""


def predicted_in(
    puzzle: Puzzle, assembly: Assembly, arithmetic: Arithmetic, sums: DTypeLike = np.float32, rows: int | None = None
) -> Floats:
    """Return what an assembly predicts for the first rows in an arithmetic, in the units of `Puzzle.y`.

    `sums` is the type of all that is not rounded: with another one, sums fall to the other side of a rounding here and
    there, as with another order of summation. The puzzle is not padded.
    """
    network = _Rounded(puzzle, arithmetic, sums)
    inputs = lambda x: arithmetic.state(x.astype(np.float32)).astype(sums)
    output = by_rows(lambda x: network.predict(inputs(x), assembly), puzzle.x[:rows])
    return (output - puzzle.units.offset) / puzzle.units.scale


class _Rounded(Network):
    """A network whose numbers are rounded before they are used again; its readout is in the units of the outputs."""

    def __init__(self, puzzle: Puzzle, arithmetic: Arithmetic, sums: DTypeLike) -> None:
        super().__init__(puzzle, puzzle.activation)
        self._way, self._sums, units = arithmetic, sums, puzzle.units
        weights, bias = np.atleast_2d(self.w_last), np.atleast_1d(self.b_last)
        self._last = weights * units.scale, bias * units.scale + units.offset

    def layer(self, h: Array, weight: Array, bias: Array) -> Array:
        operand = self._way.operand
        operands = operand(h).astype(self._sums), operand(weight.astype(np.float32)).astype(self._sums)
        found = operands[0] @ operands[1].mT + self._way.bias(bias.astype(self._sums))
        return self._way.result(found).astype(self._sums)

    def activate(self, inputs: Array) -> Array:
        return self._way.result(super().activate(inputs)).astype(self._sums)

    def block(self, h: Array, i: int, j: int) -> Array:
        return self._way.state(super().block(h, i, j)).astype(self._sums)

    def readout(self, h: Array) -> Array:
        found = self.layer(self.last(h), *self._last).astype(np.float64)
        return found[:, 0] if self.w_last.ndim == 1 else found
