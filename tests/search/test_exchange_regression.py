"""Regressions on exchanges find what is exchanged in nets whose blocks add little, and leave other nets alone."""

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.errors import UsageError
from jaxsolve.puzzle import Assembly
from jaxsolve.run import Run
from jaxsolve.search import Setting, info_of
from jaxsolve.search.exchange_regression import ExchangeRegression, _exchanges
from tests import reference
from tests.search import states
from tests.search.examples import starting

N, ROWS = 8, 400


def small(seed=5):
    """A net whose blocks add little, so that they nearly commute."""
    return reference.random_puzzle(seed, n=N, rows=ROWS, activation="tanh", scale=0.1)


def setting(puzzle, *assemblies, partner=None, memory=None):
    problem = engine.to_device(puzzle)
    starts = starting(*assemblies)
    return Setting(problem, Run(memory=memory), 0, starts, problem, partner, puzzle=puzzle, floor=1e-12)


def disordered(answer, seed=0):
    order = np.random.default_rng(seed).permutation(N)
    return Assembly(answer.ins[order], answer.outs[order])


def mispaired(answer, several=((1, 4), (2, 6))):
    outs = answer.outs.copy()
    for i, j in several:
        outs[[i, j]] = outs[[j, i]]
    return Assembly(answer.ins, outs)


@pytest.mark.parametrize("memory", [None, 3e5])
@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_given_pairs_becomes_the_right_one(seed, memory):
    puzzle, answer = small()
    given = setting(puzzle, disordered(answer, seed), partner=answer.partner.astype(np.int32), memory=memory)
    best = states(ExchangeRegression(near=10.0), given)[-1].incumbents
    assert best.loss < 1e-11
    np.testing.assert_array_equal(best.best.ins, answer.ins)


@pytest.mark.parametrize("seed", range(3))
def test_pairs_in_doubt_become_right_with_the_order(seed):
    puzzle, answer = small()
    given = setting(puzzle, mispaired(disordered(answer, seed)))
    best = states(ExchangeRegression(near=10.0, doubt=1.1), given)[-1].incumbents
    assert best.loss < 1e-11
    np.testing.assert_array_equal(best.best.outs, answer.outs)


def test_without_pairs_in_doubt_one_program_does_for_both_sides(monkeypatch):
    puzzle, answer = small()
    given, shapes = setting(puzzle, answer, partner=answer.partner.astype(np.int32)), set()
    method, effects = ExchangeRegression(near=10.0), engine.exchange_effects

    def watched(whole, rows, *others):
        shapes.add(tuple(np.shape(one) for one in others))
        return effects(whole, rows, *others)

    monkeypatch.setattr(engine, "exchange_effects", watched)
    state = method.init(given)
    for side in (0, 1):
        method._about(given, method.place(given, state), answer, side)
    assert len(shapes) == 1


def test_pairs_that_are_given_or_certain_stay_as_they_are():
    puzzle, answer = small()
    wrong = mispaired(answer)
    for given, options in (
        (setting(puzzle, wrong, partner=wrong.partner.astype(np.int32)), {"doubt": 1.1}),
        (setting(puzzle, wrong), {"doubt": 0.0}),
    ):
        for state in states(ExchangeRegression(near=10.0, **options), given):
            np.testing.assert_array_equal(Assembly(state.ins[0], state.outs[0]).partner, wrong.partner)


def test_what_was_found_is_told_and_the_best_of_it_at_the_end_of_the_turn():
    puzzle, answer = small()
    noisy = puzzle.replace(y=puzzle.y + np.random.default_rng(1).normal(size=ROWS) * 0.003 * puzzle.y.std())
    method = ExchangeRegression(near=10.0, doubt=1.1, patience=2)
    seen = states(method, setting(noisy, mispaired(disordered(answer))))
    told = [info_of(method, state) for state in seen[1:]]
    losses = [float(state.losses[0]) for state in seen[1:]]
    assert [info.over for info in told] == [False] * (len(told) - 1) + [True]
    assert all(float(info.candidates.losses[0]) == loss for info, loss in zip(told[:-1], losses, strict=False))
    assert float(told[-1].candidates.losses[0]) == min(losses) == float(seen[-1].lowest)
    assert told[-1].ripe == (min(losses) <= method.ripe * float(seen[-1].begun))
    assert int(seen[-1].idle) == 2


def test_an_error_that_says_nothing_of_exchanges_ends_a_turn_at_once():
    puzzle, answer = small()
    given = setting(puzzle, mispaired(disordered(answer)))
    method = ExchangeRegression(near=1e-9)
    before = given.run.evaluations
    seen = states(method, given)
    assert len(seen) == 2
    assert info_of(method, seen[-1]).candidates is None
    assert info_of(method, seen[-1]).over
    assert given.run.evaluations - before == 1, "the start was judged, and nothing else"


def test_turns_begin_with_what_others_have_found_since_and_are_over_at_once_without_it():
    puzzle, answer = small()
    noisy = puzzle.replace(y=puzzle.y + np.random.default_rng(1).normal(size=ROWS) * 0.1 * puzzle.y.std())
    given = setting(noisy, disordered(answer), partner=answer.partner.astype(np.int32))
    method = ExchangeRegression(near=10.0, turns=3)
    seen = states(method, given)
    turns = [int(state.turns) for state in seen]
    assert turns == sorted(turns)
    assert turns.count(0) > 1
    assert turns[-3:] == [1, 2, 3]
    assert info_of(method, seen[-3]).candidates is not None
    assert info_of(method, seen[-1]).candidates is None
    assert not info_of(method, seen[-1]).ripe
    better = seen[-1].incumbents._replace(losses=seen[-1].incumbents.losses / 2)
    again = seen[-1]._replace(incumbents=better, turns=np.int64(1))
    work = method.place(given, again)
    again, _ = method.step(given, again, work)
    assert int(again.step) == 1


def test_the_ridge_is_the_one_that_leaves_least_of_rows_that_were_not_seen():
    puzzle, answer = small()
    noisy = puzzle.replace(y=puzzle.y + np.random.default_rng(1).normal(size=ROWS) * 0.01 * puzzle.y.std())
    given = setting(noisy, mispaired(disordered(answer)))
    method = ExchangeRegression(near=10.0, doubt=1.1, spread=3.0, rows_per_column=100)
    state = method.init(given)._replace(ridge=np.float64(1.0))
    about = method._about(given, method.place(given, state), Assembly(state.ins[0], state.outs[0]), 1)
    assert about.error.exchanges.side == 1
    for pairs in (True, False):
        found = method._regressions(given, state, about, pairs)[0]
        for ridge in (found.ridge / 3, found.ridge * 3):
            assert about.regression(ridge, pairs).left >= found.left
        table, errors = about.unseen
        assert 0.15 * ROWS <= len(errors) <= 0.25 * ROWS
        change = np.concatenate([found.swapped, found.partners.ravel()])
        assert found.left == pytest.approx(np.mean((errors + change @ table.astype(np.float64)) ** 2), rel=1e-4)


def test_the_exchanges_that_there_is_room_for_are_those_of_the_closest():
    for most, apart in ((7, 1), (12, 1), (13, 2), (28, 7), (1000, 7)):
        known = _exchanges(N, np.arange(0), most, 1)
        assert (known.behind - known.ahead).max() == apart
        assert known.orders == sum(N - k for k in range(1, apart + 1))


def test_options_that_make_no_regression_are_refused():
    with pytest.raises(UsageError, match="columns is 0"):
        ExchangeRegression(columns=0)
    for unseen in (0.0, 1.0):
        with pytest.raises(UsageError, match=f"unseen is {unseen}"):
            ExchangeRegression(unseen=unseen)
    puzzle, answer = small()
    problem = engine.to_device(puzzle)
    with pytest.raises(UsageError, match="give it the puzzle"):
        ExchangeRegression().init(Setting(problem, Run(), starts=starting(answer)))
