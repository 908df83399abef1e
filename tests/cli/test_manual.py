"""The manual on the command line: listed, printed as it stands, laid out on a terminal, and shipped."""

import io
import sys
import zipfile

import pytest

from jaxsolve.cli import manual
from jaxsolve.cli.manual import PAGES, page, topics
from tests.cli import call
from tests.conftest import ROOT


def test_every_page_is_a_topic_with_a_line_and_begins_with_a_title():
    found = {file.name.removesuffix(".md") for file in PAGES.iterdir()} - {"index"}
    assert set(topics()) == found
    for topic, about in topics().items():
        assert 10 < len(about) < 110
        assert page(topic).startswith("# ")


def test_without_a_topic_there_is_the_list():
    result = call("manual")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[: len(topics())]] == [*topics()]
    assert lines[-1] == "'jaxsolve manual TOPIC' prints a page."


@pytest.mark.parametrize("topic", ["index", *topics()])
def test_pages_are_plain_where_nobody_lays_them_out(topic):
    result = call("manual", topic)
    assert result.exit_code == 0
    assert result.stdout == page(topic)


@pytest.mark.parametrize(("word", "meant"), [("formts", "formats"), ("Verdict", "verdicts"), ("json.md", "json")])
def test_misspelled_topics_are_suggested(word, meant):
    result = call("manual", word)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert f"no topic {word!r} in the manual (did you mean {meant!r}?); choose one of commands, " in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("topic", ["", "../index", "x" * 5000])
def test_other_files_are_no_topics(topic):
    result = call("manual", topic)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1


class Terminal(io.StringIO):
    def isatty(self):
        return True


def printed(monkeypatch, topic: str, **environment: str) -> str:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"TERM": "xterm", "COLUMNS": "70"} | environment).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", Terminal())
    manual.manual(topic)
    return sys.stdout.getvalue()


def test_a_terminal_is_given_what_fits_it(monkeypatch):
    text = printed(monkeypatch, "units")
    assert "\x1b[" in text
    assert "# Units" not in text
    plain = "".join(part.partition("m")[2] for part in ("m" + text).split("\x1b["))
    assert max(map(len, plain.splitlines())) <= 70


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_a_terminal_that_wants_no_colors_is_given_plain_text(monkeypatch, environment):
    assert printed(monkeypatch, "units", **environment) == page("units")


def test_a_wheel_has_the_manual(tmp_path):
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed ('jaxsolve[test]')")
    (built,) = wheel.WheelBuilder(str(ROOT)).build(directory=str(tmp_path))
    with zipfile.ZipFile(built) as archive:
        for topic in ("index", *topics()):
            assert archive.read(f"jaxsolve/manual/{topic}.md").decode() == page(topic)
        assert "jaxsolve/__init__.pyi" in archive.namelist()
