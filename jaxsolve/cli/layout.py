"""Host: how results fit the columns there are. Words and ids are never cut; lines break between them."""

import os
import re
import sys

LEAST = 40
"""Columns below which nothing is laid out any narrower."""
BETWEEN = "  "
"""What stands between two columns of a table."""
IDS = re.compile(r"-?\d+(?:,-?\d+){3,},?")
"""A list of ids, which may be broken behind a comma."""


KEPT = "\x1f"
"""A space at which no line is broken."""


def unbroken(text: str) -> str:
    """Return text that stays in one line, such as a command that is to be pasted."""
    return text.replace(" ", KEPT)


def columns() -> int | None:
    """Return how many columns results may take: as COLUMNS says, or the terminal; None: nobody looks at them."""
    said = os.environ.get("COLUMNS", "")
    if said.isascii() and said.isdigit() and int(said):
        return max(LEAST, int(said))
    try:
        return max(LEAST, os.get_terminal_size(sys.stdout.fileno()).columns or 80) if sys.stdout.isatty() else None
    except (OSError, ValueError, AttributeError):
        return None


def prose(text: str, indent: int = 0) -> str:
    """Return text in lines that fit, those behind the first one indented; as it is where nobody looks at it.

    Parameters
    ----------
    text
        One or several lines.
    indent
        Columns that are taken in front of the first line, and left free in front of all others.
    """
    width = columns()
    if width is not None:
        text = "\n".join(f"\n{' ' * indent}".join(_lines(line, width - indent)) for line in text.split("\n"))
    return text.replace(KEPT, " ")


def _lines(text: str, width: int) -> list[str]:
    """Return a line as lines of so many columns; what cannot be broken is longer."""
    found, line = list[str](), ""
    for piece in _pieces(text):
        if line and len(line) + len(piece.rstrip()) > width:
            found.append(line.rstrip())
            line = ""
        line += piece
    return [*found, line.rstrip()]


def _pieces(text: str) -> list[str]:
    """Return words with the space behind them, lists of ids as ids with their commas."""
    words = re.findall(r" *[^ ]+ *", text)
    each = (re.findall(r"[^,]+,?\s*", word) if IDS.fullmatch(word.strip()) else [word] for word in words)
    return [piece for pieces in each for piece in pieces]


def table(rows: list[tuple[str, ...]], *, few: bool = False) -> str:
    """Return rows as aligned columns, the first one as a title of each row.

    Where they do not fit, the last column goes on below itself if there are two; of more, the last ones are left out,
    and named. Of a `few` rows under a headline nothing is left out: the cells of each stand below each other.
    """
    width, count = columns(), max(map(len, rows))
    widths = [max(len(row[k]) for row in rows if k < len(row)) for k in range(count)]
    if width is None or sum(widths) + len(BETWEEN) * (count - 1) <= width:
        return _aligned(rows, widths)
    if count == 2:
        indent = widths[0] + len(BETWEEN)
        if width - indent < LEAST // 2:  # titles take nearly all of it
            indent = len(BETWEEN)
            return "\n".join(f"{row[0]}\n{' ' * indent}{prose(''.join(row[1:]), indent)}" for row in rows)
        return _aligned([(row[0], *(prose(cell, indent) for cell in row[1:])) for row in rows], widths)
    if few:
        return "\n\n".join(table(list(zip(rows[0], row, strict=False))) for row in rows[1:])
    kept = count
    while kept > 1 and sum(widths[:kept]) + len(BETWEEN) * (kept - 1) > width:
        kept -= 1
    left = prose(f"({', '.join(filter(None, rows[0][kept:]))}: in wider terminals and with --json)")
    return f"{_aligned([row[:kept] for row in rows], widths)}\n{left}"


def _aligned(rows: list[tuple[str, ...]], widths: list[int]) -> str:
    lines = (BETWEEN.join(cell.ljust(widths[k]) for k, cell in enumerate(row)).rstrip() for row in rows)
    return "\n".join(lines).replace(KEPT, " ")
