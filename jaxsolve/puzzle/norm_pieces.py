"""Host: norms that are pieces of their own, folded into what they stand before.

Behind LayerNorm and RMSNorm, whose kind the form of a puzzle says, their parameters are an affine map. In use, a
BatchNorm (Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167) is nothing else. Of a first half W such a map makes
W·scale, and W·shift more of its bias. Which norm belongs to which block has to be told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from jaxsolve.architecture import Network
from jaxsolve.architecture.pieces import NormPiece
from jaxsolve.errors import AnswerError
from jaxsolve.puzzle.given import Floats, Gates, Layer, Norm
from jaxsolve.puzzle.types import Puzzle


def norm_of(piece: NormPiece, *, epsilon: float = 1e-5) -> Norm:
    """Return a norm as an affine map; `epsilon` is what PyTorch adds to a variance unless it is told otherwise."""
    if piece.mean is None or piece.variance is None:
        return Norm(piece.id, piece.weight, piece.bias, None, None, piece.tensors)
    scale = piece.weight / np.sqrt(piece.variance + epsilon)
    return Norm(piece.id, scale, piece.bias - scale * piece.mean, piece.mean, piece.variance, piece.tensors)


def with_norms(puzzle: Puzzle, before: Mapping[int, int], *, active: bool = True) -> Puzzle:
    """Return a puzzle in which first halves and the readout have these norms before them; it is not padded.

    Parameters
    ----------
    puzzle
        A puzzle with norms.
    before
        Ids of norms by those of first halves and, where there is one more norm, of the readout.
    active
        Whether the activation of the blocks follows the norm before the readout.
    """
    normed = puzzle.given.normed
    assert normed is not None
    norms = {norm.id: norm for norm in normed.norms}

    def folded(piece: int) -> tuple[Floats, Floats]:
        (weight, bias), norm = normed.raw[piece], norms[before[piece]]
        return weight * norm.scale, bias + weight @ norm.shift

    halves = [folded(int(piece)) for piece in puzzle.in_ids]
    w_in, b_in = (np.stack(side) for side in zip(*halves, strict=True))
    gates = normed.gates
    if gates is not None:
        own = [norms[before[int(k)]] for k in puzzle.in_ids]
        scale, shift = np.stack([norm.scale for norm in own]), np.stack([norm.shift for norm in own])
        gates = Gates(gates.weight * scale[:, None], gates.bias + (gates.weight @ shift[..., None])[..., 0])
    given = replace(puzzle.given, normed=replace(normed, before=dict(before), walk=()))
    puzzle = puzzle.replace(w_in=w_in, b_in=b_in, gates=gates, given=given)
    if puzzle.last_id not in before:
        return puzzle
    if active:
        norm = norms[before[puzzle.last_id]]
        return puzzle.replace(head=Layer(norm.id, np.diag(norm.scale), norm.shift))
    (w_last, b_last), units, single = folded(puzzle.last_id), puzzle.units, puzzle.y.ndim == 1
    w_last, b_last = w_last / units.scale, (b_last - units.offset) / units.scale
    return puzzle.replace(
        w_last=w_last[0] if single else w_last, b_last=float(b_last[0]) if single else b_last, head=None
    )


def norms_answered(puzzle: Puzzle, permutation: Sequence[int]) -> Puzzle:
    """Return a puzzle whose norms stand where an answer has them; what is no answer leaves it as it is."""
    normed = puzzle.given.normed
    if normed is None:
        return puzzle
    begin = 0 if puzzle.first is None else 1
    end = len(permutation) - 1 - normed.last
    blocks = permutation[begin:end]
    every = 3 + bool(puzzle.given.gates)
    before = dict(zip(blocks[every - 2 :: every], blocks[::every], strict=False))
    if normed.last:
        before[permutation[-1]] = permutation[-2]
    as_they_are, places = (
        before == dict(normed.before),
        {*normed.raw} - ({puzzle.last_id} if not normed.last else set()),
    )
    if as_they_are or {*before} != places or {*before.values()} != {norm.id for norm in normed.norms}:
        return puzzle
    if normed.before or not normed.last:
        return with_norms(puzzle, before, active=puzzle.head is not None)
    if not normed.running:
        return with_norms(puzzle, before, active=False)
    return min(
        (with_norms(puzzle, before, active=active) for active in (True, False)),
        key=lambda one: _error(one, permutation),
    )


def _error(puzzle: Puzzle, permutation: Sequence[int], rows: int = 500) -> float:
    """Return the mean squared error of an answer on a few rows; infinite if it is undefined, or no answer."""
    try:
        ins, outs = puzzle.halves(permutation)
    except AnswerError:
        return np.inf
    with np.errstate(over="ignore", invalid="ignore"):
        found = Network(puzzle, puzzle.activation).predict(puzzle.x[:rows], (ins, outs))
        return float(np.nan_to_num(np.mean((found - puzzle.y[:rows]) ** 2), nan=np.inf))
