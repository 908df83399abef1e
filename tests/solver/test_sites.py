"""In deep nets all exchanges are looked at together before mixtures and rivals are; in others after a round of these."""

import pytest

from jaxsolve.run import Run
from jaxsolve.solver import Config
from jaxsolve.solver.hypothesis import Hypothesis
from jaxsolve.solver.sites import Sites
from tests import reference
from tests.search.examples import starting

N = 5


@pytest.mark.parametrize(("deep", "first"), [(N, "exchange_regression"), (N + 1, "relaxation")])
def test_depth_decides_what_methods_begin_with(deep, first):
    puzzle, answer = reference.random_puzzle(3, n=N, rows=40)
    sites = Sites(puzzle, Config(options={"attempts.deep": deep}), Run())
    site = sites.taking_turns(sites.setting(puzzle, 40, starting(answer), 0.0), {})
    assert site.turns[0] == first
    assert {"exchange_regression", "relaxation", "reannealing"} == {*site.turns}
    assert site.arm.name == first
    meta, arrays = site.stored()
    assert sites.reopened(meta, arrays).turns == site.turns


@pytest.mark.parametrize("deep", [N, N + 1])
def test_rivals_wait_in_deep_nets_until_methods_have_begun(deep):
    puzzle = reference.random_puzzle(3, n=N, rows=40)[0]
    puzzle = puzzle.replace(y=puzzle.y[::-1].copy())
    hypothesis = Hypothesis(puzzle, Config(options={"attempts.deep": deep}), Run())
    while not hypothesis.sites:
        assert hypothesis.exchanges_wait == (deep == N)
        hypothesis.advance()
    assert not hypothesis.exchanges_wait
    orders = Hypothesis(puzzle, Config(order_seed="seriation", search="descent", options={"attempts.deep": N}), Run())
    assert not orders.exchanges_wait, "no methods follow"
