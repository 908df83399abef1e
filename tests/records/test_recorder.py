"""What a run does is kept as it does it, and stays small; folders and numbers tell runs apart."""

import json
import time

import numpy as np
import pytest

from jaxsolve.errors import UsageError
from jaxsolve.puzzle import Assembly, demo_puzzle
from jaxsolve.records import Recorder, find_run, opened, read_record, records_in
from jaxsolve.records.thinning import Thinning
from jaxsolve.run import Growth, Label, Pass, Progress

HOUR = 3600
ABOUT = {"command": "solve", "path": "demo", "settings": {}, "seed": 0, "devices": [], "versions": {}}


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def recorder(tmp_path, clock):
    made = recording(tmp_path, clock)
    yield made
    made.finish("unsolved")


def recording(folder, clock=time.perf_counter):
    return Recorder(folder, demo_puzzle(), opened(demo_puzzle(), **ABOUT), clock)


def assemblies(count):
    rng = np.random.default_rng(0)
    for _ in range(count):
        yield Assembly(*rng.permuted(np.tile(np.arange(16, dtype=np.int32), (2, 1)), axis=1))


def events(recorder, kind=None):
    return [event for event in read_record(recorder.path).events() if kind in (None, event["event"])]


def test_attempts_frames_and_rounds_are_kept_in_order(recorder, clock):
    first, second, third = assemblies(3)
    recorder.progressed(Progress("seed", np.inf, 3, 0.0))
    recorder.began(Label("two_opt", "trace", "delta_norm", 512, "relu", 16, (1.0, 2.0)), first, 0.5)
    recorder.progressed(Progress("search", 0.5, 10, 0.25))
    clock.now = 0.5  # a quarter of a second later, if the run was last heard of at 0
    recorder.found(second, 0.4)
    recorder.found(third, 0.45)  # another way that was looked at: no frame
    recorder.passed(Pass("swaps", 0.4, 0.25, 1, 6))
    recorder.judged(0.41, False)
    told = events(recorder)
    assert [event["event"] for event in told] == ["attempt", "frame", "frame", "round", "judged"]
    assert told[0]["search"] == "two_opt"
    assert (told[0]["margins"], told[0]["loss"], told[0]["attempt"]) == ([1.0, 2.0], 0.5, 1)
    assert [(e["permutation"], e["loss"], e["start"], e["t"], e["evaluations"]) for e in told[1:3]] == [
        (demo_puzzle().permutation(first), 0.5, True, 0.0, 3),
        (demo_puzzle().permutation(second), 0.4, False, 0.75, 10),
    ]
    assert (told[3]["accepted"], told[3]["rejected"], told[3]["phase"], told[3]["name"]) == (1, 6, "search", "swaps")
    assert (told[4]["mse"], told[4]["solved"]) == (0.41, False)


def test_partial_networks_of_beams_are_kept_with_the_pieces_that_they_have(recorder):
    puzzle, (first,) = demo_puzzle(), assemblies(1)
    recorder.began(Label("probe_beam"), None, np.inf)
    for blocks in (1, 2):
        recorder.grew(Growth("probe_beam", (0.25, 0.5, 1.0), Assembly(first.ins[:blocks], first.outs[:blocks])))
    recorder.grew(Growth("probe_beam", (np.inf, np.inf, np.nan), Assembly(first.ins[:3], first.outs[:3])))
    assert [event["event"] for event in events(recorder)][:2] == ["attempt", "growth"]
    kept = events(recorder, "growth")
    assert [(one["name"], one["blocks"]) for one in kept] == [("probe_beam", k) for k in (1, 2, 3)]
    assert [one["losses"] for one in kept] == [[0.25, 0.5, 1.0]] * 2 + [[None] * 3]
    assert [one["permutation"] for one in kept[:2]] == [
        [*puzzle.permutation(first)[: 2 * blocks], puzzle.last_id] for blocks in (1, 2)
    ]


def test_a_run_that_is_killed_has_left_what_it_knew(recorder, clock):
    (best,) = assemblies(1)
    assert (read_record(recorder.path).status, read_record(recorder.path).fields["permutation"]) == ("running", None)
    recorder.began(Label("two_opt"), best, 0.5)
    clock.now = 5.0
    recorder.progressed(Progress("search", 0.5, 9, 5.0))
    recorder._file.close()  # as the end of its process would
    with recorder.path.with_name("trace.jsonl").open("a") as file:
        file.write('{"event": "fra')
    record = read_record(recorder.path)
    assert record.status == "unfinished"
    assert record.fields["permutation"] == demo_puzzle().permutation(best)
    assert (record.fields["loss"], record.fields["evaluations"], record.fit) == (0.5, 9, 0.5)
    assert [event["event"] for event in record.events()] == ["attempt", "frame", "rate"]
    recorder._file = open("/dev/null", "wb")  # noqa: SIM115


def test_the_record_of_an_hour_of_improvements_is_small_and_ends_with_the_best(tmp_path, clock):
    recorder = recording(tmp_path, clock)
    some, loss, taken, n = list(assemblies(8)), 1.0, 0, 20 * HOUR
    for k in range(n):
        clock.now = k / 20
        if k % 100 == 0:
            recorder.began(Label("two_opt"), some[0], 2.0)
        loss, taken = loss * 0.9999, taken + 1
        recorder.progressed(Progress("search", loss, k, clock.now))
        recorder.found(some[k % 8], loss)
        recorder.passed(Pass("swaps", loss, 0.01, 1, 2))
    recorder.finish("unsolved")
    frames = events(recorder, "frame")
    assert 1000 < len(frames) < 2500
    assert (frames[-1]["loss"], frames[-1]["permutation"]) == (
        pytest.approx(loss, rel=1e-5),
        demo_puzzle().permutation(some[(n - 1) % 8]),
    )
    rates = events(recorder, "rate")
    assert 500 < len(rates) < 2000
    assert (rates[-1]["accepted"], rates[-1]["rejected"]) == (taken, 2 * taken)
    for event in events(recorder, "round"):
        assert (event["accepted"], event["rejected"]) == (event["rounds"], 2 * event["rounds"])
    named = {event["attempt"] for event in events(recorder, "attempt")}
    assert {event["attempt"] for kind in ("frame", "round") for event in events(recorder, kind)} == named
    assert recorder.path.with_name("trace.jsonl").stat().st_size < 2 << 20


def test_thinning_is_bounded_by_its_formula():
    thinning, days = Thinning(), 3
    passed = sum(thinning.take(t / 10) for t in range(10 * 24 * HOUR * days))
    bound = thinning.burst + thinning.share * (1 + np.log(24 * HOUR * days / (thinning.gap * thinning.share)))
    assert passed <= bound


def test_a_run_of_its_own_within_a_run_goes_on_counting(recorder, clock):
    for n in (5, 8, 2, 4):
        clock.now += 3.0
        recorder.progressed(Progress("search", 1.0, n, clock.now))
    assert [event["evaluations"] for event in events(recorder, "rate")] == [5, 8, 10, 12]


def test_a_full_disk_ends_the_recording_and_not_the_run(recorder, clock):
    class Full:
        def write(self, data):
            raise OSError(28, "No space left on device")

        def close(self):
            pass

    recorder._file.close()
    recorder._file = Full()
    (one,) = assemblies(1)
    recorder.began(Label("two_opt"), one, 0.5)
    assert "No space left on device" in recorder.trouble


def test_runs_in_one_folder_are_numbered_and_nothing_is_overwritten(tmp_path):
    (tmp_path / "answer.json").write_text("mine")
    made = [recording(tmp_path) for _ in range(2)]
    for one in made:
        one.finish("unsolved", {"k": one.number})
    assert [one.path.name for one in made] == ["record-2.json", "record-3.json"]
    assert (tmp_path / "answer.json").read_text() == "mine"
    assert [read_record(path).fields["report"] for path in records_in(tmp_path)] == [{"k": 2}, {"k": 3}]


def test_a_run_is_found_by_its_path_its_name_the_start_of_it_or_as_the_last(tmp_path):
    for name in ("solve-a-1", "solve-a-12", "search-b-1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "record.json").write_text("{}")
    (tmp_path / "search-b-1" / "record-2.json").write_text("{}")
    (tmp_path / "search-b-1" / "record-x.json").write_text("{}")
    found = {
        "solve-a-1": "solve-a-1/record.json",
        "solve-a-12": "solve-a-12/record.json",
        "sea": "search-b-1/record-2.json",
        "search-b-1:1": "search-b-1/record.json",
        "search-b-1:2": "search-b-1/record-2.json",
        "last": "search-b-1/record-2.json",
        str(tmp_path / "solve-a-1"): "solve-a-1/record.json",
        str(tmp_path / "search-b-1" / "record.json"): "search-b-1/record.json",
    }
    for text, path in found.items():
        assert find_run(text, tmp_path) == tmp_path / path
    with pytest.raises(UsageError, match="'solve' begins the names of 2 runs: solve-a-1, solve-a-12"):
        find_run("solve", tmp_path)
    told = []
    assert find_run("solve", tmp_path, told.append) == max(
        records_in(tmp_path)[:2], key=lambda path: path.stat().st_mtime
    )
    assert told == ["'solve' begins the names of 2 runs: solve-a-1, solve-a-12; taking the newest, solve-a-12"]
    for text in ("x", ""):
        with pytest.raises(UsageError, match=f"no run '{text}' in"):
            find_run(text, tmp_path)
    assert len(records_in(tmp_path)) == 4
    with pytest.raises(UsageError, match="no folder of runs"):
        records_in(tmp_path / "nowhere")


def test_lines_are_short(recorder):
    (one,) = assemblies(1)
    recorder.began(Label("two_opt", margins=(1 / 3, 2 / 3)), one, 1 / 3)
    assert json.loads(recorder.path.with_name("trace.jsonl").read_text().splitlines()[0])["margins"] == [
        0.333333,
        0.666667,
    ]
