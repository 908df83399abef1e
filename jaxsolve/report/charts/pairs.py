"""Host: figures of pairs of halves: their norms, their residuals and their scores."""

import numpy as np
from numpy.typing import NDArray

from jaxsolve.analysis import Norms, PairScore, Residuals
from jaxsolve.report.charts.rendering import Chart, Row, altair, chart_of, sized, titled

BLOCKS, OTHERS = "blocks", "all other pairs"


def norm_histogram(norms: Norms, note: str = "") -> Chart:
    """Return how the Frobenius norms of first and of second halves are distributed."""
    kinds = {"first halves, W_in": norms.w_in, "second halves, W_out": norms.w_out}
    edges = np.histogram_bin_edges(np.concatenate([*kinds.values()]), 40)
    rows = [row for kind, sizes in kinds.items() for row in _bars(kind, sizes, edges)]
    said = "; ".join(f"{kind} from {sizes.min():.3g} to {sizes.max():.3g}" for kind, sizes in kinds.items())
    chart = _facets(rows, "Frobenius norm of the weights", [*kinds], "halves")
    return titled(chart, "Norms of the halves", f"Two histograms of Frobenius norms: {said}.", note)


def residual_histogram(residuals: Residuals, note: str = "") -> Chart:
    """Return how large what pairs would add to the inputs is beside these, of blocks and of all other pairs."""
    title = "Residual size of every pair of halves, on the inputs"
    x = "mean of ‖r(x)‖ / ‖x‖"
    return _against(residuals.ratios, residuals.right, title, x, note)


def pair_histogram(score: PairScore, note: str = "") -> Chart:
    """Return how a score of blocks and of all other pairs is distributed."""
    return _against(score.scores, score.right, f"Pair scores by {score.name}", f"{score.name} (score)", note)


def pair_heatmap(score: PairScore, note: str = "") -> Chart:
    """Return the scores of all pairs, first halves down, second halves across in the order of their partners.

    Blocks lie on the diagonal; halves without a partner come last.
    """
    alt, (ins, outs) = altair(), _with_partners(score.right)
    rows = [
        {"i": a, "j": b, "first": score.in_ids[i], "second": score.out_ids[j], "score": float(score.scores[i, j])}
        for a, i in enumerate(ins)
        for b, j in enumerate(outs)
    ]
    said = f"{_rivals(score)} Blocks are on the diagonal of the {len(ins)} by {len(outs)} scores."
    title, side = f"Scores of all pairs by {score.name}", 420
    x = alt.X("j:O", title="second half (by partner)", axis=alt.Axis(labels=False, ticks=False))
    y = alt.Y("i:O", title="first half (by piece id)", axis=alt.Axis(labels=False, ticks=False))
    tips = [alt.Tooltip(f"{name}:Q") for name in ("first", "second", "score")]
    chart = chart_of(rows).mark_rect(aria=False).encode(x, y, alt.Color("score:Q", title="score"), tips)
    return titled(chart.properties(width=side, height=side), title, said, note)


def separation(scores: tuple[PairScore, ...], note: str = "") -> Chart:
    """Return how every score tells blocks from all other pairs: ranges and medians, in standard deviations."""
    alt, rows = altair(), []
    for score in scores:
        mean, std = float(score.scores.mean()), float(score.scores.std())
        for kind, summary in ((BLOCKS, score.pairs), (OTHERS, score.others)):
            if summary is not None:
                values = {name: (getattr(summary, name) - mean) / (std or 1.0) for name in ("min", "median", "max")}
                rows.append({"name": score.name, "kind": kind, **values})
    said = "; ".join(f"{score.name} settles {score.certain} of {len(score.margins)}" for score in scores)
    base = chart_of(rows)
    y = alt.Y("name:N", title=None, sort=[score.name for score in scores])
    shift = alt.YOffset("kind:N", sort=[BLOCKS, OTHERS])
    color, x = _kinds([BLOCKS, OTHERS]), alt.X("min:Q", title="score (standard deviations from the mean of all pairs)")
    spans = base.mark_bar(height=3, opacity=0.6).encode(x, alt.X2("max:Q"), y, shift, color)
    middles = base.mark_point(filled=True, size=45, opacity=1).encode(alt.X("median:Q"), y, shift, color)
    chart = sized(spans + middles, alt.Step(16))
    return titled(chart, "How each score tells blocks from other pairs", f"Ranges of scores: {said}.", note)


def _against(values: NDArray[np.float64], right: NDArray[np.bool_], title: str, x: str, note: str) -> Chart:
    """Return two histograms above each other with one axis of values: blocks, and all other pairs."""
    edges = np.histogram_bin_edges(values[np.isfinite(values)], 60)
    parts = {kind: part for kind, part in ((BLOCKS, values[right]), (OTHERS, values[~right])) if part.size}
    rows = [row for kind, part in parts.items() for row in _bars(kind, part, edges)]
    said = "; ".join(f"{kind} from {part.min():.3g} to {part.max():.3g}" for kind, part in parts.items())
    said = f"{said[0].upper()}{said[1:]}"
    if len(parts) == 2:
        above = int((parts[OTHERS] >= parts[BLOCKS].min()).sum())
        apart = "no other pair reaches the lowest block"
        said += f": {above:,} other pairs reach the lowest block" if above else f": {apart}"
    return titled(_facets(rows, x, [*parts], "pairs"), title, f"{said}.", note)


def _rivals(score: PairScore) -> str:
    """Return how many blocks score above all other pairs of their halves, and which of them does so least."""
    blocks, every = score.certain, len(score.margins)
    told = f"{blocks} of {every} blocks score above every other pair of either half"
    rivals = np.where(score.right, -np.inf, score.scores)
    places = np.argwhere(score.right)
    if not len(places) or not np.isfinite(rivals).any():
        return f"{told}."
    others = [max(rivals[i].max(), rivals[:, j].max()) for i, j in places]
    k = int(np.argmin([score.scores[i, j] - other for (i, j), other in zip(places, others, strict=True)]))
    i, j = places[k]
    pair = f"pieces {score.in_ids[i]} and {score.out_ids[j]}"
    return f"{told}; least sure are {pair}, {score.scores[i, j]:.3g} against {others[k]:.3g}."


def _bars(kind: str, values: NDArray[np.float64], edges: NDArray[np.float64]) -> list[Row]:
    counts = np.histogram(values[np.isfinite(values)], edges)[0]
    bins = zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
    return [{"kind": kind, "low": low, "high": high, "count": count} for low, high, count in bins if count]


def _facets(rows: list[Row], x: str, kinds: list[str], counted: str) -> Chart:
    """Return bars as one histogram a kind, each with a scale of its own for how many there are."""
    alt = altair()
    bars = (
        chart_of(rows)
        .mark_bar(binSpacing=0.5)
        .encode(
            alt.X("low:Q", bin="binned", title=x, scale=alt.Scale(zero=False)),
            alt.X2("high:Q"),
            alt.Y("count:Q", title=counted, axis=alt.Axis(tickMinStep=1, tickCount=4)),
            _kinds(kinds, legend=False),
            tooltip=[alt.Tooltip(f"{name}:Q", format=".4") for name in ("low", "high", "count")],
        )
    )
    row = alt.Row("kind:N", title=None, sort=kinds, header=alt.Header(labelAngle=0, labelOrient="top"))
    return sized(bars, 120).facet(row=row).resolve_scale(y="independent")


def _kinds(kinds: list[str], legend: bool = True) -> Chart:
    alt = altair()
    domain = alt.Scale(domain=kinds)
    shown = alt.Legend(orient="top") if legend else None
    return alt.Color("kind:N", title=None, scale=domain, legend=shown)


def _with_partners(right: NDArray[np.bool_]) -> tuple[list[int], list[int]]:
    """Return the rows of a score matrix and, in the order of their partners, its columns."""
    paired = np.argwhere(right)
    ins, outs = ([*paired[:, side], *np.setdiff1d(np.arange(right.shape[side]), paired[:, side])] for side in (0, 1))
    return [*map(int, ins)], [*map(int, outs)]
