"""What is kept of a run, and of one whose record cannot be written."""

import json

import numpy as np
import pytest

from jaxsolve.cli import run_store
from jaxsolve.cli.run_store import RunStore
from jaxsolve.errors import OutputError
from jaxsolve.puzzle import Assembly, demo_puzzle, padded, read_answer
from jaxsolve.records import read_record, records_in
from jaxsolve.run import Run

ABOUT = ("demo", {"rows": 3}, 0, ["cpu"])


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "jaxsolve"


def test_a_best_answer_that_leaves_pieces_out_is_kept_as_well(tmp_path):
    puzzle, store, run = demo_puzzle(), RunStore("solve", tmp_path), Run()
    wide = padded(puzzle, 1)
    ins, outs = np.arange(wide.blocks, dtype=np.int32), np.arange(wide.blocks, dtype=np.int32)
    outs[[0, -1]] = outs[[-1, 0]]  # first half 0 and second half 0 run with null halves
    with store.recording(run, puzzle, *ABOUT):
        run.found(Assembly(ins, outs), 1.0)
        run.spend(0)
        permutation = read_answer(str(tmp_path / "record.json"))
    store.finish("unsolved", {})
    assert len(permutation) == 2 * (puzzle.blocks - 1) + 1
    assert puzzle.in_ids[0] not in permutation
    assert puzzle.out_ids[0] not in permutation


def test_folders_in_the_data_folder_are_private_and_never_shared(data, monkeypatch):
    monkeypatch.setattr(run_store.time, "strftime", lambda text: "20260101-000000")
    for _ in range(2):
        store = RunStore("solve", None)
        with store.recording(Run(), demo_puzzle(), *ABOUT):
            pass
        store.finish("solved", {})
    assert [path.parent.name for path in records_in(data)] == [f"solve-demo-20260101-000000{k}" for k in ("", "-2")]
    for folder in (data, *data.iterdir()):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_run_that_fails_is_recorded_if_it_has_found_anything_and_leaves_nothing_otherwise(data):
    puzzle, stay = demo_puzzle(), np.arange(16, dtype=np.int32)

    def failing(found: bool) -> None:
        with RunStore("solve", None).recording(run := Run(), puzzle, *ABOUT):
            if found:
                run.found(Assembly(stay, stay), 1.0)
            raise ValueError("odd\nvalue")

    for found in (False, True):
        with pytest.raises(ValueError, match="odd"):
            failing(found)
    (path,) = records_in(data)
    record = read_record(path)
    assert (record.status, record.fields["error"], record.fit) == ("failed", "ValueError: odd value", 1.0)
    assert len(list(data.iterdir())) == 1


def test_a_record_that_cannot_be_written_stops_no_run_unless_the_user_named_the_folder(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    with RunStore("solve", None).recording(run := Run(), demo_puzzle(), *ABOUT):
        run.spend(1)
    assert "this run is not recorded" in capsys.readouterr().err
    store = RunStore("solve", tmp_path / "out")
    monkeypatch.setattr(run_store, "Recorder", lambda *a, **k: (_ for _ in ()).throw(OSError(28, "No space left")))
    with (
        pytest.raises(OutputError, match="out: the run cannot be recorded here"),
        store.recording(run, demo_puzzle(), *ABOUT),
    ):
        pass


def test_without_a_record_answers_are_kept_all_the_same(data):
    store = RunStore("solve", None, record=False)
    with store.recording(Run(), demo_puzzle(), *ABOUT):
        pass
    assert not data.exists()
    assert store.save({"permutation": [1]}, "demo").startswith("saved ")
    (kept,) = data.rglob("*.json")
    assert (kept.name, json.loads(kept.read_text())) == ("answer.json", {"permutation": [1]})
