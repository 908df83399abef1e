"""Probe beams keep what a slow beam keeps that fits a readout to every state in float64, and find what they should."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.errors import UsageError
from jaxsolve.puzzle import Assembly
from jaxsolve.run import Observer, Run
from jaxsolve.search import Setting, info_of, unjudged
from jaxsolve.search.probe_beam import ProbeBeam
from tests import reference
from tests.search import states

N, ROWS, RIDGE = 4, 120, 1e-3
PLAIN = {
    "width": 5,
    "rounds": 1,
    "children": 16,
    "refits": 4,
    "partners": 4,
    "action_partners": 4,
    "ridge": RIDGE,
    "refine": "descent",
}


def setting(partner=None, memory=None, prior=None, places=None, puzzle=None):
    if puzzle is None:
        puzzle, _ = reference.random_puzzle(61, n=N, rows=ROWS)
    return puzzle, Setting(
        engine.to_device(puzzle), Run(memory=memory), partner=partner, prior=prior, places=places, puzzle=puzzle
    )


def path_of(puzzle, word):
    """The error of the best affine readout behind a word, and the mean squares of its updates, added up."""
    seen = reference.states(puzzle, *zip(*word, strict=True), puzzle.rows)
    steps = [after - before for before, after in itertools.pairwise(seen)]
    moved = sum(np.mean(np.sum((step - step.mean(axis=0)) ** 2, axis=1)) for step in steps)
    h, y = seen[-1] - seen[-1].mean(axis=0), puzzle.y - puzzle.y.mean()
    pull = np.sqrt(RIDGE * np.mean(h**2) * len(y)) * np.eye(h.shape[1])
    table, target = np.concatenate([h, pull]), np.concatenate([y, np.zeros(h.shape[1])])
    return np.sum((table @ np.linalg.lstsq(table, target, rcond=None)[0] - target) ** 2) / len(y), moved


def children(word, partner):
    ins, outs = ([k for k in range(N) if k not in used] for used in (zip(*word, strict=False) if word else ([], [])))
    return [
        [*word, pair] for pair in (itertools.product(ins, outs) if partner is None else [(i, partner[i]) for i in ins])
    ]


def unit_error(puzzle, beam, word):
    """The error of the best readout of the states behind a word and of the units that the beam reads."""
    firsts = np.random.default_rng(0).choice(N, beam.units // puzzle.hidden, replace=False)
    h = reference.states(puzzle, *zip(*word, strict=True), puzzle.rows)[-1]
    return reference.unit_probe(puzzle, h, [reference.hidden_units(puzzle, h, i) for i in firsts], beam.units_ridge)


def slow_beam(puzzle, beam, action, partner=None, cost=lambda word: 0.0):
    words = [[]]
    for _ in range(N):
        grown = []
        for word in words:
            own = [(np.log(path_of(puzzle, child)[0]) + cost(child), child) for child in children(word, partner)]
            for i in {child[-1][0] for _, child in own}:
                of_first = sorted((one for one in own if one[1][-1][0] == i), key=lambda one: one[0])
                grown += of_first[: beam.action_partners if action else beam.partners]
        grown = [(score + action * np.log(path_of(puzzle, child)[1]), child) for score, child in grown]
        words, seen = [], {}
        for _, child in sorted(grown, key=lambda one: one[0]):
            same = frozenset(child)
            seen[same] = seen.get(same, 0) + 1
            if seen[same] <= beam.orders:
                words.append(child)
        if beam.units and beam.units_from <= len(words[0]) < N:
            words = words[: beam.choice * beam.width]
            words.sort(key=lambda word: unit_error(puzzle, beam, word))
        words = words[: beam.width]
        yield words


def as_words(state):
    return [list(map(tuple, np.stack(halves, axis=1).tolist())) for halves in zip(state.ins, state.outs, strict=True)]


@pytest.mark.parametrize(
    ("options", "action"),
    [
        ({}, 0.0),
        ({"orders": 1}, 0.0),
        ({"partners": 1}, 0.0),
        ({"action_partners": 2, "action": 3.0, "rounds": 2}, 3.0),
        ({"action_partners": 2, "action": 3.0, "ranks": "action"}, 3.0),
    ],
    ids=str,
)
def test_beams_keep_what_a_slow_beam_keeps(options, action):
    puzzle, given = setting()
    beam = ProbeBeam(**(PLAIN | options))
    seen = states(beam, given)
    last = seen[N * (beam.rounds - 1) + 1 : N * beam.rounds]
    for state, words in zip(last, slow_beam(puzzle, beam, action), strict=False):
        assert as_words(state) == words
        np.testing.assert_allclose(state.path[-1, 0], path_of(puzzle, words[0])[0], rtol=1e-4)
        np.testing.assert_allclose(state.moved, [path_of(puzzle, word)[1] for word in words], rtol=1e-4)


def test_units_choose_among_the_networks_of_the_lowest_ranks():
    puzzle, given = setting()
    beam = ProbeBeam(**(PLAIN | {"width": 3, "units": 2 * puzzle.hidden, "units_from": 2, "choice": 4}))
    slow = list(slow_beam(puzzle, beam, 0.0))
    assert slow[1] != list(slow_beam(puzzle, replace(beam, units=0), 0.0))[1]
    for state, words in zip(states(beam, given)[1:N], slow, strict=False):
        assert as_words(state) == words


def test_units_that_there_are_too_few_rows_for_choose_nothing():
    puzzle, given = setting()
    few = replace(given, problem=engine.to_device(puzzle, 6 * puzzle.hidden - 1))
    beam = ProbeBeam(**(PLAIN | {"width": 3}))
    told, plain = (states(replace(beam, units=units, units_from=2), few) for units in (99, 0))
    assert [as_words(state) for state in told] == [as_words(state) for state in plain]


def test_orders_of_given_pairs_never_break_one():
    partner = np.array([2, 0, 3, 1], np.int32)
    puzzle, given = setting(partner)
    beam = ProbeBeam(**(PLAIN | {"deviation": 0.0}))
    for state, words in zip(states(beam, given)[1:N], slow_beam(puzzle, beam, 0.0, partner.tolist()), strict=False):
        assert as_words(state) == words


def test_pairs_of_a_start_may_be_kept():
    partner = np.array([2, 0, 3, 1], np.int32)
    _, given = setting(partner)
    _, other = setting()
    ins = np.array([3, 1, 0, 2], np.int32)
    other.starts = unjudged([Assembly(ins, partner[ins])])
    beam = ProbeBeam(**(PLAIN | {"deviation": 0.0, "refine": None}))
    for state, same in zip(states(beam, given), states(replace(beam, paired=True), other), strict=True):
        np.testing.assert_array_equal(state.ins, same.ins)
        np.testing.assert_array_equal(state.outs, same.outs)


def test_costs_of_pairs_and_of_places_count_and_what_is_late_is_charged_while_it_waits():
    rng = np.random.default_rng(2)
    prior, expected = rng.normal(size=(N, N)), np.array([2.0, 0.0, 3.0, 1.0])
    places = (np.arange(N) - expected[:, None]) ** 2 / 2
    puzzle, given = setting(prior=prior, places=places)
    beam = ProbeBeam(**(PLAIN | {"worth": 4.0}))

    def cost(word):
        placed = sum(prior[i, j] + places[i, p] for p, (i, j) in enumerate(word))
        left = set(range(N)) - {i for i, _ in word}
        return 2 / beam.worth * (placed + sum(places[i, len(word) :].min(initial=np.inf) for i in left))

    for state, words in zip(states(beam, given)[1:N], slow_beam(puzzle, beam, 0.0, cost=cost), strict=False):
        assert as_words(state) == words


def test_a_line_of_given_pairs_bounds_where_blocks_are_tried():
    partner = np.arange(N, dtype=np.int32)
    _, given = setting(partner)
    given.shared["line"] = np.array([3, 1, 0, 2])
    beam = ProbeBeam(**(PLAIN | {"deviation": 0.1, "reach": 0.5}))
    assert [state.ins[:, -1].tolist() for state in states(beam, given)[1:N]] == [[3], [1], [0]]


def test_networks_are_found_where_a_beam_ends_the_best_refined_and_kept():
    puzzle, given = setting()
    beam = ProbeBeam(**(PLAIN | {"rounds": 3, "widening": 2}))
    seen = states(beam, given)
    assert len(seen) == 3 * N + 1
    ended = [state for state in seen[1:] if state.depth == 0]
    assert [int(state.rounds) for state in ended] == [1, 2, 3]
    assert all(info_of(beam, state).candidates is None for state in seen if state.depth)
    for state in ended:
        found = info_of(beam, state).candidates
        assert info_of(beam, state).ripe
        assert state.path.shape == (N, 3)
        np.testing.assert_allclose(
            found.losses,
            [reference.loss(puzzle, i, j) for i, j in zip(found.ins, found.outs, strict=True)],
            rtol=1e-3,
            atol=1e-9,
        )
    losses = [state.best.losses[0] for state in ended]
    assert losses == sorted(losses, reverse=True), "nothing that was found is lost"


def test_probes_may_see_more_rows_than_candidates_are_compared_on():
    puzzle, given = setting()
    few = Setting(engine.to_device(puzzle, ROWS // 4), Run(), puzzle=puzzle)
    beam = ProbeBeam(**(PLAIN | {"rows": ROWS, "refine": None}))
    seen = states(beam, few)
    for state, other in zip(seen[1:N], states(ProbeBeam(**PLAIN), given)[1:N], strict=True):
        np.testing.assert_array_equal(state.ins, other.ins)
        np.testing.assert_array_equal(state.path, other.path)
    found = seen[-1].best
    assert not info_of(beam, seen[-1]).ripe, "others go on from it"
    few_rows = puzzle.first_rows(ROWS // 4)
    expected = [reference.loss(few_rows, i, j) for i, j in zip(found.ins, found.outs, strict=True)]
    np.testing.assert_allclose(found.losses, expected, rtol=1e-3)


def test_a_beam_is_as_wide_as_operations_and_memory_allow():
    _, given = setting()
    beam = ProbeBeam(**(PLAIN | {"width": 100}))
    one = N * beam.flops(given, ProbeBeam(width=1).halfway(given))
    assert [beam.affordable(given, many * one) for many in (0.5, 1.5, 7.01, 1e9)] == [0, 1, 7, 100]
    _, given = setting(memory=4 * 2 * 4 * ROWS * 10)
    assert beam.affordable(given, 1e9 * one) == 10


def test_whoever_watches_hears_how_far_partial_networks_have_come():
    _, given = setting()
    heard = []
    given.run.observers.append(Observer())
    given.run.observers[-1].grew = heard.append
    seen = states(ProbeBeam(**PLAIN), given)
    assert [len(one.best.ins) for one in heard] == [*range(1, N + 1)]
    for one, state in zip(heard, seen[1:N], strict=False):
        np.testing.assert_array_equal(one.best.ins, state.ins[0])
        assert one.losses == tuple(state.path[-1])


def test_expansions_that_all_overflow_still_make_networks():
    puzzle, _ = reference.random_puzzle(61, n=N, rows=ROWS)
    _, given = setting(puzzle=puzzle.replace(w_out=puzzle.w_out * 1e30))
    beam = ProbeBeam(**PLAIN)
    assert beam.found(states(beam, given)[-1]).size


def test_options_that_make_no_beam_are_refused():
    with pytest.raises(UsageError, match=r"^partners is 0; expected at least 1$"):
        ProbeBeam(partners=0)
    with pytest.raises(UsageError, match=r"^ranks is 'errors'; expected error, action, or both"):
        ProbeBeam(ranks="errors")
    with pytest.raises(UsageError, match=r"^no search 'foo'"):
        ProbeBeam(refine="foo")
    _, given = setting(memory=4 * 2 * 4 * ROWS * 10)
    with pytest.raises(UsageError, match=r"^width is 11; on 120 rows"):
        ProbeBeam(width=11).init(given)
