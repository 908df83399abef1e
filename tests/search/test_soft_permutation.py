"""Pairs that share positions are the likeliest, and their weights add up to 1 over every half and position."""

import numpy as np

from jaxsolve.search.soft_permutation import Candidates, candidates

N, COVERAGE, UNSEEN = 6, 0.98, 0.01


def test_candidates_are_the_pairs_and_the_likeliest_others_until_enough_right_ones_are_expected_among_them():
    rng = np.random.default_rng(2)
    likely, partner = rng.dirichlet(np.full(N, 0.3), N) + UNSEEN, rng.permutation(N)
    pairs = set(enumerate(partner.tolist()))
    others = sorted(((likely[pair], pair) for pair in np.ndindex(N, N) if pair not in pairs), reverse=True)
    ranked = [*pairs, *(pair for _, pair in others)]
    expected = np.cumsum([likely[pair] - UNSEEN for pair in ranked])
    enough = 1 + int(np.argmax(expected >= COVERAGE * N))
    assert N < enough < N * N
    for least, most in ((N, N), (N, N * N), (enough + 2, N * N), (N, enough - 1)):
        some = candidates(likely, partner, least, most, coverage=COVERAGE, unseen=UNSEEN)
        wanted = min(max(enough, least), most)
        assert set(zip(some.ins.tolist(), some.outs.tolist(), strict=True)) == set(ranked[:wanted])
        assert len(some.ins) == wanted
        np.testing.assert_array_equal(some.likelihood, likely[some.ins, some.outs])


def test_weights_are_balanced_over_positions_and_halves():
    rng = np.random.default_rng(4)
    ins, outs = np.nonzero(np.ones((N, N)))
    some = Candidates(ins, outs, np.ones(N * N))
    weights = some.balanced(rng.uniform(0.2, 1, (N, N * N)) * (rng.random((N, N * N)) < 0.8))
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    for half in (ins, outs):
        np.testing.assert_allclose(np.bincount(half, weights.sum(axis=0)), 1, atol=1e-3)


def test_what_has_no_weight_gets_none():
    some = Candidates(np.arange(3), np.arange(3), np.ones(3))
    weights = some.balanced(np.array([[1.0, 0, 0], [0, 0, 0], [0, 0, 0]]))
    np.testing.assert_array_equal(weights, [[1, 0, 0], [0, 0, 0], [0, 0, 0]])
