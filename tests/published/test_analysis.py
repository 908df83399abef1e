"""The famous puzzle's measurements, as published and as several people have taken them.

Park (2026), https://arxiv.org/abs/2602.19845, and reports of experiments; figures that differ are noted where they are
used.
"""

import numpy as np
import pytest

from jaxsolve.analysis import analyze, seeds, subject_of
from jaxsolve.ordering import fit_strengths, three_cycles
from jaxsolve.solver import Config, solve
from tests.conftest import REAL_SHA256

QUICK = ["norms", "rescaling", "residuals", "pair_scores", "products", "forward", "isometry"]


@pytest.fixture(scope="module")
def measured(real_puzzle):
    return analyze(subject_of(real_puzzle), QUICK)


def rounded(summary, digits):
    return tuple(round(getattr(summary, name), digits) for name in ("min", "max", "mean", "std"))


def test_pairs_and_order_need_no_answer(measured):
    assert measured.subject.source == "pairs by diagonal_dominance, order by delta_greedy"
    assert measured.subject.mse < 5e-4
    assert not measured.skipped


def test_norms(measured):
    found = measured.results["norms"].summaries
    assert rounded(found["w_in"], 2) == (6.11, 7.16, 6.50, 0.30)
    assert rounded(found["w_out"], 2) == (3.35, 6.29, 4.20, 0.60)
    # others have 0.61, the standard deviation of a sample
    assert round(found["w_out"].std * np.sqrt(48 / 47), 2) == 0.61
    assert rounded(found["b_in"], 2)[:2] == (0.85, 1.59)
    assert rounded(found["b_out"], 2)[:2] == (0.15, 0.36)


def test_norms_match_no_pairs(measured):
    found = measured.results["rescaling"]
    assert (round(found.matched, 4), round(found.random, 4), round(found.pairs, 4)) == (0.4452, 0.4453, 0.4452)
    assert found.found <= 2


def test_residuals_tell_nothing(measured):
    found = measured.results["residuals"]
    assert rounded(found.every, 3) == (0.108, 0.793, 0.282, 0.083)
    assert round(found.pairs.mean, 3) == 0.303
    assert round(found.input_norm, 2) == 5.52
    assert found.rows == 10_000


def test_diagonal_dominance_and_traces(measured):
    scores = {score.name: score for score in measured.results["pair_scores"]}
    dominance = scores["diagonal_dominance"]
    assert rounded(dominance.pairs, 3)[:2] == (1.764, 3.232)
    assert rounded(dominance.others, 3)[:2] == (0.000, 0.584)
    assert round(dominance.gap, 2) == 1.18
    assert (dominance.certain, dominance.argmax) == (48, 48)
    assert scores["trace"].argmax == 48
    traces = measured.results["products"].traces
    assert (round(traces.min(), 2), round(traces.max(), 2)) == (-13.49, -7.37)


def test_most_eigenvalues_contract(measured):
    assert round(100 * measured.results["products"].negative_share, 1) == 76.7


def test_proposition_1_has_the_sign_but_not_the_size(measured):
    # every trace is negative, but fewer units are open than half, which the proposition assumes
    found, seen = measured.results["isometry"], measured.results["forward"]
    assert found.negative == 48
    assert 5 < found.ratio < 7
    assert 2.2 < found.isometry_ratio < 2.5
    assert 0.15 < seen.active_fraction.min() < seen.active_fraction.max() < 0.35
    assert 0.9 < found.correlation < 0.91


def test_contradictions_are_few_and_weak(measured):
    found = analyze(measured.subject, ["transitivity"]).results["transitivity"]
    assert (len(found.cycles), found.triples) == (22, 17_296)
    assert three_cycles(found.gaps) == 22
    assert np.isfinite(fit_strengths(found.gaps, 0.001)).all()
    assert (found.order_seed, found.rows) == ("delta_norm", 2000)
    # the medians of the paper's section 4.3: of the weakest margin of each, and of all
    assert f"{np.median(found.cycle_margins[:, 0]):.1e}" == "1.8e-04"
    assert round(found.margins.median, 3) == 0.041


def test_seeds_beside_the_answer(real_puzzle):
    solution = solve(real_puzzle, Config(sha256=REAL_SHA256))
    # the two seeds that evaluate many orders are left out here; where they lead is tested with the tables
    found = seeds(subject_of(real_puzzle, solution.certificate.permutation), work=1e11)
    assert set(found.left_out) == {"greedy_insertion", "bradley_terry"}
    orders = {one.name: (round(one.mse, 6), round(one.spearman, 3)) for one in found.orders}
    assert orders["w_out_frobenius"] == (0.075851, 0.986)
    assert orders["delta_norm"] == (0.036794, 0.961)
    assert orders["delta_greedy"] == (0.000288, 0.999)
    assert orders["w_out_l1"][1] == 0.994
