"""Host: a chart with its numbers, as a figure of a page: for light paper and dark, for wide screens and narrow ones."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxsolve.report.charts import Chart, specification, svg_of, theme
from jaxsolve.report.markup import Markup, element, folded, joined, table, unbroken

NARROW_SCREEN = "(max-width: 40rem)"
MIDDLING_SCREEN = "(max-width: 64rem)"
DARK = "(prefers-color-scheme: dark)"
PADDING = 4
"""Units around what is drawn."""
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
    few: str = ""
    """What it shows in words, instead of the figure where that has few points."""
    points: int | None = None
    """How many it shows; None: one a row."""

    @property
    def title(self) -> str:
        """What is shown."""
        title = self.chart.title
        return title if isinstance(title, str) else str(title.text)

    @property
    def caption(self) -> str:
        """What the figure says, in a sentence or two."""
        return str(self.chart.description)

    def sparse(self, least: int = 20) -> bool:
        """Return whether a figure would say no more than a line of text: whether it has fewer points than `least`."""
        return (len(self.rows) if self.points is None else self.points) < least


def figure_element(figure: Figure) -> Markup:
    """Return a figure with its title, its caption, the chart for several screens and papers, and its numbers."""
    step = -(-len(figure.rows) // 500) or 1  # the page stays small
    some = element("p", f"Every {step}th of {len(figure.rows)}.") if step > 1 else ""
    numbers = table(figure.headings, figure.rows[::step], f"Numbers of: {figure.title}")
    said = element("figcaption", element("h3", figure.title), element("p", unbroken(figure.caption)))
    parts = [said, _picture(figure), folded("Numbers", joined([some, numbers]))]
    return element("figure", *parts, id=f"figure-{figure.name}", class_="large" if figure.large else None)


def few_element(figure: Figure) -> Markup:
    """Return what a figure of few points says, as text."""
    values = element("p", figure.few, class_="values") if figure.few else ""
    said = element("dd", element("p", unbroken(figure.caption)), values)
    return element("div", element("dt", figure.title), said, id=f"figure-{figure.name}")


def _picture(figure: Figure) -> Markup:
    """Return a chart as an element that shows the variant that suits the screen; the caption describes it.

    Plots of a kind have one width, and axes beside them one, so that the edges of figures below each other are the
    same. Widths are those of plots whose figures fill a phone, a column of a page, and a page.
    """
    narrow, column, page = 276, 505, 1104
    screens = [(NARROW_SCREEN, narrow)] + ([(MIDDLING_SCREEN, column)] if figure.large else [])
    wide = page if figure.large else column
    sources = []
    for media, width, dark in (
        *(
            (f"{screen} and {DARK}" if dark else screen, width, dark)
            for screen, width in screens
            for dark in (True, False)
        ),
        (DARK, wide, True),
    ):
        uri, size = _image(figure.chart, width, dark, below=width == narrow)
        sources.append(element("source", media=media, srcset=uri, **size))
    uri, size = _image(figure.chart, wide, False)
    return element("picture", *sources, element("img", src=uri, alt=f"{figure.title}; described above", **size))


def _image(chart: Chart, width: int, dark: bool, below: bool = False) -> tuple[str, dict[str, str]]:
    """Return a chart without its title, perhaps with its legend below, as a data URI, and its width and height."""
    drawing = resized(specification(chart, dark=dark), width)
    colors = theme(dark)
    legend = colors["legend"] | ({"orient": "bottom", "columns": 2, "labelLimit": 120} if below else {"orient": "top"})
    # 61 units beside the plot, whatever its labels are: 40 of them, 8 and 13 for the title
    edges = {"axisY": {"minExtent": 40, "maxExtent": 40}, "axisX": {"labelFlush": True, "labelBound": True}}
    drawing = drawing | {"config": colors | edges | {"legend": legend, "padding": PADDING}, "title": None}
    small = trimmed(smaller(svg_of(drawing).decode(), colors["font"]), width + 2 * PADDING + 61)
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


def trimmed(drawn: str, width: int) -> str:
    """Return an SVG that is so wide, where no more than some marks at its edge stand out of that into the padding."""
    found = re.search(r' width="([\d.]+)" height="([\d.]+)" viewBox="0 0 [\d.]+ [\d.]+"', drawn)
    if found is None or not abs(float(found[1]) - width) <= PADDING:
        return drawn
    size = f' width="{width}" height="{found[2]}" viewBox="0 0 {width} {found[2]}"'
    return drawn.replace(found[0], size, 1)


def resized(drawing: Any, width: int) -> Any:
    """Return a specification whose views are so wide; square ones stay square."""
    if isinstance(drawing, list):
        return [resized(part, width) for part in drawing]
    if not isinstance(drawing, dict):
        return drawing
    found = {
        key: resized(part, width) if key in ("spec", "layer", "hconcat", "vconcat", "concat") else part
        for key, part in drawing.items()
    }
    before = found.get("width")
    if isinstance(before, int | float):
        found["width"] = width
        if found.get("height") == before:
            found["height"] = width
    return found
