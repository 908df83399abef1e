"""Every exit code of the table in the manual; 3, 130 and 143 are tested where processes die and are interrupted, too."""

import re

import pytest

from jaxsolve.backend import ProcessLost
from jaxsolve.cli import codes, terminal, version
from jaxsolve.cli.app import app, run
from jaxsolve.cli.manual import page
from jaxsolve.errors import UsageError
from jaxsolve.experiment.search import JointSolution


def raising(failure: BaseException):
    def fail(*args, **options):
        raise failure

    return fail


def test_the_manual_and_the_help_have_the_table(capsys):
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", page("json"), re.MULTILINE)
    assert {int(code): meaning for code, meaning in rows} == codes.MEANINGS
    assert run(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for code, meaning in codes.MEANINGS.items():
        assert f"{code}: {meaning.replace('`', '')}." in shown


def test_ends_of_searches_have_documented_codes():
    assert set(codes.OF_STATUS.values()) < set(codes.MEANINGS)
    assert set(codes.OF_STATUS) | {"interrupted"} >= set(re.findall(r"``(\w+)``", vars(JointSolution)["__doc__"] or ""))


@pytest.mark.parametrize(
    ("failure", "code", "line"),
    [
        (UsageError("no such thing; take another"), 2, "error: no such thing; take another"),
        (OSError(28, "No space left on device", "out"), 2, "error: [Errno 28] No space left on device: 'out'"),
        (MemoryError(), 2, "error: out of memory; fewer rows, states or chains take less"),
        (
            RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes\nand more"),
            2,
            "error: out of memory (Out of memory allocating 9 bytes); fewer rows, states or chains take less",
        ),
        (KeyboardInterrupt(), 130, "interrupted"),
        (
            ZeroDivisionError("by\nzero"),
            70,
            "internal error: ZeroDivisionError: by zero; --debug shows where; please report it",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
@pytest.mark.parametrize("debug", [False, True])
def test_failures_are_one_line_and_a_code(failure, code, line, debug, monkeypatch, capsys):
    monkeypatch.setattr(version, "versions", raising(failure))
    assert run(["version", *["--debug"] * debug]) == code
    out, err = capsys.readouterr()
    assert out == ""
    *before, last = err.splitlines()
    assert last == f"jaxsolve: {line}"
    assert ("Traceback (most recent call last):" in before) == debug
    assert bool(before) == debug
    assert code in codes.MEANINGS


def test_a_run_whose_other_process_is_gone_ends_with_3(monkeypatch, capsys):
    from jaxsolve.run import Run

    monkeypatch.setattr(Run, "spend", raising(ProcessLost("another process of this run is gone")))
    assert run(["search", "demo", "--no-record", "--activation", "relu"]) == codes.OF_STATUS["lost"]
    assert "Another process of this run is gone" in capsys.readouterr().out


def test_every_command_shows_where_an_error_comes_from(capsys):
    commands = [["runs", name] for name in ("list", "show", "diff")]
    commands += [[command.name or command.callback.__name__] for command in app.registered_commands]
    for command in [*commands, ["runs"]]:
        assert run([*command, "--help"]) == 0
        assert "--debug" in capsys.readouterr().out, command


def test_wrong_usage_needs_no_traceback(capsys):
    assert run(["version", "--json", "extra"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert terminal.one_line("a\n b") == "a b"
