"""Host: null halves, which let a permutation leave pieces out: decoys, and halves whose partners are missing.

A null half has weights of zero and a negative id, and a block with one on either side adds exactly 0. Null second
halves have biases of zero; null first halves hold all hidden units where the activation is exactly 0 (`closed`). So
that they silence also the bias of the second half behind them, that bias is carried by one more hidden unit, the last:
every real first half holds it at a constant (`carrier`), ``act(1)`` for most activations, and second halves weigh it
with ``b_out / act(1)``; in gated blocks its gate does, and it is 1 itself. Searches see an ordinary puzzle, with as
many halves of either kind.
"""

from collections.abc import Sequence

import numpy as np

from jaxsolve.architecture import activation_of, canonical, form_of, same, usual
from jaxsolve.puzzle.gate_pieces import behind, swapped
from jaxsolve.puzzle.given import Gates
from jaxsolve.puzzle.open_roles import as_answered
from jaxsolve.puzzle.types import Assembly, Floats, Puzzle


def inputs_of(puzzle: Puzzle) -> Floats:
    """Return what the network is given, `[R, I]`: what the blocks are, unless a layer stands before them."""
    return puzzle.x if puzzle.inputs is None else puzzle.inputs


def usual_forms(puzzle: Puzzle) -> list[str]:
    """Return the forms that are tried where nobody has said what the form is, that of the puzzle first."""
    return usual(puzzle.activation, embeds=puzzle.first is not None, gated=puzzle.gates is not None)


def distinct_forms(puzzle: Puzzle) -> list[str]:
    """Return those of the usual forms that more than the right answer tells apart."""
    return [name for name in usual_forms(puzzle) if same(name) == name]


def embedded(puzzle: Puzzle) -> Puzzle:
    """Return a puzzle whose blocks are given what a layer before them makes of the inputs, if there is one."""
    first = puzzle.first
    if first is None:
        return puzzle
    inputs = inputs_of(puzzle)
    with np.errstate(over="ignore", invalid="ignore"):
        x = form_of(puzzle.activation).first.function(inputs @ first.weight.T + first.bias)
    return puzzle.replace(inputs=inputs, x=x)


def padded(puzzle: Puzzle, spare: int = 0) -> Puzzle:
    """Return a puzzle with as many first as second halves, and so many `spare` null halves more of either kind.

    Rows of halves keep their places and null halves come after them, so that assemblies of the puzzle become ones of
    the padded puzzle by appending silent blocks. Padding a padded puzzle adds null halves alone; with nothing to add
    the puzzle is returned as it is.
    """
    blocks = max(len(puzzle.in_ids), len(puzzle.out_ids)) + spare
    more_ins, more_outs = blocks - len(puzzle.in_ids), blocks - len(puzzle.out_ids)
    if not more_ins and not more_outs:
        return puzzle
    w_in, b_in, w_out, b_out = puzzle.w_in, puzzle.b_in, puzzle.w_out, puzzle.b_out
    activation, gates = activation_of(puzzle.activation), puzzle.gates
    if not puzzle.padded:
        point, constant = activation.carrier
        w_in, b_in = _append(w_in, 1, axis=1), _append(b_in, 1, axis=1, value=point if gates is None else 1.0)
        if gates is not None:
            gates = Gates(_append(gates.weight, 1, axis=1), _append(gates.bias, 1, axis=1, value=point))
        w_out, b_out = np.concatenate([w_out, (b_out / constant)[..., None]], axis=2), np.zeros_like(b_out)
    # first halves count down the odd numbers and second halves the even ones: padding twice gives the same ids
    odd = -2 * (int(puzzle.null_ins.sum()) + np.arange(more_ins)) - 1
    even = -2 * (int(puzzle.null_outs.sum()) + np.arange(more_outs)) - 2
    return puzzle.replace(
        w_in=_append(w_in, more_ins),
        b_in=_append(b_in, more_ins, value=activation.closed if gates is None else 0.0),
        gates=None if gates is None else Gates(*(_append(table, more_ins) for table in gates)),
        w_out=_append(w_out, more_outs),
        b_out=_append(b_out, more_outs),
        in_ids=np.concatenate([puzzle.in_ids, odd]),
        out_ids=np.concatenate([puzzle.out_ids, even]),
    )


def unpadded(puzzle: Puzzle) -> Puzzle:
    """Return the real halves as they were given, perhaps more of one kind than of the other, with their own biases.

    Biases are exact, but for those of float64 pieces, which may be off by one unit in the last place.
    """
    if not puzzle.padded:
        return puzzle
    ins, outs = ~puzzle.null_ins, ~puzzle.null_outs
    b_out = puzzle.w_out[outs, :, -1] * activation_of(puzzle.activation).carrier[1]
    if puzzle.dtype != "float64":
        b_out = b_out.astype(np.float32).astype(np.float64)
    return puzzle.replace(
        w_in=puzzle.w_in[ins, :-1],
        b_in=puzzle.b_in[ins, :-1],
        gates=None if puzzle.gates is None else Gates(*(table[ins, :-1] for table in puzzle.gates)),
        w_out=puzzle.w_out[outs, :, :-1],
        b_out=b_out,
        in_ids=puzzle.in_ids[ins],
        out_ids=puzzle.out_ids[outs],
    )


def read_as(puzzle: Puzzle, activation: str) -> Puzzle:
    """Return a puzzle, perhaps padded, of the same pieces with another activation of their blocks."""
    activation = canonical(activation)
    if activation == puzzle.activation:
        return puzzle
    real, ratio = unpadded(puzzle), form_of(activation).scale / form_of(puzzle.activation).scale
    if puzzle.given.packed and behind(activation) != behind(puzzle.activation):
        real = swapped(real)
    if ratio != 1.0:
        real = multiplied(real, ratio)
    real = embedded(real.replace(activation=activation))
    return padded(real, puzzle.blocks - max(len(real.in_ids), len(real.out_ids))) if puzzle.padded else real


def multiplied(puzzle: Puzzle, by: float) -> Puzzle:
    """Return a puzzle whose blocks add so many times as much."""
    return puzzle.replace(w_out=by * puzzle.w_out, b_out=by * puzzle.b_out)


def fitting(puzzle: Puzzle, permutation: Sequence[int]) -> tuple[Puzzle, Assembly]:
    """Return an answer that may leave pieces out as an assembly, and the puzzle with the null halves it needs.

    Raises
    ------
    AnswerError
        The ids are not pieces, each at most once, in the pattern in, out, …, readout.
    """
    puzzle = as_answered(puzzle, permutation)
    runs = len(puzzle.halves(permutation)[0])
    real = [int((ids >= 0).sum()) for ids in (puzzle.in_ids, puzzle.out_ids)]
    needed = sum(real) - runs  # each half that is left out takes a position of its own
    present = max(len(puzzle.in_ids), len(puzzle.out_ids))
    enough = padded(puzzle, max(0, needed - present))
    return enough, enough.assembly(permutation)


def running(puzzle: Puzzle, permutation: Sequence[int]) -> tuple[Puzzle, Assembly]:
    """Return the network of an answer alone, as a puzzle of no other pieces, and its assembly.

    Raises
    ------
    AnswerError
        The ids are not pieces, each at most once, in the pattern in, out, …, readout.
    """
    real = as_answered(unpadded(puzzle), permutation)
    ins, outs = map(np.sort, real.halves(permutation))
    alone = real.replace(
        w_in=real.w_in[ins],
        b_in=real.b_in[ins],
        gates=None if real.gates is None else Gates(*(table[ins] for table in real.gates)),
        w_out=real.w_out[outs],
        b_out=real.b_out[outs],
        in_ids=real.in_ids[ins],
        out_ids=real.out_ids[outs],
    )
    return alone, alone.assembly(permutation)


def unused(puzzle: Puzzle, permutation: Sequence[int]) -> list[int]:
    """Return the ids of the pieces that an answer leaves out, ascending."""
    ids = np.concatenate([puzzle.in_ids, puzzle.out_ids])
    return np.setdiff1d(ids[ids >= 0], permutation).tolist()


def _append(table: Floats, more: int, axis: int = 0, value: float = 0.0) -> Floats:
    """Return a table with so many more entries of one value at the end of an axis."""
    room = [(0, more if k == axis else 0) for k in range(table.ndim)]
    return np.pad(table, room, constant_values=value)
