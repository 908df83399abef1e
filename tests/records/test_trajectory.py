"""The course of a run as a table, and names by which its puzzle is told from others."""

import json

import pytest

from jaxsolve.records import COLUMNS, puzzle_names, read_record, share_words, trajectory
from tests.records.test_formats import STORED

FRAME = {"event": "frame", "t": 1.0, "evaluations": 4, "attempt": 1, "loss": 0.5, "permutation": [1, 2, 0]}


@pytest.fixture
def made(tmp_path):
    """Make the record of a run of a three-block puzzle, with some fields and events replaced."""

    def go(events=(), **fields):
        found = json.loads((STORED / "record.json").read_text())
        folder = tmp_path / str(len([*tmp_path.iterdir()]))
        folder.mkdir()
        (folder / "record.json").write_text(json.dumps(found | fields))
        (folder / found["trace"]).write_text("".join(f"{json.dumps(event)}\n" for event in events))
        return read_record(folder / "record.json")

    return go


def test_rows_hold_what_their_events_tell_and_nothing_else(made):
    now = {"t": 2.0, "evaluations": 9, "attempt": 1}
    events = [
        {**now, "event": "attempt", "search": "swaps", "loss": 0.8},
        FRAME,
        FRAME | {"loss": 0.7},
        {**now, "event": "round", "name": "adjacent", "phase": "search", "loss": 0.4, "accepted": 2, "rejected": 7},
        {**now, "event": "rate", "phase": "certify", "loss": 0.4, "accepted": 3, "rejected": 8},
        {**now, "event": "growth", "name": "beam", "blocks": 1, "losses": [0.3, 0.4, 0.5], "permutation": [1, 2, 0]},
        {**now, "event": "judged", "mse": 0.1, "solved": False},
        {**now, "event": "end", "status": "solved"},
    ]
    rows = [*trajectory(made(events, certificate=None, variance=2.0))]
    assert all([*row] == [*COLUMNS] for row in rows)
    said = [{key: value for key, value in row.items() if value is not None} for row in rows]
    assert [row.get("mse") for row in rows] == [0.8, 0.5, 0.7, 0.4, 0.4, 0.3, 0.1, None]
    assert [row.get("r2") for row in rows][:2] == [pytest.approx(0.6), pytest.approx(0.75)]
    assert [row["lowest_mse"] for row in rows] == [None, *[0.5] * 7]
    assert [row["name"] for row in rows] == ["swaps", None, None, "adjacent", "certify", "beam", None, None]
    assert (said[3]["accepted"], said[3]["rejected"]) == (2, 7)
    assert (said[4]["accepted_so_far"], said[4]["rejected_so_far"]) == (3, 8)
    assert not {"accepted", "rejected"} & {*said[4]}
    assert (said[5]["blocks"], said[5]["permutation"], said[6]["solved"]) == (1, [1, 2, 0], False)


def test_damaged_events_are_left_out_or_have_empty_cells(made):
    broken = [FRAME | {"t": None}, FRAME | {"evaluations": -1}, FRAME | {"event": []}, FRAME | {"loss": "x"}]
    (row,) = trajectory(made([*broken, {"no": "event"}]))
    assert (row["mse"], row["r2"], row["lowest_mse"]) == (None, None, None)


@pytest.mark.parametrize(
    ("fields", "r2"),
    [
        ({"certificate": {"variance": 2.0}, "variance": 1.0}, 0.75),
        ({"certificate": None, "variance": 1.0}, 0.5),
        ({"certificate": None, "variance": None}, None),
        ({"certificate": None}, None),
        ({"certificate": {"variance": 0.0}}, None),
        ({"certificate": {"variance": "x"}}, None),
        ({"certificate": {"variance": 2.0, "units": {"link": "affine"}}}, None),  # errors of several units
        ({"certificate": {"variance": 2.0}, "mse": None, "loss": None}, None),
        ({"certificate": {"variance": 2.0}, "report": {"r2": 0.9}}, 0.9),
    ],
)
def test_the_share_of_the_variance_is_told_only_where_it_is_known(made, fields, r2):
    assert made(**({"mse": 0.5, "report": None} | fields)).r2 == (None if r2 is None else pytest.approx(r2))


def test_shares_of_the_variance_are_told_from_one():
    assert [share_words(r2) for r2 in (None, 0.5, -1.25, 1 - 6e-14, 0.99995, 0.999995)] == [
        "-", "0.5", "-1.25", "1 - 6e-14", "0.99995", "1 - 5e-06",
    ]  # fmt: skip


def test_the_error_is_that_of_the_table_where_it_was_judged(made):
    assert made(mse=0.5, report={"mse": 5e-41}).fit == 5e-41
    assert made(mse=0.5, report=None).fit == 0.5
    assert made(mse=None, loss=0.25, report=None).fit == 0.25


@pytest.mark.parametrize(
    ("puzzles", "names"),
    [
        ([("a/puzzle", "relu", "1"), ("b/puzzle", "relu", "2")], ["a/puzzle", "b/puzzle"]),
        ([("a/puzzle", "relu", "1"), ("b/puzzle", "relu", "1")], ["puzzle", "puzzle"]),
        ([("a/puzzle", "relu", "1"), ("a/puzzle", "gelu", "2")], ["puzzle", "puzzle"]),
        ([("a/puzzle", "relu", "12345678"), ("a/puzzle", "relu", "2")], ["puzzle (123456)", "puzzle (2)"]),
        ([("x/a/puzzle", "relu", "1"), ("y/a/puzzle", "relu", "2")], ["puzzle (1)", "puzzle (2)"]),
        ([("puzzle", "relu", "1"), ("b/puzzle", "relu", "2")], ["puzzle", "b/puzzle"]),
    ],
)
def test_puzzles_of_one_name_are_told_apart_and_no_others(made, puzzles, names):
    keys = "path", "activation", "fingerprint"
    records = [made(puzzle={"name": "puzzle", **dict(zip(keys, one, strict=True))}) for one in puzzles]
    assert puzzle_names([*records, made(puzzle={"name": "other"})]) == [*names, "other"]
