"""Host: how the files of a puzzle differ from what searches look at: units of predictions, shapes of pieces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Units:
    """How the predictions of a table follow from the outputs that searches compare.

    The network gives ``output = scale·y + offset`` for `Puzzle.y`, and the table holds ``link(slope·output +
    intercept)``.
    """

    link: str = "identity"
    slope: float = 1.0
    intercept: float = 0.0
    scale: float = 1.0
    """Power of two that outputs and readout were divided by, for float32 to square them."""
    offset: float = 0.0
    """What was subtracted from both before."""
    ddof: int | None = None
    """Inputs were standardised with the statistics of the table, so much subtracted from the number of rows; None: they
    are as the table has them."""

    @property
    def size(self) -> float:
        """One unit of `Puzzle.y` in those of the table; in those of the output, behind a link that is no line."""
        return abs(self.slope) * self.scale

    @property
    def words(self) -> str:
        """How the predictions of the table follow from the outputs; nothing where they are the same."""
        line = f"{self.slope:.6g}·output {'+-'[self.intercept < 0]} {abs(self.intercept):.6g}"
        line = "output" if line in ("1·output + 0", "1·output - 0") else line
        return f"{self.link}({line})" if self.link not in ("identity", "affine") else "" if line == "output" else line


GIVEN_UNITS = Units()
"""Predictions as the network gave them."""


class Layer(NamedTuple):
    """A piece whose place is known."""

    id: int
    weight: Floats
    """`[O, I]`"""
    bias: Floats
    """`[O]`"""


class Gates(NamedTuple):
    """What hidden units are multiplied by: layers beside the first halves."""

    weight: Floats
    """`[N, H, D]`"""
    bias: Floats
    """`[N, H]`"""


class Norm(NamedTuple):
    """What a norm that is a piece of its own makes of what it has normalised: scale·h + shift.

    A BatchNorm has running statistics and normalises nothing in use: its scale has them in.
    """

    id: int
    scale: Floats
    """`[D]`"""
    shift: Floats
    """`[D]`"""
    mean: Floats | None
    """`[D]` of the states that a BatchNorm was given in training, and"""
    variance: Floats | None
    """`[D]` their variance."""
    tensors: Mapping[str, Any]
    """As they are in its file."""


@dataclass(frozen=True)
class Normed:
    """Norms before first halves and the readout, whose weights and biases in a puzzle have them in."""

    norms: tuple[Norm, ...]
    """All of them."""
    raw: Mapping[int, tuple[Floats, Floats]]
    """Weights and biases without norms, by the ids of first halves and of the readout."""
    gates: Gates | None = None
    """Gates without norms, in the order of first halves."""
    before: Mapping[int, int] = field(default_factory=dict)
    """Ids of norms by those of first halves, and of the readout if there is one before it; empty: nobody has told."""
    walk: tuple[tuple[int, int], ...] = ()
    """Ids of first and second halves in the order that the norms speak for, if they were asked."""

    @property
    def last(self) -> bool:
        """Whether there is one before the readout."""
        return len(self.norms) == len(self.raw)

    @property
    def running(self) -> bool:
        """Whether they have running statistics."""
        return all(norm.mean is not None for norm in self.norms)


@dataclass(frozen=True)
class Given:
    """How pieces were given where they differ from the arrays of a puzzle."""

    widths: Mapping[int, int] = field(default_factory=dict)
    """Hidden units of halves by their ids, where they differ: others are filled up with units that add nothing."""
    unbiased: frozenset[int] = frozenset()
    """Ids of the pieces that have no bias; a puzzle has zeros for it."""
    square: frozenset[int] = frozenset()
    """Ids of the halves that have as many hidden units as there are features: shapes do not tell which come first."""
    normed: Normed | None = None
    """Norms that are pieces of their own; None: there are none."""
    oriented: bool = False
    """Whether somebody has told which of these do; else they are in the order of their ids."""
    gates: Mapping[int, int] = field(default_factory=dict)
    """Ids of gates by those of first halves, where they are pieces of their own."""
    gated: bool = True
    """Whether somebody has told which first halves are gates, and of which others; else ids have."""
    packed: frozenset[int] = frozenset()
    """Ids of the first halves whose gates are in the same piece."""
    names: Mapping[int, str] = field(default_factory=dict)
    """What the files call pieces whose ids are not the numbers in their names."""
    whole: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    """What tensors of first and second halves begin with in pieces that are whole blocks, by their ids, which both
    halves have."""

    @property
    def architecture(self) -> str:
        """What blocks are made of: a name of `ARCHITECTURES`, or ``blocks`` that are pieces as they are."""
        return "blocks" if self.whole else "gated" if self.gates else "packed" if self.packed else "residual"

    @property
    def norms(self) -> Mapping[int, int]:
        """Ids of the norms that are pieces of their own, by those of what they stand before."""
        return {} if self.normed is None else self.normed.before

    def before(self, first: int) -> list[int]:
        """Return the ids that an answer has before a first half, in their order: a norm's, a gate's."""
        return [own[first] for own in (self.norms, self.gates) if first in own]

    def spelled(self, first: int, second: int) -> list[int]:
        """Return the ids that an answer has for the block of two halves."""
        return [*self.before(first), first, second][: -1 if self.whole else None]

    def halves(self, blocks: Sequence[int]) -> list[int]:
        """Return the ids of both halves of each block in those that `spelled` returned for them."""
        if self.whole:
            return [piece for piece in blocks for _ in "io"]
        every = 2 + bool(self.norms) + bool(self.gates)
        return [piece for k, piece in enumerate(blocks) if k % every >= every - 2]


AS_GIVEN = Given()
"""Pieces of one shape for each role, with biases."""
