"""Rounds of annealing end at the right answer, keep what they were given, and take more rows where few mislead."""

import itertools

import numpy as np
import pytest

from jaxsolve.errors import UsageError
from jaxsolve.ordering import expected_places, place_costs
from jaxsolve.puzzle import Assembly
from jaxsolve.run import OutOfTime, Run
from jaxsolve.search import reannealing
from jaxsolve.search.annealing import Annealing
from jaxsolve.search.reannealing import Reannealing
from jaxsolve.search.storing import flattened, restored
from tests import reference
from tests.search.examples import (
    FLOOR,
    ODD,
    ROWS,
    N,
    Walk,
    copied,
    disordered,
    mispaired,
    noisy,
    right as right_puzzle,
    same,
    setting_of,
    short,
    shuffled,
    starting,
    walk,
)

CHUNK = 64


@pytest.fixture(autouse=True)
def short_rounds(monkeypatch):
    monkeypatch.setattr(reannealing, "Annealing", short(Annealing, CHUNK))


@pytest.fixture(scope="module")
def right():
    return right_puzzle()


def annealing(puzzle, *assemblies, run=None, seed=0, **options):
    """Endless rounds that get longer by whole chunks: others would be compiled anew."""
    method = Reannealing(**{"rounds": None, "chunks": 4, "longer": 2.0} | options)
    return walk(method, puzzle, *assemblies, run=run, seed=seed)


def rounds(puzzle, *assemblies, **options):
    some = annealing(puzzle, *assemblies, **options)
    while True:
        *on_the_way, info = some.cycle()
        assert all(one.candidates is None for one in on_the_way)
        yield info.candidates


def until_exact(puzzle, *assemblies, most=12):
    for found in itertools.islice(rounds(puzzle, *assemblies), most):
        if found.losses[0] <= FLOOR:
            return found.best
    raise AssertionError(f"nothing exact in {most} rounds")


def test_rounds_end_at_the_right_order(right):
    puzzle, answer = right
    np.testing.assert_array_equal(until_exact(puzzle, disordered(answer)), answer)


def test_the_better_start_counts_wherever_it_stands(right):
    puzzle, answer = right
    run = Run()
    found = next(rounds(puzzle, disordered(mispaired(answer)), disordered(answer), answer, run=run))
    np.testing.assert_array_equal(found.best, answer)
    assert run.evaluations < 4 * CHUNK


def test_pairs_stay_as_they_are_even_where_they_are_wrong(right):
    puzzle, answer = right
    wrong = mispaired(answer)
    for found in itertools.islice(rounds(puzzle, wrong), 4):
        np.testing.assert_array_equal(found.outs, wrong.partner[found.ins])
        np.testing.assert_array_equal(np.sort(found.ins), np.tile(np.arange(N), (found.size, 1)))
    assert found.losses[0] > FLOOR


def test_losses_on_the_same_rows_only_get_lower(right):
    puzzle, answer = noisy(right[0]), right[1]
    seen = list(itertools.islice(rounds(puzzle, disordered(answer)), 6))
    for found in seen:
        assert 0 < found.size <= Reannealing().kept
        assert (np.diff(found.losses) >= 0).all()
        assert len(np.unique(np.concatenate([found.ins, found.outs], axis=1), axis=0)) == found.size
        halves = zip(found.ins, found.outs, strict=True)
        expected = [reference.loss(puzzle, *one) for one in halves]
        np.testing.assert_allclose(found.losses, expected, rtol=1e-4)
    for before, after in itertools.pairwise(seen):
        assert after.size >= before.size
        assert (after.losses[: before.size] <= before.losses * (1 + 1e-6)).all()


def test_what_a_round_under_way_has_found_is_there_behind_what_is_kept(right):
    puzzle, answer = noisy(right[0]), right[1]
    some = annealing(puzzle, disordered(answer))
    assert not some.step().over
    kept, found = some.state.incumbents, some.method.found(some.state)
    assert found.size > len(kept.losses)
    np.testing.assert_array_equal(found.best, kept.best)
    expected = [reference.loss(puzzle, *one) for one in zip(found.ins, found.outs, strict=True)]
    np.testing.assert_allclose(found.losses, expected, rtol=1e-4)


def test_more_rows_are_taken_where_those_of_a_round_mislead(right):
    puzzle, answer = right
    noise = np.random.default_rng(5).normal(size=ROWS) * (np.arange(ROWS) >= ROWS // 4)
    puzzle = puzzle.replace(y=puzzle.y + noise)
    some = annealing(puzzle, answer, decided_on=ROWS // 4, compared_on=2)
    for decided_on, rows in ((ROWS // 4, ROWS // 2), (ROWS, ROWS), (ROWS, ROWS)):
        best = some.state.incumbents
        assert best.rows == decided_on
        loss = reference.loss(puzzle, *best.best, rows=rows)
        assert best.loss == pytest.approx(loss, rel=1e-4, abs=FLOOR)
        list(some.cycle())


def told(monkeypatch):
    """The options and seeds of all rounds from here on."""
    seen, stepper = [], reannealing.Stepper

    def watched(stage, setting, *others):
        seen.append((stage.method, setting))
        return stepper(stage, setting, *others)

    monkeypatch.setattr(reannealing, "Stepper", watched)
    return seen


def test_rounds_are_as_warm_as_what_is_left_and_longer_and_colder_where_they_find_nothing(right, monkeypatch):
    puzzle, seen = noisy(right[0]), told(monkeypatch)
    warmth = {"hottest": 0.05, "coldest": 0.3}
    found = list(itertools.islice(rounds(puzzle, disordered(right[1]), **warmth), 6))
    loss = [reference.loss(puzzle, *disordered(right[1])), *(one.losses[0] for one in found[:-1])]
    heat = 1.0
    for k, ((method, setting), left) in enumerate(zip(seen, loss, strict=True)):
        if k:
            heat = 1.0 if left < 0.97 * loss[k - 1] or 0.6 * heat < 0.3 else 0.6 * heat
        hot = heat * min(0.08 * left, 0.05 * np.var(puzzle.y))
        assert method.hot == pytest.approx(hot, rel=1e-4)
        assert method.cold == pytest.approx(hot / 15, rel=1e-4)
        assert setting.seed == 2 * k
    longer = [1 if after < 0.97 * before else 2 for before, after in itertools.pairwise(loss)]
    assert set(longer) == {1, 2}
    assert [method.steps for method, _ in seen] == (4 * CHUNK * np.cumprod([1, *longer])).tolist()


def test_a_round_begins_with_the_best_and_one_of_the_others_by_turns(right, monkeypatch):
    puzzle, seen = right[0].replace(y=right[0].y + 9), told(monkeypatch)
    third = Assembly(right[1].ins, np.roll(right[1].outs, 1))
    some = annealing(puzzle, right[1], mispaired(right[1]), third, chunks=1, longer=1.0)
    for k in (1, 2, 1):
        leaders = some.state.incumbents.population.take(np.array([0, k]))
        list(some.cycle())
        for part, expected in zip(seen[-1][1].starts, leaders, strict=True):
            np.testing.assert_array_equal(part, expected)


def test_what_pairs_and_places_cost_is_learned_from_the_best_assembly(right, monkeypatch):
    puzzle, answer = right
    seen = told(monkeypatch)
    some = annealing(puzzle, answer, disordered(mispaired(answer)))
    some.step()
    expected = place_costs(*expected_places(puzzle, answer.partner.astype(np.int32), answer.ins))
    np.testing.assert_array_equal(seen[0][1].places, expected)
    odds = some.method.guide(some.setting).pairs(answer)
    assert odds[answer.ins, answer.outs].mean() > odds.mean() + odds.std()


def test_an_exact_start_is_seen_at_once(right):
    puzzle, answer = right
    run = Run()
    found = next(rounds(puzzle, answer, run=run))
    np.testing.assert_array_equal(found.best, answer)
    assert found.losses[0] <= FLOOR
    assert run.evaluations < 4 * CHUNK


@pytest.mark.parametrize("error", [OutOfTime, KeyboardInterrupt])
@pytest.mark.parametrize("after", [0, 3 * CHUNK])
def test_stops_are_passed_on(right, error, after):
    def watch(progress):
        if progress.evaluations > after:
            raise error

    with pytest.raises(error):
        list(itertools.islice(rounds(noisy(right[0]), disordered(right[1]), run=Run(watch=watch)), 8))


def test_rounds_depend_on_the_seed_alone(right):
    puzzle = noisy(right[0])
    again = [list(itertools.islice(rounds(puzzle, disordered(right[1]), seed=seed), 2))[-1] for seed in (1, 1)]
    for one, other in zip(*again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_stored_in_the_middle_of_a_round_it_goes_on_in_the_same_bits(right):
    puzzle, answer = noisy(right[0]), right[1]
    whole = annealing(puzzle, disordered(answer), mispaired(answer))
    other, middle = whole.again(), 0
    for _ in range(14):
        told, told_too = whole.step(), other.step()
        same(other.state, whole.state)
        assert told.over == told_too.over
        middle += not told.over
        other = other.again()
    assert 2 <= whole.state.round < middle


def damaged(table):
    return np.concatenate([table, table[:1]])


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("chains.ins", np.zeros_like),
        ("chains.best_outs", lambda table: table + 1),
        ("chains.sums", damaged),
        ("chains.step", lambda table: np.zeros(3)),
        ("elites.ins", damaged),
        ("elites.losses", lambda table: np.arange(len(table))),
        ("incumbents.outs", lambda table: table - 1),
        ("incumbents.rows", lambda table: np.array("many")),
        ("heat", lambda table: np.zeros((1, 1))),
    ],
)
def test_a_state_that_is_none_is_refused(right, name, damage):
    some = annealing(noisy(right[0]), disordered(right[1]))
    some.step()
    arrays = copied(flattened(some.state, "state."))
    same(restored(type(some.state), arrays, "state.", N), some.state)
    with pytest.raises(ValueError, match=r"halves|half|shape"):
        restored(type(some.state), arrays | {f"state.{name}": damage(arrays[f"state.{name}"])}, "state.", N)


@pytest.mark.parametrize("what", ODD)
def test_rounds_go_on_with(right, what):
    puzzle = ODD[what](right[0])
    *_, found = itertools.islice(rounds(puzzle, shuffled(puzzle)), 2)
    for half in found.best:
        assert sorted(half) == list(range(puzzle.blocks))
    assert not np.isnan(found.losses[0])


def test_so_many_rounds_and_then_an_end(right):
    some = annealing(*right, rounds=2)
    for finished in (False, True):
        list(some.cycle())
        assert some.method.finished(some.state) == finished


def test_large_seeds_are_seeds(right):
    found = next(rounds(noisy(right[0]), disordered(right[1]), seed=2**31 - 1))
    assert found.size


def test_no_schedules_are_refused(right):
    with pytest.raises(UsageError, match="rounds is 0"):
        Reannealing(rounds=0)
    with pytest.raises(UsageError, match="warmth is -1"):
        Reannealing(warmth=-1.0)
    setting = setting_of(*right)
    setting.puzzle = None
    with pytest.raises(UsageError, match="give it the puzzle"):
        Reannealing().init(setting)


def test_without_a_start_it_begins_with_what_the_weights_support(right):
    some = Walk(Reannealing(), setting_of(right[0]))
    assert some.state.incumbents.ins.shape == (1, N)


def test_rounds_take_no_more_rows_than_fit_into_memory(right, monkeypatch):
    seen = []

    class Instant:
        """A round that has found something already."""

        over, state, elites = True, None, starting(right[1])

        def __init__(self, stage, setting, *others):
            seen.append(setting)

    monkeypatch.setattr(reannealing, "Stepper", Instant)
    puzzle = noisy(right[0])
    numbers = 2 * 2 * (N + 1) * puzzle.x.shape[1]
    list(itertools.islice(rounds(puzzle, right[1], run=Run(memory=8.0 * numbers * (ROWS // 2))), 2))
    assert {setting.problem.rows for setting in seen} == {ROWS // 2}
