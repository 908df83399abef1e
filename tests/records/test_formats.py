"""Records of older formats stay readable: one that is stored here, through as many newer formats as there will be."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from jaxsolve.errors import UsageError
from jaxsolve.files import from_json
from jaxsolve.records import FORMAT, UPGRADES, Upgrade, formats, milestones, read_record, shared_places

STORED = Path(__file__).parent / "format-1"


def solution(record):
    return [event["permutation"] for event in record.events() if event["event"] == "frame"][-1]


def test_the_stored_record_of_format_1_is_read_by_this_version():
    record = read_record(STORED / "record.json")
    assert record.format == 1
    assert (record.fields["command"], record.status, record.fields["seed"]) == ("search", "solved", 4)
    assert solution(record) == record.fields["permutation"] == record.fields["report"]["permutation"]
    assert [event["event"] for event in record.events()][-1] == "end"
    assert milestones(record)[-1].loss < 1e-10


def test_every_older_format_has_an_upgrade():
    assert sorted(UPGRADES) == list(range(1, FORMAT))


def test_a_newer_format_is_reached_step_by_step(monkeypatch):
    before = read_record(STORED / "record.json")

    def renamed(record):
        assert record["format"] == FORMAT
        return {key: value for key, value in record.items() if key != "seed"} | {"seeds": [record["seed"]]}

    def again(record):
        assert record["format"] == FORMAT + 1
        return record | {"seed": sum(record["seeds"])}

    one = Upgrade(renamed, lambda event: None if event["event"] == "rate" else event | {"step": 1})
    two = Upgrade(again, lambda event: event | {"step": event["step"] + 1})
    monkeypatch.setattr(formats, "FORMAT", FORMAT + 2)
    for version, upgrade in ((FORMAT, one), (FORMAT + 1, two)):
        monkeypatch.setitem(UPGRADES, version, upgrade)
    after = read_record(STORED / "record.json")
    assert (after.format, after.fields["format"]) == (1, FORMAT + 2)
    assert (after.fields["seeds"], after.fields["seed"]) == ([4], 4)
    assert solution(after) == solution(before)
    kinds = [event["event"] for event in before.events() if event["event"] != "rate"]
    assert [event["event"] for event in after.events()] == kinds
    assert {event["step"] for event in after.events()} == {2}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"format": 1', "no JSON in it"),
        ("\xff", "no JSON in it"),
        ("[]", "no object in it"),
        ("{}", "no format in it"),
        ('{"format": "1"}', "no format in it"),
        (f'{{"format": {FORMAT + 1}}}', f"format {FORMAT + 1} of a newer jaxsolve; this one reads up to {FORMAT}"),
        ('{"format": 1, "command": 3}', "no usable 'command' in it"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(tmp_path, text, why):
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        read_record(path)
    assert str(error.value) == f"{path}: this record cannot be read ({why})"


def test_a_missing_record_and_a_trace_elsewhere_are_refused(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        read_record(tmp_path / "record.json")
    fields = json.loads((STORED / "record.json").read_text())
    (tmp_path / "record.json").write_text(json.dumps(fields | {"trace": "../trace.jsonl"}))
    with pytest.raises(UsageError, match="its trace is not beside it"):
        read_record(tmp_path / "record.json")


def test_lines_that_were_cut_off_or_are_damaged_cost_nothing_but_themselves(tmp_path):
    shutil.copytree(STORED, tmp_path / "run")
    trace = tmp_path / "run" / "trace.jsonl"
    lines = trace.read_text().splitlines()
    trace.write_text("\n".join([*lines[:2], "\x00nonsense", "[1]", *lines[2:-1], lines[-1][:20]]))
    assert list(read_record(tmp_path / "run" / "record.json").events()) == [json.loads(line) for line in lines[:-1]]
    trace.unlink()
    assert list(read_record(tmp_path / "run" / "record.json").events()) == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"trace": "a\0b"}, "its trace is not beside it"),
        ({"trace": ""}, "its trace is not beside it"),
        ({"evaluations": 10**30}, "no usable 'evaluations' in it"),
        ({"seconds": float("nan")}, "no usable 'seconds' in it"),
        ({"settings": {"a": json.loads("[" * 100 + "]" * 100)}}, "nested too deeply"),
    ],
)
def test_records_with_what_no_program_has_written_are_refused(tmp_path, change, why):
    fields = json.loads((STORED / "record.json").read_text())
    (tmp_path / "record.json").write_text(json.dumps(fields | change))
    with pytest.raises(UsageError, match=re.escape(why)):
        read_record(tmp_path / "record.json")


def test_a_pipe_for_a_record_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "record.json")
    with pytest.raises(UsageError, match="no regular file"):
        read_record(tmp_path / "record.json")


@pytest.mark.parametrize("key", ["t", "evaluations", "loss"])
@pytest.mark.parametrize("value", [None, "1", [], {}, -1, 10**400, float("nan"), 1e308, ...])
def test_damaged_frames_are_no_milestones(tmp_path, key, value):
    shutil.copytree(STORED, tmp_path / "run")
    frame = {"event": "frame", "t": 1.0, "evaluations": 3, "attempt": 1, "loss": 0.5, "permutation": [1]}
    damaged = {k: v for k, v in (frame | {key: value}).items() if v is not ...}
    (tmp_path / "run" / "trace.jsonl").write_text(f"{json.dumps(damaged)}\n{json.dumps(frame)}\n")
    assert milestones(read_record(tmp_path / "run" / "record.json")) == [(1.0, 3, 1.0)]


@pytest.mark.parametrize("answer", [[], [1, 2], [1, [2], 3], [1, None, 3], ["1"], None])
def test_answers_that_are_none_share_nothing(tmp_path, answer):
    shutil.copytree(STORED, tmp_path / "run")
    whole = read_record(tmp_path / "run" / "record.json")
    path = tmp_path / "run" / "record.json"
    path.write_text(json.dumps(whole.fields | {"permutation": answer}))
    assert shared_places(read_record(path), whole) is None


def test_json_is_read_as_numbers_that_can_be_calculated_with():
    text = '{"a": [1, -2.5, 1e999, NaN, -Infinity, 123456789012345678901], "b": "1e999"}'
    assert from_json(text) == {"a": [1, -2.5, None, None, None, None], "b": "1e999"}
    for bad in ("[" * 41 + "1" + "]" * 41, "[" * 100_000, '{"a":' * 100_000, "", "[1", "\x00"):
        with pytest.raises(ValueError, match=r"."):
            from_json(bad)
