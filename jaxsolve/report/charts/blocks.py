"""Host: figures of the blocks and their products, by position."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from jaxsolve.analysis import ForwardPass, Isometry, Products
from jaxsolve.report.charts.rendering import Chart, Row, altair, chart_of, sized, titled


def product_heatmaps(products: Products, shown: int = 3, note: str = "") -> Chart:
    """Return W_out W_in of some blocks from first to last, and below them the same first halves' with others."""
    alt, blocks = altair(), len(products.matrices)
    positions = np.unique(np.linspace(0, blocks - 1, min(shown, blocks)).round().astype(int)).tolist()
    kinds = {"block": products.matrices, "not a block": products.unpaired}
    if blocks == 1:  # no other second half
        kinds.pop("not a block")
    rows = [row for kind, all_of in kinds.items() for t in positions for row in _cells(all_of[t], kind, t)]
    said = f"Heat maps of W_out W_in of blocks {', '.join(map(str, positions))}, and of halves that are no block."
    # the few largest entries would leave the others pale
    largest = float(np.quantile([abs(row["entry"]) for row in rows], 0.995)) or 1.0
    axis = alt.Axis(labels=False, ticks=False, domain=False)
    color = alt.Color("entry:Q", title="entry (clipped)", scale=_around_zero(largest))
    chart = chart_of(rows).mark_rect(aria=False)
    chart = chart.encode(alt.X("d:O", title=None, axis=axis), alt.Y("c:O", title=None, axis=axis), color)
    column = alt.Column("position:O", title="position of the first half")
    row = alt.Row("kind:N", title=None, sort=[*kinds], header=alt.Header(labelAngle=-90, labelAnchor="middle"))
    chart = chart.properties(width=170, height=170).facet(column=column, row=row)
    return titled(chart, "Products W_out W_in", said, note)


def eigenvalues(products: Products, note: str = "") -> Chart:
    """Return the eigenvalues of all products in the complex plane."""
    alt, rows = altair(), []
    for t in _some(products.eigenvalues):
        rows += [{"position": t, "real": v.real, "imaginary": v.imag} for v in products.eigenvalues[t].tolist()]
    share = f"{products.negative_share:.1%}"
    said = f"Eigenvalues of W_out W_in of the blocks in the complex plane; {share} have a negative real part."
    dots = (
        chart_of(rows)
        .mark_point(aria=False, filled=True, size=14, opacity=0.6)
        .encode(alt.X("real:Q", title="real part"), alt.Y("imaginary:Q", title="imaginary part"), _depth(), _tips(rows))
    )
    chart = sized(alt.Chart(alt.Data(values=[{}])).mark_rule().encode(alt.XDatum(0)) + dots, 320)
    return titled(chart, f"Eigenvalues of W_out W_in: {share} with negative real part", said, note)


def singular_values(products: Products, note: str = "") -> Chart:
    """Return the spectra of all products, by position (Park 2026, figure 9)."""
    alt, rows = altair(), []
    for t in _some(products.singular_values):
        values = enumerate(products.singular_values[t].tolist(), 1)
        rows += [{"position": t, "index": k, "value": value} for k, value in values]
    said = "Singular values of W_out W_in of each block, largest first, one line a block."
    x = alt.X("index:Q", title="index", scale=alt.Scale(nice=False))
    y = alt.Y("value:Q", title="singular value")
    chart = chart_of(rows).mark_line(opacity=0.7, strokeWidth=1).encode(x, y, _depth(), alt.Detail("position:Q"))
    return titled(sized(chart), "Singular values of W_out W_in", said, note)


def effective_rank(products: Products, note: str = "") -> Chart:
    """Return the effective rank of the products, by position."""
    d = products.matrices.shape[1]
    return _by_position(products.effective_rank, "Effective rank of W_out W_in", f"effective rank (of {d})", note)


def traces(products: Products, note: str = "") -> Chart:
    """Return the traces of the products, by position."""
    return _by_position(products.traces, "Trace of W_out W_in", "trace", note)


def delta_norm(seen: ForwardPass, note: str = "") -> Chart:
    """Return how much each block would add to the inputs, by position."""
    return _by_position(seen.delta_norm, "Delta-norm: update of the inputs", "mean ‖r(x)‖", note)


def update_ratio(seen: ForwardPass, note: str = "") -> Chart:
    """Return how much each block adds beside the state it is given, by position."""
    return _by_position(seen.ratio, "Update beside the state", "mean of ‖r(h)‖ / ‖h‖", note)


def active_fraction(seen: ForwardPass, note: str = "") -> Chart:
    """Return the share of hidden units that are open, by position."""
    return _by_position(seen.active_fraction, "Open hidden units", "share of units with input > 0", note)


def state_norm(seen: ForwardPass, note: str = "") -> Chart:
    """Return the norm of the states before each block and after the last."""
    return _by_position(seen.state_norm, "Norm of the states", "mean ‖h‖ before the block", note)


def block_properties(products: Products, seen: ForwardPass, note: str = "") -> Chart:
    """Return four properties of the blocks side by side (Park 2026, figure 9)."""
    alt = altair()
    parts = singular_values(products), effective_rank(products), delta_norm(seen), active_fraction(seen)
    first, second, third, fourth = (part.properties(width=330, height=190) for part in parts)
    said = "Four charts by position: " + "; ".join(part.description.rstrip(".") for part in parts) + "."
    top = alt.hconcat(first, second).resolve_legend(color="independent")
    return titled(alt.vconcat(top, third | fourth), "Blocks by position", said, note)


def isometry_scatter(found: Isometry, note: str = "") -> Chart:
    """Return both sides of proposition 1 (Park 2026, appendix B) against each other; dashed: where they are equal."""
    alt = altair()
    values = zip(found.jacobian_square.tolist(), found.trace.tolist(), strict=True)
    rows = [{"position": t, "right": -right, "left": left} for t, (right, left) in enumerate(values)]
    furthest = min([0.0, *(row["right"] for row in rows)])
    ratio = "no Jacobian but 0" if found.ratio is None else f"median ratio {found.ratio:.3g}"
    said = f"tr(W_out W_in) against -E‖J_r‖² of each block, {ratio}; the proposition has 1."
    x, y = alt.X("right:Q", title="-E‖J_r‖²_F"), alt.Y("left:Q", title="tr(W_out W_in)")
    dots = chart_of(rows).mark_point(filled=True, size=45, opacity=0.9).encode(x, y, _depth(), _tips(rows))
    equal = chart_of([{"right": furthest, "left": furthest, "end": 0}]).mark_rule()
    equal = equal.encode(alt.X("right:Q"), alt.Y("left:Q"), alt.X2("end:Q"), alt.Y2("end:Q"))
    chart = sized(equal + dots, 320)
    return titled(chart, f"Proposition 1: {ratio}, where it has 1", said, note)


def _by_position(values: NDArray[np.float64], title: str, y: str, note: str) -> Chart:
    """Return values by position as a line; those that are not finite are left out."""
    alt = altair()
    rows = [{"position": t, "value": value} for t, value in enumerate(values.tolist()) if np.isfinite(value)]
    said = course([(row["position"], row["value"]) for row in rows])
    x = alt.X("position:Q", title="position", axis=alt.Axis(tickMinStep=1), scale=alt.Scale(nice=False, padding=4))
    lines = (
        chart_of(rows)
        .mark_line(point=alt.OverlayMarkDef(size=22))
        .encode(x, alt.Y("value:Q", title=y), tooltip=_tips(rows))
    )
    return titled(sized(lines), title, said, note)


def course(values: list[tuple[int, float]]) -> str:
    """Return in a sentence how values run with position: both ends, and what is lowest and highest between them."""
    if not values:
        return "None of the values is a finite number."
    (_, first), (end, last) = values[0], values[-1]
    sizes = [value for _, value in values]
    if max(sizes) == min(sizes):
        return f"It is {first:.3g} at every position."
    extremes = [("highest", max(values, key=lambda one: one[1])), ("lowest", min(values, key=lambda one: one[1]))]
    inside = [f"{what}, {value:.3g}, at position {t}" for what, (t, value) in extremes if value not in (first, last)]
    way = "Rises" if last > first else "Falls" if last < first else "Goes"
    steps = [b - a for a, b in pairwise(sizes)]
    steadily = " steadily" if all(step >= 0 for step in steps) or all(step <= 0 for step in steps) else ""
    told = f"{way}{steadily} from {first:.3g} at the first block to {last:.3g} at position {end}"
    return f"{told}; {' and '.join(inside)}." if inside else f"{told}."


def _depth() -> Chart:
    return altair().Color("position:Q", title="position")


def _tips(rows: list[Row]) -> list[Chart]:
    return [altair().Tooltip(f"{name}:Q", format=".4") for name in (rows[0] if rows else ())]


def _around_zero(largest: float) -> Chart:
    return altair().Scale(domain=[-largest, largest], domainMid=0, interpolate="lab", clamp=True)


def _cells(matrix: NDArray[np.float64], kind: str, position: int) -> list[Row]:
    """Return the entries of a matrix, or the means over squares of a large one."""
    step = -(-len(matrix) // 64)
    starts = np.arange(0, len(matrix), step)
    sums = np.add.reduceat(np.add.reduceat(matrix, starts, axis=0), starts, axis=1)
    sizes = np.diff(starts, append=len(matrix))
    means = sums / np.outer(sizes, sizes)
    return [
        {"kind": kind, "position": position, "c": int(starts[c]), "d": int(starts[d]), "entry": float(means[c, d])}
        for c, d in np.ndindex(*means.shape)
    ]


def _some(values: NDArray[np.generic]) -> list[int]:
    """Return positions at equal distances, so many that not too many values are drawn."""
    most = max(2, 12_000 // values.shape[1])
    return np.unique(np.linspace(0, len(values) - 1, min(most, len(values))).round().astype(int)).tolist()
