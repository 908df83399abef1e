"""Host: gated blocks, whose hidden units are ``act(gate·h + bias)·(w_in·h + b_in)``.

They are those of Dauphin et al. (2017, https://arxiv.org/abs/1612.08083) and Shazeer (2020,
https://arxiv.org/abs/2002.05202). Gates are pieces of their own, of the shape of first halves: which are which, and
which gate belongs to which first half, has to be told. Or they are in one piece with these, in front of them; behind
them where the activation is the sigmoid, as PyTorch's ``nn.GLU`` has it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from jaxsolve.architecture import bare
from jaxsolve.puzzle.given import Floats, Gates
from jaxsolve.puzzle.types import Puzzle

Layers = dict[int, tuple[Floats, Floats]]
"""Weights and biases by ids."""


def behind(activation: str) -> bool:
    """Return whether gates stand behind first halves that are in one piece with them."""
    return bare(activation) == "sigmoid"


def stacked(layers: Layers, pieces: Sequence[int], most: int) -> tuple[Floats, Floats]:
    """Return weights `[N, most, D]` and biases `[N, most]` of pieces, filled up with units that add nothing."""
    fill = lambda table: np.pad(table, [(0, most - len(table)), *[(0, 0)] * (table.ndim - 1)])
    weights, biases = (np.stack([fill(layers[piece][part]) for piece in pieces]) for part in range(2))
    return weights, biases


def swapped(puzzle: Puzzle) -> Puzzle:
    """Return a puzzle of gates that are in one piece with first halves, these taken for the other, and not padded."""
    gates, normed, given = puzzle.gates, puzzle.given.normed, puzzle.given
    assert gates is not None
    if normed is not None:
        assert normed.gates is not None
        ids = puzzle.in_ids.tolist()
        own = [np.stack(side) for side in zip(*(normed.raw[k] for k in ids), strict=True)]
        raw = {**normed.raw, **{k: (normed.gates.weight[t], normed.gates.bias[t]) for t, k in enumerate(ids)}}
        given = replace(given, normed=replace(normed, raw=raw, gates=Gates(*own)))
    return puzzle.replace(w_in=gates.weight, b_in=gates.bias, gates=Gates(puzzle.w_in, puzzle.b_in), given=given)


def first_layers(puzzle: Puzzle) -> Layers:
    """Return the pieces that are first halves, gates, or both, as they were given; the puzzle is not padded."""
    own, gates, normed = (puzzle.w_in, puzzle.b_in), puzzle.gates, puzzle.given.normed
    if normed is not None:  # without what norms before them make of them
        gates, own = normed.gates, zip(*(normed.raw[int(k)] for k in puzzle.in_ids), strict=True)
    found = Layers()
    for k, (piece, weight, bias) in enumerate(zip(puzzle.in_ids.tolist(), *own, strict=True)):
        width = puzzle.width_of(piece)
        found[piece] = weight[:width], bias[:width]
        if gates is None:
            continue
        gate = gates.weight[k, :width], gates.bias[k, :width]
        if piece in puzzle.given.packed:
            front, back = (found[piece], gate) if behind(puzzle.activation) else (gate, found[piece])
            found[piece] = np.concatenate([front[0], back[0]]), np.concatenate([front[1], back[1]])
        else:
            found[puzzle.given.gates[piece]] = gate
    return found


def with_gates(puzzle: Puzzle, gates: Mapping[int, int]) -> Puzzle:
    """Return a puzzle, not padded, with these ids of gates by those of first halves, and no norms in their places."""
    layers, given, normed = first_layers(puzzle), puzzle.given, puzzle.given.normed
    ins, most = np.array(sorted(gates)), puzzle.hidden
    own = stacked(layers, ins.tolist(), most)
    of_gates = Gates(*stacked(layers, [gates[k] for k in ins.tolist()], most))
    if normed is not None:
        raw = {k: (own[0][row], own[1][row]) for row, k in enumerate(ins.tolist())}
        raw[puzzle.last_id] = normed.raw[puzzle.last_id]
        normed = replace(normed, raw=raw, gates=of_gates, before={}, walk=())
    widths = dict(given.widths)
    if widths:
        widths |= {piece: len(layers[piece][1]) for piece in layers}
    given = replace(given, gates=dict(gates), gated=True, normed=normed, widths=widths)
    return puzzle.replace(w_in=own[0], b_in=own[1], gates=of_gates, in_ids=ins, given=given)


def gates_answered(puzzle: Puzzle, permutation: Sequence[int]) -> Puzzle:
    """Return a puzzle whose gates are those that an answer has; what is no answer leaves it as it is.

    What an answer leaves out is whose gate nobody knows: by size, then by id.
    """
    given = puzzle.given
    if not given.gates:
        return puzzle
    begin = 0 if puzzle.first is None else 1
    last = 1 + (puzzle.head is not None or (given.normed is not None and given.normed.last))
    blocks, every = permutation[begin : len(permutation) - last], 3 + (given.normed is not None)
    gates = dict(zip(blocks[every - 2 :: every], blocks[every - 3 :: every], strict=False))
    if gates == dict(given.gates):
        return puzzle.replace(given=replace(given, gated=True))
    answered, pieces = {*gates, *gates.values()}, {*given.gates, *given.gates.values()}
    if not answered <= pieces or len(answered) != 2 * len(gates):
        return puzzle
    sizes = {piece: len(bias) for piece, (_, bias) in first_layers(puzzle).items()}
    left = sorted(pieces - answered, key=lambda piece: (sizes[piece], piece))
    gates |= dict(zip(left[::2], left[1::2], strict=True))
    return with_gates(puzzle, gates) if all(sizes[a] == sizes[b] for a, b in gates.items()) else puzzle
