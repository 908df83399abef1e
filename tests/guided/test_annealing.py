"""Rounds of annealing end at the right answer, keep what they were given, and take more rows where few mislead."""

import itertools

import numpy as np
import pytest

from jaxsolve.guided import annealing, guide
from jaxsolve.guided.annealing import AnnealingRounds
from jaxsolve.ordering import expected_places, place_costs
from jaxsolve.puzzle import Assembly
from jaxsolve.run import OutOfTime, Run
from jaxsolve.search import stages_named
from tests import reference
from tests.guided.examples import (
    FLOOR,
    ODD,
    ROWS,
    N,
    disordered,
    guide_of,
    mispaired,
    noisy,
    right as right_puzzle,
    starting,
)

CHUNK = 64


@pytest.fixture(autouse=True)
def short_rounds(monkeypatch):
    monkeypatch.setitem(annealing.ANNEALING, "annealing.chunk", CHUNK)
    monkeypatch.setattr(annealing, "STEPS", 4)
    monkeypatch.setattr(annealing, "LONGER", 2.0)  # whole chunks again: others would be compiled anew


@pytest.fixture(scope="module")
def right():
    return right_puzzle()


def rounds_of(puzzle, *assemblies, run=None, seed=0):
    return AnnealingRounds(guide_of(puzzle, *assemblies, run=run), seed, [], FLOOR)


def rounds(puzzle, *assemblies, **options):
    some = rounds_of(puzzle, *assemblies, **options)
    while True:
        yield some.round()


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
    partner = np.empty(N, int)
    partner[wrong.ins] = wrong.outs
    for found in itertools.islice(rounds(puzzle, wrong), 4):
        np.testing.assert_array_equal(found.outs, partner[found.ins])
        np.testing.assert_array_equal(np.sort(found.ins), np.tile(np.arange(N), (found.size, 1)))
    assert found.losses[0] > FLOOR


def test_losses_on_the_same_rows_only_get_lower(right):
    puzzle, answer = noisy(right[0]), right[1]
    seen = list(itertools.islice(rounds(puzzle, disordered(answer)), 6))
    for found in seen:
        assert 0 < found.size <= guide.KEPT
        assert (np.diff(found.losses) >= 0).all()
        assert len(np.unique(np.concatenate([found.ins, found.outs], axis=1), axis=0)) == found.size
        halves = zip(found.ins, found.outs, strict=True)
        expected = [reference.loss(puzzle, *one) for one in halves]
        np.testing.assert_allclose(found.losses, expected, rtol=1e-4)
    for before, after in itertools.pairwise(seen):
        assert after.size >= before.size
        assert (after.losses[: before.size] <= before.losses * (1 + 1e-6)).all()


def test_more_rows_are_taken_where_those_of_a_round_mislead(right, monkeypatch):
    puzzle, answer = right
    monkeypatch.setattr(guide, "ROWS", ROWS // 4)
    monkeypatch.setattr(guide, "JUDGED", 2)
    noise = np.random.default_rng(5).normal(size=ROWS) * (np.arange(ROWS) >= ROWS // 4)
    puzzle = puzzle.replace(y=puzzle.y + noise)
    some = rounds_of(puzzle, answer)
    for rows in (ROWS // 2, ROWS, ROWS):
        best = some.guide.elites
        loss = reference.loss(puzzle, *best.best, rows=rows)
        assert best.losses[0] == pytest.approx(loss, rel=1e-4, abs=FLOOR)
        some.round()


def told(monkeypatch):
    """The options of all rounds from here on."""
    seen = []
    monkeypatch.setattr(
        annealing, "stages_named", lambda names, options: seen.append(options) or stages_named(names, options)
    )
    return seen


def test_rounds_are_as_warm_as_what_is_left_and_longer_and_colder_where_they_find_nothing(right, monkeypatch):
    puzzle, seen = noisy(right[0]), told(monkeypatch)
    monkeypatch.setattr(annealing, "HOTTEST", 0.05)
    monkeypatch.setattr(annealing, "COLDEST", 0.3)
    found = list(itertools.islice(rounds(puzzle, disordered(right[1])), 6))
    loss = [reference.loss(puzzle, *disordered(right[1])), *(one.losses[0] for one in found[:-1])]
    heat = 1.0
    for k, (options, left) in enumerate(zip(seen, loss, strict=True)):
        if k:
            heat = 1.0 if left < 0.97 * loss[k - 1] or 0.6 * heat < 0.3 else 0.6 * heat
        hot = heat * min(0.08 * left, 0.05 * np.var(puzzle.y))
        assert options["annealing.hot"] == pytest.approx(hot, rel=1e-4)
        assert options["annealing.cold"] == pytest.approx(hot / 15, rel=1e-4)
    longer = [1 if after < 0.97 * before else 2 for before, after in itertools.pairwise(loss)]
    assert set(longer) == {1, 2}
    assert [options["annealing.steps"] for options in seen] == (4 * CHUNK * np.cumprod([1, *longer])).tolist()


def test_what_pairs_and_places_cost_is_learned_from_the_best_assembly(right):
    puzzle, answer = right
    guide = guide_of(puzzle, answer, disordered(mispaired(answer)))
    partner = np.empty(N, np.int32)
    partner[answer.ins] = answer.outs
    np.testing.assert_array_equal(guide.places(), place_costs(*expected_places(puzzle, partner, answer.ins)))
    odds = guide.pairs(answer)
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


@pytest.mark.parametrize("what", ODD)
def test_rounds_go_on_with(right, what):
    puzzle = ODD[what](right[0])
    start = Assembly(*np.random.default_rng(1).permuted(np.tile(np.arange(puzzle.blocks), (2, 1)), axis=1))
    *_, found = itertools.islice(rounds(puzzle, start), 2)
    for half in found.best:
        assert sorted(half) == list(range(puzzle.blocks))
    assert not np.isnan(found.losses[0])


def test_rounds_take_no_more_rows_than_fit_into_memory(right, monkeypatch):
    seen = []
    monkeypatch.setattr(annealing, "Pipeline", lambda stages, setting: seen.append(setting) or Instant(right[1]))
    puzzle = noisy(right[0])
    numbers = annealing.CHAINS * 2 * (N + 1) * puzzle.x.shape[1]
    run = Run(memory=8.0 * numbers * (ROWS // 2))
    list(itertools.islice(rounds(puzzle, right[1], run=run), 2))
    assert {setting.problem.rows for setting in seen} == {ROWS // 2}


class Instant:
    """A pipeline that has found something already."""

    def __init__(self, assembly):
        self.elites = starting(assembly)

    def drive(self, floor):
        assert floor == FLOOR
