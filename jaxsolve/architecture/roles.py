"""Host: the roles of pieces in the network, and how their shapes tell them."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from jaxsolve.errors import PuzzleError


@dataclass(frozen=True, eq=False)
class Piece:
    """One linear layer: `weight [out, in]` and `bias [out]`, in float64."""

    id: int
    file: str
    weight: np.ndarray[Any, np.dtype[np.float64]]
    bias: np.ndarray[Any, np.dtype[np.float64]]
    dtype: str
    """Storage type of the file, of which float64 holds every value exactly."""

    @property
    def shape(self) -> tuple[int, int]:
        """Outputs and inputs of the layer."""
        return self.weight.shape  # pyright: ignore[reportReturnType]


class Roles(NamedTuple):
    """The pieces by what their shapes allow them to be, each list ascending by id."""

    ins: list[Piece]
    """Expanding halves, weight `[H, D]`, at least one."""
    outs: list[Piece]
    """Contracting halves, weight `[D, H]`, at least one, and perhaps more or fewer."""
    last: Piece
    """The readout, weight `[1, D]`."""


def assign_roles(pieces: list[Piece], features: int) -> Roles:
    """Sort pieces into expanding halves, contracting halves and the readout, by shape alone.

    Parameters
    ----------
    pieces
        All pieces of the puzzle.
    features
        D, the number of input columns of the table.

    Raises
    ------
    PuzzleError
        The shapes do not make halves of either kind and one readout, or leave open which is which.
    """
    lasts = [piece for piece in pieces if piece.shape == (1, features)]
    if not lasts:
        shapes = ", ".join(
            f"{count} of {list(shape)}" for shape, count in Counter(p.shape for p in pieces).most_common(4)
        )
        raise PuzzleError(f"no readout among the pieces: expected one weight [1, {features}], found {shapes}")
    if len(pieces) == 1:
        raise PuzzleError("only one piece; expected two halves for each block and a readout")
    hidden = _hidden_width(pieces, features)
    if hidden in (1, features):
        raise PuzzleError(
            f"blocks of {features}/{hidden}: their halves have the shape of each other or of the readout, "
            "so shapes cannot tell them apart; such nets are not supported"
        )
    if len(lasts) > 1:
        raise PuzzleError(f"{lasts[0].file} and {lasts[1].file}: both are readouts [1, {features}]; expected one")
    ins = [piece for piece in pieces if piece.shape == (hidden, features)]
    outs = [piece for piece in pieces if piece.shape == (features, hidden)]
    for piece in pieces:
        if piece.shape not in ((hidden, features), (features, hidden), (1, features)):
            raise PuzzleError(
                f"{piece.file}: weight {list(piece.shape)}; expected [{hidden}, {features}] or [{features}, {hidden}] "
                f"as of the other halves, or [1, {features}] as of the readout"
            )
    if not ins or not outs:
        gaps = f"; numbers missing: {missing}" if (missing := missing_ids(pieces)) else ""
        raise PuzzleError(
            f"{len(ins)} first halves [{hidden}, {features}] but {len(outs)} second halves [{features}, {hidden}]; "
            f"expected at least one of each{gaps}"
        )
    return Roles(ins, outs, lasts[0])


def _hidden_width(pieces: list[Piece], features: int) -> int:
    """Return H: the width that most pieces agree on."""
    widths: Counter[int] = Counter()
    for rows, columns in (piece.shape for piece in pieces):
        if columns == features and rows != 1:
            widths[rows] += 1
        elif rows == features:
            widths[columns] += 1
    if not widths:
        raise PuzzleError(
            f"no blocks among the {len(pieces)} pieces: expected weights [H, {features}] and [{features}, H]"
        )
    return widths.most_common(1)[0][0]


def missing_ids(pieces: list[Piece]) -> str:
    """Return the numbers absent between the smallest and the largest id, or nothing if there are none."""
    ids = {piece.id for piece in pieces}
    if max(ids) - len(ids) > 1000:
        return "many"
    return ", ".join(str(k) for k in range(max(ids)) if k not in ids)
