"""Mixtures crystallise into the right order, with the right pairs among their candidates, whatever they begin with."""

import itertools

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.errors import UsageError
from jaxsolve.ordering import Paired, likely_order
from jaxsolve.pairing import PAIRINGS, rank_pairings
from jaxsolve.pairing.matching import matching
from jaxsolve.puzzle import Assembly
from jaxsolve.run import Run
from jaxsolve.search import crystallisation, relaxation
from jaxsolve.search.incumbents import Guide
from jaxsolve.search.relaxation import Relaxation
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
    right,
    same,
    scripted,
    setting_of,
    shuffled,
    walk,
)

WIDE = {"known_pairs": True, "width": 1.0, "near": 0.0, "retreat": 0.9}
"""Spread over all positions at first, whatever is found, and only what is told of pairs."""


def cycles(puzzle, *assemblies, most=4, run=None, seed=0, **options):
    some = walk(Relaxation(cycles=most, **options), puzzle, *assemblies, run=run, seed=seed)
    while not some.method.finished(some.state):
        yield some.step().candidates


def relaxing(puzzle, *assemblies, **options):
    return walk(Relaxation(cycles=None, **options), puzzle, *assemblies)


@pytest.mark.parametrize("seed", [71, 72, 73, 74])
def test_orders_of_known_pairs_crystallise(seed):
    puzzle, answer = reference.random_puzzle(seed, n=8, d=6, h=10, rows=200, scale=0.7)
    order = np.random.default_rng(seed).permutation(8)
    start = Assembly(answer.ins[order], answer.outs[order])
    ends = (found for found in cycles(puzzle, start, known_pairs=True) if found.losses[0] <= FLOOR)
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
    some = relaxing(puzzle, wrong, known_pairs=True)
    for _ in range(2):
        for info in some.cycle():
            np.testing.assert_array_equal(info.candidates.best.partner, wrong.partner)
            np.testing.assert_array_equal(np.sort(info.candidates.ins[0]), np.arange(N))
    *_, info = some.cycle()
    np.testing.assert_array_equal(info.candidates.best.partner, answer.partner)


def test_given_pairs_are_never_doubted():
    puzzle, answer = right()
    setting = setting_of(puzzle, mispaired(answer), partner=mispaired(answer).partner.astype(np.int32))
    some = Walk(Relaxation(), setting)
    for _ in range(3):
        *_, info = some.cycle()
        np.testing.assert_array_equal(info.candidates.best.partner, setting.partner)


def test_what_is_found_is_judged_and_kept_where_it_is_better():
    puzzle, answer = noisy(right()[0]), right()[1]
    some = relaxing(puzzle, disordered(answer))
    for _ in range(3):
        before = some.state.incumbents.loss
        for found in (info.candidates for info in some.cycle()):
            assert found.size == 1
            np.testing.assert_allclose(found.losses, reference.loss(puzzle, *found.best), rtol=1e-4)
            assert some.state.incumbents.loss <= found.losses[0]
        assert some.state.incumbents.loss <= before * (1 + 1e-6)
        kept = some.method.found(some.state)
        expected = [reference.loss(puzzle, *one) for one in zip(kept.ins, kept.outs, strict=True)]
        np.testing.assert_allclose(kept.losses, expected, rtol=1e-4)


def widths(some, monkeypatch):
    """Of the rounds of a cycle."""
    seen = []
    scripted(monkeypatch, lambda assembly, state: seen.append(float(state.width)) or (assembly, 0.5))
    list(some.cycle())
    return seen


def test_blocks_are_spread_less_and_less_and_more_slowly_in_later_cycles(monkeypatch):
    puzzle, answer = right()
    some = relaxing(puzzle, disordered(answer), **WIDE, known_cycles=9, patience=99)
    for slower in (1, 1, 0.7, 0.7, 0.49):
        seen = widths(some, monkeypatch)
        falls = int(np.ceil(np.log(2 / N) / np.log(0.9) / slower))
        np.testing.assert_allclose(seen, np.maximum(N * 0.9 ** (slower * np.arange(falls + 3)), 2.0))


@pytest.mark.parametrize("few", [True, False])
def test_of_few_rows_the_first_cycle_begins_anew_and_narrower_until_an_order_is_better_than_its_start(monkeypatch, few):
    puzzle, answer = right()
    rolled = (Assembly(np.roll(answer.ins, k), np.roll(answer.outs, k)) for k in (1, 2))
    better, (start, worse) = answer, sorted(rolled, key=lambda one: reference.loss(puzzle, *one))
    options = {"narrowest": 0.5, "known_cycles": 9, "rows": ROWS // 2 + few, "retreat": 0.6, "patience": 99}
    some = relaxing(puzzle, start, **WIDE | options)
    seen, ends = [], iter([worse, worse, better, *[worse] * 99])
    scripted(monkeypatch, lambda assembly, state: seen.append((assembly, float(state.width))) or (next(ends), 0.5))
    list(some.cycle())
    expected = {True: (start, start, start, better, worse), False: (start, worse, worse, better, worse)}[few]
    wide = N * np.array([1, 0.6, 0.36, 0.324, 0.2916] if few else 0.9 ** np.arange(5.0))
    for (assembly, width), begun, own in zip(seen, expected, wide, strict=False):
        np.testing.assert_array_equal(assembly, begun)
        assert width == pytest.approx(max(own, 0.5))
    seen.clear()
    list(some.cycle())
    np.testing.assert_array_equal(seen[1][0], worse)


@pytest.mark.parametrize(("sure", "expected"), [(1.0, 0.4), (0.7, 0.55), (0.4, 4 / N)])
def test_pairs_in_doubt_are_spread_more_widely(monkeypatch, sure, expected):
    posterior = np.full((N, N), (1 - sure) / (N - 1)) + np.eye(N) * (sure - (1 - sure) / (N - 1))
    monkeypatch.setattr(Guide, "pairs", lambda self, assembly: posterior)
    seen = []
    scripted(monkeypatch, lambda assembly, state: seen.append(float(state.width)) or (assembly, 0.5))
    puzzle, answer = right()
    relaxing(puzzle, disordered(answer), width=0.4, doubt_width=0.5, narrowest=1e-3, widest=4.0).step()
    assert seen == pytest.approx([N * expected])


def test_rounds_tell_the_lowest_error_of_mixtures_and_whether_it_falls_in_their_cycle(monkeypatch):
    some, errors = relaxing(*right(), known_pairs=True), iter([0.5, 0.4, *[0.6] * 99])
    scripted(monkeypatch, lambda assembly, state: (assembly, next(errors)))
    told = [(info.relaxed_loss, info.improving) for info in some.cycle()]
    assert told[:3] == [(0.5, None), (0.4, True), (0.4, False)]
    assert [(info.relaxed_loss, info.improving) for info in some.cycle()][:2] == [(0.4, None), (0.4, False)]


def test_a_cycle_ends_where_its_error_does_not_fall_any_more_and_the_next_runs_more_or_less_of_each_pair(monkeypatch):
    puzzle, answer = right()
    some = relaxing(puzzle, disordered(answer), **WIDE)
    errors, weights = iter([0.9, 0.5, 0.48, 0.47, 0.3, *[0.29] * 4, *np.geomspace(0.5, 1e-9, 50)]), []

    def crystallised(self, run, whole, some, shares, rng, *, least, room, unit, rows):
        weights.append(least)
        return crystallisation.Crystal(shares, next(errors), room)

    monkeypatch.setattr(Relaxation, "crystallised", crystallised)
    told = list(some.cycle())
    assert [info.improving for info in told] == [None, True, False, False, True, False, False, False, False]
    assert [info.ripe for info in told] == [False] * 8 + [True]
    assert [info.over for info in told] == [False] * 8 + [True]
    assert len(list(some.cycle())) > 9
    assert weights == [some.method.least_weight] * 9 + [some.method.least_weight_between] * (len(weights) - 9)
    assert some.method.least_weight_between < some.method.least_weight


def one_round(some, width=2.0):
    """One round of a first cycle that spreads the start so widely."""
    state = some.state._replace(cycle=np.int64(1), width=np.float64(width))
    return some.method._round(some.setting, state, some.method.guide(some.setting))[0]


def test_steps_are_judged_on_rows_that_they_have_not_seen(monkeypatch):
    puzzle, answer = right()
    some, seen, learned = relaxing(puzzle, disordered(answer), known_pairs=True, rows=20), [], []
    mixed, jacobian = engine.mixed, engine.jacobian

    def watched(problem, rows, mixture):
        errors, *states = mixed(problem, rows, mixture)
        seen.append((np.asarray(rows.x), float(np.mean(np.asarray(errors) ** 2))))
        return errors, *states

    def watched_too(problem, rows, *others):
        learned.append(len(seen) - 1)
        return jacobian(problem, rows, *others)

    monkeypatch.setattr(crystallisation.engine, "mixed", watched)
    monkeypatch.setattr(crystallisation.engine, "jacobian", watched_too)
    one_round(some)
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


@pytest.mark.parametrize("count", [20, ROWS])
def test_all_rows_are_drawn_before_any_comes_again(monkeypatch, count):
    puzzle, answer = right()
    drawn, tiled = [], engine.tiled
    monkeypatch.setattr(crystallisation.engine, "tiled", lambda of, rows: drawn.append(rows) or tiled(of, rows))
    one_round(relaxing(puzzle, disordered(answer), known_pairs=True, rows=count))
    at_once = ROWS // count
    assert len(drawn) >= 2 * at_once
    for first in range(0, len(drawn) - at_once + 1, at_once):
        assert len(set(np.concatenate(drawn[first : first + at_once]).tolist())) == at_once * count


def test_every_round_draws_rows_of_its_own_that_the_seed_decides(monkeypatch):
    puzzle, answer = right()
    drawn = []

    def crystallised(self, run, whole, some, weights, rng, *, least, room, unit, rows):
        drawn.append(rng.permutation(ROWS).tolist())
        return crystallisation.Crystal(weights, 0.5, room)

    monkeypatch.setattr(Relaxation, "crystallised", crystallised)
    for seed in (1, 1, 2):
        list(cycles(puzzle, disordered(answer), seed=seed, most=1, known_pairs=True))
    few = len(drawn) // 3
    assert few > 2
    assert drawn[:few] == drawn[few : 2 * few]
    assert len({tuple(rows) for rows in drawn}) == 2 * few


def beginnings(some, monkeypatch, end):
    """Return a function that tells where the first round of the next cycle begins, and how widely."""
    begun = []
    scripted(monkeypatch, lambda assembly, state: begun.append((assembly, float(state.width))) or (end, np.inf))

    def of_next():
        begun.clear()
        list(some.cycle())
        return begun[0]

    return of_next


def test_cycles_begin_where_they_are_told_then_with_their_own_last_and_with_the_best_by_turns(monkeypatch):
    puzzle, answer = right()
    start, other = mispaired(answer), disordered(answer)
    of_next = beginnings(relaxing(puzzle, start, answer, near=0.0), monkeypatch, other)
    for expected in (start, other, answer, other, answer):
        np.testing.assert_array_equal(of_next()[0], expected)


def test_near_the_right_order_every_other_cycle_begins_with_the_best_and_spreads_it_the_least(monkeypatch):
    puzzle, answer = right()
    some = relaxing(puzzle, mispaired(answer), answer, known_pairs=True, width=1.0)
    of_next = beginnings(some, monkeypatch, disordered(answer))
    for expected, narrow in ((answer, True), (disordered(answer), False), (answer, True)):
        begun, width = of_next()
        np.testing.assert_array_equal(begun, expected)
        assert (width == some.method.narrowest) == narrow


def test_a_line_is_spread_less_in_the_first_cycle_alone(monkeypatch):
    puzzle, answer = right()
    some = relaxing(puzzle, disordered(answer), **WIDE, from_line=True, line_width=0.6)
    assert [widths(some, monkeypatch)[0] for _ in range(2)] == [0.6 * N, N]


def test_what_is_nearly_right_is_spread_least_from_there_on(monkeypatch):
    puzzle, answer = right()
    some, seen = relaxing(puzzle, disordered(answer), known_pairs=True, width=1.0, retreat=0.9), []
    ends = iter([disordered(answer), answer, *[answer] * 9])
    scripted(monkeypatch, lambda assembly, state: seen.append(float(state.width)) or (next(ends), np.inf))
    list(some.cycle())
    assert seen == [N, 0.9 * N, *[some.method.narrowest] * some.method.last_rounds]


def test_of_mixtures_that_fit_alike_one_closer_to_an_order_is_chosen(monkeypatch):
    puzzle = right()[0].replace(y=np.full(ROWS, 0.3))
    puzzle = puzzle.replace(w_last=0 * puzzle.w_last, b_last=0.0)
    start, spread, rounded = right()[1], [], relaxation.rounded
    monkeypatch.setattr(
        relaxation, "rounded", lambda some, weights, place: spread.append(weights) or rounded(some, weights, place)
    )
    for sharper in (1.0, 1.3):
        some = relaxing(puzzle, start, known_pairs=True, sharpening=sharper)
        np.testing.assert_array_equal(one_round(some, 1.0), start)
    assert spread[1].max(axis=1).mean() > spread[0].max(axis=1).mean() + 0.05


def test_what_hardly_counts_is_not_run_any_more(monkeypatch):
    puzzle, answer = right()
    runs, mixture = [], engine.mixture

    def watched(problem, position, ins, outs, weights, room, parts):
        assert len(weights) <= room
        assert parts is None
        runs.append(weights)
        return mixture(problem, position, ins, outs, weights, room, parts)

    monkeypatch.setattr(crystallisation.engine, "mixture", watched)
    few = []
    for least in (1e-9, 0.03):
        runs.clear()
        one_round(relaxing(puzzle, disordered(answer), known_pairs=True, least_weight=least))
        assert min(map(np.min, runs)) > 0.3 * least  # sums are put right after that
        few.append(min(map(len, runs)))
    assert N <= few[1] < few[0] <= N * N


@pytest.mark.parametrize(("error", "close", "nearly"), [(1e9, 1e9, True), (1e-15, 1e9, False), (1e9, 1e-15, False)])
def test_only_what_promises_something_and_the_last_is_searched_from(monkeypatch, error, close, nearly):
    puzzle, answer = right()
    ends = [disordered(answer), mispaired(answer), answer, disordered(answer), disordered(answer)]
    loss, left = [reference.loss(puzzle, *one) for one in ends[:2]], iter(ends)
    options = {"known_pairs": True, "last_rounds": 5, "width": 0.0, "ripe_variance": close}
    some = relaxing(puzzle, disordered(answer), **options)
    scripted(monkeypatch, lambda assembly, state: (next(left), error))
    assert [info.ripe for info in some.cycle()] == [False, nearly and loss[1] < 0.5 * loss[0], nearly, False, True]


def test_pairs_that_had_much_weight_in_the_round_before_are_likelier_in_the_next(monkeypatch):
    puzzle, answer = right()
    seen = []
    monkeypatch.setattr(Guide, "pairs", lambda self, assembly: np.full((N, N), 1 / N))

    def crystallised(self, run, whole, some, weights, rng, *, least, room, unit, rows):
        table = np.zeros((N, N))
        table[some.ins, some.outs] = some.likelihood
        seen.append(table)
        return crystallisation.Crystal(weights * (some.ins == some.outs), 0.5, room)

    monkeypatch.setattr(Relaxation, "crystallised", crystallised)
    some = relaxing(puzzle, disordered(answer), candidates=N, most_candidates=N)
    for _ in range(2):
        some.step()
    before = 1 / N + some.method.unseen
    np.testing.assert_allclose(seen[0], before)
    alike = np.eye(N, dtype=bool)
    assert seen[1][alike].min() > 3 * seen[1][~alike].max()
    list(some.cycle())
    seen.clear()
    some.step()
    np.testing.assert_allclose(seen[0], before, err_msg="but not in the next cycle")


@pytest.mark.parametrize("what", ODD)
@pytest.mark.parametrize("known", [False, True])
def test_rounds_go_on_with(what, known):
    puzzle = ODD[what](right()[0])
    *_, found = cycles(puzzle, shuffled(puzzle), most=1, known_pairs=known)
    for half in found.best:
        assert sorted(half) == list(range(puzzle.blocks))
    assert not np.isnan(found.losses[0])


def test_one_block_is_in_order():
    puzzle, answer = reference.random_puzzle(71, n=1, rows=20)
    some = walk(Relaxation(cycles=None), puzzle, answer)
    assert some.method.finished(some.state)
    np.testing.assert_array_equal(some.method.found(some.state).best, answer)


def test_so_many_cycles_and_then_an_end(monkeypatch):
    some = walk(Relaxation(cycles=2, known_pairs=True), *right())
    scripted(monkeypatch, lambda assembly, state: (assembly, 0.5))
    for finished in (False, True):
        list(some.cycle())
        assert some.method.finished(some.state) == finished


def test_rounds_depend_on_the_seed_alone():
    puzzle = noisy(right()[0])
    again = [list(cycles(puzzle, disordered(right()[1]), seed=seed, most=2))[-1] for seed in (1, 1)]
    for one, other in zip(*again, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("known", [False, True])
def test_stored_in_the_middle_of_a_cycle_it_goes_on_in_the_same_bits(known):
    puzzle, answer = noisy(right()[0]), right()[1]
    whole = walk(Relaxation(known_pairs=known), puzzle, disordered(answer))
    other, middle = whole.again(), 0
    same(other.state, whole.state)
    for _ in range(6):
        told, told_too = whole.step(), other.step()
        same(other.state, whole.state)
        assert told[1:] == told_too[1:]
        middle += not told.over
        other = other.again()
    assert middle >= 3


DAMAGE = {
    "the same half twice": ("incumbents.ins", lambda table: np.zeros_like(table)),
    "halves that there are not": ("ins", lambda table: table + 1),
    "negative halves": ("last_outs", lambda table: table - 1),
    "halves of another type": ("outs", lambda table: table.astype(np.float32)),
    "as many halves as of others": ("last_ins", lambda table: np.concatenate([table, table])),
    "losses of more than there are": ("incumbents.losses", lambda table: np.zeros(7)),
    "a loss that is none": ("last_losses", lambda table: np.array([b"low"])),
    "a count with axes": ("cycle", lambda table: np.zeros(2, np.int64)),
    "an amount that is none": ("width", lambda table: np.array("wide")),
    "none": ("ins", lambda table: table[:0]),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_state_that_is_none_is_refused(what):
    state = walk(Relaxation(), *right()).state
    name, damage = DAMAGE[what]
    arrays = copied(flattened(state, "state."))
    same(restored(type(state), arrays, "state.", N), state)
    with pytest.raises(ValueError, match=r"halves|half|shape"):
        restored(type(state), arrays | {f"state.{name}": damage(arrays[f"state.{name}"])}, "state.", N)


@pytest.mark.parametrize("name", ["incumbents.rows", "pair_weights", "ins"])
def test_a_state_without_some_of_its_arrays_is_refused(name):
    state = walk(Relaxation(), *right()).state
    arrays = flattened(state, "state.")
    del arrays[f"state.{name}"]
    with pytest.raises(KeyError):
        restored(type(state), arrays, "state.", N)


@pytest.mark.parametrize("given", [False, True])
def test_without_a_start_it_begins_with_the_likely_order(given):
    puzzle, answer = right()
    partner = mispaired(answer).partner.astype(np.int32) if given else None
    setting = setting_of(puzzle, partner=partner)
    state = Relaxation().init(setting)
    if partner is None:
        partner = next(rank_pairings(puzzle, PAIRINGS)).partner.astype(np.int32)
    paired = Paired(puzzle, partner, Run())
    expected = paired.assembly(likely_order(paired).order)
    for halves in ((state.ins[0], state.outs[0]), state.incumbents.best):
        np.testing.assert_array_equal(halves, expected)
    assert state.incumbents.loss == pytest.approx(reference.loss(puzzle, *expected), rel=1e-4)


def test_what_others_at_the_setting_have_come_to_is_where_it_begins():
    puzzle, answer = right()
    setting = setting_of(puzzle, disordered(answer))
    setting.shared["incumbents"] = walk(Relaxation(), puzzle, answer).state.incumbents
    np.testing.assert_array_equal(Relaxation().init(setting).ins[0], answer.ins)


def test_without_the_puzzle_it_is_refused():
    setting = setting_of(*right())
    setting.puzzle = None
    with pytest.raises(UsageError, match="give it the puzzle"):
        Relaxation().init(setting)


@pytest.mark.parametrize(
    ("options", "why"), [({"cycles": 0}, "cycles is 0"), ({"rows": 0}, "rows is 0"), ({"near": -1.0}, "near is -1")]
)
def test_no_schedules_are_refused(options, why):
    with pytest.raises(UsageError, match=why):
        Relaxation(**options)


def test_rounds_take_no_more_rows_than_fit_into_memory(monkeypatch):
    seen, tiled = [], engine.tiled
    monkeypatch.setattr(crystallisation.engine, "tiled", lambda of, rows: seen.append(rows) or tiled(of, rows))
    taken = []
    for memory in (1e12, 1.6e5, 1.0):
        seen.clear()
        list(itertools.islice(cycles(*right(), run=Run(memory=memory), most=1), 1))
        assert all(len(set(some)) == len(some) for some in seen)
        taken.append({len(some) for some in seen})
    assert taken[0] == {ROWS}
    assert 1 < min(taken[1]) <= max(taken[1]) < ROWS
    assert taken[2] == {1}


@pytest.mark.parametrize(("shares_per_row", "most_rows"), [(10**6, 999), (4, 999), (1, 999), (1, 40), (1, 10)])
def test_where_pairs_are_known_rows_grow_with_the_shares_up_to_a_third_of_them(monkeypatch, shares_per_row, most_rows):
    puzzle, answer = right()
    taken, steps = [], Relaxation.crystallised

    def crystallised(self, run, whole, some, weights, rng, *, least, rows, **others):
        taken.append((int((weights >= least).sum()), rows))
        return steps(self, run, whole, some, weights, rng, least=least, rows=rows, **others)

    monkeypatch.setattr(Relaxation, "crystallised", crystallised)
    about = {"rows": 20, "shares_per_row": shares_per_row, "most_rows": most_rows}
    one_round(relaxing(puzzle, disordered(answer), known_pairs=True, **about))
    one_round(relaxing(puzzle, disordered(answer), **about))
    (shares, known), (_, free) = taken
    assert free is None, "shares of other pairs are many for any number of rows"
    doubled = [20 * 2**k for k in range(20) if k == 0 or 20 * 2**k * shares_per_row <= shares]
    assert known == max(20, min(doubled[-1], most_rows, ROWS // 3))
