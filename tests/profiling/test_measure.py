"""Measurements count what the closed forms say, for every neighbourhood; what is fast is not tested here."""

from dataclasses import asdict

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.engine import NEIGHBOURHOODS
from jaxsolve.errors import UsageError
from jaxsolve.profiling import measure, works
from jaxsolve.run import Run
from tests import reference

N, D, H, ROWS = 5, 4, 6, 12


def measured(todo, **options):
    puzzle, _ = reference.random_puzzle(3, n=N, d=D, h=H, rows=ROWS)
    grid = {"rows": [ROWS], "devices": [1], "tiers": ["accept"]} | options
    return list(measure(puzzle, todo, run=Run(), repeats=1, **grid))


@pytest.mark.parametrize("name", NEIGHBOURHOODS)
def test_a_neighbourhood_counts_what_its_plan_applies(name):
    (found,) = measured(works(N, [], [name], []))
    moves = NEIGHBOURHOODS[name](N)
    planned = engine.plan(moves.take(moves.ranked()), devices=1, room=moves.size + 1, valid=N, chains=True)
    assert found.applications == planned.applications
    assert found.candidates == moves.size
    assert found.flops == pytest.approx(found.applications * 4 * ROWS * D * H / found.seconds)
    assert found.share_of_peak == pytest.approx(found.flops / found.peak_flops)
    assert all(value >= 0 for value in asdict(found).values() if not isinstance(value, str))


def test_the_grid_is_gone_through():
    todo = works(N, [3], ["swaps"], ["joint_moves"])
    found = measured(todo, rows=[4, ROWS], tiers=["screen", "accept"])
    assert len(found) == 2 * 2 * 3
    assert {(one.work, one.tier) for one in found} == {
        ("batch 3", "screen"),
        ("batch 3", "accept"),
        ("swaps", "screen"),
        ("swaps", "accept"),
        ("screen joint_moves", "screen"),
    }
    assert found[0].applications <= 3 * N


def test_batches_are_random_but_the_same_each_time():
    first, second = works(N, [4], [], [])[0], works(N, [4], [], [])[0]
    np.testing.assert_array_equal(first.moves.take(slice(None)).ins, second.moves.take(slice(None)).ins)
    assert not np.array_equal(first.moves.take(slice(None)).ins, first.moves.take(slice(None)).outs)


@pytest.mark.parametrize("todo", [([0], [], []), ([], ["nonsense"], []), ([], [], ["nonsense"])])
def test_what_does_not_exist_is_refused(todo):
    with pytest.raises(UsageError, match=r"a batch is 0|no neighbourhood 'nonsense'; choose one of adjacent"):
        works(N, *todo)


def products(shapes):
    """Floating-point operations of matrix products of (rows, inner, columns)."""
    return sum(2 * rows * inner * columns for rows, inner, columns in shapes)


def test_beams_are_measured_at_half_their_depth_and_count_their_products_and_expansions():
    readout, probes = measured(works(N, [], [], [], [3]))
    left = N - N // 2
    assert (readout.work, probes.work) == ("beam 3", "probe_beam 3")
    assert readout.candidates == probes.candidates == 3 * left**2
    grown = [(ROWS, D, H), (ROWS, H, D)]
    expanded = [(ROWS, D, H), (ROWS, H, left)] * left
    assert readout.flops == pytest.approx(3 * products(grown + expanded) / readout.seconds)
    moments = [(ROWS, D, H), (H, ROWS, H), (H, ROWS, D + 2)] * left
    screen = [(D, D, H), (H, D, H), (left, H, H)] * left
    fits = [(D, H, D), (H, H, D), (D, H, D), (D, D / 6, D)] * left * left
    assert probes.flops == pytest.approx(3 * products(grown + moments + screen + fits) / probes.seconds)
    for one in (readout, probes):
        assert one.share_of_peak == pytest.approx(one.flops / one.peak_flops)
        assert all(value >= 0 for value in asdict(one).values() if not isinstance(value, str))


def test_a_network_of_one_block_has_no_beam():
    assert not works(1, [], [], [], [3])
    with pytest.raises(UsageError, match=r"^width is 0; expected at least 1"):
        works(N, [], [], [], [0])
