"""Host: axes of figures: errors in powers of ten, counts, and edges that are the same in all figures of a page."""

import math
from collections.abc import Iterable
from typing import Any

from jaxsolve.report.charts.rendering import Chart, altair

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
WHOLE = "abs(log(datum.value) / LN10 - round(log(datum.value) / LN10)) < 1e-6"
"""Whether a value is a power of ten, in the language of Vega."""
SHORT = "format(datum.value, '~s')"
"""Labels with a prefix each, where one for all would make ``0k`` of 0."""


def power(exponent: int) -> str:
    """Return a power of ten as axes have it: 1, 10, and from there on 10², or 10⁻³."""
    return str(10**exponent) if exponent in (0, 1) else f"10{str(exponent).translate(SUPERSCRIPTS)}"


def logarithmic(field: str, title: str, values: Iterable[float], *, labels: int = 8) -> Chart:
    """Return a vertical axis of positive values in powers of ten, with fainter lines between them.

    Every decade has a tick, and a label where there are no more than so many `labels`; up to three decades are divided
    at 2 to 9. Values of less than a decade, which have no two powers of ten beside each other, stand on a linear axis.
    """
    alt, given = altair(), [*values]
    low, high = math.log10(min(given)), math.log10(max(given))
    if high - low < 1:
        axis = alt.Axis(format="~g", tickCount=5)
        return alt.Y(f"{field}:Q", title=title, scale=alt.Scale(zero=False), axis=axis)
    first, last = math.floor(low + 1e-9), math.ceil(high - 1e-9)
    decades = range(first, last + 1)
    step = -(-len(decades) // labels)
    told = {str(exponent): power(exponent) for exponent in decades if exponent % step == 0}
    between = range(1, 10) if len(decades) <= 4 else (1,)
    ticks = [float(f"{k}e{exponent}") for exponent in decades for k in between if k == 1 or exponent < last]
    bold = " || ".join(f"k == {exponent}" for exponent in told).replace("k", "round(log(datum.value) / LN10)")
    major = f"{WHOLE} && ({bold})"
    axis = alt.Axis(
        values=ticks,
        labelExpr=f"{major} ? {told}[round(log(datum.value) / LN10)] : ''",
        gridOpacity=_either(major, 1.0, 0.35),
        tickSize=_either(major, 5, 3),
        labelOverlap=False,
    )
    scale = alt.Scale(type="log", domain=[float(f"1e{first}"), float(f"1e{last}")], nice=False)
    return alt.Y(f"{field}:Q", title=title, scale=scale, axis=axis)


def counts() -> Chart:
    """Return an axis of counts, with prefixes for thousands and millions."""
    return altair().Axis(labelExpr=SHORT, tickCount=6, labelOverlap="greedy", labelSeparation=8)


def powers(most: int) -> Chart:
    """Return an axis that begins at 0 and goes on in powers of ten."""
    return altair().Axis(labelExpr=SHORT, values=[0, *(10**k for k in range(len(str(most))))])


def _either(test: str, one: Any, other: Any) -> dict[str, Any]:
    return {"condition": {"test": test, "value": one}, "value": other}
