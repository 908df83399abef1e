"""Posteriors of matchings are those of Bethe, and close to the exact ones; best matchings of noise are no evidence."""

import itertools
import math

import numpy as np
import pytest

from jaxsolve.pairing.matching import matching
from tests.pairing.messages import matched


def all_matchings(shape):
    few, many = sorted(shape)
    for to in itertools.permutations(range(many), few):
        yield tuple(zip(*((i, j) if shape[0] == few else (j, i) for i, j in enumerate(to)), strict=True))


def exact(log_odds):
    """Posterior and evidence by the sum over all matchings."""
    weights = {
        pairs: math.exp(sum(log_odds[pair] for pair in zip(*pairs, strict=True)))
        for pairs in all_matchings(log_odds.shape)
    }
    posterior = np.zeros(log_odds.shape)
    for pairs, weight in weights.items():
        posterior[pairs] += weight / sum(weights.values())
    return posterior, math.log(sum(weights.values()) / len(weights))


SHAPES = [(1, 1), (1, 4), (2, 2), (3, 3), (4, 3), (3, 5), (5, 5), (6, 4)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("spread", [0.3, 1.0, 4.0])
def test_posterior_and_evidence_are_those_of_messages_one_by_one(shape, spread):
    log_odds = spread * np.random.default_rng(sum(shape)).normal(size=shape)
    posterior, total = matched(np.exp(log_odds))
    found = matching(log_odds)
    np.testing.assert_allclose(found.posterior, posterior, atol=2e-4)
    few, many = sorted(shape)
    ways = math.factorial(many) / math.factorial(many - few)
    np.testing.assert_allclose(found.evidence, math.log(total / ways), atol=2e-4)


@pytest.mark.parametrize("shape", [(5, 5), (6, 4), (3, 5)])
def test_begun_with_other_messages_it_comes_to_the_same_sooner(shape):
    rng = np.random.default_rng(sum(shape))
    log_odds = 2 * rng.normal(size=shape)
    before = matching(log_odds + 0.01 * rng.normal(size=shape))
    found = matching(log_odds, before.messages)
    np.testing.assert_allclose(found.posterior, matching(log_odds, rounds=2000, tolerance=0).posterior, atol=1e-5)
    np.testing.assert_allclose(found.evidence, matching(log_odds).evidence, atol=1e-5)
    rounds = lambda begun: next(
        k
        for k in range(200)
        if np.allclose(matching(log_odds, begun, rounds=k + 1).posterior, found.posterior, atol=1e-5)
    )
    assert rounds(before.messages) < rounds(())


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (5, 1)])
def test_both_are_exact_where_one_half_is_matched(shape):
    log_odds = np.random.default_rng(1).normal(size=shape)
    posterior, evidence = exact(log_odds)
    np.testing.assert_allclose(matching(log_odds).posterior, posterior, atol=1e-9)
    np.testing.assert_allclose(matching(log_odds).evidence, evidence, atol=1e-9)


@pytest.mark.parametrize("n", [2, 4, 6])
@pytest.mark.parametrize("spread", [0.5, 2.0, 5.0])
def test_evidence_is_within_the_bounds_that_are_proven_of_permanents(n, spread):
    """Bethe's permanent is at most the permanent, and at least that over 2^(n/2) (Anari & Rezaei 2019)."""
    log_odds = spread * np.random.default_rng(n).normal(size=(n, n))
    evidence = exact(log_odds)[1]
    assert evidence - n / 2 * math.log(2) - 1e-6 <= matching(log_odds).evidence <= evidence + 1e-6


@pytest.mark.parametrize("shape", [(5, 5), (4, 6)])
def test_posteriors_are_close_to_the_exact_ones(shape):
    log_odds = 2 * np.random.default_rng(3).normal(size=shape)
    away = np.abs(matching(log_odds).posterior - exact(log_odds)[0])
    assert away.mean() < 0.04
    assert away.max() < 0.3


def test_all_of_the_smaller_side_are_matched():
    for shape in SHAPES:
        p = matching(3 * np.random.default_rng(4).normal(size=shape)).posterior
        few = 0 if shape[0] <= shape[1] else 1
        np.testing.assert_allclose(p.sum(axis=1 - few), 1, atol=1e-4)
        assert (p.sum(axis=few) <= 1 + 1e-4).all()


def test_equal_odds_prefer_nothing():
    found = matching(np.full((7, 7), -3.0))
    np.testing.assert_allclose(found.posterior, 1 / 7)
    assert found.evidence < -21


def test_odds_of_any_size_are_matched():
    log_odds = np.where(np.eye(6), 0.0, -2000.0)[np.random.default_rng(5).permutation(6)]
    np.testing.assert_allclose(matching(log_odds).posterior, log_odds == 0, atol=1e-9)
    np.testing.assert_allclose(matching(log_odds).evidence, -math.lgamma(7), atol=1e-3)


def test_nothing_has_no_matching():
    assert matching(np.zeros((0, 3))).posterior.shape == (0, 3)
