"""Stacks with several outputs, layers around the blocks, other widths or no biases are read, written and answered."""

import itertools

import numpy as np
import pytest

from jaxsolve.architecture.pieces import Piece
from jaxsolve.errors import AnswerError, PuzzleError, UsageError
from jaxsolve.generation import Recipe, generate, write_snapshot
from jaxsolve.puzzle import as_answered, mean_squared_error, read_puzzle, running, write_network, write_puzzle
from jaxsolve.puzzle.open_roles import pool, with_roles
from jaxsolve.puzzle.telling import DataTelling

SMALL = {"blocks": 4, "features": 5, "train_rows": 300, "epochs": (3,), "learning_rate": 3e-3}
KINDS = {
    "plain": {"hidden": 8},
    "outputs": {"hidden": 8, "outputs": 3},
    "a layer before": {"hidden": 8, "inputs": 7, "activation": "relu/relu"},
    "fewer inputs": {"hidden": 8, "inputs": 3},
    "as many inputs as hidden units": {"hidden": 8, "inputs": 8, "seed": 3},
    "a head": {"hidden": 8, "head": 6, "outputs": 2},
    "widths": {"widths": (4, 8, 6)},
    "widths as the states": {"widths": (5, 8)},
    "bottlenecks": {"hidden": 2},
    "no biases": {"hidden": 8, "biases": "outer"},
    "no biases at all": {"hidden": 8, "biases": "none", "outputs": 2, "head": 3, "inputs": 6},
    "square": {"hidden": 5},
    "one hidden unit": {"hidden": 1, "seed": 1},
    "outputs as wide as blocks": {"hidden": 3, "outputs": 3},
    "gates": {"hidden": 8, "gates": "pieces", "activation": "silu"},
    "gates of several widths, some without biases": {
        "widths": (4, 8, 6), "gates": "pieces", "activation": "silu", "biases": "outer",
    },
    "gates in one piece": {"hidden": 8, "gates": "packed", "activation": "gelu", "inputs": 7},
    "gates behind first halves": {"hidden": 8, "gates": "packed", "activation": "sigmoid"},
    "scaled": {"hidden": 8, "activation": "0.5*layer_norm+gelu+rms_norm"},
    "all of it": {
        "widths": (5, 8), "inputs": 9, "head": 4, "outputs": 2, "biases": "outer",
        "activation": "tanh/rms_norm+silu+layer_norm",
    },
}  # fmt: skip


@pytest.fixture(params=KINDS, scope="module")
def dropped(request, tmp_path_factory):
    (one,) = generate(Recipe(**(SMALL | KINDS[request.param])))
    folder = tmp_path_factory.mktemp("stack")
    write_snapshot(one, folder)
    return one, folder / "puzzle", one.recipe.activation


def files_of(folder):
    return {file.name: file.read_bytes() for file in (folder / "pieces").iterdir()}


def test_the_answer_reproduces_every_prediction(dropped):
    one, folder, form = dropped
    puzzle = read_puzzle(folder, activation=form)
    alone, assembly = running(puzzle, one.dropped.permutation)
    assert mean_squared_error(alone, assembly) < 1e-11
    assert alone.permutation(assembly) == one.dropped.permutation
    assert (puzzle.blocks, puzzle.outputs) == (4, one.recipe.outputs)


def test_pieces_are_written_as_they_were_read(dropped, tmp_path):
    _, folder, form = dropped
    write_puzzle(read_puzzle(folder, activation=form), tmp_path / "again")
    assert files_of(tmp_path / "again") == files_of(folder)
    table = (tmp_path / "again" / "historical_data.csv").read_text()
    assert table == (folder / "historical_data.csv").read_text() or "true" in table


def test_networks_are_written_as_they_run(dropped, tmp_path):
    from safetensors.numpy import load_file

    one, folder, form = dropped
    puzzle = read_puzzle(folder, activation=form)
    write_network(puzzle, one.dropped.permutation, tmp_path / "net.safetensors")
    tensors = load_file(tmp_path / "net.safetensors")
    recipe = one.recipe
    for t, width in enumerate(recipe.widths_of_blocks):
        assert tensors[f"blocks.{t}.inp.weight"].shape == (width * (2 if recipe.gates == "packed" else 1), 5)
        assert (f"blocks.{t}.gate.weight" in tensors) == (recipe.gates == "pieces")
        assert tensors[f"blocks.{t}.out.weight"].shape == (5, width)
        assert (f"blocks.{t}.out.bias" in tensors) == (recipe.biases == "all")
    assert ("first.weight" in tensors) == (recipe.inputs is not None)
    assert ("head.weight" in tensors) == (recipe.head is not None)
    assert ("last.bias" in tensors) == (recipe.biases != "none")
    assert tensors["last.weight"].shape == (recipe.outputs, recipe.head or 5)


def test_answers_that_no_stack_is_are_named(dropped):
    one, folder, form = dropped
    puzzle, ids = as_answered(read_puzzle(folder, activation=form), one.dropped.permutation), one.dropped.permutation
    begin, end = puzzle.around
    for k in range(len(begin)):
        with pytest.raises(AnswerError, match=rf"does not begin with piece {begin[k]}"):
            puzzle.halves(ids[1:])
    if len(end) > 1:
        with pytest.raises(AnswerError, match=rf"does not end with pieces {end[0]}, {end[1]}"):
            puzzle.halves([*ids[:-2], ids[-1]])
    if puzzle.given.widths:
        every = len(puzzle.given.spelled(puzzle.halves_of(ids)[0], puzzle.halves_of(ids)[1]))
        a, b = len(begin) + every - 1, len(begin) + 2 * every - 1
        with pytest.raises(AnswerError, match=r"of \d hidden units with piece \d+ of \d"):
            puzzle.halves([*ids[:a], ids[b], *ids[a + 1 : b], ids[a], *ids[b + 1 :]])


def test_impossible_pairs_are_known():
    (one,) = generate(Recipe(**(SMALL | KINDS["widths"])))
    puzzle, ids = one.dropped.puzzle, one.dropped.permutation
    ins, outs = puzzle.halves(ids)
    widths = [puzzle.width_of(i) for i in puzzle.in_ids]
    assert sorted(widths) == [4, 4, 6, 8]
    assert puzzle.possible[ins, outs].all()
    assert puzzle.possible.sum() == 4 + 1 + 1


def test_roles_that_are_open_may_be_told():
    (one,) = generate(Recipe(**(SMALL | KINDS["widths as the states"])))
    puzzle, ids = one.dropped.puzzle, one.dropped.permutation
    given = {int(piece) for piece in ids[:-1] if puzzle.width_of(piece) == 5}
    from dataclasses import replace

    puzzle = puzzle.replace(given=replace(puzzle.given, square=frozenset(given)))
    assert sorted(pool(puzzle).in_ids.tolist()) == sorted(given)
    for first in itertools.combinations(sorted(given), 2):
        other = with_roles(puzzle, first)
        assert given & {*other.in_ids.tolist()} == {*first}
        again = as_answered(other, ids)
        for name in ("w_in", "b_in", "w_out", "b_out", "in_ids", "out_ids"):
            np.testing.assert_array_equal(getattr(again, name), getattr(puzzle, name))


def piece(k, *shape):
    return Piece(k, f"piece_{k}.pth", np.ones(shape), np.zeros(shape[0]), "float32")


def test_a_readout_among_first_halves_is_told_by_what_it_reads():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 3))
    right, wrong = (Piece(k, "", rng.normal(size=(1, 3)), np.zeros(1), "float32") for k in range(2))
    telling = DataTelling(x, x @ right.weight.T + 0.1 * rng.normal(size=(50, 1)))
    assert telling.readout([wrong, right], None) is right
    assert telling.first([Piece(2, "", rng.normal(size=(3, 3)), np.zeros(3), ""), Piece(3, "", np.eye(3), np.zeros(3), "")], right.weight).id == 3  # fmt: skip


@pytest.mark.parametrize(
    ("drop", "why"),
    [
        ("last", r"no readout among the pieces: expected one weight \[3, 5\]"),
        ("out", r"weight|first halves"),
    ],
)
def test_what_is_missing_of_several_outputs_is_named(tmp_path, drop, why):
    (one,) = generate(Recipe(**(SMALL | KINDS["outputs"])))
    write_snapshot(one, tmp_path)
    ids = one.dropped.permutation
    for gone in [ids[-1]] if drop == "last" else ids[1:-1:2]:
        (tmp_path / "puzzle" / "pieces" / f"piece_{gone}.pth").unlink()
    with pytest.raises(PuzzleError, match=why):
        read_puzzle(tmp_path / "puzzle")


def test_columns_of_outputs_come_by_number(tmp_path):
    (one,) = generate(Recipe(**(SMALL | KINDS["outputs"])))
    write_snapshot(one, tmp_path)
    table = tmp_path / "puzzle" / "historical_data.csv"
    text = table.read_text()
    assert "pred_0,pred_1,pred_2" in text
    table.write_text(text.replace("pred_1", "pred_3"))
    with pytest.raises(PuzzleError, match="column pred_1 is missing"):
        read_puzzle(tmp_path / "puzzle")
    table.write_text(text.replace("pred_1", "pred_01").replace("pred_2", "pred_1"))
    with pytest.raises(PuzzleError, match=r"'pred_0?1' appears twice|is missing"):
        read_puzzle(tmp_path / "puzzle")


def test_a_wrong_form_is_refused():
    with pytest.raises(UsageError, match="no norm or activation"):
        read_puzzle("demo", activation="batchnorm+relu")
