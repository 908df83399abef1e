"""Every search ends where no move of its neighbourhoods helps, never above where it began."""

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.engine import NEIGHBOURHOODS
from jaxsolve.errors import UsageError
from jaxsolve.puzzle import Assembly
from jaxsolve.run import Evaluator, OutOfTime, Progress, Run, evaluator
from jaxsolve.search import SEARCHES, begin, descend, search_named, sweeps
from tests import reference

N = 6


def start(seed: int = 0, n: int = N):
    puzzle, _ = reference.random_puzzle(21, n=n, rows=16)
    rng = np.random.default_rng(seed)
    run = Run()
    problem = engine.to_device(puzzle)
    assembly = Assembly(*(rng.permutation(n).astype(np.int32) for _ in range(2)))
    return puzzle, problem, begin(problem, assembly, run), run


@pytest.mark.parametrize("name", SEARCHES)
def test_searches_end_in_a_local_optimum(name):
    puzzle, problem, descent, run = start()
    before = descent.loss
    assert before == pytest.approx(reference.loss(puzzle, *descent.assembly), rel=1e-5)
    descend(problem, descent, name, run)
    assert descent.loss == pytest.approx(reference.loss(puzzle, *descent.assembly), rel=1e-4, abs=1e-9)
    assert descent.loss < before
    for half in descent.assembly:
        assert sorted(half) == list(range(N))
    for neighbourhood, _ in SEARCHES[name].levels:
        losses = Evaluator(problem, descent.assembly, Run()).losses(NEIGHBOURHOODS[neighbourhood](N))
        assert (losses >= descent.loss).all()


def test_a_search_is_left_between_two_passes_once_it_has_taken_its_evaluations():
    _, problem, descent, run = start()
    descend(problem, descent, "descent", run, most=0)
    assert (descent.moves, descent.rounds) == (0, [])
    descend(problem, descent, "descent", run, most=1)
    assert len(descent.rounds) == 1, "a pass is gone through whole"
    taken = descent.moves
    assert not descend(problem, descent, "descent", run, most=0, falling=0.5)
    assert descent.moves == taken
    assert descend(problem, descent, "descent", run, most=0, falling=1.0), "it gets as many again and again"
    assert descent.moves > taken
    losses = Evaluator(problem, descent.assembly, Run()).losses(NEIGHBOURHOODS["swaps"](N))
    assert (losses >= descent.loss).all()


def swept_by_the_book(puzzle, assembly, moves):
    """One sweep of first improvement: try, keep if better."""
    loss, taken = reference.loss(puzzle, *assembly), 0
    for source_ins, source_outs in zip(moves.ins, moves.outs, strict=True):
        candidate = Assembly(assembly.ins[source_ins], assembly.outs[source_outs])
        if reference.loss(puzzle, *candidate) < loss:
            assembly, loss, taken = candidate, reference.loss(puzzle, *candidate), taken + 1
    return assembly, taken


@pytest.mark.parametrize("name", ["bubble", "two_opt", "or_opt"])
@pytest.mark.parametrize("way", ["sequential", "batched"])
@pytest.mark.parametrize("seed", range(3))
def test_sweeps_decide_as_trying_one_move_after_the_other(name, way, seed, monkeypatch):
    monkeypatch.setattr(evaluator.engine, "best_way", lambda problem: way)
    puzzle, problem, descent, run = start(seed)
    assembly = descent.assembly
    descend(problem, descent, name, run)
    for done in descent.rounds:
        assembly, taken = swept_by_the_book(puzzle, assembly, NEIGHBOURHOODS[done.neighbourhood](N).take(slice(None)))
        assert done.moves == taken > 0
        np.testing.assert_array_equal(done.assembly.ins, assembly.ins)
        np.testing.assert_array_equal(done.assembly.outs, assembly.outs)


@pytest.mark.parametrize("name", SEARCHES)
def test_rounds_tell_the_way(name):
    _, problem, descent, run = start(1)
    before = descent.loss
    descend(problem, descent, name, run)
    losses = [before, *(done.loss for done in descent.rounds)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] == descent.loss
    assert sum(done.moves for done in descent.rounds) == descent.moves
    assert all(done.moves > 0 for done in descent.rounds)
    assert sum(done.evaluations for done in descent.rounds) <= run.evaluations
    if all(take == "best" for _, take in SEARCHES[name].levels):
        assert all(done.moves == 1 for done in descent.rounds)


@pytest.mark.parametrize("name", SEARCHES)
def test_one_block_has_nothing_to_search(name):
    _, problem, descent, run = start(n=1)
    descend(problem, descent, name, run)
    assert descent.moves == 0


def test_the_best_move_is_taken():
    puzzle, problem, descent, run = start(2)
    ins, outs = descent.assembly
    moves = NEIGHBOURHOODS["swaps"](N).take(slice(None))
    expected = min(reference.loss(puzzle, ins[s], outs[s]) for s in moves.ins)
    descend(problem, descent, "two_opt_best", run)
    assert descent.rounds[0].loss == pytest.approx(expected, rel=1e-4)


def test_a_floor_stops_a_search():
    _, problem, descent, run = start(3)
    floor = 0.9 * descent.loss
    descend(problem, descent, "two_opt", run, floor=floor)
    assert descent.loss <= floor
    assert descent.moves == 1 or descent.rounds[0].loss <= floor


def test_a_spent_budget_keeps_the_best():
    _, problem, descent, _ = start(4)
    before = descent.loss

    def impatient(progress: Progress) -> None:
        if progress.evaluations > 20:
            raise OutOfTime

    with pytest.raises(OutOfTime):
        descend(problem, descent, "two_opt", Run(watch=impatient))
    assert descent.loss < before
    assert descent.rounds[-1].loss == descent.loss


def test_unknown_names_are_refused():
    with pytest.raises(UsageError, match="no search 'nonsense'; choose one of bubble"):
        search_named("nonsense")


def test_many_moves_are_taken_only_if_they_still_help(monkeypatch):
    """Side by side, the loss of a candidate depends a little on its company."""
    _, problem, descent, run = start(5)
    before, calls = descent.loss, []

    def fickle(self, moves):
        calls.append(moves.size)
        return np.full(moves.size, before - 1e-9 if len(calls) % 2 else before + 1e-9)

    monkeypatch.setattr(Evaluator, "losses", fickle)
    evaluator = Evaluator(problem, descent.assembly, run)
    sweeps.shortlisted_improvement(evaluator, descent, NEIGHBOURHOODS["reorderings"](N), run, 0.0)
    assert len(calls) > 1
    assert (descent.moves, descent.loss) == (0, before)


def test_exchanges_that_cancel_each_other_are_undone_together():
    puzzle, answer = reference.random_puzzle(11, n=N, rows=4, scale=0.2)
    neighbours, run = NEIGHBOURHOODS["adjacent"](N), Run()
    start = Assembly(*(half[[1, 0, 2, 3, 5, 4]] for half in answer))
    problem = engine.to_device(puzzle)
    descent = begin(problem, start, run)
    alone = [reference.loss(puzzle, start.ins[s], start.outs[s]) for s in neighbours.take(slice(None)).ins]
    assert min(alone) > descent.loss, "neither improves by itself"
    looked = run.evaluations
    sweeps.combined_improvement(Evaluator(problem, start, run), descent, neighbours, run, 0.0)
    assert run.evaluations - looked >= N - 1 + (N - 2) * (N - 3) // 2, "each, and all pairs that do not touch"
    assert descent.moves == 2
    np.testing.assert_array_equal(descent.assembly, answer)


def test_an_overflowing_start_is_not_improved_by_overflowing_moves():
    puzzle, _ = reference.random_puzzle(21, n=N, rows=16)
    problem, run = engine.to_device(puzzle.replace(w_in=puzzle.w_in * 1e30, w_out=puzzle.w_out * 1e30)), Run()
    for name in SEARCHES:
        stay = np.arange(N, dtype=np.int32)
        descent = begin(problem, Assembly(stay, stay), run)
        descend(problem, descent, name, run)
        assert (descent.loss, descent.moves) == (np.inf, 0), name
