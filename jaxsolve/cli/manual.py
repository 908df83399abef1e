"""Host: ``jaxsolve manual``: the pages of the manual, which ship with the package."""

import os
import re
import sys
from difflib import get_close_matches
from importlib.resources import files
from typing import Annotated

import typer

from jaxsolve.cli import terminal
from jaxsolve.errors import UsageError

PAGES = files("jaxsolve") / "manual"
INDEX = "index"
ENTRY = re.compile(r"^- \[([\w-]+)\]\(\1\.md\): (.+)$", re.MULTILINE)


@terminal.guarded
def manual(
    topic: Annotated[
        str | None, typer.Argument(metavar="[TOPIC]", help="Page to print. Default: list all pages.")
    ] = None,
) -> None:
    """Print a page of the manual; without a topic, list the pages.

    On a terminal pages are laid out for its width; elsewhere, and with
    NO_COLOR set, they are plain Markdown.
    """
    known = topics()
    if topic is None:
        terminal.result(f"{terminal.table(list(known.items()))}\n\n'jaxsolve manual TOPIC' prints a page.")
    elif topic not in (INDEX, *known):
        near = get_close_matches(topic.lower().removesuffix(".md"), known, 1)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        raise UsageError(f"no topic {topic!r} in the manual{meant}; choose one of {', '.join(known)}")
    elif sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb":
        from rich.console import Console
        from rich.markdown import Markdown

        Console(highlight=False).print(Markdown(page(topic), hyperlinks=False))
    else:
        terminal.result(page(topic).rstrip("\n"))


def topics() -> dict[str, str]:
    """Return the topics with what their pages are about, in the order in which the index lists them."""
    return dict(ENTRY.findall(page(INDEX)))


def page(topic: str) -> str:
    """Return the text of a page."""
    return (PAGES / f"{topic}.md").read_text(encoding="utf-8")
