"""Host: what notebooks show of a solution: verdict, error, curve and order, as HTML that fetches and runs nothing."""

import math
from collections.abc import Sequence
from html import escape

from jaxsolve.certificate import Certificate

Curve = Sequence[tuple[float, float]]
"""Evaluations, rising, and the lowest mean squared error after so many."""


def card(status: str, message: str, certificate: Certificate | None, curve: Curve, work: str) -> str:
    """Return a solution as an HTML fragment; every text is escaped.

    Parameters
    ----------
    status, message
        As a `Solution` has them.
    certificate
        The certificate of the answer; None: there is none.
    curve
        How the error fell; fewer than two finite points are not drawn.
    work
        Evaluations and seconds, in words.
    """
    rows, order = [("work", work)], ""
    if certificate is not None:
        error = f"{certificate.told(certificate.mse):.3g}"
        fit = [("R²", certificate.fit_words.removeprefix("R² "))] if math.isfinite(certificate.r2) else []
        rows = [("MSE", error), *fit, ("SHA-256", certificate.sha256), *rows]
        ids = ", ".join(map(str, certificate.permutation))
        order = f"<details><summary>Order of {len(certificate.permutation)} pieces</summary>{escape(ids)}</details>"
    cells = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th><td style="text-align:left">{escape(text)}</td></tr>'
        for name, text in rows
    )
    begun = f"<p><strong>{escape(status)}</strong><br>{escape(message)}</p>"
    return f'<div class="jaxsolve-solution">{begun}<table>{cells}</table>{drawn(curve)}{order}</div>'


def drawn(curve: Curve, *, width: int = 480, height: int = 90, margin: int = 18) -> str:
    """Return a curve as an inline SVG, the error on a logarithmic scale; empty where there is nothing to draw."""
    points = [(spent, mse) for spent, mse in curve if 0 < mse < math.inf]
    if len(points) < 2:
        return ""
    errors, last = [math.log10(mse) for _, mse in points], points[-1][0]
    low, high, first = min(errors), max(errors), points[0][0]
    across = lambda spent: width * (spent - first) / ((last - first) or 1)
    down = lambda error: margin + (height - 2 * margin) * (high - error) / ((high - low) or 1)
    path = f"M0 {down(errors[0]):.1f}"
    for (spent, _), error in zip(points[1:], errors[1:], strict=True):
        path += f"H{across(spent):.1f}V{down(error):.1f}"
    title = f"MSE of the search, {10**high:.3g} to {10**low:.3g}, against evaluations"
    text = f'<text font-size="11" fill="currentColor" x="{width}" text-anchor="end"'
    return (
        f'<svg role="img" viewBox="0 0 {width} {height}" width="{width}" height="{height}"><title>{title}</title>'
        f'<path d="{path}" fill="none" stroke="currentColor" stroke-width="1.5"/>'
        f'{text} y="{margin - 6}">MSE {10**high:.3g}</text>'
        f'{text} y="{height - 4}">{10**low:.3g} after {last:,.0f} evaluations</text></svg>'
    )
