"""What blocks are made of is told by shapes, named, or said by an architecture of one's own."""

from dataclasses import replace

import numpy as np
import pytest

from jaxsolve.architecture import ARCHITECTURES, Architecture
from jaxsolve.architecture.pieces import Piece
from jaxsolve.architecture.roles import candidates
from jaxsolve.errors import AnswerError, PuzzleError, UsageError
from jaxsolve.generation import Recipe, generate
from jaxsolve.puzzle import Puzzle, as_answered, mean_squared_error, read_puzzle, write_network, write_puzzle
from jaxsolve.puzzle.gate_pieces import with_gates
from jaxsolve.puzzle.write import layers_of
from jaxsolve.solver import Config, solve

SMALL = {"blocks": 4, "features": 5, "hidden": 8, "train_rows": 300, "epochs": (3,), "learning_rate": 3e-3}


def dropped(**options):
    (one,) = generate(Recipe(**(SMALL | options)))
    return one.dropped


def blocks_of(one, names=("fc1", "fc2")):
    """The layers of each block in one piece, in the order they ran, and the readout."""
    puzzle, layers = one.puzzle, dict(layers_of(one.puzzle))
    halves = puzzle.halves_of(one.permutation)
    both = zip(halves[0::2], halves[1::2], strict=True)
    named = lambda pair: {f"{n}.{part}": t for n, k in zip(names, pair, strict=True) for part, t in layers[k].items()}
    return [*map(named, both), layers[puzzle.last_id]]


def shuffled(one, seed=0):
    """Whole blocks by ids, and the answer."""
    pieces = blocks_of(one)
    ids = np.random.default_rng(seed).permutation(len(pieces)).tolist()
    return dict(zip(ids, pieces, strict=True)), ids


@pytest.mark.parametrize("hidden", [8, 5, 3])
def test_whole_blocks_are_one_piece_each(hidden, tmp_path):
    one = dropped(hidden=hidden)
    pieces, ids = shuffled(one)
    puzzle = Puzzle.from_arrays(pieces, one.puzzle.x, one.puzzle.y, activation="relu")
    assembly = puzzle.assembly(ids)
    assert puzzle.permutation(assembly) == ids
    assert mean_squared_error(puzzle, assembly) < 1e-12
    assert puzzle.possible.sum() == puzzle.blocks
    write_puzzle(puzzle, tmp_path / "again")
    again = read_puzzle(tmp_path / "again")
    for name in ("w_in", "b_in", "w_out", "b_out", "in_ids", "out_ids"):
        np.testing.assert_array_equal(getattr(again, name), getattr(puzzle, name))
    write_network(puzzle, ids, tmp_path / "net.safetensors")
    from safetensors.numpy import load_file

    tensors = load_file(tmp_path / "net.safetensors")
    for t, block in enumerate(blocks_of(one)[:-1]):
        for name, tensor in block.items():
            np.testing.assert_array_equal(tensors[f"blocks.{t}.{name}"], tensor.astype(np.float32))


def test_whole_blocks_are_put_in_order():
    pieces, ids = shuffled(dropped(blocks=8, train_rows=600))
    one = dropped(blocks=8, train_rows=600)
    puzzle = Puzzle.from_arrays(pieces, one.puzzle.x, one.puzzle.y, activation="relu")
    solution = solve(puzzle, Config(budget=60))
    assert solution.certificate.permutation == ids


def test_what_is_no_block_is_named():
    one = dropped()
    pieces, ids = shuffled(one)
    odd = pieces | {ids[0]: pieces[ids[0]] | {"fc2.weight": np.ones((5, 7))}}
    with pytest.raises(PuzzleError, match=r"piece \d: two layers \[8, 5\] and \[5, 7\]; expected one, or a whole"):
        Puzzle.from_arrays(odd, one.puzzle.x, one.puzzle.y)
    halves = dict(layers_of(one.puzzle))
    first, second = one.permutation[:2]
    mixed = pieces | {90: halves[first], 91: halves[second]}
    with pytest.raises(PuzzleError, match="4 pieces that are whole blocks beside 5 first and 5 second halves"):
        Puzzle.from_arrays(mixed, one.puzzle.x, one.puzzle.y)


def test_twice_as_many_first_halves_are_gates_unless_somebody_says_otherwise(tmp_path):
    one = dropped(gates="pieces", activation="silu")
    write_puzzle(one.puzzle, tmp_path / "puzzle")
    puzzle = read_puzzle(tmp_path / "puzzle", activation="silu")
    assert puzzle.given.architecture == "gated"
    assert not puzzle.given.gated
    assert read_puzzle(tmp_path / "puzzle", activation="silu", architecture="residual").padded
    with pytest.raises(PuzzleError, match="8 first halves"):
        read_puzzle(tmp_path / "puzzle", architecture="packed")
    with pytest.raises(UsageError, match="no architecture 'gatd'; did you mean 'gated'"):
        read_puzzle(tmp_path / "puzzle", architecture="gatd")


def test_gates_are_those_of_the_answer():
    one = dropped(gates="pieces", activation="silu", widths=(4, 8), hidden=None)
    puzzle, ids = one.puzzle, one.permutation
    gates = dict(zip(ids[1::3], ids[0::3], strict=False))
    turned = with_gates(puzzle, {gate: first for first, gate in gates.items()})
    assert turned.given.gates == {gate: first for first, gate in gates.items()}
    again = as_answered(turned, ids)
    assert mean_squared_error(again, again.assembly(ids)) < 1e-12
    backwards = [piece for k in range(0, len(ids) - 1, 3) for piece in (ids[k + 1], ids[k], ids[k + 2])] + [ids[-1]]
    assert mean_squared_error(turned, turned.assembly(backwards)) > 1e-6
    wrong = [ids[3], *ids[1:3], ids[0], *ids[4:]]  # gates of the first two blocks exchanged, as this puzzle has them
    with pytest.raises(AnswerError, match=rf"has piece {ids[3]} where {ids[0]} stands before the first half"):
        again.halves(wrong)


def test_an_answer_that_leaves_blocks_out_has_gates_of_its_own():
    one = dropped(gates="pieces", activation="silu")
    puzzle, ids = one.puzzle, one.permutation
    gates = dict(zip(ids[1:-1:3], ids[0:-1:3], strict=True))
    turned = with_gates(puzzle, {gate: first for first, gate in gates.items()})
    found = as_answered(turned, ids[3:])
    assert {first: gate for first, gate in found.given.gates.items() if first in ids[4:-1:3]} == {
        first: gate for first, gate in gates.items() if first != ids[1]
    }
    assert {*found.given.gates, *found.given.gates.values()} == {*gates, *gates.values()}
    np.testing.assert_array_equal(found.halves_of(ids[3:]), np.delete(ids[3:-1], np.s_[::3]))
    assert as_answered(turned, [99, *ids[1:]]) is turned, "that is no piece"


def test_gates_in_one_piece_stand_in_front_but_for_sigmoids():
    for activation in ("silu", "sigmoid"):
        one = dropped(gates="packed", activation=activation)
        first = one.permutation[0]
        row = one.puzzle.in_ids.tolist().index(first)
        weight = dict(layers_of(one.puzzle))[first]["weight"]
        gate, own = (weight[8:], weight[:8]) if activation == "sigmoid" else (weight[:8], weight[8:])
        np.testing.assert_array_equal(gate, one.puzzle.gates.weight[row])
        np.testing.assert_array_equal(own, one.puzzle.w_in[row])


def piece(k, *shape):
    return Piece(k, f"piece_{k}.pth", np.ones(shape), np.zeros(shape[0]), "float32")


def test_candidates_say_what_they_leave_over():
    pieces = [piece(k, 6, 4) for k in range(4)] + [piece(k + 4, 4, 6) for k in range(2)] + [piece(6, 1, 4)]
    found = {one.words for one in candidates(pieces, 4, 1)}
    assert "gated; leaves over nothing" in found
    assert "residual; leaves over nothing" in found  # halves without partners
    one = next(one for one in candidates([*pieces, piece(7, 3, 3)], 4, 1) if one.architecture == "gated")
    assert one.words == "gated; leaves over 1 pieces, 1 of [3, 3]"


def taken_off(pieces, features):
    """Blocks that are taken off the states, x - f(x)."""
    sign = lambda one: -1.0 if one.shape[0] == features else 1.0
    return [replace(one, weight=sign(one) * one.weight, bias=sign(one) * one.bias) for one in pieces]


def test_an_architecture_of_ones_own_is_one_entry(monkeypatch):
    one = dropped(blocks=6, train_rows=600)
    sign = lambda layer: -1.0 if len(layer["weight"]) == one.puzzle.features else 1.0
    pieces = {k: tuple(sign(layer) * layer[part] for part in ("weight", "bias")) for k, layer in layers_of(one.puzzle)}
    monkeypatch.setitem(ARCHITECTURES, "taken off", Architecture("x - f(x)", taken_off))
    puzzle = Puzzle.from_arrays(pieces, one.puzzle.x, one.puzzle.y, activation="relu", architecture="taken off")
    solution = solve(puzzle, Config(budget=60))
    assert solution.certificate.permutation == one.permutation
