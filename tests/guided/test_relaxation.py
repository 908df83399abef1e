"""Mixtures crystallise into the right order, with the right pairs among their candidates, whatever they begin with."""

import itertools

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.guided import relaxation
from jaxsolve.guided.candidates import COVERED, UNSEEN, Candidates, candidates
from jaxsolve.guided.guide import Guide
from jaxsolve.guided.relaxation import RelaxationRounds
from jaxsolve.pairing.matching import matching
from jaxsolve.puzzle import Assembly
from jaxsolve.run import Run
from tests import reference
from tests.guided.examples import FLOOR, ODD, ROWS, N, disordered, guide_of, mispaired, noisy, right


def rounds_of(puzzle, *assemblies, held=False, seed=0, run=None):
    return RelaxationRounds(guide_of(puzzle, *assemblies, run=run), assemblies[0], seed, held=held)


def cycles(puzzle, *assemblies, most=4, **options):
    some = rounds_of(puzzle, *assemblies, **options)
    for _ in range(most):
        yield from (one.population for one in some.cycle())


@pytest.mark.parametrize("seed", [71, 72, 73, 74])
def test_orders_of_known_pairs_crystallise(seed):
    puzzle, answer = reference.random_puzzle(seed, n=8, d=6, h=10, rows=200, scale=0.7)
    order = np.random.default_rng(seed).permutation(8)
    start = Assembly(answer.ins[order], answer.outs[order])
    ends = (found for found in cycles(puzzle, start, held=True) if found.losses[0] <= FLOOR)
    np.testing.assert_array_equal(next(ends).best, answer)


def test_right_pairs_crystallise_where_they_are_among_the_candidates(monkeypatch):
    puzzle, answer = reference.random_puzzle(72, n=8, d=6, h=10, rows=200, scale=0.7)
    rng = np.random.default_rng(0)
    odds = 0.3 * rng.normal(size=(8, 8))
    odds[answer.ins, answer.outs] += 2
    odds[answer.ins[:4], np.roll(answer.outs[:4], 1)] += 2.5
    monkeypatch.setattr(Guide, "pairs", lambda self, assembly: matching(odds).posterior)
    order = rng.permutation(8)
    start = Assembly(answer.ins[order], np.concatenate([np.roll(answer.outs[:4], 1), answer.outs[4:]])[order])
    ends = (found for found in cycles(puzzle, start, most=8) if found.losses[0] <= FLOOR)
    np.testing.assert_array_equal(next(ends).best, answer)


def test_known_pairs_stay_as_they_are_for_two_cycles_and_are_doubted_then(monkeypatch):
    puzzle, answer = right()
    wrong = mispaired(answer)
    odds = np.zeros((N, N))
    odds[answer.ins, answer.outs] = 3
    monkeypatch.setattr(Guide, "pairs", lambda self, assembly: matching(odds).posterior)
    some = rounds_of(puzzle, wrong, held=True)
    for _ in range(2):
        for found in some.cycle():
            np.testing.assert_array_equal(found.population.best.partner, wrong.partner)
            np.testing.assert_array_equal(np.sort(found.population.ins[0]), np.arange(N))
    *_, found = some.cycle()
    np.testing.assert_array_equal(found.population.best.partner, answer.partner)


def test_what_is_found_is_judged_and_kept_where_it_is_better():
    puzzle, answer = noisy(right()[0]), right()[1]
    some = rounds_of(puzzle, disordered(answer))
    for _ in range(3):
        before = some.guide.loss
        for found in (one.population for one in some.cycle()):
            assert found.size == 1
            np.testing.assert_allclose(found.losses, reference.loss(puzzle, *found.best), rtol=1e-4)
            assert some.guide.loss <= found.losses[0]
        assert some.guide.loss <= before * (1 + 1e-6)


def widths(some, monkeypatch, error=0.5):
    """Of the rounds of a cycle."""
    monkeypatch.setattr(relaxation, "IDLE", 99)
    seen = []

    def round(assembly, width):
        seen.append(width)
        some._error = error
        return assembly

    monkeypatch.setattr(some, "round", round)
    list(some.cycle())
    return seen


def test_blocks_are_spread_less_and_less_and_more_slowly_in_later_cycles(monkeypatch):
    for name, value in (("WIDEST", 1.0), ("NEAR", -1.0), ("RETREAT", relaxation.NARROWER)):
        monkeypatch.setattr(relaxation, name, value)
    some = rounds_of(*right(), held=True)
    for slower in (1, 1):
        seen = widths(some, monkeypatch)
        falls = int(np.ceil(np.log(2 / N) / np.log(0.9) / slower))
        expected = np.maximum(N * 0.9 ** (slower * np.arange(falls + relaxation.LAST)), relaxation.NARROWEST)
        np.testing.assert_allclose(seen, expected)
    some.held, some._cycles = True, 1
    monkeypatch.setattr(relaxation, "HELD", 9)
    for slower in (1, 0.7, 0.7, 0.49):
        seen = widths(some, monkeypatch)
        assert seen[1] / seen[0] == pytest.approx(0.9**slower)


@pytest.mark.parametrize("few", [True, False])
def test_of_few_rows_the_first_cycle_begins_anew_and_narrower_until_an_order_is_better_than_its_start(monkeypatch, few):
    rows = ROWS // 2 + few
    monkeypatch.setattr(relaxation, "IDLE", 99)
    for name, most in (("WIDEST", 1.0), ("NEAR", -1.0), ("NARROWEST", 0.5), ("HELD", 9), ("ROWS", rows)):
        monkeypatch.setattr(relaxation, name, most)
    puzzle, answer = right()
    rolled = (Assembly(np.roll(answer.ins, k), np.roll(answer.outs, k)) for k in (1, 2))
    better, (start, worse) = answer, sorted(rolled, key=lambda one: reference.loss(puzzle, *one))
    some, seen, ends = rounds_of(puzzle, start, held=True), [], iter([worse, worse, better, *[worse] * 99])

    def round(assembly, width):
        seen.append((assembly, width))
        some._error = 0.5
        return next(ends)

    monkeypatch.setattr(some, "round", round)
    list(some.cycle())
    expected = {True: (start, start, start, better, worse), False: (start, worse, worse, better, worse)}[few]
    widths = N * np.array([1, 0.6, 0.36, 0.324, 0.2916] if few else 0.9 ** np.arange(5.0))
    for (assembly, width), begun, wide in zip(seen, expected, widths, strict=False):
        np.testing.assert_array_equal(assembly, begun)
        assert width == pytest.approx(max(wide, 0.5))
    seen.clear()
    list(some.cycle())
    np.testing.assert_array_equal(seen[1][0], worse)


def test_pairs_in_doubt_are_spread_more_widely(monkeypatch):
    for name, most in (("WIDEST", 0.4), ("DOUBTFUL", 0.5), ("NARROWEST", 1e-3), ("MOST", 4.0), ("NEAR", -1.0)):
        monkeypatch.setattr(relaxation, name, most)
    for sure, expected in ((1.0, 0.4), (0.7, 0.55), (0.4, 4 / N)):
        posterior = np.full((N, N), (1 - sure) / (N - 1)) + np.eye(N) * (sure - (1 - sure) / (N - 1))
        monkeypatch.setattr(Guide, "pairs", lambda self, assembly, posterior=posterior: posterior)
        seen = widths(rounds_of(*right()), monkeypatch)
        assert seen[0] == pytest.approx(N * expected)


def test_rounds_tell_the_lowest_error_of_mixtures_and_whether_it_falls_in_their_cycle(monkeypatch):
    some = rounds_of(*right(), held=True)
    errors = iter([0.5, 0.4, *[0.6] * 99])

    def round(assembly, width):
        some._error = next(errors)
        return assembly

    monkeypatch.setattr(some, "round", round)
    told = [(found.error, found.falls) for found in some.cycle()]
    assert told[:3] == [(0.5, None), (0.4, True), (0.4, False)]
    assert [(found.error, found.falls) for found in some.cycle()][:2] == [(0.4, None), (0.4, False)]


def test_a_cycle_ends_where_its_error_does_not_fall_any_more_and_the_next_runs_more_or_less_of_each_pair(monkeypatch):
    for name, value in (("WIDEST", 1.0), ("NEAR", -1.0), ("RETREAT", relaxation.NARROWER)):
        monkeypatch.setattr(relaxation, name, value)
    some = rounds_of(*right(), held=True)
    errors, shares = iter([0.9, 0.5, 0.48, 0.47, 0.3, *[0.29] * 4, *np.geomspace(0.5, 1e-9, 50)]), []

    def round(assembly, width):
        some._error = next(errors)
        shares.append(some._share)
        return assembly

    monkeypatch.setattr(some, "round", round)
    found = list(some.cycle())
    assert [one.falls for one in found] == [None, True, False, False, True, False, False, False, False]
    assert [one.arrived for one in found] == [False] * 8 + [True]
    assert len(list(some.cycle())) > 9
    assert shares == [relaxation.LEAST_SHARES[0]] * 9 + [relaxation.LEAST_SHARES[1]] * (len(shares) - 9)
    assert relaxation.LEAST_SHARES[1] < relaxation.LEAST_SHARES[0]


def test_steps_are_judged_on_rows_that_they_have_not_seen(monkeypatch):
    monkeypatch.setattr(relaxation, "ROWS", 20)
    puzzle, answer = right()
    some, seen, learned = rounds_of(puzzle, disordered(answer), held=True), [], []
    mixed, influences = engine.mixed, engine.influences

    def watched(problem, rows, mixture):
        errors, states = mixed(problem, rows, mixture)
        seen.append((np.asarray(rows.x), float(np.mean(np.asarray(errors) ** 2))))
        return errors, states

    def watched_too(problem, rows, *others):
        learned.append(len(seen) - 1)
        return influences(problem, rows, *others)

    monkeypatch.setattr(relaxation.engine, "mixed", watched)
    monkeypatch.setattr(relaxation.engine, "influences", watched_too)
    some.round(disordered(answer), 2.0)
    alike = lambda a, b: (a.reshape(-1, 1, puzzle.features) == b.reshape(-1, puzzle.features)).all(axis=2).any()
    assert len(learned) > 2
    cuts = [*learned, len(seen) - 1]
    before = seen[cuts[0]]
    for first, last in itertools.pairwise(cuts[:3]):  # 3 times as many rows are drawn before any comes again
        base, *tries = seen[first + 1 : last + 1]
        assert not alike(before[0], base[0])
        assert all((one[0] == base[0]).all() for one in tries), "all on the same rows"
        assert tries[-1][1] < base[1], "and only what is lower there is gone on from"
        before = base


def test_all_rows_are_drawn_before_any_comes_again(monkeypatch):
    puzzle, answer = right()
    some = rounds_of(puzzle, answer)
    monkeypatch.setattr(relaxation.engine, "tiled", lambda of, rows: rows)
    drawn = list(itertools.islice(some._drawn(20), 6))
    for three in (drawn[:3], drawn[3:]):
        assert len(set(np.concatenate(three).tolist())) == 60
    whole = list(itertools.islice(some._drawn(ROWS), 2))
    assert all(sorted(rows) == list(range(ROWS)) for rows in whole)


def test_cycles_begin_where_they_are_told_then_with_their_own_last_and_with_the_best_by_turns(monkeypatch):
    puzzle, answer = right()
    start, other = mispaired(answer), disordered(answer)
    some, begun = rounds_of(puzzle, start, answer), []
    monkeypatch.setattr(some, "round", lambda assembly, width: begun.append(assembly) or other)
    monkeypatch.setattr(relaxation, "NEAR", 0.0)
    for expected in (start, other, answer, other, answer):
        begun.clear()
        list(some.cycle())
        np.testing.assert_array_equal(begun[0], expected)


def test_near_the_right_order_every_other_cycle_begins_with_the_best_and_spreads_it_the_least(monkeypatch):
    puzzle, answer = right()
    monkeypatch.setattr(relaxation, "WIDEST", 1.0)
    some, begun = rounds_of(puzzle, mispaired(answer), answer, held=True), []

    def round(assembly, width):
        begun.append((assembly, width))
        return disordered(answer)

    monkeypatch.setattr(some, "round", round)
    for expected, narrow in ((answer, True), (disordered(answer), False), (answer, True)):
        begun.clear()
        list(some.cycle())
        np.testing.assert_array_equal(begun[0][0], expected)
        assert (begun[0][1] == relaxation.NARROWEST) == narrow


def test_a_line_is_spread_less_in_the_first_cycle_alone(monkeypatch):
    for name, value in (("WIDEST", 1.0), ("LINED", 0.6), ("NEAR", -1.0)):
        monkeypatch.setattr(relaxation, name, value)
    some = rounds_of(*right(), held=True)
    some.lined = True
    assert [widths(some, monkeypatch)[0] for _ in range(2)] == [0.6 * N, N]


def test_what_is_nearly_right_is_spread_least_from_there_on(monkeypatch):
    puzzle, answer = right()
    for name, value in (("WIDEST", 1.0), ("RETREAT", relaxation.NARROWER)):
        monkeypatch.setattr(relaxation, name, value)
    some, seen = rounds_of(puzzle, disordered(answer), held=True), []
    ends = iter([disordered(answer), answer, *[answer] * 9])
    monkeypatch.setattr(some, "round", lambda assembly, width: seen.append(width) or next(ends))
    list(some.cycle())
    assert seen == [N, 0.9 * N, *[relaxation.NARROWEST] * relaxation.LAST]


def test_of_mixtures_that_fit_alike_one_closer_to_an_order_is_chosen(monkeypatch):
    puzzle = right()[0].replace(y=np.full(ROWS, 0.3))
    puzzle = puzzle.replace(w_last=0 * puzzle.w_last, b_last=0.0)
    start, spread = right()[1], []
    for sharper in (1.0, 1.3):
        monkeypatch.setattr(relaxation, "SHARPER", sharper)
        some = rounds_of(puzzle, start, held=True)
        read = some._read
        monkeypatch.setattr(
            some, "_read", lambda known, shares, place, read=read: spread.append(shares) or read(known, shares, place)
        )
        np.testing.assert_array_equal(some.round(start, 1.0), start)
    assert spread[1].max(axis=1).mean() > spread[0].max(axis=1).mean() + 0.05


def test_what_hardly_counts_is_not_run_any_more(monkeypatch):
    puzzle, answer = right()
    runs, mixture = [], engine.mixture

    def watched(problem, position, ins, outs, shares, room):
        assert len(shares) <= room
        runs.append(shares)
        return mixture(problem, position, ins, outs, shares, room)

    monkeypatch.setattr(relaxation.engine, "mixture", watched)
    few = []
    for least in (1e-9, 0.03):
        monkeypatch.setattr(relaxation, "LEAST_SHARES", (least, least))
        runs.clear()
        rounds_of(puzzle, disordered(answer), held=True).round(disordered(answer), 2.0)
        assert min(map(np.min, runs)) > 0.3 * least  # sums are put right after that
        few.append(min(map(len, runs)))
    assert N <= few[1] < few[0] <= N * N


def test_only_what_promises_something_and_the_last_is_searched_from(monkeypatch):
    puzzle, answer = right()
    ends = [disordered(answer), mispaired(answer), answer, disordered(answer), disordered(answer)]
    loss = [reference.loss(puzzle, *one) for one in ends[:2]]
    monkeypatch.setattr(relaxation, "LAST", 5)
    monkeypatch.setattr(relaxation, "WIDEST", 0.0)
    for error, close, nearly in ((1e9, 1e9, True), (1e-15, 1e9, False), (1e9, 1e-15, False)):
        monkeypatch.setattr(relaxation, "CLOSE", close)
        some, left = rounds_of(puzzle, disordered(answer), held=True), iter(ends)

        def round(assembly, width, some=some, left=left, error=error):
            some._error = error
            return next(left)

        monkeypatch.setattr(some, "round", round)
        arrived = [found.arrived for found in some.cycle()]
        assert arrived == [False, nearly and loss[1] < 0.5 * loss[0], nearly, False, True]


def test_candidates_are_the_pairs_and_the_likeliest_others_until_enough_right_ones_are_expected_among_them():
    rng = np.random.default_rng(2)
    likely, partner = rng.dirichlet(np.full(N, 0.3), N) + UNSEEN, rng.permutation(N)
    pairs = set(enumerate(partner.tolist()))
    others = sorted(((likely[pair], pair) for pair in np.ndindex(N, N) if pair not in pairs), reverse=True)
    ranked = [*pairs, *(pair for _, pair in others)]
    expected = np.cumsum([likely[pair] - UNSEEN for pair in ranked])
    enough = 1 + int(np.argmax(expected >= COVERED * N))
    assert N < enough < N * N
    for least, most in ((N, N), (N, N * N), (enough + 2, N * N), (N, enough - 1)):
        some = candidates(likely, partner, least, most)
        wanted = min(max(enough, least), most)
        assert set(zip(some.ins.tolist(), some.outs.tolist(), strict=True)) == set(ranked[:wanted])
        assert len(some.ins) == wanted
        np.testing.assert_array_equal(some.likely, likely[some.ins, some.outs])


def test_shares_are_balanced_over_positions_and_halves():
    rng = np.random.default_rng(4)
    ins, outs = np.nonzero(np.ones((N, N)))
    some = Candidates(ins, outs, np.ones(N * N))
    shares = some.balanced(rng.uniform(0.2, 1, (N, N * N)) * (rng.random((N, N * N)) < 0.8))
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    for half in (ins, outs):
        np.testing.assert_allclose(np.bincount(half, shares.sum(axis=0)), 1, atol=1e-3)


def test_what_has_no_share_gets_none():
    some = Candidates(np.arange(3), np.arange(3), np.ones(3))
    shares = some.balanced(np.array([[1.0, 0, 0], [0, 0, 0], [0, 0, 0]]))
    np.testing.assert_array_equal(shares, [[1, 0, 0], [0, 0, 0], [0, 0, 0]])


@pytest.mark.parametrize("what", ODD)
@pytest.mark.parametrize("held", [False, True])
def test_rounds_go_on_with(what, held):
    puzzle = ODD[what](right()[0])
    start = Assembly(*np.random.default_rng(1).permuted(np.tile(np.arange(puzzle.blocks), (2, 1)), axis=1))
    *_, found = cycles(puzzle, start, most=1, held=held)
    for half in found.best:
        assert sorted(half) == list(range(puzzle.blocks))
    assert not np.isnan(found.losses[0])


def test_rounds_depend_on_the_seed_alone():
    puzzle = noisy(right()[0])
    again = [list(cycles(puzzle, disordered(right()[1]), seed=seed, most=2))[-1] for seed in (1, 1)]
    for one, other in zip(*again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_rounds_take_no_more_rows_than_fit_into_memory(monkeypatch):
    seen, tiled = [], engine.tiled
    monkeypatch.setattr(relaxation.engine, "tiled", lambda of, rows: seen.append(rows) or tiled(of, rows))
    taken = []
    for memory in (1e12, 1.6e5, 1.0):
        seen.clear()
        list(itertools.islice(cycles(right()[0], right()[1], run=Run(memory=memory), most=1), 1))
        assert all(len(set(some)) == len(some) for some in seen)
        taken.append({len(some) for some in seen})
    assert taken[0] == {ROWS}
    assert 1 < min(taken[1]) <= max(taken[1]) < ROWS
    assert taken[2] == {1}
