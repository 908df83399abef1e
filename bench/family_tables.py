"""Tables and the phase diagram of the family benchmark, from its results; `family.py --table` prints them."""

import statistics
from collections.abc import Callable, Iterable
from html import escape
from typing import Any

Row = dict[str, Any]
CLASSES = {
    "settled": "all pairs",
    "nearly": "at least 80 %",
    "middle": "at least a third",
    "blind": "fewer",
    None: "unknown: it was not solved at all",
}
"""Shares of the pairs that the best score has right."""
CELL_WIDTH, CELL_HEIGHT, MARGIN = 96, 34, 210
NONE, ALL = (178, 24, 43), (33, 102, 172)
"""Colours of no and of full success; between them it is white."""


def latest(rows: Iterable[Row]) -> list[Row]:
    """Return the last result of each puzzle, method and budget, in the order they first came."""
    return list({(row["puzzle"], row["method"], row["budget"], row["hash"]): row for row in rows}.values())


def method_of(row: Row) -> str:
    """Return how a puzzle was solved, in words."""
    return f"{row['method']}, hash known" if row["hash"] else row["method"]


def column_of(row: Row) -> str:
    """Return the same with the budget, which tells cells of the phase diagram apart."""
    return f"{method_of(row)}, {row['budget']:g} s"


def markdown(head: Iterable[str], lines: Iterable[Iterable[Any]]) -> str:
    """Return a table in Markdown."""
    head = list(head)
    body = [head, ["---"] * len(head), *([shown(cell) for cell in line] for line in lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in body)


def shown(value: Any) -> str:
    """Return a value as a table has it."""
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value).replace("|", "/")


def sentence(row: Row) -> str:
    """Return one result in a line."""
    if "mse" not in row:
        return f"{row['status']}: {row.get('error', '')}"
    right = "right" if row["right"] else f"{row['pairs_right']} of {row['pairs']} pairs"
    weights = f"{row['class']}, {row['pairs_by'][row['best']]} by {row['best']}"
    return f"{row['status']}, {right} ({weights}), MSE {shown(row['mse'])}, {row['seconds']:.1f} s"


def tables(rows: Iterable[Row]) -> str:
    """Return everything there is to say about results, in Markdown."""
    rows = latest(rows)
    if not rows:
        return "No results."
    codes, cpus = (sorted({row[name] for row in rows}) for name in ("code", "cpu"))
    parts = [
        f"{len(rows)} results, jaxsolve sources {', '.join(codes)}, on {'; '.join(cpus)}.",
        "## By what the weights give away",
        "\n".join(f"- {name}: {what}" for name, what in CLASSES.items() if name),
        summary(rows, "class", lambda row: row.get("class"), list(CLASSES)),
        "## By group",
        summary(rows, "group", lambda row: row["group"], list(dict.fromkeys(row["group"] for row in rows))),
        "## Phase diagram",
        diagram(rows),
        "## Every result",
        results(rows),
        "## Pairs right by the weights and the data",
        weights(rows),
    ]
    return "\n\n".join(parts)


def summary(rows: list[Row], what: str, of: Callable[[Row], Any], names: list[Any]) -> str:
    """Return how often each method is right, for each value of something."""
    head = (
        what,
        "method",
        "budgets",
        "puzzles",
        "right",
        "rate",
        "proven",
        "seconds, right",
        "seconds, all",
        "until right",
    )
    lines = []
    for name in names:
        ours = [row for row in rows if of(row) == name]
        for method in dict.fromkeys(map(method_of, ours)):
            some = [row for row in ours if method_of(row) == method]
            budgets = ", ".join(f"{budget:g}" for budget in sorted({row["budget"] for row in some}))
            right = [row for row in some if row.get("right")]
            proven = sum(row["status"] == "solved" for row in right)
            first = [row["seconds_to_right"] for row in right if row["seconds_to_right"] is not None]
            times = (_median(row["seconds"] for row in some if "seconds" in row) for some in (right, some))
            lines.append(
                (
                    name,
                    method,
                    budgets,
                    len(some),
                    len(right),
                    f"{len(right) / len(some):.0%}",
                    proven,
                    *times,
                    _median(first),
                )
            )
    return markdown(head, lines)


def results(rows: list[Row]) -> str:
    """Return a line for each result."""
    head = (
        "puzzle", "class", "method", "budget", "status", "right", "pairs", "of", "in place", "order", "MSE",
        "evaluations", "seconds", "compiling", "until right", "way", "activation", "gaps",
    )  # fmt: skip
    return markdown(head, (_result(row) for row in rows))


def _result(row: Row) -> tuple[Any, ...]:
    way = " ".join(row[name] for name in ("pairing", "order_seed", "search")) if "search" in row else row.get("error")
    true = row["recipe"]["activation"]
    guess = row.get("activation")
    if guess is not None:
        told = "told" if row["activation_told"] != "auto" else "guessed" if guess == true else f"wrong, is {true}"
        guess = f"{guess} ({told})"
    right = {True: "yes", False: "no", None: None}[row.get("right")]
    named = ("pairs_right", "pairs", "blocks_in_place", "order", "mse", "evaluations", "seconds")
    compiling = row.get("phases", {}).get("compile")
    return (
        *(row["puzzle"], row.get("class"), method_of(row), row["budget"], row["status"], right),
        *(row.get(name) for name in named),
        *(compiling, row.get("seconds_to_right"), way, guess),
        f"{row['gaps_found']} of {row['gaps']}" if row.get("gaps") else None,
    )


def weights(rows: list[Row]) -> str:
    """Return a line for each puzzle: pairs right by every score, and how norms of second halves go with the depth."""
    once = list({row["puzzle"]: row for row in rows if "pairs_by" in row}.values())
    failed = [f"{row['puzzle']}: {row['status']}, {row.get('error', '')}" for row in rows if "pairs_by" not in row]
    scores = list(dict.fromkeys(name for row in once for name in row["pairs_by"]))
    head = ("puzzle", "shape", "class", "best", "of", *scores, "norms with depth", "last/first")
    table = markdown(
        head,
        (
            (
                row["puzzle"],
                f"{row['blocks']}: {row['features']}/{row['hidden']}",
                row["class"],
                row["pairs_by"][row["best"]],
                row["pairs"],
                *(row["pairs_by"].get(name) for name in scores),
                None if row["norms"] is None else f"{row['norms']:+.2f}",
                row["norms_last_over_first"],
            )
            for row in once
        ),
    )
    return "\n\n".join([table, *failed])


def phases(rows: Iterable[Row]) -> tuple[list[int], list[str], dict[tuple[int, str], tuple[int, int]]]:
    """Return the epochs and the methods of the phase diagram, and how many are right of how many in each cell."""
    ours = [row for row in latest(rows) if row["group"] == "training"]
    epochs, methods = sorted({row["epoch"] for row in ours}), list(dict.fromkeys(map(column_of, ours)))
    cells = {}
    for row in ours:
        right, count = cells.get((row["epoch"], column_of(row)), (0, 0))
        cells[row["epoch"], column_of(row)] = right + bool(row.get("right")), count + 1
    return epochs, methods, cells


def diagram(rows: Iterable[Row]) -> str:
    """Return success by epochs of training and method, as a table."""
    rows = list(rows)
    epochs, methods, cells = phases(rows)
    if not cells:
        return "Nothing of the group `training` was solved yet."
    text = lambda cell: f"{cell[0]} of {cell[1]}" if cell else None
    ours = [row for row in rows if row["group"] == "training" and "share" in row]
    shares = {
        epoch: _median({row["puzzle"]: row["share"] for row in ours if row["epoch"] == epoch}.values())
        for epoch in epochs
    }
    by_epoch = [
        (
            epoch,
            None if (share := shares[epoch]) is None else f"{share:.0%}",
            *(text(cells.get((epoch, m))) for m in methods),
        )
        for epoch in epochs
    ]
    return markdown(("epochs", "pairs by the best score", *methods), by_epoch)


def drawing(rows: Iterable[Row]) -> str:
    """Return the phase diagram as SVG: epochs across, methods down, from red, nothing right, to blue, all right."""
    epochs, methods, cells = phases(rows)
    width, height = MARGIN + CELL_WIDTH * len(epochs), CELL_HEIGHT * (len(methods) + 2)
    parts = [_text(MARGIN + CELL_WIDTH * len(epochs) / 2, CELL_HEIGHT / 2, "epochs of training", "middle")]
    parts += [_text(MARGIN + CELL_WIDTH * (k + 0.5), CELL_HEIGHT * 1.5, str(e), "middle") for k, e in enumerate(epochs)]
    for line, method in enumerate(methods):
        top = CELL_HEIGHT * (line + 2)
        parts.append(_text(MARGIN - 10, top + CELL_HEIGHT / 2, method, "end"))
        for column, epoch in enumerate(epochs):
            if (epoch, method) not in cells:
                continue
            right, count = cells[epoch, method]
            left, colour = MARGIN + CELL_WIDTH * column, _colour(right / count)
            box = f'x="{left}" y="{top}" width="{CELL_WIDTH}" height="{CELL_HEIGHT}"'
            parts.append(f'<rect {box} fill="{colour}" stroke="#ffffff"/>')
            light = abs(right / count - 0.5) > 0.35
            middle = left + CELL_WIDTH / 2, top + CELL_HEIGHT / 2
            parts.append(_text(*middle, f"{right} of {count}", "middle", "#ffffff" if light else "#222222"))
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="13">\n<rect width="{width}" height="{height}" fill="#ffffff"/>\n'
        f"{body}\n</svg>\n"
    )


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#222222") -> str:
    place = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}" dominant-baseline="central"'
    return f'<text {place} fill="{colour}">{escape(text)}</text>'


def _colour(share: float) -> str:
    end, pale = (NONE, 2 * share) if share < 0.5 else (ALL, 2 - 2 * share)
    return "#" + "".join(f"{round(value + (255 - value) * pale):02x}" for value in end)


def _median(values: Iterable[float]) -> float | None:
    values = list(values)
    return statistics.median(values) if values else None
