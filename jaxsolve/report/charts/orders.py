"""Host: figures of orders: preferences of blocks for each other's places, and how near seeds come to an answer."""

import numpy as np

from jaxsolve.analysis import Seeds, Transitivity
from jaxsolve.report.charts.rendering import Chart, altair, chart_of, sized, titled


def preferences(found: Transitivity, note: str = "") -> Chart:
    """Return the change of the error when two blocks exchange their places in a first order."""
    alt = altair()
    positions = found.positions.tolist()
    gaps = np.triu(found.gaps, 1)
    finite = np.abs(gaps[np.isfinite(gaps) & (gaps != 0)])
    constant = float(np.median(finite)) / 10 if finite.size else 1.0
    rows = [
        {"earlier": positions[s], "later": positions[t], "change": float(gaps[s, t])}
        for s, t in zip(*np.triu_indices(len(gaps), 1), strict=True)
        if np.isfinite(gaps[s, t])
    ]
    worse = sum(row["change"] > 0 for row in rows)
    said = f"Of {len(rows)} exchanges in the order by {found.order_seed}, {worse} raise the error; {_told(found)}."
    largest = float(finite.max(initial=constant))
    scale = alt.Scale(type="symlog", constant=constant, domain=[-largest, largest], domainMid=0, interpolate="lab")
    axis = alt.Axis(values=positions[:: max(1, len(positions) // 8)], labelAngle=0)
    chart = (
        chart_of(rows)
        .mark_rect(aria=False)
        .encode(
            alt.X("later:O", title=f"position of the later block, by {found.order_seed}", axis=axis),
            alt.Y("earlier:O", title="position of the earlier block", axis=axis),
            alt.Color("change:Q", title="change of MSE", scale=scale, legend=alt.Legend(format=".0e")),
            [alt.Tooltip(f"{name}:Q", format=".4") for name in ("earlier", "later", "change")],
        )
    )
    title = f"Exchanges of two blocks: {_told(found)}"
    return titled(chart.properties(width=420, height=420), title, said, note)


def cycle_margins(found: Transitivity, note: str = "") -> Chart:
    """Return how much exchanges change the error, of all and of the weakest in triples that contradict themselves."""
    alt = altair()
    every = np.abs(found.gaps[np.triu_indices(len(found.gaps), 1)])
    weakest = found.cycle_margins[:, 0]
    parts = {"weakest of a three-cycle": weakest, "all exchanges": every}
    parts = {kind: part[np.isfinite(part) & (part > 0)] for kind, part in parts.items()}
    parts = {kind: np.log10(part) for kind, part in parts.items() if part.size}
    edges = np.histogram_bin_edges(np.concatenate([*parts.values(), np.zeros(0)]), 40)
    rows = [
        {"kind": kind, "low": 10**low, "high": 10**high, "count": int(count)}
        for kind, part in parts.items()
        for low, high, count in zip(edges[:-1], edges[1:], np.histogram(part, edges)[0], strict=True)
        if count
    ]
    medians = "; ".join(f"median of {kind} {10 ** float(np.median(part)):.2g}" for kind, part in parts.items())
    bars = (
        chart_of(rows)
        .mark_bar()
        .encode(
            alt.X(
                "low:Q",
                title="|change of MSE| of an exchange",
                scale=alt.Scale(type="log"),
                axis=alt.Axis(format="~e", grid=False),
            ),
            alt.X2("high:Q"),
            alt.Y("count:Q", title="exchanges", axis=alt.Axis(tickMinStep=1, tickCount=4)),
            alt.Y2Datum(0),
            alt.Color("kind:N", legend=None, scale=alt.Scale(domain=[*parts])),
        )
    )
    row = alt.Row("kind:N", title=None, sort=[*parts], header=alt.Header(labelAngle=0, labelOrient="top"))
    chart = sized(bars, 120).facet(row=row).resolve_scale(y="independent")
    return titled(chart, f"Margins of preferences: {_told(found)}", f"Histograms of margins: {medians}.", note)


def seed_correlation(found: Seeds, note: str = "") -> Chart:
    """Return the rank correlation of every ordering seed with an answer."""
    alt = altair()
    rows = [{"name": one.name, "spearman": one.spearman, "mse": one.mse} for one in found.orders]
    said = "; ".join(f"{row['name']} {row['spearman']:.3f}" for row in rows)
    tips = [alt.Tooltip("name:N"), alt.Tooltip("spearman:Q", format=".4f"), alt.Tooltip("mse:Q", format=".4")]
    x = alt.X("spearman:Q", title="Spearman rank correlation with the answer", scale=alt.Scale(domain=[-1, 1]))
    y = alt.Y("name:N", title=None, sort="-x")
    chart = sized(chart_of(rows).mark_bar(height=12).encode(x, y, tooltip=tips), alt.Step(20))
    return titled(chart, "How near seeds come to the answer", f"Spearman correlations: {said}.", note)


def seed_orders(found: Seeds, note: str = "") -> Chart:
    """Return where the blocks of every seed's order are in an answer (Park 2026, figure 6)."""
    alt = altair()
    names = [one.name for one in sorted(found.orders, key=lambda one: -one.spearman)]
    rows = [
        {"name": one.name, "place": place, "depth": depth}
        for one in found.orders
        for place, depth in enumerate(one.depth.tolist())
    ]
    said = f"Scatter plots of {len(names)} seeds: the nearer to the diagonal, the nearer to the answer."
    dots = (
        chart_of(rows)
        .mark_point(aria=False, filled=True, size=14, opacity=0.9)
        .encode(alt.X("place:Q", title="position by the seed"), alt.Y("depth:Q", title="in the answer"))
    )
    facet = alt.Facet("name:N", title=None, sort=names)
    chart = dots.properties(width=130, height=130).facet(facet, columns=4)
    return titled(chart, "Orders by seeds beside the answer", said, note)


def _told(found: Transitivity) -> str:
    return f"{len(found.cycles)} three-cycles among {found.triples:,} triples"
