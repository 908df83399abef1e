"""Host: measurements as tables for people, and as plain data."""

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from jaxsolve.analysis import (
    Analysis,
    ForwardPass,
    Isometry,
    Norms,
    PairScore,
    Products,
    Rescaling,
    Residuals,
    Seeds,
    Summary,
    Transitivity,
)
from jaxsolve.cli import terminal
from jaxsolve.cli.reasons import counted

Line = tuple[str, ...]
Table = list[Line]
SPREAD = ("mean", "std", "min", "max")
DERIVED = {
    "Norms": ("summaries",),
    "Residuals": ("every", "pairs"),
    "PairScore": ("pairs", "others", "gap", "certain"),
    "Products": (
        "traces", "frobenius", "eigenvalues", "negative_share", "negative_shares", "singular_values", "effective_rank",
    ),
    "Isometry": ("negative", "ratio", "isometry_ratio", "half_open_ratio", "correlation"),
    "Transitivity": ("triples", "margins", "cycle_margins", "spans"),
}  # fmt: skip
"""What JSON has of results beyond their fields; complex numbers become a list of real and one of imaginary parts."""


def facts(analysis: Analysis) -> dict[str, Any]:
    """Return an analysis as plain data: all of it but the entries of products W_out W_in."""
    return _head(analysis) | {name: plain(found) for name, found in analysis.results.items()}


def _head(analysis: Analysis) -> dict[str, Any]:
    subject = analysis.subject
    return {
        "puzzle": subject.puzzle.name,
        "source": "answer" if subject.known else "assumed",
        "pairing": subject.pairing,
        "order_seed": subject.order_seed,
        "mse": subject.mse,
        "permutation": subject.permutation,
        "activation": subject.puzzle.activation,
        "activation_given": subject.puzzle.activation_given,
        "blocks": subject.blocks,
        "rows": subject.rows,
        "skipped": analysis.skipped,
    }


def plain(value: Any) -> Any:
    """Return results as dicts, lists, numbers and words; arrays of three axes, which are large, are left out."""
    if isinstance(value, np.ndarray):
        if np.iscomplexobj(value):
            return [value.real.tolist(), value.imag.tolist()]
        return value.tolist()
    if is_dataclass(value):
        names = [field.name for field in fields(value)] + [*DERIVED.get(type(value).__name__, ())]
        found = {name: getattr(value, name) for name in names}
        return {name: plain(one) for name, one in found.items() if getattr(one, "ndim", 0) < 3}
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def shown(analysis: Analysis) -> str:
    """Return an analysis as tables, each under a line that says what it is."""
    subject, results = analysis.subject, analysis.results
    guessed = ", which fits the answer" if subject.known else " (assumed)"
    how = "" if subject.puzzle.activation_given else guessed
    first = f"{subject.puzzle.name}: {counted(subject.blocks, 'block')}, {subject.puzzle.activation}{how}; "
    parts = [
        f"{first}{subject.source}{'' if subject.known else ', both assumed'}",
        f"MSE {subject.mse:.6g} on all rows; the predictions have variance {subject.puzzle.variance:.4g}",
    ]
    for name, found in results.items():
        title, table = SECTIONS[name](found)
        parts.append(f"{title}\n{terminal.table(table)}")
    if "forward" in results:
        parts.append(
            _positions(subject.piece_ids, results["forward"], results.get("products"), results.get("isometry"))
        )
    parts += [f"{name}: not measured: {why}" for name, why in analysis.skipped.items()]
    return "\n\n".join(parts)


def _spread(summary: Summary | None, digits: str = ".4g") -> Line:
    return ("-",) * len(SPREAD) if summary is None else tuple(f"{getattr(summary, one):{digits}}" for one in SPREAD)


def _number(value: float | None, digits: str = ".4g") -> str:
    return "-" if value is None or not np.isfinite(value) else f"{value:{digits}}"


def _norms(found: Norms) -> tuple[str, Table]:
    lines = [(name, str(one.count if one else 0), *_spread(one)) for name, one in found.summaries.items()]
    return "Frobenius norms", [("halves", "count", *SPREAD), *lines]


def _rescaling(found: Rescaling) -> tuple[str, Table]:
    lines = [
        ("the blocks", f"{found.pairs:.4f}"),
        (f"matched by norm (finds {found.found} of {found.blocks})", f"{found.matched:.4f}"),
        ("at random", f"{found.random:.4f}"),
        ("matched as badly as can be", f"{found.unlike:.4f}"),
    ]
    return "Rescaling symmetry: mean |log(||W_in|| / ||W_out||)|", [("matching", "mean"), *lines]


def _residuals(found: Residuals) -> tuple[str, Table]:
    lines = [(name, str(one.count if one else 0), *_spread(one)) for name, one in _kinds(found.every, found.pairs)]
    title = f"Residual size ||r(x)||/||x|| on the inputs, {found.rows} rows; mean input norm {found.input_norm:.2f}"
    return title, [("pairs", "count", *SPREAD), *lines]


def _kinds(every: Summary | None, pairs: Summary | None) -> list[tuple[str, Summary | None]]:
    return [("all", every), ("blocks", pairs)]


def _pair_scores(found: tuple[PairScore, ...]) -> tuple[str, Table]:
    head = ("score", "blocks", "all other pairs", "gap", "certain", "by argmax", "median margin")
    lines = [
        (
            score.name,
            _range(score.pairs),
            _range(score.others),
            _number(score.gap),
            f"{score.certain} of {len(score.margins)}",
            str(score.argmax),
            f"{_number(float(np.median(score.margins)), '.2f')} sd",
        )
        for score in found
    ]
    return "Pair scores, of blocks against all other pairs", [head, *lines]


def _range(summary: Summary | None) -> str:
    return "-" if summary is None else f"{summary.min:.4g} … {summary.max:.4g}"


def _products(found: Products) -> tuple[str, Table]:
    lines = [
        ("trace", _between(found.traces)),
        ("||W_out W_in||_F", _between(found.frobenius)),
        ("effective rank", f"{_between(found.effective_rank)} of {found.matrices.shape[1]}"),
        ("eigenvalues with negative real part", f"{found.negative_share:.1%}"),
    ]
    return "Products W_out W_in of the blocks", lines


def _between(values: np.ndarray) -> str:
    return f"{values.min():.4g} … {values.max():.4g}"


def _forward(found: ForwardPass) -> tuple[str, Table]:
    ratio = found.ratio[np.isfinite(found.ratio)]
    lines = [
        ("||h||", f"{found.state_norm[0]:.4g} first, {found.state_norm[-1]:.4g} last"),
        ("||r(h)||/||h||", _between(ratio) if ratio.size else "-"),
        ("delta-norm", _between(found.delta_norm)),
        ("open hidden units", f"{_between(found.active_fraction)}, mean {found.active_fraction.mean():.3f}"),
    ]
    return "Along the network, means over rows", lines


def _isometry(found: Isometry) -> tuple[str, Table]:
    lines = [
        ("blocks with negative trace", f"{found.negative} of {len(found.trace)}"),
        ("-tr(W_out W_in) / E||J_r||²", f"{_number(found.ratio)}, the proposition has 1"),
        ("-2 E[tr J_r] / E||J_r||²", f"{_number(found.isometry_ratio)}, isometry has 1"),
        ("2 E[tr J_r] / tr(W_out W_in)", f"{_number(found.half_open_ratio)}, units open half of the time have 1"),
        ("E||I + J_r||² / D", f"{_between(found.stretch)}, isometry has 1"),
        ("correlation of both sides", _number(found.correlation, ".3f")),
    ]
    return "Proposition 1: tr(W_out W_in) = -E||J_r||²; medians over blocks", lines


def _transitivity(found: Transitivity) -> tuple[str, Table]:
    sample = "" if len(found.positions) == found.blocks else f", a sample of {len(found.positions)} blocks"
    margins, weakest = found.margins, found.cycle_margins[:, 0]
    lines = [
        ("three-cycles", f"{len(found.cycles)} among {found.triples} triples"),
        ("median |change of MSE|", "-" if margins is None else f"{margins.median:.3g}"),
        ("the same of the weakest of a cycle", f"{np.median(weakest):.3g}" if len(weakest) else "-"),
    ]
    if found.spans is not None and len(found.spans):
        lines.append(("positions that a cycle spans", f"{found.spans.min()} … {found.spans.max()}"))
    return f"Transitivity: exchanges in the order by {found.order_seed}, {found.rows} rows{sample}", lines


def _seeds(found: Seeds) -> tuple[str, Table]:
    lines = [(one.name, f"{one.spearman:.4f}", f"{one.mse:.6f}", str(one.rows)) for one in found.orders]
    lines += [(name, "-", "-", why) for name, why in found.left_out.items()]
    return "Ordering seeds beside the answer", [("seed", "Spearman", "MSE on all rows", "rows it saw"), *lines]


SECTIONS = {
    "norms": _norms,
    "rescaling": _rescaling,
    "residuals": _residuals,
    "pair_scores": _pair_scores,
    "products": _products,
    "forward": _forward,
    "isometry": _isometry,
    "transitivity": _transitivity,
    "seeds": _seeds,
}


def _positions(
    pieces: list[tuple[int, int]], seen: ForwardPass, found: Products | None, jacobians: Isometry | None
) -> str:
    columns = {
        "||h||": seen.state_norm[:-1],
        "||r(h)||": seen.update_norm,
        "ratio": seen.ratio,
        "delta-norm": seen.delta_norm,
        "open": seen.active_fraction,
    }
    if found is not None:
        columns |= {"trace": found.traces, "eff. rank": found.effective_rank, "largest sv": found.singular_values[:, 0]}
    if jacobians is not None:
        columns |= {"E||J_r||²": jacobians.jacobian_square}
    lines = [("position", "pieces", *columns)]
    for t, (i, j) in enumerate(pieces):
        lines.append((str(t), f"{i},{j}", *(_number(float(values[t])) for values in columns.values())))
    return f"Blocks by position\n{terminal.table(lines)}"
