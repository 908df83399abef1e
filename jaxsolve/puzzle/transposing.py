"""Host: weights that are given as `[in, out]`, as Flax, Keras and the Conv1D of Transformers have them.

A bias tells, for it is as long as there are outputs. Square weights, and those without a bias, are read as the others
of their pile; where nothing tells, as what makes a network with the table.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from jaxsolve.architecture.pieces import BlockPiece, NormPiece, Piece
from jaxsolve.architecture.roles import candidates
from jaxsolve.errors import first_of

AnyPiece = Piece | NormPiece | BlockPiece


def settled(pieces: Sequence[AnyPiece], inputs: int, outputs: int) -> tuple[list[AnyPiece], tuple[str, ...]]:
    """Return pieces whose weights are all `[out, in]`, and what is to be said of it.

    `inputs` and `outputs` are the input columns of the table and its columns of predictions.
    """
    layers = [half for piece in pieces for half in _layers(piece)]
    told = {layer.transposed for layer in layers if layer.transposed is not None}
    if all(layer.transposed is False for layer in layers):
        return list(pieces), ()
    both = [_turned(pieces, turn) for turn in (False, True)]
    kernels = [layer.kernel for layer in layers]
    if not told and any(kernels) and all(kernels):
        told = {True}
    if len(told) == 1:
        found = both[told.pop()]
        return found, _notes(layers, found)
    # nothing tells, or they differ: the reading that makes a network, as they are if both do
    makes = [_makes_a_network(one, inputs, outputs) for one in both]
    found = both[makes[1] and not makes[0]]
    open_ids = [layer.id for layer in layers if layer.transposed is None]
    if all(makes) and open_ids:
        some = first_of(open_ids, 4)
        doubt = f"nothing tells whether weights are [out, in] or [in, out] (pieces {some}): read as [out, in]"
        return found, (*_notes(layers, found), doubt)
    return found, _notes(layers, found)


def _layers(piece: AnyPiece) -> tuple[Piece, ...]:
    return piece.halves if isinstance(piece, BlockPiece) else (piece,) if isinstance(piece, Piece) else ()


def _turned(pieces: Sequence[AnyPiece], turn: bool) -> list[AnyPiece]:
    """Return pieces of which those that nothing tells of are read as `[in, out]`, or as they are."""

    def turned(layer: Piece) -> Piece:
        if layer.transposed is not None:
            return layer
        weight = layer.weight.T if turn else layer.weight
        bias = layer.bias if layer.biased else np.zeros(len(weight))
        return replace(layer, weight=weight, bias=bias, transposed=turn)

    def whole(piece: AnyPiece) -> AnyPiece:
        if isinstance(piece, BlockPiece):
            first, second = map(turned, piece.halves)
            return replace(piece, halves=(first, second))
        return turned(piece) if isinstance(piece, Piece) else piece

    return [whole(piece) for piece in pieces]


def _makes_a_network(pieces: Sequence[AnyPiece], inputs: int, outputs: int) -> bool:
    layers = [half for piece in pieces for half in _layers(piece)]
    return any(not one.left for one in candidates(layers, inputs, outputs))


def _notes(layers: Sequence[Piece], found: Sequence[AnyPiece]) -> tuple[str, ...]:
    """Say how many weights are read as `[in, out]`, if there are any."""
    count = sum(bool(half.transposed) for piece in found for half in _layers(piece))
    return (f"{count} of {len(layers)} weights are [in, out] and read transposed",) if count else ()
