"""Puzzles follow from their recipe, and their answers say what became of every piece."""

import json
from dataclasses import replace

import numpy as np
import pytest

from jaxsolve.certificate import certify
from jaxsolve.errors import OutputError, UsageError
from jaxsolve.generation import Recipe, check_free, draw_rows, drop, folders, generate, write_snapshot
from jaxsolve.generation.initial import INITIAL
from jaxsolve.puzzle import fitting, predict, read_puzzle, sha256_of, unused, write_puzzle
from tests import reference

N, D, H = 5, 4, 6
SMALL = Recipe(blocks=N, features=D, hidden=H, train_rows=70, table_rows=40, batch=30, epochs=(0, 2, 3), seed=5)
FIELDS = ("w_in", "b_in", "w_out", "b_out", "w_last", "b_last", "in_ids", "out_ids", "last_id", "x", "y", "label")


def assert_same(one, other):
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field), err_msg=field)
    assert one.expected_sha256 == other.expected_sha256


@pytest.fixture(scope="module")
def snapshots():
    return list(generate(SMALL))


def test_the_same_recipe_gives_the_same_puzzles_and_another_seed_others(snapshots):
    for one, other in zip(snapshots, generate(SMALL), strict=True):
        assert_same(one.dropped.puzzle, other.dropped.puzzle)
        assert one.answer() == other.answer()
    other = next(generate(replace(SMALL, seed=6, epochs=(0,))))
    assert (other.dropped.puzzle.w_last != snapshots[0].dropped.puzzle.w_last).all()


def test_snapshots_are_what_a_training_of_that_length_gives(snapshots):
    assert [one.epoch for one in snapshots] == [0, 2, 3]
    (alone,) = generate(replace(SMALL, epochs=(2,)))
    assert_same(alone.dropped.puzzle, snapshots[1].dropped.puzzle)
    first = INITIAL["pytorch"](np.random.default_rng([5, 1]), N, D, H)
    np.testing.assert_array_equal(snapshots[0].dropped.puzzle.w_last, first.w_last)
    assert snapshots[0].flops == 0 < snapshots[1].flops


def test_the_answer_reproduces_the_predictions(snapshots):
    for one in snapshots:
        puzzle, answer = one.dropped.puzzle, one.answer()
        assembly = puzzle.assembly(answer["permutation"])
        np.testing.assert_allclose(predict(puzzle, assembly), puzzle.y, atol=1e-6)
        assert reference.loss(puzzle, *assembly, rows=5) < 1e-12
        assert puzzle.expected_sha256 == answer["sha256"] == sha256_of(answer["permutation"])
        assert answer["missing"] == answer["decoys"] == []
        assert answer["recipe"] == SMALL.as_json()
        assert sorted(answer["permutation"]) == list(range(2 * N + 1))


def test_the_loss_is_of_all_rows_trained_on():
    (one,) = generate(replace(SMALL, epochs=(2,), table_rows=None))
    puzzle = one.dropped.puzzle
    assert puzzle.rows == 70
    assert one.loss == pytest.approx(np.mean((puzzle.y - puzzle.label) ** 2), rel=1e-5)


def test_training_lowers_the_loss():
    losses = [one.loss for one in generate(replace(SMALL, epochs=(0, 40), learning_rate=0.01))]
    assert losses[1] < 0.5 * losses[0]


def test_noise_and_decimals_change_the_predictions_alone(snapshots):
    plain = snapshots[0].dropped.puzzle
    noisy = next(generate(replace(SMALL, epochs=(0,), noise=0.5))).dropped.puzzle
    assert 0.2 < np.std(noisy.y - plain.y) < 1.0
    assert_same(noisy.replace(y=plain.y), plain)
    rounded = next(generate(replace(SMALL, epochs=(0,), decimals=2))).dropped.puzzle
    np.testing.assert_array_equal(rounded.y, plain.y.round(2).astype(np.float32))
    assert_same(rounded.replace(y=plain.y), plain)


def weights(seed):
    return INITIAL["pytorch"](np.random.default_rng(seed), N, D, H)


def dropped(**changes):
    """A puzzle of random weights, and those weights: the network's and the others."""
    recipe = replace(SMALL, **changes)
    rows = draw_rows("votes", np.random.default_rng(2), 70, D)
    return drop(weights(0), weights(1), rows, recipe, np.random.default_rng(3)), weights(0), weights(1)


def identified(puzzle, net, other):
    """For each piece id, whether it is of the network, its block, and which half."""
    found = {}
    for half, ids, stacks in (("in", puzzle.in_ids, "w_in"), ("out", puzzle.out_ids, "w_out")):
        for piece, weight in zip(ids.tolist(), getattr(puzzle, stacks), strict=True):
            for own, source in ((True, net), (False, other)):
                for t in range(N):
                    if np.array_equal(getattr(source, stacks)[t].T, weight):
                        found[piece] = own, t, half
    return found


@pytest.mark.parametrize("missing", [(0, 0), (2, 0), (0, 3), (2, 2), (4, 4)])
@pytest.mark.parametrize("decoys", [(0, 0), (1, 0), (3, 5)])
def test_every_piece_is_accounted_for(missing, decoys):
    found, net, other = dropped(
        missing_ins=missing[0], missing_outs=missing[1], decoy_ins=decoys[0], decoy_outs=decoys[1]
    )
    puzzle, (own, lost) = found.puzzle, (found.permutation, found.missing)
    assert (len(puzzle.in_ids), len(puzzle.out_ids)) == (N - missing[0] + decoys[0], N - missing[1] + decoys[1])
    pieces = [*puzzle.in_ids.tolist(), *puzzle.out_ids.tolist(), puzzle.last_id]
    assert sorted(pieces) == list(range(len(pieces)))
    known = identified(puzzle, net, other)
    assert sorted(piece for piece, (ours, _, _) in known.items() if not ours) == found.decoys
    assert len(found.decoys) == sum(decoys)
    whole = [known[piece] for piece in own[:-1]]
    assert whole == [(True, t, half) for t in sorted({t for _, t, _ in whole}) for half in ("in", "out")]
    assert own[-1] == puzzle.last_id
    assert sorted((entry["position"], entry["half"]) for entry in lost) == sorted(
        {(t, half) for t in range(N) for half in ("in", "out")} - {known[p][1:] for p in known if known[p][0]}
    )
    for entry in lost:
        if entry["orphan"] is not None:
            assert known[entry["orphan"]] == (True, entry["position"], {"in": "out", "out": "in"}[entry["half"]])
            assert entry["orphan"] not in own
    orphans = {entry["orphan"] for entry in lost} - {None}
    assert {p for p in known if known[p][0]} == orphans | set(own[:-1])
    assert puzzle.expected_sha256 == (None if lost else sha256_of(own))


@pytest.mark.parametrize("lost", [(0, 0), (1, 0), (1, 2)])
@pytest.mark.parametrize("decoys", [(0, 0), (1, 0), (0, 3), (2, 2)])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_answers_with_pieces_left_out_are_read_back(tmp_path, lost, decoys, activation):
    found, *_ = dropped(
        missing_ins=lost[0], missing_outs=lost[1], decoy_ins=decoys[0], decoy_outs=decoys[1], activation=activation
    )
    write_puzzle(found.puzzle, tmp_path / "puzzle")
    puzzle = read_puzzle(tmp_path / "puzzle", activation=activation)
    fitted, assembly = fitting(puzzle, found.permutation)
    assert fitted.permutation(assembly) == found.permutation
    orphans = {entry["orphan"] for entry in found.missing} - {None}
    assert set(unused(puzzle, found.permutation)) == {*found.decoys, *orphans}
    if lost == (0, 0):
        assert certify(fitted, assembly).solved


def test_predictions_are_those_of_the_whole_network():
    whole, lost = dropped()[0].puzzle, dropped(missing_ins=2, decoy_outs=1)[0].puzzle
    np.testing.assert_array_equal(whole.y, lost.y)


def test_decoys_are_trained_on_the_same_rows_with_other_numbers(snapshots):
    *_, end = generate(replace(SMALL, decoy_outs=2))
    plain, puzzle = snapshots[-1].dropped.puzzle, end.dropped.puzzle
    np.testing.assert_array_equal(puzzle.y, plain.y)
    real = {weight.tobytes() for weight in plain.w_out}
    fakes = [piece for piece, w in zip(puzzle.out_ids.tolist(), puzzle.w_out, strict=True) if w.tobytes() not in real]
    assert fakes == end.dropped.decoys


def test_files_are_written_once(snapshots, tmp_path):
    places = folders(SMALL, tmp_path)
    assert [place.name for place in places.values()] == ["epoch-0000", "epoch-0002", "epoch-0003"]
    assert folders(replace(SMALL, epochs=(7,)), tmp_path) == {7: tmp_path}
    check_free(SMALL, tmp_path)
    write_snapshot(snapshots[1], places[2])
    puzzle = read_puzzle(places[2] / "puzzle")
    assert json.loads((places[2] / "answer.json").read_text()) == snapshots[1].answer()
    assert_same(puzzle.replace(**{name: getattr(puzzle, name).astype(np.float32) for name in ("x", "y", "label")}),
                snapshots[1].dropped.puzzle)  # fmt: skip
    with pytest.raises(OutputError, match="exists already and is not overwritten"):
        check_free(SMALL, tmp_path)
    with pytest.raises(OutputError):
        write_snapshot(snapshots[1], places[2])


def test_a_csv_file_decides_the_sizes(tmp_path):
    rng = np.random.default_rng(0)
    lines = [",".join(map(str, row)) for row in rng.normal(size=(50, 4)).round(3)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,c,price", *lines]))
    recipe = Recipe(data=str(tmp_path / "rows.csv"), blocks=2, epochs=(0,), train_rows=40)
    (one,) = generate(recipe)
    assert one.dropped.puzzle.x.shape == (40, 3)
    sizes = {name: one.answer()["recipe"][name] for name in ("data", "features", "hidden", "train_rows", "table_rows")}
    assert sizes == {"data": "rows.csv", "features": 3, "hidden": 6, "train_rows": 40, "table_rows": 40}
    with pytest.raises(UsageError, match=r"--features is 5; .* has 3 inputs"):
        next(generate(replace(recipe, features=5)))
    (wide,) = generate(replace(recipe, inputs=3, features=5))
    assert (wide.dropped.puzzle.x.shape, wide.dropped.puzzle.features) == ((40, 3), 5)
    with pytest.raises(UsageError, match=r"--inputs is 4; .* has 3 inputs"):
        next(generate(replace(recipe, inputs=4, features=5)))


def test_what_overflows_is_said_in_one_line():
    with pytest.raises(UsageError, match="training diverged in epoch 1; try a --learning-rate below 1e\\+30"):
        list(generate(replace(SMALL, learning_rate=1e30)))
    with pytest.raises(UsageError, match="the network of epoch 0 overflows; try --initial small"):
        list(generate(replace(SMALL, blocks=400, initial="he", epochs=(0,))))


def test_a_stop_ends_between_device_calls():
    told = []
    found = list(generate(SMALL, watch=told.append, stopped=lambda: len(told) >= 2))
    assert [one.epoch for one in found] == [0]
    assert [one.epochs for one in told] == [1, 2]
