"""Host: pieces as they are found: linear layers, norms with parameters, and whole blocks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, eq=False)
class Piece:
    """One linear layer: `weight [out, in]` and `bias [out]`, in float64."""

    id: int
    file: str
    weight: Floats
    bias: Floats
    dtype: str
    """Storage type of the file, of which float64 holds every value exactly."""
    biased: bool = True
    """Whether the file has a bias; zeros stand for one that it has not."""
    gate: "Piece | None" = None
    """Of a first half, its gate: of another id, or of the same where both are in one piece."""
    transposed: bool | None = False
    """Whether the file has the weight as `[in, out]`; None: no bias tells, and it is as the file has it."""
    kernel: bool = False
    """Whether it is called a kernel there, which is `[in, out]` most of the time."""

    @property
    def shape(self) -> tuple[int, int]:
        """Outputs and inputs of the layer."""
        return self.weight.shape  # pyright: ignore[reportReturnType]


@dataclass(frozen=True, eq=False)
class NormPiece:
    """A norm with parameters, `[D]` each, in float64; a BatchNorm has running statistics, others have none."""

    id: int
    file: str
    weight: Floats
    bias: Floats
    mean: Floats | None
    variance: Floats | None
    dtype: str
    tensors: Mapping[str, Any]
    """As they are in its file."""


@dataclass(frozen=True, eq=False)
class BlockPiece:
    """Both halves of a block in one piece; either is a `Piece` of its id."""

    id: int
    file: str
    halves: tuple[Piece, Piece]
    """In the order of the file."""
    names: tuple[str, str]
    """What their tensors begin with there."""
    dtype: str


def missing_ids(pieces: Sequence[Piece | NormPiece | BlockPiece]) -> str:
    """Return the numbers absent between the smallest and the largest id, or nothing if there are none."""
    ids = {piece.id for piece in pieces}
    if max(ids) - len(ids) > 20:
        return "many"
    return ", ".join(str(k) for k in range(max(ids)) if k not in ids)
