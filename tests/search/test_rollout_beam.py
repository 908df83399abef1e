"""Beams along a line keep what a slow beam keeps that fits readouts to rollouts in float64, and find what they should."""

import itertools

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.errors import UsageError
from jaxsolve.puzzle import Assembly
from jaxsolve.run import Run
from jaxsolve.search import Setting, info_of, unjudged
from jaxsolve.search.rollout_beam import RolloutBeam, _kept
from tests import reference
from tests.search import states

N, ROWS, RIDGE = 6, 150, 1e-3
PLAIN = {"width": 4, "rounds": 1, "window": 3, "ahead": 2, "every": 1, "screen": 2, "ridge": RIDGE, "refine": None}
PLAIN |= {"apart": 1e9}


def setting(memory=None):
    puzzle, answer = reference.random_puzzle(64, n=N, rows=ROWS)
    partner = answer.partner.astype(np.int32)
    line = np.array(answer.ins)[[1, 0, 3, 2, 4, 5]]
    starts = unjudged([Assembly(line.astype(np.int32), partner[line])])
    given = Setting(engine.to_device(puzzle), Run(memory=memory), starts=starts, puzzle=puzzle)
    return puzzle, given, list(zip(line.tolist(), partner[line].tolist(), strict=True)), answer


def error(puzzle, beam, line, word, every):
    """What the best readout of every so many states leaves, from the last block of a word on along the line."""
    left = [pair for pair in line if pair not in word][: beam.ahead]
    seen = reference.states(puzzle, *zip(*word, *left, strict=True), puzzle.rows)[len(word) :]
    wanted = [min(k, len(left)) for k in range(0, beam.ahead + every, every)][: 1 + -(-beam.ahead // every)]
    return reference.unit_probe(puzzle, seen[0], [seen[k] for k in wanted[1:]], beam.ridge)


def cost(beam, line, word):
    """How far blocks are from their places in the line, and those that wait behind theirs."""
    place = {pair: k for k, pair in enumerate(line)}
    squares = sum((k - place[pair]) ** 2 for k, pair in enumerate(word))
    squares += sum(max(0, len(word) - 1 - place[pair]) ** 2 for pair in line if pair not in word)
    return squares / (beam.deviation**2 * beam.worth)


def rank(puzzle, beam, line, every):
    return lambda word: np.log(error(puzzle, beam, line, word, every)) + cost(beam, line, word)


def slow_beam(puzzle, beam, line):
    words = [[]]
    for _ in line:
        grown = [[*word, pair] for word in words for pair in [pair for pair in line if pair not in word][: beam.window]]
        if len(grown) > beam.choice * beam.width:
            grown = sorted(grown, key=rank(puzzle, beam, line, beam.screen))[: beam.choice * beam.width]
        score, words = rank(puzzle, beam, line, beam.every), []
        for word in sorted(grown, key=score):
            if {*word} not in [{*other} for other in words]:
                words.append(word)
        close = sum(score(word) <= score(words[0]) + np.log1p(beam.apart) for word in words)
        words = words[: min(beam.width, 2 ** int(np.ceil(np.log2(close))))]
        yield words


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"worth": 3.0},
        {"choice": 1},
        {"every": 2, "width": 2},
        {"width": 2, "choice": 1, "screen": 1, "every": 2},
        {"ahead": 4, "every": 3},
        {"ahead": 0},
        {"apart": 0.0, "window": 4},
        {"apart": 0.2, "width": 8},
    ],
    ids=str,
)
def test_beams_keep_what_a_slow_beam_keeps(options):
    puzzle, given, line, _ = setting()
    beam = RolloutBeam(**(PLAIN | options))
    for state, words in zip(states(beam, given)[1:N], slow_beam(puzzle, beam, line), strict=False):
        found = np.stack([state.ins, state.outs], axis=2).tolist()
        assert [list(map(tuple, word)) for word in found] == words
        expected = error(puzzle, beam, line, words[0], beam.every)
        np.testing.assert_allclose(state.path[-1, 0], expected, rtol=2e-3, atol=1e-6)


def test_it_is_as_wide_as_scores_are_close():
    ranks = np.log([1.0, 1.05, 1.09, 1.2, 1.3, 1.4, 1.5])
    assert _kept(ranks, 0.1, 6) == 4
    assert _kept(ranks / 10, 0.1, 6) == 6
    assert _kept(ranks * 3, 0.1, 6) == 1
    assert _kept(np.full(7, np.inf), 0.1, 6) == 6, "where nothing tells them apart"


def test_a_beam_that_ends_with_its_own_line_is_followed_by_a_wider_one():
    given = setting()[1]
    beam = RolloutBeam(**(PLAIN | {"rounds": 5, "window": 2, "apart": 0.01}))
    ended = [state for state in states(beam, given) if state.depth == 0]
    for before, after in itertools.pairwise(ended):
        same = (before.line == after.line).all()
        assert float(after.apart) == (2 * float(before.apart) if same else 0.01)
    assert float(ended[0].apart) == 0.01
    assert float(ended[-1].apart) > 0.01


def test_the_order_of_one_beam_is_the_line_of_the_next():
    puzzle, given, line, answer = setting()
    beam = RolloutBeam(**(PLAIN | {"rounds": 2, "window": 2, "refine": "descent", "worth": 1e6}))
    seen = states(beam, given)
    assert len(seen) == 2 * N + 1
    np.testing.assert_array_equal(seen[0].line.T, line)
    ended = [state for state in seen[1:] if state.depth == 0]
    assert [int(state.rounds) for state in ended] == [1, 2]
    assert all(info_of(beam, state).candidates is None for state in seen if state.depth)
    for state in ended:
        found = info_of(beam, state).candidates
        expected = [reference.loss(puzzle, i, j) for i, j in zip(found.ins, found.outs, strict=True)]
        np.testing.assert_allclose(found.losses, expected, rtol=1e-3, atol=1e-9)
    assert ended[1].best.losses[0] <= ended[0].best.losses[0], "nothing that was found is lost"
    np.testing.assert_array_equal(ended[1].best.ins[0], answer.ins)


def test_without_a_start_it_follows_the_likely_line_of_the_likely_pairs():
    _, given, _, answer = setting()
    given.starts, given.partner = None, answer.partner.astype(np.int32)
    state = RolloutBeam(**PLAIN).init(given)
    np.testing.assert_array_equal(np.sort(state.line[0]), np.arange(N))
    np.testing.assert_array_equal(state.line[1], given.partner[state.line[0]])


def test_a_beam_is_as_wide_as_operations_and_memory_allow():
    _, given, _, _ = setting()
    beam = RolloutBeam(**(PLAIN | {"width": 100}))
    one = N * RolloutBeam(**(PLAIN | {"width": 1})).flops(given, N // 2)
    assert [beam.affordable(given, many * one) for many in (0.5, 1.5, 7.01, 1e9)] == [0, 1, 7, 100]
    _, given, _, _ = setting(memory=4 * 2 * 4 * ROWS * 10)
    assert beam.affordable(given, 1e9 * one) == 10


def test_networks_that_all_overflow_still_make_an_order():
    puzzle, given, _, _ = setting()
    large = puzzle.replace(w_out=puzzle.w_out * 1e30)
    given = Setting(engine.to_device(large), Run(), starts=given.starts, puzzle=large)
    beam = RolloutBeam(**PLAIN)
    assert beam.found(states(beam, given)[-1]).size


def test_options_that_make_no_beam_are_refused():
    _, given, _, _ = setting(memory=4 * 2 * 4 * ROWS * 10)
    for options, told in (
        ({"window": 0}, r"^window is 0; expected at least 1$"),
        ({"deviation": 0.0}, r"^deviation is 0\.0; expected more than 0$"),
        ({"refine": "foo"}, r"^no search 'foo'"),
    ):
        with pytest.raises(UsageError, match=told):
            RolloutBeam(**options)
    with pytest.raises(UsageError, match=r"^width is 11; on 150 rows"):
        RolloutBeam(width=11).init(given)
    with pytest.raises(UsageError, match=r"^rollout_beam looks at the weights"):
        RolloutBeam().init(Setting(given.problem, Run()))
