"""Stages hand on what they found, and a pipeline that is stored goes on from there, or is not taken for another."""

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.errors import UsageError
from jaxsolve.run import OutOfTime, Run, load_checkpoint, save_checkpoint
from jaxsolve.search import Pipeline, Population, Setting, stages_named
from tests import reference

NAMES = "annealing,iterated,descent"
OPTIONS = {"annealing.steps": 32, "chunk": 16, "chains": 3, "iterated.steps": 3, "elites": 3, "search": "joint_descent"}


def pipeline(names=NAMES, options=OPTIONS, run=None, seed=0):
    puzzle, _ = reference.random_puzzle(71, n=4, rows=40)
    return Pipeline(stages_named(names, options), Setting(engine.to_device(puzzle), run or Run(), seed))


def stored(one, folder):
    save_checkpoint(folder, *one.stored())
    return load_checkpoint(folder)


@pytest.fixture(scope="module")
def whole():
    one = pipeline()
    one.drive()
    return one


def same(one, other):
    for part, again in zip(one, other, strict=True):
        np.testing.assert_array_equal(part, again)


def test_every_stage_begins_with_the_best_of_all_before(monkeypatch):
    one, begun = pipeline(), []
    kind = type(one.stages[1].method)
    init = kind.init
    monkeypatch.setattr(kind, "init", lambda self, setting: begun.append(setting) or init(self, setting))
    handed = []
    one.drive(lambda pipeline: handed.append((pipeline.at, pipeline.elites)))
    (setting,) = begun
    same(setting.starts, next(elites for at, elites in handed if at == 1))
    assert setting.seed == one.setting.seed + 1
    assert one.finished
    assert one.state is None


def test_the_curve_falls_and_the_run_knows_the_best(whole):
    losses = [point.loss for point in whole.curve]
    assert losses == sorted(losses, reverse=True)
    assert len(set(losses)) == len(losses)
    assert losses[-1] == whole.loss == whole.elites.losses[0]
    assert whole.setting.run.loss == pytest.approx(whole.loss, rel=1e-6)  # as the stage that found it has summed it
    assert {point.stage for point in whole.curve} <= set(NAMES.split(","))
    counts = [point.evaluations for point in whole.curve]
    assert counts == sorted(counts)
    same(whole.setting.run.best, whole.elites.best)


def test_the_same_from_wherever_it_was_stored(whole, tmp_path):
    places = []

    def keep(pipeline):
        places.append(folder := tmp_path / str(len(places)))
        folder.mkdir()
        save_checkpoint(folder, *pipeline.stored())

    pipeline().drive(keep)
    assert len(places) > 6
    for place in places:
        again = pipeline()
        again.restore(*load_checkpoint(place))
        again.drive()
        same(again.elites, whole.elites)
        assert again.setting.run.evaluations == whole.setting.run.evaluations
        assert [point.loss for point in again.curve] == [point.loss for point in whole.curve]
        assert again.digest == whole.digest


def test_where_it_was_to_begin_is_kept_before_its_first_step(tmp_path):
    def beginning():
        one = pipeline()
        ins = np.array([[2, 0, 1, 3]], np.int32)
        one.setting.starts = Population(ins, ins[:, ::-1].copy(), np.array([np.inf]))
        return one

    whole, again = beginning(), pipeline()
    again.restore(*stored(beginning(), tmp_path))
    for one in (whole, again):
        one.drive()
    same(again.elites, whole.elites)
    assert again.digest == whole.digest


def test_the_digest_tells_searches_apart_and_is_not_made_up_for_those_begun_before_it_was_kept(whole, tmp_path):
    other = pipeline(seed=1)
    other.drive()
    assert other.digest != whole.digest
    meta, arrays = stored(pipeline(), tmp_path)
    old = pipeline()
    old.restore({key: value for key, value in meta.items() if key not in ("digest", "memory")}, arrays)
    old.drive()
    assert old.digest is None
    same(old.elites, whole.elites)


def test_seconds_are_added_up(tmp_path):
    one = pipeline()
    one.setting.run.started -= 100
    again = pipeline()
    again.restore(*stored(one, tmp_path))
    assert 100 <= again.setting.run.elapsed < 200


@pytest.mark.parametrize(
    ("names", "options", "why"),
    [
        ("annealing", {"chains": 3}, r"this search was annealing \(.*\), then iterated .*; asked for is annealing \("),
        ("annealing,descent,iterated", OPTIONS, "this search was annealing"),
        (NAMES, {**OPTIONS, "chains": 2}, "chains 3.*asked for is.*chains 2"),
    ],
)
def test_other_stages_are_refused_in_one_line(whole, tmp_path, names, options, why):
    with pytest.raises(UsageError, match=why) as error:
        pipeline(names, options).restore(*stored(whole, tmp_path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("damage", ["no arrays", "no count", "no stages", "stage out of range", "odd stages"])
def test_what_is_no_stored_search_is_refused(tmp_path, damage):
    one = pipeline()
    with pytest.raises(KeyboardInterrupt):
        one.drive(lambda pipeline: (_ for _ in ()).throw(KeyboardInterrupt))
    meta, arrays = stored(one, tmp_path)
    match damage:
        case "no arrays":
            arrays = {}
        case "no count":
            del meta["evaluations"]
        case "no stages":
            del meta["stages"]
        case "stage out of range":
            meta["at"] = 7
        case "odd stages":
            meta["stages"] = [1, 2]
    with pytest.raises(UsageError) as error:
        pipeline().restore(meta, arrays)
    assert "\n" not in str(error.value)


def test_a_floor_ends_it_at_once():
    one = pipeline()
    one.setting.floor = 1e9
    one.drive()
    assert one.finished
    assert one.at == 0
    assert int(one.state.step) == 16


def test_a_spent_budget_leaves_it_after_its_last_step():
    def impatient(progress):
        if progress.evaluations > 3 + 3 * 16:
            raise OutOfTime

    one = pipeline(run=Run(watch=impatient))
    with pytest.raises(OutOfTime):
        one.drive()
    assert int(one.state.step) == 16
    assert np.isfinite(one.loss)


def begun(tmp_path):
    one = pipeline()
    with pytest.raises(KeyboardInterrupt):
        one.drive(lambda pipeline: (_ for _ in ()).throw(KeyboardInterrupt))
    return stored(one, tmp_path)


ARRAYS = {
    "the same half twice": lambda table: np.zeros_like(table),
    "halves that there are not": lambda table: table + 1,
    "negative halves": lambda table: table - 1,
    "too few axes": lambda table: table[0],
    "another type": lambda table: table.astype(np.float32),
    "none": lambda table: table[:0],
    "more than of the others": lambda table: np.concatenate([table, table]),
}


@pytest.mark.parametrize("name", ["elites.ins", "elites.outs", "state.ins", "state.outs"])
@pytest.mark.parametrize("damage", ARRAYS)
def test_stored_assemblies_that_are_none_are_refused(tmp_path, name, damage):
    meta, arrays = begun(tmp_path)
    with pytest.raises(UsageError, match="this is no stored search"):
        pipeline().restore(meta, arrays | {name: ARRAYS[damage](arrays[name])})


@pytest.mark.parametrize("name", ["elites.losses", "state.sums", "state.step"])
@pytest.mark.parametrize("table", [np.zeros((3, 7)), np.zeros(0), np.array(b"abc"), np.zeros(2, "V3")], ids=str)
def test_stored_figures_that_are_none_are_refused(tmp_path, name, table):
    meta, arrays = begun(tmp_path)
    with pytest.raises(UsageError, match="this is no stored search"):
        pipeline().restore(meta, arrays | {name: table})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("at", -1),
        ("at", 99),
        ("at", "x"),
        ("evaluations", float("inf")),
        ("curve", [[1]]),
        ("curve", 3),
        ("seconds", []),
        ("digest", "\ud800"),
        ("digest", 3),
        ("memory", float("nan")),
        ("memory", -1.0),
        ("memory", float("inf")),
    ],
)
def test_stored_descriptions_that_are_none_are_refused(tmp_path, key, value):
    meta, arrays = begun(tmp_path)
    with pytest.raises(UsageError, match="this is no stored search"):
        pipeline().restore(meta | {key: value}, arrays)


def test_what_fails_with_a_stored_state_is_said_of_it_and_later_failures_are_not(tmp_path):
    meta, arrays = begun(tmp_path)
    again = pipeline()
    again.restore(meta, arrays | {"state.proposed": np.zeros(2, np.int64)})
    with pytest.raises(UsageError, match="this is no stored search"):
        again.drive()
    fresh = pipeline()
    with pytest.raises(IndexError):
        fresh.drive(lambda pipeline: [][0])
