"""Host: the page itself: one HTML file that needs nothing else and is allowed to ask for nothing else."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template

from jaxsolve.records import Record
from jaxsolve.report.blocks import NotDrawnError, measured, pair_figures, position_figures, puzzle_of
from jaxsolve.report.comparison import comparison_section, run_names
from jaxsolve.report.figure import Figure, few_element, figure_element
from jaxsolve.report.history import history_of
from jaxsolve.report.markup import Markup, clean, element, joined
from jaxsolve.report.sections import (
    Section,
    certificate_section,
    course_section,
    replay_section,
    replays_section,
    shape_of,
    summary_section,
)
from jaxsolve.report.terms import BEST_FOUND, VERDICTS, best_word, glossary, term

GLOSSARY = Section("glossary", "Glossary", [glossary()])


@dataclass(frozen=True, eq=False)
class Report:
    """What is reported of one run or of several."""

    title: str
    sections: Sequence[Section]
    notes: Sequence[str]
    """What could not be reported, and why."""
    subtitle: str = ""
    """What it is about, below the title."""

    @property
    def figures(self) -> list[Figure]:
        """All figures, in the order of the page; their names are unique."""
        return [figure for section in self.sections for figure in section.figures]


def report_of(record: Record, puzzle: str | None = None) -> Report:
    """Return the report of one run.

    Parameters
    ----------
    record
        Of the run, of whatever status.
    puzzle
        Where its puzzle is, if not where it was. If there is none at either place, the report says so and goes
        without what needs it.

    Raises
    ------
    JaxsolveError
        A puzzle was named that cannot be read or is not that of the run, or the libraries for figures are missing.
    """
    history, notes = history_of(record), list[str]()
    pairing = next((one.pairing for one in reversed(history.attempts) if one.pairing), None)
    try:
        analysis = measured(record, puzzle_of(record, puzzle))
    except NotDrawnError as error:
        text = f"Without pair scores and properties of blocks: {error}"
        notes.append(text)
        missing = element("p", clean(text), class_="missing")
        pairs, blocks = [missing], [missing]
    else:
        word = best_word(record.status)
        skipped = [element("p", f"{name}: {why}", class_="missing") for name, why in analysis.skipped.items()]
        pairs = [_of_which(word, "pair", "Pairs"), *pair_figures(analysis, pairing, word)]
        blocks = [_of_which(word, "block", "Blocks"), *position_figures(analysis, word), *skipped]
    sections = (
        summary_section(record),
        certificate_section(record),
        replay_section(record, history),
        course_section(record, history),
        Section("pairs", "Pairs", pairs),
        Section("blocks", "Blocks by position", blocks),
        GLOSSARY,
    )
    puzzle_name = clean(record.fields["puzzle"].get("name"))
    title = f"{puzzle_name}: {str(VERDICTS.get(record.status) or clean(record.status)).lower()}"
    return Report(title, sections, notes, shape_of(record))


def _of_which(word: str, key: str, shown: str) -> Markup:
    """Return what figures are about: the answer, or what is not proven to be one."""
    unproven = [" Nothing proves that it is right."] if word == BEST_FOUND else []
    name = term("best") if word == BEST_FOUND else word
    return element("p", term(key, shown), " are those of the ", name, ".", *unproven, class_="note")


def comparison_of(records: Sequence[Record]) -> Report:
    """Return the report of several runs, beside each other.

    Raises
    ------
    UsageError
        The libraries for figures are missing.
    """
    histories, names = [history_of(record) for record in records], run_names(records)
    sections = [comparison_section(records, histories)]
    sections.append(replays_section(records, histories, names))
    for k, (record, name) in enumerate(zip(records, names, strict=True), 1):
        sections.append(summary_section(record, f"summary-{k}", f"Summary of {name}"))
    return Report(f"{len(records)} runs: {', '.join(names)}", [*sections, GLOSSARY], ())


def page(report: Report) -> bytes:
    """Return a report as an HTML file, of UTF-8, that shows without a network in any current browser.

    Its policy (https://www.w3.org/TR/CSP3/) forbids everything but its own style and script, told by their hashes,
    and images that it holds itself.
    """
    style, script = _asset("report.css"), _asset("replay.js")
    policy = f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
    policy += "base-uri 'none'; form-action 'none'"
    about = [element("p", report.subtitle, class_="about")] if report.subtitle else []
    body = [
        element("a", "Skip to the content", href="#content", class_="skip"),
        element("header", element("h1", report.title), *about, _navigation(report.sections)),
        element("main", *map(_section, report.sections), id="content"),
        element("footer", element("p", "Made by jaxsolve report. This file needs no network.", class_="note")),
    ]
    title = escape(f"{report.title} · jaxsolve")
    whole = Template(_asset("page.html")).substitute(
        policy=policy, title=title, style=style, body=joined(body), script=script
    )
    return whole.encode()


def _navigation(sections: Iterable[Section]) -> Markup:
    links = (element("li", element("a", section.title, href=f"#{section.name}")) for section in sections)
    return element("nav", element("ul", *links), aria_label="Sections")


def _section(section: Section) -> Markup:
    """Return a section; figures that follow each other stand side by side where there is room.

    Those of few points are told in words, behind the others.
    """
    parts, beside, few = list[Markup](), list[Markup](), list[Markup]()
    for part in [*section.parts, Markup("")]:
        if isinstance(part, Figure) and part.sparse():
            few.append(few_element(part))
        elif isinstance(part, Figure) and not part.large:
            beside.append(figure_element(part))
        else:
            parts += [element("div", *beside, class_="figures")] if beside else []
            parts += [element("dl", *few, class_="few")] if few else []
            beside, few = [], []
            parts.append(figure_element(part) if isinstance(part, Figure) else part)
    heading = element("h2", section.title, id=f"{section.name}-title")
    return element("section", heading, *parts, id=section.name, aria_labelledby=f"{section.name}-title")


def _asset(name: str) -> str:
    return files("jaxsolve.report").joinpath("assets", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
