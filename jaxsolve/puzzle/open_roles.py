"""Host: halves that are as wide as the states, which shapes do not tell apart."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from jaxsolve.architecture import form_of
from jaxsolve.puzzle.gate_pieces import gates_answered
from jaxsolve.puzzle.norm_pieces import norms_answered
from jaxsolve.puzzle.types import Floats, Puzzle


def with_roles(puzzle: Puzzle, first: Collection[int]) -> Puzzle:
    """Return a puzzle in which these of the pieces `Given.square` are first halves, and the others second ones.

    It is not padded.
    """
    square = puzzle.given.square
    scale, d = form_of(puzzle.activation).scale, puzzle.features
    # each piece as it was given, `[D, D]` and `[D]`
    weights = {int(k): (w[:d], b[:d]) for k, w, b in zip(puzzle.in_ids, puzzle.w_in, puzzle.b_in, strict=True)}
    weights |= {
        int(k): (w[:, :d] / scale, b / scale)
        for k, w, b in zip(puzzle.out_ids, puzzle.w_out, puzzle.b_out, strict=True)
    }
    ins, outs = (
        np.array(sorted({*own} - square | chosen))
        for own, chosen in (
            (puzzle.in_ids.tolist(), square & {*first}),
            (puzzle.out_ids.tolist(), square - {*first}),
        )
    )
    place = [{int(k): row for row, k in enumerate(ids)} for ids in (puzzle.in_ids, puzzle.out_ids)]
    tables = puzzle.w_in, puzzle.b_in, puzzle.w_out, puzzle.b_out
    w_in, b_in, w_out, b_out = (
        np.zeros((len(ids), *table.shape[1:])) for ids, table in zip((ins, ins, outs, outs), tables, strict=True)
    )
    for row, k in enumerate(ins.tolist()):
        if k in square:
            w_in[row, :d], b_in[row, :d] = weights[k]
        else:
            w_in[row], b_in[row] = puzzle.w_in[place[0][k]], puzzle.b_in[place[0][k]]
    for row, k in enumerate(outs.tolist()):
        if k in square:
            w_out[row, :, :d], b_out[row] = (scale * one for one in weights[k])
        else:
            w_out[row], b_out[row] = puzzle.w_out[place[1][k]], puzzle.b_out[place[1][k]]
    given = replace(puzzle.given, oriented=True)
    return puzzle.replace(w_in=w_in, b_in=b_in, w_out=w_out, b_out=b_out, in_ids=ins, out_ids=outs, given=given)


def as_answered(puzzle: Puzzle, permutation: Sequence[int]) -> Puzzle:
    """Return a puzzle in which open roles are those that an answer gives them; what is no answer leaves it as it is.

    Gates and norms stand where the answer has them.
    """
    puzzle = norms_answered(gates_answered(puzzle, permutation), permutation)
    if not puzzle.given.square:
        return puzzle
    square, blocks = puzzle.given.square, puzzle.halves_of(permutation)
    first = square & {*blocks[0::2]}
    if (
        first == square & {*puzzle.in_ids.tolist()}
        or 2 * len(first) != len(square)
        or square & {*blocks[1::2]} != square - first
    ):
        return puzzle
    return with_roles(puzzle, first)


def pool(puzzle: Puzzle) -> Puzzle:
    """Return a puzzle in which every piece whose role is open is a first half and a second half."""
    d, scale = puzzle.features, form_of(puzzle.activation).scale
    rows = [np.isin(ids, list(puzzle.given.square)) for ids in (puzzle.in_ids, puzzle.out_ids)]
    order = np.argsort(np.concatenate([puzzle.in_ids[rows[0]], puzzle.out_ids[rows[1]]]))

    def both(first: Floats, second: Floats) -> Floats:
        return np.concatenate([first, second])[order]

    weights = both(puzzle.w_in[rows[0], :d], puzzle.w_out[rows[1], :, :d] / scale)
    biases = both(puzzle.b_in[rows[0], :d], puzzle.b_out[rows[1]] / scale)
    ids = np.concatenate([puzzle.in_ids[rows[0]], puzzle.out_ids[rows[1]]])[order]
    return puzzle.replace(w_in=weights, b_in=biases, w_out=weights, b_out=biases, in_ids=ids, out_ids=ids)
