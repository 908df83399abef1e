"""Host: a chart with its numbers, as a figure of a page: for light paper and dark, for wide screens and narrow ones."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxsolve.figures import Chart, specification, svg_of, theme
from jaxsolve.report.markup import Markup, element, folded, joined, table

WIDE, NARROW = 440, 250
"""Units that the inner part of a chart is wide, beside which there are labels."""
NARROW_SCREEN = "(max-width: 40rem)"
DARK = "(prefers-color-scheme: dark)"
MOST_ROWS = 500
"""Of the table below a figure."""
NEEDLESS = re.compile(
    r' (?:role|aria-[a-z]+|class|pointer-events|stroke-miterlimit|font-family)="[^"]*"'
    r'| (?:opacity|stroke-width|stroke-opacity)="1"| transform="translate\(0,0\)"|<path d="M0,0h0v0h0Z"/>'
)
"""What an SVG shown as an image can do without."""


@dataclass(frozen=True, eq=False)
class Figure:
    """A chart, and the numbers that it shows."""

    name: str
    """Of its files, and of the element on the page."""
    chart: Chart
    headings: Sequence[str]
    rows: Sequence[Sequence[object]]
    """One a mark or a block, as `headings` names their parts."""
    large: bool = False
    """Whether it takes the whole width of the page."""


def figure_element(figure: Figure) -> Markup:
    """Return a figure with its title, its description, the chart in four variants, and its numbers."""
    chart = figure.chart.to_dict()
    title = chart["title"]["text"] if isinstance(chart["title"], dict) else chart["title"]
    step = -(-len(figure.rows) // MOST_ROWS) or 1
    some = element("p", f"Every {step}th of {len(figure.rows)}.") if step > 1 else ""
    numbers = table(figure.headings, figure.rows[::step], f"Numbers of: {title}")
    said = element("figcaption", element("h3", title), element("p", chart["description"]))
    picture = _picture(figure.chart, str(title))
    return element("figure", said, picture, folded("Numbers", joined([some, numbers])), id=f"figure-{figure.name}")


def _picture(chart: Chart, title: str) -> Markup:
    """Return a chart as an element that shows the variant that suits the screen; the caption describes it."""
    sources = []
    for media, width, dark in (
        (f"{NARROW_SCREEN} and {DARK}", NARROW, True),
        (NARROW_SCREEN, NARROW, False),
        (DARK, WIDE, True),
    ):
        uri, size = _image(chart, width, dark)
        sources.append(element("source", media=media, srcset=uri, **size))
    uri, size = _image(chart, WIDE, False)
    return element("picture", *sources, element("img", src=uri, alt=f"{title}; described above", **size))


def _image(chart: Chart, width: int, dark: bool) -> tuple[str, dict[str, str]]:
    """Return a chart without its title as a data URI, and its width and height."""
    drawing = resized(specification(chart, dark=dark), width)
    colors = theme(dark)
    legend = colors["legend"] | ({"orient": "bottom", "columns": 2, "labelLimit": 120} if width == NARROW else {})
    drawing = drawing | {"config": colors | {"legend": legend, "padding": 4}, "title": None}
    drawn = svg_of(drawing).decode()
    family = colors["font"].replace('"', "'")
    small = NEEDLESS.sub("", drawn).replace("<svg ", f'<svg font-family="{family}" ', 1)
    found = re.search(r'width="([\d.]+)" height="([\d.]+)"', small)
    size = {"width": found[1], "height": found[2]} if found else {}
    return f"data:image/svg+xml;base64,{base64.b64encode(small.encode()).decode()}", size


def resized(drawing: Any, width: int) -> Any:
    """Return a specification whose views are no wider than some width; square ones stay square."""
    if isinstance(drawing, list):
        return [resized(part, width) for part in drawing]
    if not isinstance(drawing, dict):
        return drawing
    found = {
        key: resized(part, width) if key in ("spec", "layer", "hconcat", "vconcat", "concat") else part
        for key, part in drawing.items()
    }
    before = found.get("width")
    if isinstance(before, int | float) and before > width:
        found["width"] = width
        if found.get("height") == before:
            found["height"] = width
    return found
