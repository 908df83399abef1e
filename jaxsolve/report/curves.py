"""Host: charts of how runs went: error, candidates taken and rejected, speed; of one run, or of several."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from jaxsolve.report.charts import Chart, altair, chart_of, counts, logarithmic, powers, titled
from jaxsolve.report.figure import Figure
from jaxsolve.report.history import Frame, Growth, History
from jaxsolve.report.markup import counted

LINE = "lowest so far"
OTHERS = "other phases"
SECONDS, EVALUATIONS = "seconds since the run began", "evaluations"


def error_curve(history: History, note: str) -> Figure:
    """Return the error of every frame against evaluations by phase, the lowest so far, and where attempts begin."""
    alt = altair()
    frames = _some(history.frames)
    common = [name for name, _ in Counter(frame.phase for frame in history.frames).most_common()]
    kept = common if len(common) <= 3 else [*common[:2], OTHERS]  # colors that are told apart beside that of the line
    points = [
        {"evaluations": frame.evaluations, "mse": frame.loss, "phase": frame.phase if frame.phase in kept else OTHERS}
        for frame in frames
    ]
    last = history.pace[-1][1]
    line = [{"evaluations": spent, "mse": mse, "phase": LINE} for spent, mse in _lowest(history, 0, last)]
    x = alt.X("evaluations:Q", title=EVALUATIONS, axis=counts())
    drawn = [frame.loss for frame in frames] + [one.mse for one in history.judged]
    y = logarithmic("mse", "MSE", drawn)
    color = _colors("phase", [*kept[:2], LINE, *kept[2:]])
    layers = [chart_of(line).mark_line(interpolate="step-after", opacity=0.8).encode(x, y, color)]
    layers.append(chart_of(points).mark_point(filled=True, size=28, opacity=0.9).encode(x, y, color))
    begun, told = [{"evaluations": attempt.evaluations} for attempt in history.attempts], [_fall(history.best)]
    if 1 < len(begun) <= 40:  # more lines would hide the curve
        layers.insert(0, chart_of(begun).mark_rule(opacity=0.6).encode(x))
        told.append(f"Dashed lines: where the {len(begun)} attempts begin.")
    if history.judged:
        ends = [{"evaluations": one.evaluations, "mse": one.mse} for one in _some(history.judged)]
        layers.append(chart_of(ends).mark_text(text="x", fontSize=18).encode(x, y))
        least = min(one.mse for one in history.judged)
        told.append(f"Crosses: ends of attempts, judged over all rows; the best has {least:.3g} there.")
    chart = titled(
        alt.layer(*layers).properties(width=1000, height=260), "Error against evaluations", " ".join(told), note
    )
    rows = [(f.evaluations, f.t, f.attempt, f.phase, f.loss) for f in frames]
    rows += [(one.evaluations, None, None, "judged, over all rows", one.mse) for one in history.judged]
    return Figure("error", chart, ("evaluations", "seconds", "attempt", "phase", "MSE"), rows, True, _few(frames))


def _few(frames: Sequence[Frame]) -> str:
    """Return the errors of some frames, and when they were found."""
    return "MSE " + ", ".join(f"{frame.loss:.3g} at {frame.evaluations:,}" for frame in frames) + " evaluations"


def _fall(best: Sequence[tuple[int, float, float]]) -> str:
    """Return in words how far the lowest error fell, in what time, and when half of that was done."""
    (spent, begun, first), (done, ended, last) = best[0], best[-1]
    start = f", from {begun:.3g} s on" if begun >= 0.1 else ""
    if last >= first:
        return f"The first order has MSE {first:.3g} at {begun:.3g} s, and nothing better was found."
    decades = float(np.log10(first / last))
    middle = (first * last) ** 0.5 if decades >= 1 else (first + last) / 2
    half = next(t for _, t, loss in best if loss <= middle) - begun
    how = f" ({decades:.2g} powers of ten)" if decades >= 1 else ""
    which = "half of these" if decades >= 1 else "half of it"
    work = f"{ended - begun:.2g} s and {done - spent:,} evaluations{start}"
    when = f"in the first {half:.2g} s" if half < 0.8 * (ended - begun) else "at the very end"
    return f"MSE falls from {first:.3g} to {last:.3g}{how} in {work}; {which} {when}."


def probe_errors(history: History, note: str) -> Figure:
    """Return the errors of probes of partial networks by their blocks, for every beam."""
    alt, beams, before = altair(), list[list[Growth]](), np.inf
    for one in history.growth:
        if one.blocks <= before:
            beams.append([])
        beams[-1].append(one)
        before = one.blocks
    kinds = "first of the beam", "middle", "last"
    table = [(k, one.blocks, *one.losses) for k, beam in enumerate(beams, 1) for one in beam]
    shown = [row for row in table if row[0] > len(beams) - 3]  # more lines hide each other
    rows = [
        {"beam": k, "blocks": blocks, "state": kind, "mse": mse}
        for k, blocks, *losses in shown
        for kind, mse in zip(kinds, losses, strict=True)
    ]
    x = alt.X("blocks:Q", title="blocks of the partial networks", axis=counts())
    y = logarithmic("mse", "MSE of linear probes", [row["mse"] for row in rows])
    dash = alt.StrokeDash("beam:N", title="beam", legend=alt.Legend(orient="top"))
    chart = chart_of(rows).mark_line().encode(x, y, _colors("state", [*kinds]), dash)
    last = [row for row in table if row[0] == len(beams)]
    lowest = min(last, key=lambda row: row[2])
    said = (
        f"The last of {counted(len(beams), 'beam')} begins at MSE {last[0][2]:.3g} with {counted(last[0][1], 'block')}"
    )
    said += f" and is lowest, at {lowest[2]:.3g}, with {lowest[1]}"
    said += f"; it ends at {last[-1][2]:.3g}, with {last[-1][1]}." if lowest is not last[-1] else "."
    said += " The last three are shown." * (len(beams) > 3)
    chart = titled(chart.properties(width=1000, height=220), "Probes of partial networks", said, note)
    return Figure("probes", chart, ("beam", "blocks", *kinds), table, large=True)


def decisions(history: History, note: str) -> Figure:
    """Return how many candidates were taken and rejected up to each round."""
    alt = altair()
    taken, refused = (np.cumsum([getattr(one, name) for one in history.rounds]) for name in ("accepted", "rejected"))
    table = [
        (one.evaluations, one.name, one.accepted, one.rejected, int(taken[k]), int(refused[k]))
        for k, one in enumerate(history.rounds)
    ]
    rows = [{"evaluations": 0, "kind": kind, "count": 0} for kind in ("taken", "rejected")]
    for spent, _, _, _, yes, no in _some(table, 200):
        rows += [{"evaluations": spent, "kind": kind, "count": n} for kind, n in (("taken", yes), ("rejected", no))]
    x = alt.X("evaluations:Q", title=EVALUATIONS, axis=counts())
    points = alt.OverlayMarkDef(size=22) if len(table) <= 60 else False  # each is an element of the picture
    axis = powers(max(row["count"] for row in rows))
    y = alt.Y("count:Q", title="candidates so far", scale=alt.Scale(type="symlog"), axis=axis)
    color = _colors("kind", ["taken", "rejected"])
    chart = chart_of(rows).mark_line(interpolate="step-after", point=points).encode(x, y, color)
    yes, every = int(taken[-1]), int(taken[-1] + refused[-1])
    said = f"{yes:,} of {every:,} candidates were taken in {counted(len(table), 'round')}"
    moved = [row[0] for row in table if row[2]]
    said += f" ({yes / every:.1%}), the last by evaluation {moved[-1]:,}." if moved else "."
    chart = titled(chart.properties(width=500, height=200), "Candidates taken and rejected", said, note)
    headings = ("evaluations", "round", "taken", "rejected", "taken so far", "rejected so far")
    return Figure("decisions", chart, headings, table)


def throughput(history: History, note: str) -> Figure:
    """Return evaluations a second over time, as means over parts of equal length."""
    alt = altair()
    t, spent = np.array(history.pace, np.float64).T
    edges = np.linspace(0, t[-1], min(60, max(2, len(t))) + 1)
    speeds = np.diff(np.interp(edges, t, spent)) / np.diff(edges)
    rows = [
        {"from": round(float(a), 4), "to": round(float(b), 4), "speed": round(float(v), 2)}
        for (a, b), v in zip(pairwise(edges), speeds, strict=True)
    ]
    bars = chart_of(rows).mark_bar(binSpacing=0.5)
    x = alt.X("from:Q", bin="binned", title=SECONDS, axis=alt.Axis(tickCount=6))
    chart = bars.encode(x, alt.X2("to:Q"), alt.Y("speed:Q", title="evaluations a second", axis=counts()))
    mean = spent[-1] / t[-1]
    said = f"{int(spent[-1]):,} evaluations in {t[-1]:.3g} s: {_speed(mean)} a second on average"
    peak = edges[int(speeds.argmax())]
    said = f"{said}, {_speed(speeds.max())} at most, after {peak:.2g} s."
    waited = float(t[np.flatnonzero(spent)[0]]) if spent[-1] else 0.0
    said += f" The first evaluations are recorded after {waited:.2g} s." * bool(waited > 0.1 * t[-1])
    chart = titled(chart.properties(width=500, height=200), "Speed over time", said, note)
    return Figure("throughput", chart, ("from s", "to s", "evaluations a second"), [[*row.values()] for row in rows])


def compared(histories: dict[str, History], by: str) -> Figure:
    """Return the lowest errors of several runs so far over one another, against `by`: evaluations or seconds."""
    alt, rows = altair(), list[dict[str, Any]]()
    which = 0 if by == "evaluations" else 1
    for name, history in histories.items():
        end = history.pace[-1][1 - which]
        rows += [{"run": name, "spent": spent, "mse": mse} for spent, mse in _lowest(history, which, end)]
    names = [*histories]
    title = EVALUATIONS if which == 0 else SECONDS
    axis = alt.Axis(tickCount=6) if which else counts()
    x = alt.X("spent:Q", title=title, axis=axis, scale=alt.Scale(zero=True))
    y = logarithmic("mse", "lowest MSE so far", [row["mse"] for row in rows])
    legend = alt.Legend(orient="bottom", columns=1, labelLimit=260)
    color = alt.Color("run:N", title=None, scale=_domain(names), legend=legend)
    dash = alt.StrokeDash("run:N", title=None, scale=_domain(names), legend=legend)
    chart = chart_of(rows).mark_line(interpolate="step-after", strokeWidth=2).encode(x, y, color, dash)
    ends = {name: history.best[-1] for name, history in histories.items()}
    ranked = sorted(ends, key=lambda name: ends[name][2])
    when = lambda name: f"{ends[name][1]:.3g} s" if which else f"{ends[name][0]:,} evaluations"
    told = [f"{name} at MSE {ends[name][2]:.3g} after {when(name)}" for name in ranked]
    said = f"{told[0][0].upper()}{told[0][1:]} is lowest" if len(told) == 1 else f"Lowest is {told[0]}"
    said += f"; then {', '.join(told[1:])}." if told[1:] else "."
    chart = titled(chart.properties(width=500, height=260), f"Error against {by}", said)
    return Figure(f"compared-{by}", chart, ("run", title, "lowest MSE so far"), [[*row.values()] for row in rows])


def _lowest(history: History, which: int, end: float) -> list[tuple[float, float]]:
    """Return when each lowest error so far was found, and once more the last at the end of the run."""
    found = [(one[which], one[2]) for one in _some(history.best)]
    return [*found, (max(end, found[-1][0]), found[-1][1])] if found else []


def _some(items: Sequence[Any], most: int = 600) -> list[Any]:
    """Return items at equal distances, the last one among them."""
    step = -(-len(items) // most) or 1
    return [*items[::-1][::step]][::-1]


def _speed(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _colors(field: str, names: list[str]) -> Any:
    alt = altair()
    return alt.Color(f"{field}:N", title=None, scale=_domain(names), legend=alt.Legend(orient="top"))


def _domain(names: list[str]) -> Chart:
    return altair().Scale(domain=names)
