"""Host: answers as piece ids, checked against the puzzle that they are to answer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jaxsolve.errors import AnswerError

if TYPE_CHECKING:
    from jaxsolve.puzzle.types import Puzzle

Rows = NDArray[np.int32]


def pieces_of(puzzle: "Puzzle") -> set[int]:
    """Return the ids of all pieces that an answer may name."""
    given, (begin, end) = puzzle.given, puzzle.around
    return {*begin, *_real(puzzle.in_ids), *_real(puzzle.out_ids), *given.norms.values(), *given.gates.values(), *end}


def halves(puzzle: "Puzzle", permutation: Sequence[int]) -> tuple[Rows, Rows]:
    """Return the rows of `Puzzle.w_in` and of `Puzzle.w_out` that an answer runs, `[K]` each.

    Raises
    ------
    AnswerError
        The ids are not pieces, each at most once, in the pattern in, out, …, readout.
    """
    _check_ids(puzzle, permutation)
    (begin, _), blocks = puzzle.around, puzzle.halves_of(permutation)
    if len(blocks) % 2:
        raise AnswerError(f"the answer has {len(permutation)} piece ids; expected two for each block, and the readout")
    ins = _rows(blocks[0::2], puzzle.in_ids, "first half of a block (W_in)")
    outs = _rows(blocks[1::2], puzzle.out_ids, "second half of a block (W_out)")
    expected = [piece for i, j in zip(blocks[0::2], blocks[1::2], strict=True) for piece in puzzle.given.spelled(i, j)]
    for piece, wanted in zip(permutation[len(begin) :], expected, strict=False):
        if piece != wanted:
            raise AnswerError(f"the answer has piece {piece} where {wanted} stands before the first half behind it")
    for i, j in zip(blocks[0::2], blocks[1::2], strict=True):
        widths = puzzle.width_of(i), puzzle.width_of(j)
        if widths[0] != widths[1]:
            raise AnswerError(f"the answer pairs piece {i} of {widths[0]} hidden units with piece {j} of {widths[1]}")
    return ins, outs


def _check_ids(puzzle: "Puzzle", permutation: Sequence[int]) -> None:
    """Refuse ids of no piece, or twice, and others than the puzzle's before and behind the blocks."""
    (begin, end), pieces = puzzle.around, pieces_of(puzzle)
    for piece in permutation:
        if piece not in pieces:
            raise AnswerError(f"the answer names piece {piece}, which this puzzle does not have")
    if len(set(permutation)) != len(permutation):
        twice = next(p for p in permutation if list(permutation).count(p) > 1)
        raise AnswerError(f"the answer names piece {twice} more than once")
    if len(permutation) == 0:
        raise AnswerError(f"the answer is empty; the readout, piece {puzzle.last_id}, is its last piece")
    if permutation[-1] != puzzle.last_id:
        raise AnswerError(f"the answer ends with piece {permutation[-1]}; the readout is piece {puzzle.last_id}")
    if list(permutation[: len(begin)]) != begin or list(permutation[-len(end) :]) != end:
        begun = list(permutation[: len(begin)]) == begin
        around = f"end with pieces {', '.join(map(str, end))}" if begun else f"begin with piece {begin[0]}"
        raise AnswerError(f"the answer does not {around}, a layer that is no block")


def _real(ids: NDArray[np.int64]) -> list[int]:
    return ids[ids >= 0].tolist()


def _rows(pieces: Sequence[int], ids: NDArray[np.int64], role: str) -> Rows:
    row = {int(piece): k for k, piece in enumerate(ids) if piece >= 0}
    for piece in pieces:
        if piece not in row:
            raise AnswerError(f"the answer has piece {piece} as a {role}, which its shape does not fit")
    return np.array([row[piece] for piece in pieces], dtype=np.int32)
