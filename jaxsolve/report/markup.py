"""Host: HTML that cannot be forgotten to be escaped: text is escaped where it enters, and only `Markup` is not."""

import json
import math
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

VOID = frozenset({"img", "input", "link", "meta", "source", "wbr"})
"""Elements without an end."""


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(name: str, *children: object, **attributes: object) -> Markup:
    """Return an element; children that are no `Markup` are escaped.

    Attributes that are None or False are left out, and True ones have no value; ``class_`` and ``aria_label`` stand
    for ``class`` and ``aria-label``.
    """
    given = "".join(_attribute(key, value) for key, value in attributes.items() if value not in (None, False))
    if name in VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{joined(children)}</{name}>")


def joined(children: Iterable[object], between: str = "") -> Markup:
    """Return several children as one."""
    space = between if isinstance(between, Markup) else escape(between)
    return Markup(space.join(child if isinstance(child, Markup) else escape(str(child)) for child in children))


def table(headings: Sequence[object], rows: Iterable[Sequence[object]], label: str) -> Markup:
    """Return a table, the first cell of each row its title, that scrolls by itself where it is too wide."""
    head = element("tr", *(element("th", text, scope="col") for text in headings))
    body = [
        element("tr", element("th", shown(row[0]), scope="row"), *(element("td", shown(cell)) for cell in row[1:]))
        for row in rows
    ]
    whole = element("table", element("thead", head), element("tbody", *body))
    return element("div", whole, class_="scroll", role="region", aria_label=label, tabindex="0")


def folded(title: str, *children: object) -> Markup:
    """Return what is shown only on demand."""
    return element("details", element("summary", title), *children)


def facts(rows: Iterable[tuple[object, object]]) -> Markup:
    """Return names and values; those without a value are left out."""
    kept = [(name, value) for name, value in rows if value not in (None, "")]
    return element("dl", *(element("div", element("dt", name), element("dd", shown(value))) for name, value in kept))


def ids(pieces: Iterable[int]) -> Markup:
    """Return piece ids joined by commas, in lines that end behind a comma and nowhere else."""
    return element("span", joined((str(piece) for piece in pieces), Markup(",<wbr>")), class_="ids")


def unbroken(text: str) -> Markup:
    """Return a text whose numbers, such as 5.2e-14, are not broken at their signs."""
    parts = re.split(r"(\d[\d.]*e-\d+)", text)
    return joined(element("span", part, class_="number") if k % 2 else part for k, part in enumerate(parts))


def data(value: Any, **attributes: object) -> Markup:
    """Return data for scripts of the page, which nothing in it can end or turn into a script."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return element("script", Markup(text), type="application/json", **attributes)


def shown(value: object) -> object:
    """Return a value as people read it: numbers with four digits; markup and text as they are."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else "-"
    return f"{value:,}" if isinstance(value, int) else value


def counted(number: int, noun: str) -> str:
    """Return a number of things."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def clean(value: Any) -> Any:
    """Return what was read from JSON without characters that UTF-8 or HTML lack, and texts that no page has room for.

    Laying out a text takes the square of its length.
    """
    if isinstance(value, str):
        value = value if len(value) <= 1000 else f"{value[:1000]}…"
        return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in value)
    if isinstance(value, dict):
        return {clean(key): clean(part) for key, part in value.items()}
    return [clean(part) for part in value] if isinstance(value, list) else value


def _attribute(key: str, value: object) -> str:
    name = key.removesuffix("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
