"""Host: how figures look, on light paper and on dark: all colors are here, and charts name only what they stand for."""

from typing import Any

FONT = "system-ui, 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif"

LIGHT = {
    "paper": "#ffffff",
    "ink": "#1f2937",
    "faint": "#6b7280",
    "grid": "#e5e7eb",
    "category": ["#c2410c", "#7c8798", "#1d4ed8", "#047857"],
    "ramp": ["#f2a900", "#d6336c", "#3b2fa8"],
    "heatmap": ["#f3f6fb", "#93b4e8", "#1e3a8a"],
    "diverging": ["#1d4ed8", "#a9c1f5", "#f5f6f8", "#f3b48d", "#c2410c"],
}
DARK = {
    "paper": "#11151c",
    "ink": "#e5e9f0",
    "faint": "#9aa5b5",
    "grid": "#2a3240",
    "category": ["#fb923c", "#8592a6", "#6ea8fe", "#34d399"],
    "ramp": ["#fde047", "#fb7185", "#8f8bff"],
    "heatmap": ["#1b222d", "#3f6fb5", "#d5e6ff"],
    "diverging": ["#6ea8fe", "#35547f", "#1b222d", "#8a5230", "#fb923c"],
}


def theme(dark: bool) -> dict[str, Any]:
    """Return the Vega-Lite configuration of all figures (https://vega.github.io/vega-lite/docs/config.html).

    The first category is what a figure is about, the second what it is compared with; the ramp runs with depth; the
    middle of the diverging range fades into the paper.
    """
    colors = DARK if dark else LIGHT
    words = {"labelColor": colors["ink"], "titleColor": colors["ink"], "labelFont": FONT, "titleFont": FONT}
    first = colors["category"][0]
    return {
        "background": colors["paper"],
        "font": FONT,
        "padding": 12,
        "view": {"stroke": None},
        "title": {
            "color": colors["ink"],
            "subtitleColor": colors["faint"],
            "font": FONT,
            "subtitleFont": FONT,
            "fontSize": 15,
            "subtitleFontSize": 11,
            "anchor": "start",
            "frame": "group",
            "offset": 12,
            "subtitlePadding": 4,
        },
        "axis": {
            **words,
            "domainColor": colors["faint"],
            "tickColor": colors["faint"],
            "gridColor": colors["grid"],
            "titleFontWeight": "normal",
            "labelFontSize": 11,
            "titleFontSize": 12,
            "titlePadding": 8,
        },
        "legend": {**words, "titleFontWeight": "normal", "labelFontSize": 11, "titleFontSize": 12},
        "header": {**words, "titleFontWeight": "normal", "labelFontSize": 12, "labelAnchor": "start"},
        "range": {name: colors[name] for name in ("category", "ramp", "heatmap", "diverging")},
        "mark": {"color": first, "tooltip": True},
        "line": {"strokeWidth": 1.5},
        "rule": {"color": colors["faint"], "strokeDash": [4, 3]},
        "text": {"color": colors["ink"], "font": FONT},
    }
