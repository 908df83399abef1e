"""Host: all figures by name, and what each is drawn from."""

from collections.abc import Callable, Iterator

from jaxsolve.analysis import Analysis, PairScore
from jaxsolve.report.charts import blocks, orders, pairs
from jaxsolve.report.charts.rendering import Chart


def best_score(scores: tuple[PairScore, ...]) -> PairScore:
    """Return the score that tells blocks from other pairs most clearly: by certain blocks, then by median margin."""
    return max(scores, key=lambda score: (score.certain, sorted(score.margins.tolist())[len(score.margins) // 2]))


FIGURES: dict[str, tuple[tuple[str, ...], Callable[..., Chart]]] = {
    "norms": (("norms",), pairs.norm_histogram),
    "residuals": (("residuals",), pairs.residual_histogram),
    "separation": (("pair_scores",), pairs.separation),
    "pair-scores": (("pair_scores",), lambda scores, note: pairs.pair_histogram(best_score(scores), note)),
    "pair-heatmap": (("pair_scores",), lambda scores, note: pairs.pair_heatmap(best_score(scores), note)),
    "products": (("products",), lambda found, note: blocks.product_heatmaps(found, note=note)),
    "eigenvalues": (("products",), blocks.eigenvalues),
    "singular-values": (("products",), blocks.singular_values),
    "effective-rank": (("products",), blocks.effective_rank),
    "traces": (("products",), blocks.traces),
    "delta-norm": (("forward",), blocks.delta_norm),
    "update-ratio": (("forward",), blocks.update_ratio),
    "active-fraction": (("forward",), blocks.active_fraction),
    "state-norm": (("forward",), blocks.state_norm),
    "block-properties": (("products", "forward"), blocks.block_properties),
    "isometry": (("isometry",), blocks.isometry_scatter),
    "preferences": (("transitivity",), orders.preferences),
    "cycle-margins": (("transitivity",), orders.cycle_margins),
    "seed-correlation": (("seeds",), orders.seed_correlation),
    "seed-orders": (("seeds",), orders.seed_orders),
}
"""By the names of their files: the measurements that they show, and a function of these and of a note."""


def figures_of(analysis: Analysis) -> Iterator[tuple[str, Chart]]:
    """Yield the charts of everything that was measured, by name."""
    subject = analysis.subject
    note = f"{subject.puzzle.name}, {subject.source}"
    for name, (needed, draw) in FIGURES.items():
        if all(one in analysis.results for one in needed):
            yield name, draw(*(analysis.results[one] for one in needed), note)
