"""Draw the pictures of README and manual: ``python scripts/make_pictures.py``.

One shows the problem; the others come from a run on the embedded puzzle. They show no piece ids: only the hash of that
puzzle's answer is kept in the project. The run, and so every picture but for what depends on its speed, is the same
each time.
"""

import tempfile
from math import log10
from pathlib import Path
from typing import Any

from jaxsolve.cli.app import app
from jaxsolve.records import Record, find_run, read_record
from jaxsolve.report import report_of
from jaxsolve.report.charts import svg, theme
from jaxsolve.report.figure import smaller
from jaxsolve.report.history import history_of, permutation_of
from jaxsolve.report.replay import kept_frames, replay_data

PICTURES = Path(__file__).parent / "pictures"
OPTIONS = ("--order-seed", "random", "--search", "descent")
FIGURES = ("error",)

WIDTH, BARS, CURVE, GAP, LEFT = 720, 150, 110, 34, 12
SECONDS, MOVING, HOLD = 0.22, 0.12, 2.5
"""Of a frame, of a move in it, and of the answer in the end."""
STYLE = """text{font:12px system-ui,Arial,sans-serif;fill:INK}.paper{fill:PAPER}.axis{stroke:FAINT}
.best{fill:none;stroke:LINE;stroke-width:2}.ahead{fill:none;stroke:GRID;stroke-width:2}.cursor{stroke:FAINT}
"""
PROBLEM = (
    ".end{fill:#888}.cell{fill:#8885}.axis{fill:none}.arrow{fill:none;stroke:#888;stroke-width:2}.small{opacity:.8}"
)
HUES = (42, 4, 205, 150)
"""Of the pairs in the picture of the problem."""


def main() -> None:
    """Solve the embedded puzzle and draw what came of it."""
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / "problem.svg").write_text(problem_svg())
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "demo"
        app(["solve", "demo", *OPTIONS, "--out", str(run)], standalone_mode=False)
        record = read_record(find_run(str(run), run))
        (PICTURES / "replay.svg").write_text(replay_svg(record))
        for figure in report_of(record).figures:
            if figure.name in FIGURES:
                drawn = smaller(svg(figure.chart, dark=False).decode(), theme(False)["font"])
                (PICTURES / f"{figure.name}.svg").write_text(drawn)


def problem_svg() -> str:
    """Return what goes in and what comes out: a pile of layers and a table, pairs, an order, and the net."""
    order = [2, 0, 3, 1]  # of the pairs, in the answer
    pile = [(16, 22, -14, 2, 0), (66, 14, 9, 0, 1), (112, 30, -6, 1, 0), (24, 62, 12, 3, 1), (70, 58, -10, 1, 1),
            (116, 72, 15, 0, 0), (20, 104, -7, 2, 1), (68, 100, 8, 3, 0)]  # fmt: skip
    drawn = "".join(
        f'<g transform="rotate({turn} {x + 15} {y + 12})">{_half(x, y, pair, side)}</g>'
        for x, y, turn, pair, side in pile
    )
    drawn += f'<rect class="end" x="122" y="112" width="10" height="24" rx="3"/>{_table(16, 152)}'
    for row in range(4):
        drawn += _half(234, 22 + 34 * row, row, 0) + _half(268, 22 + 34 * row, row, 1)
        drawn += _block(384, 22 + 34 * row, order[row])
        drawn += f'<text class="small" x="370" y="{38 + 34 * row}">{row + 1}</text>'
    drawn += '<path class="axis" d="M498 90h208"/><rect class="end" x="690" y="79" width="8" height="22" rx="3"/>'
    for row, pair in enumerate(order):
        x = 506 + 45 * row
        drawn += f'<path class="axis" d="M{x - 3} 90c2 -36 40 -36 42 0"/>'
        drawn += f'<g transform="translate({x} 81.6) scale(.6 .7)">{_block(0, 0, pair)}</g>'
    for x in (176, 318, 454):
        drawn += f'<path class="arrow" d="M{x} 90h26m-7 -6l7 6l-7 6"/>'
    named = [(16, "layers, unlabelled"), (234, "pairs"), (366, "order"), (500, "the net")]
    drawn += "".join(f'<text x="{x}" y="206">{text}</text>' for x, text in named)
    drawn += '<text class="small" x="84" y="166">inputs and</text><text class="small" x="84" y="180">predictions</text>'
    style = _colors(False) + PROBLEM + f"@media(prefers-color-scheme:dark){{{_colors(True)}}}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} 220" width="{WIDTH}" height="220">'
        "<title>A pile of layers and a table become pairs, the pairs an order, and the order the net</title>"
        f'<style>{style}</style><rect class="paper" width="{WIDTH}" height="220"/>{drawn}</svg>\n'
    )


def _half(x: float, y: float, pair: int, side: int) -> str:
    """Return a half of a block; of a pair, both have its color."""
    points = f"{x},{y} {x + 30},{y + 5} {x + 30},{y + 19} {x},{y + 24}"
    if side == 0:
        points = f"{x},{y + 5} {x + 30},{y} {x + 30},{y + 24} {x},{y + 19}"
    return f'<polygon points="{points}" fill="hsl({HUES[pair]} 72% 56%)"/>'


def _block(x: float, y: float, pair: int) -> str:
    """Return a block of two halves."""
    return _half(x, y, pair, 0) + _half(x + 30, y, pair, 1)


def _table(x: int, y: int) -> str:
    """Return a table; its last column is the predictions."""
    cells = [(column, row) for row in range(3) for column in range(4)]
    return "".join(
        f'<rect class="{"end" if column == 3 else "cell"}" x="{x + 15 * column}" y="{y + 10 * row}" width="13" '
        'height="8"/>'
        for column, row in cells
    )


def replay_svg(record: Record) -> str:
    """Return the replay of a run as an SVG that moves by itself, and stands still for whoever wants less motion."""
    history = history_of(record)
    told = replay_data(kept_frames(history.frames), permutation_of(record.fields) or [])
    frames = len(told["orders"])
    total = frames * SECONDS + HOLD
    bars, keyframes = _bars(told, total)
    line, height = _curve(told), BARS + GAP + CURVE + 30
    inner, end = WIDTH - 2 * LEFT, 100 * (frames - 1) * SECONDS / total
    keyframes += f"@keyframes on{{0%{{transform:translate(0)}}{end:.2f}%,to{{transform:translate({inner}px)}}}}"
    keyframes += f"@keyframes grow{{0%{{transform:scaleX(0)}}{end:.2f}%,to{{transform:none}}}}"
    moving = (
        f".cursor{{animation:on {total:.2f}s linear infinite}}.shown{{animation:grow {total:.2f}s linear infinite}}"
    )
    style = _colors(False) + f"@media(prefers-color-scheme:dark){{{_colors(True)}}}" + keyframes + moving
    style += "@media(prefers-reduced-motion:reduce){*{animation:none!important}.cursor{visibility:hidden}}"
    top = BARS + GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
        f"<title>Replay of a run: {told['blocks']} blocks find their places in {frames} frames</title>"
        f'<style>{style}</style><rect class="paper" width="{WIDTH}" height="{height}"/>{bars}'
        f'<path class="axis" d="M{LEFT} {BARS}h{inner}"/><text x="{LEFT}" y="{BARS + 18}">'
        "position now; height and color: position in the answer</text>"
        f'<clipPath id="c"><rect class="shown" style="transform-origin:{LEFT}px 0" x="{LEFT}" y="{top - 5}" '
        f'width="{inner}" height="{CURVE + 10}"/></clipPath>'
        f'<path class="ahead" d="{line}"/><path class="best" clip-path="url(#c)" d="{line}"/>'
        f'<path class="cursor" d="M{LEFT} {top}v{CURVE}"/>'
        f'<text x="{LEFT}" y="{height - 8}">lowest MSE so far, {told["loss"][0]:.2g} to '
        f"{min(told['loss']):.2g}, in {told['evaluations'][-1]} evaluations</text></svg>\n"
    )


def _bars(told: dict[str, Any], total: float) -> tuple[str, str]:
    """Return a bar for each block, and where it stands at which time."""
    slot = (WIDTH - 2 * LEFT) / told["blocks"]
    bars, keyframes = "", ""
    for block, place in enumerate(told["places"]):
        tall = 8 + (BARS - 14) * (place + 1) / told["blocks"]
        hue = 42 - 155 * place / max(1, told["blocks"] - 1)
        stands = [order.index(block) for order in told["orders"]]
        steps, last = f"0%{{transform:translate({LEFT + stands[0] * slot:.1f}px)}}", stands[0]
        for k, t in enumerate(stands):
            if t != last:
                at = k * SECONDS
                for when, where in ((at - MOVING, last), (at, t)):
                    steps += f"{100 * when / total:.2f}%{{transform:translate({LEFT + where * slot:.1f}px)}}"
                last = t
        keyframes += f"@keyframes b{block}{{{steps}to{{transform:translate({LEFT + last * slot:.1f}px)}}}}"
        bars += (
            f'<rect x="{slot * 0.1:.1f}" width="{slot * 0.8:.1f}" y="{BARS - tall:.1f}" height="{tall:.1f}" '
            f'fill="hsl({hue % 360:.0f} 72% 56%)" style="transform:translate({LEFT + last * slot:.1f}px);'
            f'animation:b{block} {total:.2f}s infinite"/>'
        )
    return bars, keyframes


def _curve(told: dict[str, Any]) -> str:
    """Return the lowest error so far as a path, frame by frame; decades get narrower downwards."""
    frames, high = len(told["loss"]), log10(max(told["loss"]))
    deep = lambda loss: (high - log10(loss)) / (1 + high - log10(loss))
    path, least = "", float("inf")
    for k, loss in enumerate(told["loss"]):
        least = min(least, loss)
        x = LEFT + k * (WIDTH - 2 * LEFT) / (frames - 1)
        y = BARS + GAP + CURVE * deep(least) / deep(min(told["loss"]))
        path += f"H{x:.1f}V{y:.1f}" if k else f"M{x:.1f} {y:.1f}"
    return path


def _colors(dark: bool) -> str:
    colors = theme(dark)
    named = {
        "INK": colors["axis"]["labelColor"],
        "PAPER": colors["background"],
        "FAINT": colors["axis"]["domainColor"],
        "LINE": colors["range"]["category"][2],
        "GRID": colors["axis"]["gridColor"],
    }
    style = STYLE.replace("\n", "")
    for name, color in named.items():
        style = style.replace(name, color)
    return style


if __name__ == "__main__":
    main()
