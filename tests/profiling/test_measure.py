"""Measurements count what the closed forms say, for every neighbourhood; what is fast is not tested here."""

from dataclasses import asdict

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.engine import NEIGHBOURHOODS
from jaxsolve.errors import UsageError
from jaxsolve.profiling import Failure, Peaks, measure, peaks, works
from jaxsolve.run import Run
from tests import reference

N, D, H, ROWS = 5, 4, 6, 12


def measured(todo, **options):
    puzzle, _ = reference.random_puzzle(3, n=N, d=D, h=H, rows=ROWS)
    grid = {"rows": [ROWS], "devices": [1], "tiers": ["accept"]} | options
    return list(measure(puzzle, todo, run=Run(), repeats=1, **grid))


def numbers(found):
    """What a measurement has measured; what has no closed form is None."""
    return [value for value in asdict(found).values() if isinstance(value, int | float)]


@pytest.mark.parametrize("name", NEIGHBOURHOODS)
def test_a_neighbourhood_counts_what_its_plan_applies(name):
    (found,) = measured(works(N, [], [name], []))
    moves = NEIGHBOURHOODS[name](N)
    planned = engine.plan(moves.take(moves.ranked()), devices=1, room=moves.size + 1, valid=N, chains=True)
    assert found.applications == planned.applications
    assert (found.items, found.unit) == (moves.size, "candidates")
    assert found.flops == pytest.approx(found.applications * 4 * ROWS * D * H / found.seconds)
    assert found.share_of_peak == pytest.approx(found.flops / found.peak_flops)
    assert numbers(found)
    assert min(numbers(found)) >= 0


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


@pytest.mark.parametrize(
    ("todo", "message"),
    [
        ({"batches": [0]}, "a batch is 0; expected at least 1 candidate"),
        ({"neighbourhoods": ["nonsense"]}, "no neighbourhood 'nonsense'; choose one of adjacent"),
        ({"screens": ["nonsense"]}, "no neighbourhood 'nonsense'; choose one of adjacent"),
        ({"annealing": [0]}, "chains is 0; expected at least 1"),
        ({"relaxation": [0]}, "relaxation is 0; expected at least 1 row"),
        ({"training": [-1]}, "a batch of training is -1; expected at least 1 row"),
    ],
)
def test_what_does_not_exist_is_refused(todo, message):
    with pytest.raises(UsageError, match=f"^{message}"):
        works(N, **todo)


def products(shapes):
    """Floating-point operations of matrix products of (rows, inner, columns)."""
    return sum(2 * rows * inner * columns for rows, inner, columns in shapes)


def test_beams_are_measured_at_half_their_depth_and_count_their_products_and_expansions():
    readout, probes = measured(works(N, [], [], [], [3]))
    left = N - N // 2
    assert (readout.work, probes.work) == ("beam 3", "probe_beam 3")
    assert readout.items == probes.items == 3 * left**2
    grown = [(ROWS, D, H), (ROWS, H, D)]
    expanded = [(ROWS, D, H), (ROWS, H, left)] * left
    assert readout.flops == pytest.approx(3 * products(grown + expanded) / readout.seconds)
    moments = [(ROWS, D, H), (H, ROWS, H), (H, ROWS, D + 2)] * left
    screen = [(D, D, H), (H, D, H), (left, H, H)] * left
    fits = [(D, H, D), (H, H, D), (D, H, D), (D, D / 6, D)] * left * left
    assert probes.flops == pytest.approx(3 * products(grown + moments + screen + fits) / probes.seconds)
    for one in (readout, probes):
        assert one.share_of_peak == pytest.approx(one.flops / one.peak_flops)
        assert min(numbers(one)) >= 0
        assert one.bytes_per_second is one.share_of_bandwidth is None


def test_a_network_of_one_block_has_no_beam():
    assert not works(1, [], [], [], [3])
    with pytest.raises(UsageError, match=r"^width is 0; expected at least 1"):
        works(N, [], [], [], [0])


def test_annealing_counts_the_moves_of_all_chains_and_the_blocks_that_they_applied():
    (found,) = measured(works(N, annealing=[3]))
    assert (found.work, found.unit) == ("annealing 3", "moves")
    assert found.items % 3 == 0
    assert 0 < found.applications <= found.items * N
    assert found.flops == pytest.approx(found.applications * 4 * ROWS * D * H / found.seconds)
    assert found.items_per_second == pytest.approx(found.items / found.seconds)


def test_a_step_of_a_relaxation_has_no_closed_form_and_claims_no_share():
    (found,) = measured(works(N, relaxation=[7]))
    assert (found.work, found.rows, found.items, found.unit) == ("relaxation 7", 7, 1, "steps")
    assert found.flops is found.share_of_peak is found.applications is None
    (most,) = measured(works(N, relaxation=[7000]))
    assert most.rows == ROWS


def test_training_counts_three_forward_passes_of_the_rows_of_whole_batches():
    (found,) = measured(works(N, training=[5]))
    assert (found.work, found.items, found.unit) == ("training 5", ROWS, "rows")
    assert found.flops == pytest.approx(12 * ROWS * N * D * H / found.seconds)


def test_what_does_not_fit_into_memory_is_a_failure_and_the_rest_is_measured():
    puzzle, _ = reference.random_puzzle(3, n=N, d=D, h=H, rows=ROWS)
    todo = works(N, [2], widths=[100], annealing=[100], relaxation=[12])
    run = Run(memory=2**12)
    found = list(measure(puzzle, todo, rows=[ROWS], devices=[1], tiers=["accept"], run=run, repeats=1))
    assert [type(one).__name__ for one in found] == ["Measurement", *["Failure"] * 4]
    assert all("fit into memory" in one.error for one in found if isinstance(one, Failure))


def test_a_share_above_1_is_told_as_it_was_measured(monkeypatch):
    monkeypatch.setattr(Peaks, "_large", lambda self, arithmetic: lambda: 1.0)  # an operation a second
    (found,) = measured(works(N, [3]))
    assert found.peak_flops == 1.0
    assert found.share_of_peak == pytest.approx(found.flops)
    assert found.share_of_peak > 1


class Device:
    def __init__(self, platform, compute_capability=""):
        self.platform, self.compute_capability = platform, compute_capability


@pytest.mark.parametrize(
    ("device", "screen"),
    [
        (Device("cpu"), "float32"),
        (Device("gpu", "9.0"), "TF32"),
        (Device("gpu", "12.1"), "TF32"),
        (Device("gpu", "7.5"), "float32"),
        (Device("gpu", "gfx90a"), "reduced"),
        (Device("tpu"), "reduced"),
        (Device("metal"), "float32"),
    ],
)
def test_shares_are_of_products_in_the_arithmetic_of_the_work(device, screen):
    assert peaks.arithmetic_of(device, "screen") == screen
    assert peaks.arithmetic_of(device, "accept") == "float32"


def test_the_kernel_is_held_against_a_third_of_the_rate_of_its_products(monkeypatch):
    known = {"TF32": 399.0, "float32": 51.0}
    monkeypatch.setattr(Peaks, "_large", lambda self, arithmetic: lambda: known[arithmetic])
    monkeypatch.setattr(peaks, "arithmetic_of", lambda device, tier: "TF32" if tier == "screen" else "float32")
    told = {(tier, way): Peaks(1).of(tier, way) for tier in ("screen", "accept") for way in ("batched", "fused")}
    assert {key: (name, rate()) for key, (name, rate) in told.items()} == {
        ("screen", "batched"): ("TF32", 399.0),
        ("screen", "fused"): ("TF32", 399.0),
        ("accept", "batched"): ("float32", 51.0),
        ("accept", "fused"): ("3 x TF32", 133.0),
    }
