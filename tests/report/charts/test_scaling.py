"""The chart of a scale draws every rate and only the shares that there are, and cuts none of them off."""

import pytest

from jaxsolve.report.charts import specification, svg
from jaxsolve.report.charts.scaling import scaling

ROWS = [
    {"series": "beam", "value": 8, "rate": 100.0, "unit": "expansions", "share": 0.5},
    {"series": "beam", "value": 16, "rate": 5000.0, "unit": "expansions", "share": 1.25},
    {"series": "relaxation", "value": 8, "rate": 3.0, "unit": "steps", "share": None},
]


def test_all_rates_and_the_shares_that_there_are_are_drawn():
    drawing = specification(scaling(ROWS, "width"))
    rates, shares = drawing["vconcat"]
    titles = [panel["layer"][0]["encoding"]["y"]["title"] for panel in (rates, shares)]
    assert titles == ["expansions or steps a second", "share of the peak"]
    assert shares["layer"][0]["encoding"]["y"]["scale"]["domain"] == [0, 1.25]
    assert drawing["description"].endswith(
        "beam: from 100 a second at 8 to 5e+03 at 16. relaxation: from 3 a second at 8 to 3 at 8."
    )
    assert b"Throughput by width" in svg(scaling(ROWS, "width", "here"))


def test_shares_have_no_panel_where_there_are_none():
    assert len(specification(scaling(ROWS[2:], "rows"))["vconcat"]) == 1


@pytest.mark.parametrize("dark", [False, True])
def test_it_is_drawn_as_svg(dark):
    assert svg(scaling(ROWS[:2], "rows"), dark=dark).startswith(b"<svg")
