"""Assignments are optimal, margins are what they say, and pairings are ranked by evidence."""

import itertools

import numpy as np
import pytest
import scipy.optimize  # noqa: F401 - which takes longer to load than an example may
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from jaxsolve.errors import UsageError
from jaxsolve.pairing import PAIRINGS, assign, margins, pair, rank_pairings
from jaxsolve.puzzle import demo_puzzle, padded
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


RECTANGLES = arrays(float, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=st.integers(-9, 9).map(float))


def embedded(part, spare):
    """Scores of some real halves among null ones, and which pairs are real."""
    n = max(part.shape) + spare
    scores, real = np.full((n, n), 1e6), np.zeros((n, n), bool)
    scores[: part.shape[0], : part.shape[1]] = part
    real[: part.shape[0], : part.shape[1]] = True
    return scores, real


@given(RECTANGLES, st.integers(0, 2))
def test_real_halves_come_first_and_null_ones_get_what_is_left(part, spare):
    scores, real = embedded(part, spare)
    partner, n = assign(scores, real), len(scores)
    assert sorted(partner) == list(range(n))
    whole = real[range(n), partner]
    assert whole.sum() == min(part.shape)
    few, many = sorted(part.shape)
    part = part if part.shape[0] == few else part.T
    best = max(sum(part[range(few), p]) for p in itertools.permutations(range(many), few))
    assert scores[range(n), partner][whole].sum() == pytest.approx(best)


@given(RECTANGLES, st.integers(0, 2))
def test_margins_ask_for_every_alternative(part, spare):
    scores, real = embedded(part, spare)
    partner = assign(scores, real)
    z = (scores - part.mean()) / (part.std() or 1.0)
    pairs = {(i, j) for i, j in enumerate(partner) if real[i, j]}
    first, second = dict(pairs), {j: i for i, j in pairs}
    expected = []
    for i, j in enumerate(partner):
        if (i, j) in pairs:
            rivals = [(i, k) for k in range(part.shape[1]) if k != j] + [(k, j) for k in range(part.shape[0]) if k != i]
            differences = [z[i, j] - z[rival] for rival in rivals]
        else:
            differences = [z[second[k], k] - z[i, k] for k in second if real[i, k]]
            differences += [z[k, first[k]] - z[k, j] for k in first if real[k, j]]
        expected.append(min(differences, default=np.inf))
    np.testing.assert_allclose(margins(scores, partner, real), expected, rtol=1e-9, atol=1e-9)


def contracting(n, decoys, seed=0):
    """A puzzle whose second halves are minus the transposes of the first, with decoys among them."""
    rng = np.random.default_rng(seed)
    puzzle, _ = reference.random_puzzle(seed, n=n + sum(decoys), d=5, h=8)
    order = rng.permutation(n)
    w_out = np.concatenate([-puzzle.w_in[order].swapaxes(1, 2), puzzle.w_out[: decoys[1]]])
    return puzzle.replace(
        w_in=puzzle.w_in[: n + decoys[0]], b_in=puzzle.b_in[: n + decoys[0]], in_ids=puzzle.in_ids[: n + decoys[0]],
        w_out=w_out, b_out=puzzle.b_out[: n + decoys[1]], out_ids=puzzle.out_ids[: n + decoys[1]],
    ), np.argsort(order)  # fmt: skip


@pytest.mark.parametrize("name", ["trace", "diagonal_dominance", "asymmetry", "gram"])
@pytest.mark.parametrize("decoys", [(1, 0), (0, 3), (2, 0)])
@pytest.mark.parametrize("spare", [0, 2])
def test_decoys_are_left_over(name, decoys, spare):
    raw, partner = contracting(6, decoys)
    puzzle = padded(raw, spare)
    pairing = pair(puzzle, name)
    np.testing.assert_array_equal(pairing.partner[:6], partner)
    assert pairing.whole.sum() == 6
    assert pairing.certain == puzzle.blocks
    assert pairing.argmax_differences == 0
    assert next(rank_pairings(puzzle, [name])).partner.tobytes() == pairing.partner.tobytes()
    z = pairing.standardised
    assert (z[~pairing.real] == 0).all()
    assert z[pairing.real].mean() == pytest.approx(0, abs=1e-9)
    assert z[pairing.real].std() == pytest.approx(1)


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
