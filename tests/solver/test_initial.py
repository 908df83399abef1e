"""Where attempts begin: the best of the quick orders, or a line that is to be believed."""

import numpy as np
import pytest

from jaxsolve.ordering import Paired, likely, likely_order, seed_order
from jaxsolve.pairing import PAIRINGS, rank_pairings
from jaxsolve.puzzle import demo_puzzle
from jaxsolve.run import Run
from jaxsolve.solver import Config, initial
from jaxsolve.solver.initial import first_orders, first_start, ranked_pairings
from tests import reference

LINE = np.array([3, 1, 4, 0, 2], np.int32)


@pytest.fixture
def paired():
    puzzle, answer = reference.random_puzzle(8, n=5, rows=30)
    return Paired(puzzle, answer.partner.astype(np.int32), Run())


def with_losses(monkeypatch, paired, losses, away):
    """Orders have these losses, in units of the variance, and others that of the first; blocks are expected so far from their places in the line."""
    known = {tuple(order): loss * paired.puzzle.y.var() for order, loss in losses.items()}
    worst = max(known.values())
    monkeypatch.setattr(Paired, "losses", lambda self, some: np.array([known.get(tuple(one), worst) for one in some]))
    monkeypatch.setattr(likely, "seriate", lambda paired: (LINE, away))


@pytest.mark.parametrize(
    ("quick", "ahead", "back", "away", "expected"),
    [
        (0.5, 0.9, 0.8, 0.06, ["seriation"]),
        (0.5, 0.9, 0.2, 0.06, ["seriation_descending"]),
        (0.5, 0.9, 0.2, 0.08, ["delta_greedy"]),
        (0.04, 0.9, 0.8, 0.06, ["delta_greedy", "seriation"]),
        (0.04, 0.9, 0.8, 0.08, ["delta_greedy"]),
    ],
)
def test_a_line_comes_first_if_it_is_believed_and_quick_orders_are_not_nearly_right(
    monkeypatch, paired, quick, ahead, back, away, expected
):
    greedy = seed_order(paired, "delta_greedy")
    losses = {(0,) * 5: 2.0, tuple(LINE): ahead, tuple(LINE[::-1]): back, tuple(greedy): quick}
    with_losses(monkeypatch, paired, losses, away)
    found = dict(first_orders(paired, Config(), {}))
    assert [*found] == expected
    orders = {"delta_greedy": greedy, "seriation": LINE, "seriation_descending": LINE[::-1]}
    for name, order in found.items():
        np.testing.assert_array_equal(order, orders[name])


def test_an_order_that_was_asked_for_is_the_only_one(monkeypatch, paired):
    with_losses(monkeypatch, paired, {(0,) * 5: 0.01}, 0.0)
    assert [name for name, _ in first_orders(paired, Config(order_seed="w_out_l1"), {})] == ["w_out_l1"]


@pytest.mark.parametrize(("away", "lined"), [(0.05, True), (0.2, False)])
def test_methods_begin_with_a_line_or_with_contraction(monkeypatch, paired, away, lined):
    contraction = seed_order(paired, "contraction")
    with_losses(monkeypatch, paired, {tuple(LINE): 0.5, tuple(contraction[::-1]): 0.01, (0,) * 5: 2.0}, away)
    begun = likely_order(paired)
    assert begun.seed == ("seriation" if lined else "contraction_descending")
    assert begun.loss == (0.5 if lined else 0.01) * paired.puzzle.y.var()
    np.testing.assert_array_equal(begun.order, LINE if lined else contraction[::-1])


def test_pairings_behind_the_first_are_ranked_with_it_unless_it_is_certain(monkeypatch):
    puzzle, config = reference.random_puzzle(4, n=6, rows=40)[0], Config()
    expected = [one.partner.tolist() for one in rank_pairings(puzzle, PAIRINGS)]
    start, certain = first_start(puzzle, config), first_start(demo_puzzle(), config)
    assert certain.others is None
    monkeypatch.setattr(initial, "rank_pairings", None)
    found = [one.partner.tolist() for one in ranked_pairings(puzzle, config, Run(), start)]
    assert found == expected
    assert len(found) > 1
