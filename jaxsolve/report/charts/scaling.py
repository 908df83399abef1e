"""Host: figures of throughput along an axis that doubles: rates, and shares of the peak."""

from collections.abc import Sequence
from typing import Any

from jaxsolve.report.charts.rendering import Chart, Row, altair, chart_of, titled


def scaling(rows: Sequence[Row], axis: str, note: str = "") -> Chart:
    """Return rates against the values of an axis, and below them shares of the peak.

    Parameters
    ----------
    rows
        For each measurement its `series`, `value`, `rate` in `unit` a second, and `share` of the peak, or None.
    axis
        What the values are.
    note
        What it was measured on.
    """
    alt, given = altair(), [*rows]
    ticks = sorted({row["value"] for row in given})
    scale = alt.Scale(type="log", base=2, nice=False, padding=12)
    x = alt.X("value:Q", title=axis, scale=scale, axis=alt.Axis(values=ticks, format=",", labelOverlap="greedy"))
    color = alt.Color("series:N", title=None, sort=None)
    shape = alt.Shape("series:N", sort=None, legend=None)
    tips: list[Any] = [alt.Tooltip("series:N"), alt.Tooltip("value:Q", title=axis)]

    def panel(name: str, y: Chart, height: int) -> Chart:
        own = [row for row in given if row[name] is not None]
        base = chart_of(own).encode(x, y, color)
        dots = base.mark_point(aria=False, filled=True, size=45).encode(shape=shape)
        tooltip = [*tips, alt.Tooltip(f"{name}:Q", format=".3~s")]
        return (base.mark_line() + dots.encode(tooltip=tooltip)).properties(width=520, height=height)

    units = " or ".join(dict.fromkeys(row["unit"] for row in given))
    rate = alt.Axis(format="~s", tickCount=8)
    panels = [panel("rate", alt.Y("rate:Q", title=f"{units} a second", scale=alt.Scale(type="log"), axis=rate), 240)]
    shares = [row["share"] for row in given if row["share"] is not None]
    if shares:
        # up to the peak, or to what was measured where that is more
        y = alt.Y("share:Q", title="share of the peak", scale=alt.Scale(domain=[0, max(1.0, *shares)], nice=False))
        panels.append(panel("share", y, 140))
    title = f"Throughput by {axis}"
    return titled(alt.vconcat(*panels), title, _told(given, axis), note)


def _told(rows: Sequence[Row], axis: str) -> str:
    """Return how the rate of each series runs, in a sentence."""
    sentences = []
    for series in dict.fromkeys(row["series"] for row in rows):
        own = [row for row in rows if row["series"] == series]
        first, last = own[0], own[-1]
        ends = f"from {first['rate']:.3g} a second at {first['value']:,} to {last['rate']:.3g} at {last['value']:,}"
        sentences.append(f"{series}: {ends}.")
    return f"Rates and shares of the peak by {axis}. {' '.join(sentences)}"
