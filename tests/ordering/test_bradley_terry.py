"""The Bradley-Terry fit is the maximum of its likelihood, and gaps are losses of real swaps."""

import numpy as np
import pytest
from scipy.optimize import minimize

from jaxsolve.ordering import fit_strengths, swap_gaps, three_cycles
from tests import reference
from tests.ordering.test_seeds import paired_of


def test_strengths_maximise_the_likelihood():
    rng = np.random.default_rng(0)
    gaps = rng.normal(size=(6, 6))
    gaps -= gaps.T
    wins = 1 / (1 + np.exp(-gaps / 0.7))
    np.fill_diagonal(wins, 0)

    def unlikelihood(log_strengths):
        return -(wins * -np.log1p(np.exp(log_strengths - log_strengths[:, None]))).sum()

    expected = minimize(unlikelihood, np.zeros(6), method="BFGS", options={"gtol": 1e-9}).x
    fitted = np.log(fit_strengths(gaps, 0.7))
    np.testing.assert_allclose(fitted, expected - expected.mean(), atol=1e-5)


def test_overwhelming_gaps_keep_strengths_finite_and_ordered():
    gaps = np.subtract.outer(np.arange(5)[::-1], np.arange(5)[::-1]) * 1e6
    strengths = fit_strengths(gaps, 0.001)
    assert np.isfinite(strengths).all()
    assert (np.diff(strengths) < 0).all()


def test_gaps_are_changes_of_loss():
    puzzle, paired = paired_of(4)
    order = np.array([2, 0, 3, 1], np.int32)
    gaps = swap_gaps(paired, order)
    base = reference.loss(puzzle, order, paired.partner[order])
    np.testing.assert_array_equal(gaps, -gaps.T)
    for s in range(4):
        for t in range(s + 1, 4):
            swapped = order.copy()
            swapped[[s, t]] = order[[t, s]]
            expected = reference.loss(puzzle, swapped, paired.partner[swapped]) - base
            assert gaps[s, t] == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_three_cycles():
    rock_paper_scissors = np.array([[0, 1, -1], [-1, 0, 1], [1, -1, 0]])
    assert three_cycles(rock_paper_scissors) == 1
    assert three_cycles(np.array([[0, 1, 1], [-1, 0, 1], [-1, -1, 0]])) == 0
