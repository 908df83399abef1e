"""Host: a chart with its numbers, as a figure of a page: for light paper and dark, for wide screens and narrow ones."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxsolve.report.charts import Chart, specification, svg_of, theme
from jaxsolve.report.markup import Markup, element, folded, joined, table

NARROW_SCREEN = "(max-width: 40rem)"
DARK = "(prefers-color-scheme: dark)"
NEEDLESS = re.compile(
    r' (?:role|aria-[a-z]+|class|pointer-events|stroke-miterlimit|font-family)="[^"]*"'
    r'| (?:opacity|stroke-width|stroke-opacity)="1"| transform="translate\(0,0\)"|<path d="M0,0h0v0h0Z"/>'
)
"""What an SVG shown as an image can do without."""
MARKS = re.compile(r'(?:<path d="[^"]*Z" fill="#[0-9a-f]{6}"/>){2,}')
MARK = re.compile(r'<path d="([^"]*Z)" fill="(#[0-9a-f]{6})"/>')
"""Closed paths, as cells of a heat map are; those of a color can be one path, since they do not overlap."""


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
    step = -(-len(figure.rows) // 500) or 1  # the page stays small
    some = element("p", f"Every {step}th of {len(figure.rows)}.") if step > 1 else ""
    numbers = table(figure.headings, figure.rows[::step], f"Numbers of: {title}")
    said = element("figcaption", element("h3", title), element("p", chart["description"]))
    picture = _picture(figure.chart, str(title), 940 if figure.large else 440)
    return element("figure", said, picture, folded("Numbers", joined([some, numbers])), id=f"figure-{figure.name}")


def _picture(chart: Chart, title: str, width: int) -> Markup:
    """Return a chart as an element that shows the variant that suits the screen; the caption describes it.

    Its inner part, beside which there are labels, is so many units wide, and less on a narrow screen.
    """
    sources, narrow = [], 270
    for media, side, dark in (
        (f"{NARROW_SCREEN} and {DARK}", narrow, True),
        (NARROW_SCREEN, narrow, False),
        (DARK, width, True),
    ):
        uri, size = _image(chart, side, dark, below=side == narrow)
        sources.append(element("source", media=media, srcset=uri, **size))
    uri, size = _image(chart, width, False)
    return element("picture", *sources, element("img", src=uri, alt=f"{title}; described above", **size))


def _image(chart: Chart, width: int, dark: bool, below: bool = False) -> tuple[str, dict[str, str]]:
    """Return a chart without its title, perhaps with its legend below, as a data URI, and its width and height."""
    drawing = resized(specification(chart, dark=dark), width)
    colors = theme(dark)
    legend = colors["legend"] | ({"orient": "bottom", "columns": 2, "labelLimit": 120} if below else {})
    drawing = drawing | {"config": colors | {"legend": legend, "padding": 4}, "title": None}
    small = smaller(svg_of(drawing).decode(), colors["font"])
    found = re.search(r'width="([\d.]+)" height="([\d.]+)"', small)
    size = {"width": found[1], "height": found[2]} if found else {}
    return f"data:image/svg+xml;base64,{base64.b64encode(small.encode()).decode()}", size


def smaller(drawn: str, font: str) -> str:
    """Return an SVG that looks the same in an image, without what only readers of its elements would need."""
    drawn = NEEDLESS.sub("", drawn).replace("<svg ", f'<svg font-family="{font}" ', 1)
    drawn = re.sub(
        r"rgb\((\d+), (\d+), (\d+)\)", lambda rgb: "#" + "".join(f"{int(c):02x}" for c in rgb.groups()), drawn
    )
    drawn = re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", drawn)

    def by_color(run: re.Match[str]) -> str:
        paths: dict[str, list[str]] = {}
        for path, color in MARK.findall(run[0]):
            paths.setdefault(color, []).append(path)
        return "".join(f'<path d="{"".join(found)}" fill="{color}"/>' for color, found in paths.items())

    return MARKS.sub(by_color, drawn)


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
