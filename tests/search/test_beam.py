"""Beams keep what a slow beam keeps that expands every state by every block and evaluates it in float64."""

import itertools
from collections import Counter

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.errors import UsageError
from jaxsolve.run import Run
from jaxsolve.search import Setting
from jaxsolve.search.beam import Beam
from tests import reference
from tests.search import states

N, ROWS = 4, 40


def setting(n=N, rows=ROWS, partner=None, seed=0, memory=None):
    puzzle, _ = reference.random_puzzle(61, n=n, rows=rows)
    return puzzle, Setting(engine.to_device(puzzle), Run(memory=memory), seed, partner=partner)


def loss(puzzle, word):
    return np.mean(reference.squared_errors(puzzle, *zip(*word, strict=True)))


def children(puzzle, word, partner=None):
    ins, outs = (
        [k for k in range(puzzle.blocks) if k not in used] for used in (zip(*word, strict=False) if word else ([], []))
    )
    pairs = itertools.product(ins, outs) if partner is None else [(i, int(partner[i])) for i in ins]
    return sorted(([*word, pair] for pair in pairs), key=lambda child: loss(puzzle, child))


def signature(puzzle, word, grid):
    few = reference.final_state(puzzle, *zip(*word, strict=True), puzzle.x[: Beam.signature_rows]) @ puzzle.w_last
    return tuple(np.round(few / (grid * puzzle.y.std())).astype(int))


def capped(words, key, cap):
    seen = Counter()
    return [word for word in words if seen.update([key(word)]) or seen[key(word)] <= cap]


def slow_beam(puzzle, beam, partner=None):
    words = [[]]
    for _ in range(puzzle.blocks):
        words = sorted(
            (child for word in words for child in children(puzzle, word, partner)), key=lambda w: loss(puzzle, w)
        )[: beam.width * (beam.pool if beam.signature else 1)]
        if beam.signature:
            words = capped(words, lambda word: signature(puzzle, word, beam.grid), beam.signature)
        words = words[: beam.width]
        yield words


def as_words(state):
    return [list(map(tuple, np.stack(halves, axis=1).tolist())) for halves in zip(state.ins, state.outs, strict=True)]


@pytest.mark.parametrize(
    "beam",
    [Beam(width=1), Beam(width=5), Beam(width=4, signature=1, grid=1.5), Beam(width=3, signature=2, grid=2.0, pool=6)],
    ids=str,
)
def test_beams_keep_what_a_slow_beam_keeps(beam):
    puzzle, given = setting()
    for state, words in zip(states(beam, given)[1:], slow_beam(puzzle, beam), strict=True):
        kept = as_words(state)
        np.testing.assert_allclose(state.losses, [loss(puzzle, word) for word in kept], rtol=1e-4, atol=1e-9)
        assert kept == words


@pytest.mark.parametrize("beam", [Beam(width=3), Beam(width=2, signature=1)], ids=str)
def test_beams_over_the_order_of_given_pairs_never_break_one(beam):
    partner = np.array([2, 0, 3, 1], np.int32)
    puzzle, given = setting(partner=partner)
    for state, words in zip(states(beam, given)[1:], slow_beam(puzzle, beam, partner), strict=True):
        np.testing.assert_array_equal(state.outs, partner[state.ins])
        assert as_words(state) == words


def test_a_beam_as_wide_as_all_words_finds_all_assemblies_the_best_first():
    puzzle, given = setting(n=3)
    found = (beam := Beam(width=36)).found(states(beam, given)[-1])
    every = [
        (i, o, reference.loss(puzzle, i, o)) for i, o in itertools.product(itertools.permutations(range(3)), repeat=2)
    ]
    every.sort(key=lambda one: one[2])
    assert found.size == 36
    np.testing.assert_array_equal(found.ins, [one[0] for one in every])
    np.testing.assert_array_equal(found.outs, [one[1] for one in every])
    np.testing.assert_allclose(found.losses, [one[2] for one in every], rtol=1e-4, atol=1e-9)


def test_nothing_is_found_before_all_blocks_are_placed():
    beam = Beam(width=2)
    *partial, last = states(beam, setting()[1])
    assert [beam.found(state).size for state in partial] == [0] * N
    found = beam.found(last)
    assert found.size == 2
    assert found.losses[0] <= found.losses[1]


def same(ones, others):
    for one, other in zip(ones, others, strict=True):
        for part, again in zip(one, other, strict=True):
            np.testing.assert_array_equal(part, again)


@pytest.mark.parametrize("beam", [Beam(width=5, noise=0.5), Beam(width=3, signature=2, grid=2.0)], ids=str)
def test_a_beam_that_goes_on_from_a_stored_state_ends_in_the_same_bits(beam):
    _, given = setting()
    seen = states(beam, given)
    same([beam.step(given, before, beam.place(given, before))[0] for before in seen[:-1]], seen[1:])


def test_noise_is_decided_by_the_seed_and_leaves_losses_exact():
    puzzle, _given = setting()
    ends = [states(Beam(width=3, noise=1.0), setting(seed=seed)[1])[-1] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(ends[0].ins, ends[1].ins)
    np.testing.assert_array_equal(ends[0].outs, ends[1].outs)
    assert as_words(ends[0]) != as_words(ends[2])
    for end in ends:
        assert (end.losses == np.sort(end.losses)).all()
        np.testing.assert_allclose(end.losses, [loss(puzzle, word) for word in as_words(end)], rtol=1e-4, atol=1e-9)


def test_too_wide_a_beam_for_the_memory_is_refused_in_one_line():
    room = 4 * 2 * 4 * ROWS * 10
    _, given = setting(memory=room)
    assert Beam(width=10).init(given).losses.size == 1
    with pytest.raises(
        UsageError, match=r"^width is 11; on 40 rows (at most )?10 fit into memory: take fewer rows or more memory$"
    ):
        Beam(width=11).init(given)


def test_a_beam_in_which_everything_overflows_still_ends():
    puzzle, given = setting()
    blown = puzzle.replace(w_in=puzzle.w_in * 1e30, w_out=puzzle.w_out * 1e30)
    given.problem = engine.to_device(blown)
    end = states(Beam(width=5), given)[-1]
    for half in (end.ins, end.outs):
        np.testing.assert_array_equal(np.sort(half), np.tile(np.arange(N), (len(half), 1)))
    assert (end.losses == np.inf).all()


def test_evaluations_are_counted():
    _, given = setting()
    states(Beam(width=2), given)
    assert given.run.evaluations == 16 + 2 * 9 + 2 * 4 + 2


def test_a_beam_of_one_block_finds_it():
    puzzle, given = setting(n=1)
    found = (beam := Beam(width=4)).found(states(beam, given)[-1])
    assert found.losses == pytest.approx([reference.loss(puzzle, [0], [0])], rel=1e-4, abs=1e-9)
