"""Host: charts as files, by Vega-Lite without a browser or a network; the libraries load when they are first used."""

from types import ModuleType
from typing import Any

from jaxsolve.errors import UsageError, install_words
from jaxsolve.report.charts.theme import theme

Chart = Any
"""An Altair chart: `altair.Chart` or a composition of them."""
Row = dict[str, Any]


def altair() -> ModuleType:
    """Return Altair; `UsageError` where it is not installed."""
    return _library("altair")


def libraries() -> None:
    """Load what figures need; `UsageError` where it is not installed."""
    for name in ("altair", "vl_convert"):
        _library(name)


def specification(chart: Chart, *, dark: bool = False) -> Row:
    """Return the Vega-Lite specification of a chart, with all its data and our theme."""
    return chart.to_dict() | {"config": theme(dark)}


def svg(chart: Chart, *, dark: bool = False) -> bytes:
    """Return a chart as SVG."""
    return svg_of(specification(chart, dark=dark))


def svg_of(drawing: Row) -> bytes:
    """Return what a Vega-Lite specification describes as SVG."""
    return _library("vl_convert").vegalite_to_svg(drawing).encode()


def png(chart: Chart, *, dark: bool = False, pixels: float = 2.0) -> bytes:
    """Return a chart as PNG, at so many pixels a unit."""
    return _library("vl_convert").vegalite_to_png(specification(chart, dark=dark), scale=pixels)


def chart_of(rows: list[Row]) -> Chart:
    """Return an empty chart of some rows, one object a mark; they are held in the chart, however many there are."""
    alt = altair()
    return alt.Chart(alt.Data(values=rows))


def sized(chart: Chart, height: Any = 240) -> Chart:
    """Return a chart as wide as most; its height is in the same units, or a step of Altair's."""
    return chart.properties(width=520, height=height)


def titled(chart: Chart, title: str, description: str, note: str = "") -> Chart:
    """Return a finished chart with what it needs to be read.

    Parameters
    ----------
    chart
        The chart, or a composition of charts.
    title, note
        What is shown, and below it in small letters what it was taken from.
    description
        What the chart says, for those who cannot see it.
    """
    alt = altair()
    heading = alt.Title(title, subtitle=note) if note else alt.Title(title)
    return chart.properties(title=heading, description=description)


def _library(name: str) -> ModuleType:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError(f"figures need {name}, which is not installed; {install_words('report')}") from error
