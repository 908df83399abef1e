"""`jaxsolve profile` prints what it measured, and keeps a trace where it is told to."""

import json

import pytest

from jaxsolve.cli.app import run

QUICK = ["--rows", "16", "--repeats", "1"]


def test_the_table_has_a_line_for_every_measurement(capsys):
    assert run(["profile", "demo", *QUICK, "--devices", "1"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("demo: 16 blocks of 24/48 on ")
    assert out[1].split()[:3] == ["work", "rows", "devices"]
    assert [line.split("  ")[0] for line in out[2:]] == ["batch 64", "swaps", "screen reorderings"]


def test_beams_have_two_lines(capsys):
    assert run(["profile", "demo", *QUICK, "--beam", "3", "--devices", "1"]) == 0
    assert [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()[2:]] == ["beam 3", "probe_beam 3"]


def test_json_and_trace(capsys, tmp_path):
    options = ["--batch", "3", "--batch", "5", "--precision", "screen", "--json", "--trace", str(tmp_path / "t")]
    assert run(["profile", *QUICK, *options]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [one["work"] for one in report["measurements"]] == ["batch 3", "batch 5"]
    assert {one["tier"] for one in report["measurements"]} == {"screen"}
    assert (report["blocks"], report["features"], report["hidden"]) == (16, 24, 48)
    assert list((tmp_path / "t").rglob("perfetto_trace.json.gz"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--precision", "high"], "no precision 'high'; choose one of screen, accept"),
        (["--neighbourhood", "all"], "no neighbourhood 'all'; choose one of adjacent"),
        (["--rows", "0"], "--rows expect at least 1"),
        (["--repeats", "0"], "--repeats and --rows expect"),
        (["--devices", "99"], "devices is 99; there are"),
        (["--batch", "0"], "a batch is 0"),
        (["--beam", "0"], "width is 0; expected at least 1"),
        (["--trace", "/proc/nothing"], "/proc/nothing: cannot be a folder for --trace"),
    ],
)
def test_mistakes_are_one_line(options, message, capsys):
    assert run(["profile", *options]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""
