"""Results fit the columns there are: lines break between words and between ids, and no word is cut."""

import io
import re

import pytest

from jaxsolve.cli import layout
from jaxsolve.cli.app import app, run
from jaxsolve.puzzle.write import read_answer
from tests.cli import call

IDS = [*range(90, 0, -1)]
TEXT = "Not solved in the budget of 6 s; best so far: MSE 0.924965 over all 2000 rows, R² -0.118068."


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "62")


def test_nothing_is_laid_out_where_nobody_looks(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert layout.columns() is None
    assert layout.prose(TEXT) == TEXT
    assert layout.table([("answer", ",".join(map(str, IDS)))]).count("\n") == 0


def test_words_are_kept_whole_and_all_of_them(narrow):
    lines = layout.prose(TEXT, indent=4).split("\n")
    assert max(map(len, lines)) <= 62
    assert len(lines) > 1
    assert all(line.startswith("    ") for line in lines[1:])
    assert " ".join(" ".join(lines).split()) == TEXT


def test_ids_break_behind_commas_and_read_as_an_answer_again(narrow, tmp_path):
    shown = layout.table([("answer", ",".join(map(str, IDS))), ("sha256", "ab" * 32)])
    first, *others = shown.split("\n")
    assert first.endswith(",")
    assert max(map(len, shown.split("\n"))) <= 8 + 64  # the hash cannot be broken
    assert all(line.startswith(" " * 8) for line in others[:-1])
    (tmp_path / "printed").write_text(f"Solved.\n{shown}\n")
    assert read_answer(str(tmp_path / "printed")) == IDS


def test_a_command_that_is_to_be_pasted_stays_in_one_line(narrow):
    command = f"jaxsolve solve PUZZLE --start {'x' * 40} --rows 2000"
    shown = layout.table([("next", f"some reason that is rather long as well: {layout.unbroken(command)}")])
    assert command in [line.strip() for line in shown.split("\n")]
    assert layout.KEPT not in shown


def test_of_a_table_that_is_too_wide_the_last_columns_are_left_out_and_named(narrow):
    rows = [("work", "rows", *(f"column {k}" for k in range(8))), ("batch 64", "512", *("0.123456",) * 8)]
    lines = layout.table(rows).split("\n")
    assert max(map(len, lines)) <= 62
    kept = lines[0].count("column")
    assert 0 < kept < 8
    assert lines[1].split() == ["batch", "64", "512", *["0.123456"] * kept]
    left = " ".join(lines[2:])
    assert f"column {kept}" in left
    assert "column 7" in left


def test_wide_titles_go_above_what_they_title(narrow):
    shown = layout.table([("t" * 55, "one two three four five")])
    assert shown.split("\n")[1].startswith("  one")


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[a-zA-Z][\w'-]+", text))


NAMES = [[], *([command.name or command.callback.__name__] for command in app.registered_commands)]
NAMES += [["runs"], *(["runs", name] for name in ("list", "show", "diff"))]


@pytest.mark.parametrize("arguments", NAMES, ids=" ".join)
@pytest.mark.parametrize("columns", [62, 120])
def test_help_is_plain_and_cuts_no_word(arguments, columns, monkeypatch, capsys):
    def shown(terminal, width):
        monkeypatch.setenv("TERM", terminal)
        monkeypatch.setenv("COLUMNS", str(width))
        assert run([*arguments, "--help"]) == 0
        return capsys.readouterr().out

    narrow, whole = shown("dumb", columns), shown("dumb", 2000)
    assert shown("xterm-256color", columns) == narrow
    assert not set(narrow) & set("╭─│╰\x1b")
    assert narrow.count("…") == whole.count("…")  # what is written so
    assert max(map(len, narrow.splitlines())) <= columns
    assert words_of(narrow) == words_of(whole)


def test_brackets_of_help_are_there():
    assert "tables [options] and [grid]" in " ".join(call("sweep", "--help").stdout.split())
    assert "[default: demo]" in " ".join(call("solve", "--help").stdout.split())


@pytest.mark.parametrize("columns", [62, 120])
@pytest.mark.parametrize("command", [["inspect"], ["pair"], ["solve", "--no-record"]], ids=str)
def test_results_fit(command, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = call(*command).stdout
    unbreakable = max(len(word) for word in re.split(r"[\s,]+", shown))
    for line in shown.splitlines():
        assert len(line) <= max(columns, unbreakable + 16), line
