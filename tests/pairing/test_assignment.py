"""Assignments are optimal, margins are what they say, and pairings are ranked by evidence."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jaxsolve.errors import UsageError
from jaxsolve.pairing import PAIRINGS, assign, margins, pair, rank_pairings
from jaxsolve.puzzle import demo_puzzle
from tests import reference

SCORES = arrays(float, st.integers(1, 5).map(lambda n: (n, n)), elements=st.floats(-9, 9, width=16))


@given(SCORES)
def test_no_permutation_scores_more(scores):
    n = len(scores)
    best = max(sum(scores[range(n), p]) for p in itertools.permutations(range(n)))
    partner = assign(scores)
    assert sorted(partner) == list(range(n))
    assert scores[range(n), partner].sum() == pytest.approx(best)


def test_margins_are_against_the_best_rival_of_either_half():
    scores = np.array([[5.0, 1.0, 2.0], [4.0, 6.0, 0.0], [0.0, 0.0, 3.0]])
    expected = np.array([5 - 4, 6 - 4, 3 - 2]) / scores.std()
    np.testing.assert_allclose(margins(scores, np.array([0, 1, 2])), expected)
    assert margins(np.array([[1.0]]), np.array([0])) == [np.inf]


def test_equal_scores_leave_nothing_certain():
    puzzle, _ = reference.random_puzzle(1, n=3)
    pairing = pair(puzzle.replace(w_in=0 * puzzle.w_in, b_in=0 * puzzle.b_in), "trace")
    assert pairing.certain == 0
    assert sorted(pairing.partner) == [0, 1, 2]


def test_ranked_pairings_are_distinct_and_the_settled_come_first():
    ranked = list(rank_pairings(demo_puzzle(), PAIRINGS))
    assert len({p.partner.tobytes() for p in ranked}) == len(ranked)
    assert ranked[0].certain == 16
    assert ranked[0].argmax_differences == 0
    rest = [p.evidence for p in ranked if p.certain < 16]
    assert rest == sorted(rest, reverse=True)


def test_unknown_names_are_refused():
    with pytest.raises(UsageError, match="no pairing 'nonsense'; choose one of trace, "):
        pair(demo_puzzle(), "nonsense")
