"""A scale doubles one axis, and a series that fails or would take too long ends alone and stays in what is yielded."""

import pytest

from jaxsolve.errors import UsageError
from jaxsolve.profiling import Failure, doubling, scale, works
from jaxsolve.run import Run
from tests import reference

N, ROWS = 5, 12


def scaled(axis, values, at, **options):
    puzzle, _ = reference.random_puzzle(3, n=N, rows=ROWS)
    grid = {"rows": ROWS, "devices": 1, "tier": "accept", "run": Run(), "repeats": 1} | options
    return list(scale(puzzle, axis, values, at, **grid))


def test_values_double_and_end_with_the_largest():
    assert doubling(8, 50) == [8, 16, 32, 50]
    assert doubling(8, 32) == [8, 16, 32]
    assert doubling(8, 3) == [3]


def test_widths_are_those_of_both_beams():
    points = scaled("width", [2, 4], lambda width: works(N, widths=[width]))
    assert [(point.series, point.value) for point in points] == [
        ("beam", 2), ("probe_beam", 2), ("beam", 4), ("probe_beam", 4),
    ]  # fmt: skip
    assert [point.found.items for point in points] == [width * 9 for width in (2, 2, 4, 4)]


def test_rows_are_those_of_the_problem():
    points = scaled("rows", [4, 8], lambda _: works(N, [3], ["swaps"]))
    assert [(point.series, point.value, point.found.rows) for point in points] == [
        ("batch 3", 4, 4), ("swaps", 4, 4), ("batch 3", 8, 8), ("swaps", 8, 8),
    ]  # fmt: skip


def test_a_series_that_does_not_fit_ends_and_the_others_go_on():
    room = 2 * 4 * 6 * ROWS * 4  # bytes for six states of four features, and as much that is made of them
    points = scaled(
        "width", [4, 8, 16], lambda width: [*works(N, widths=[width])[:1], *works(N, [3])], run=Run(memory=room)
    )
    assert [point.series for point in points] == ["beam", "batch 3", "beam", "batch 3", "batch 3"]
    assert isinstance(points[2].found, Failure)
    assert "beam is 8; on 12 rows 6 fit into memory" in points[2].found.error


def test_a_series_that_would_take_too_long_ends():
    points = scaled("batch", [4, 8, 16], lambda size: works(N, [size]), longest=1e-9)
    assert [type(point.found).__name__ for point in points] == ["Measurement", "Failure"]
    assert "a repetition would take some" in points[1].found.error


def test_more_devices_than_there_are_are_refused():
    with pytest.raises(UsageError, match=r"^devices is 999; there are"):
        scaled("devices", [999], lambda _: works(N, [3]))
