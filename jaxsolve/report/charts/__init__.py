"""Host: measurements as Altair charts (https://altair-viz.github.io): one function a figure, none of them writes."""

from jaxsolve.report.charts.axes import counts, logarithmic, power, powers
from jaxsolve.report.charts.blocks import (
    active_fraction,
    block_properties,
    delta_norm,
    effective_rank,
    eigenvalues,
    isometry_scatter,
    product_heatmaps,
    singular_values,
    state_norm,
    traces,
    update_ratio,
)
from jaxsolve.report.charts.orders import cycle_margins, preferences, seed_correlation, seed_orders
from jaxsolve.report.charts.pairs import norm_histogram, pair_heatmap, pair_histogram, residual_histogram, separation
from jaxsolve.report.charts.registry import FIGURES, best_score, figures_of
from jaxsolve.report.charts.rendering import Chart, altair, chart_of, libraries, png, specification, svg, svg_of, titled
from jaxsolve.report.charts.theme import theme

__all__ = [
    "FIGURES",
    "Chart",
    "active_fraction",
    "altair",
    "best_score",
    "block_properties",
    "chart_of",
    "counts",
    "cycle_margins",
    "delta_norm",
    "effective_rank",
    "eigenvalues",
    "figures_of",
    "isometry_scatter",
    "libraries",
    "logarithmic",
    "norm_histogram",
    "pair_heatmap",
    "pair_histogram",
    "png",
    "power",
    "powers",
    "preferences",
    "product_heatmaps",
    "residual_histogram",
    "seed_correlation",
    "seed_orders",
    "separation",
    "singular_values",
    "specification",
    "state_norm",
    "svg",
    "svg_of",
    "theme",
    "titled",
    "traces",
    "update_ratio",
]
