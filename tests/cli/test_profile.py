"""`jaxsolve profile` prints what it measured, and keeps a trace where it is told to."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from jaxsolve.cli import profile_table
from jaxsolve.cli.app import run
from jaxsolve.profiling import Measurement

QUICK = ["--rows", "16", "--repeats", "1"]


def table(text: str) -> list[list[str]]:
    """Cells of the lines of the first part of a table."""
    part = next(part for part in text.split("\n\n") if part.startswith("work"))
    return [re.split(r"  +", line) for line in part.splitlines()]


def test_the_table_has_a_line_for_every_measurement(capsys):
    assert run(["profile", "demo", *QUICK, "--devices", "1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("demo: 16 blocks of 24/48 on ")
    assert re.search(r"^large matrix products: float32 [\d,]+ GFLOP/s$", out, re.MULTILINE)
    assert re.search("^16 rows, 1 device, products in float32, way: ", out, re.MULTILINE)
    head, *lines = table(out)
    assert head[:2] == ["work", "a second"]
    assert [line[0] for line in lines] == ["batch 64", "swaps", "screen reorderings"]
    assert all(line[1].endswith(" candidates") for line in lines)


def test_beams_have_two_lines(capsys):
    assert run(["profile", "demo", *QUICK, "--beam", "3", "--devices", "1"]) == 0
    assert [line[0] for line in table(capsys.readouterr().out)[1:]] == ["beam 3", "probe_beam 3"]


def test_methods_and_training_have_a_line_each_with_their_own_units(capsys):
    options = ["--annealing", "2", "--relaxation", "8", "--training", "8", "--devices", "1"]
    assert run(["profile", "demo", *QUICK, *options]) == 0
    lines = table(capsys.readouterr().out)[1:]
    assert [(line[0], line[2].split()[1]) for line in lines] == [
        ("annealing 2", "moves"), ("relaxation 8", "steps"), ("training 8", "rows"),
    ]  # fmt: skip


def one(**changes: Any) -> Measurement:
    given = Measurement(
        "screen partner_swaps", 10_000, 8, "accept", "3 x TF32", "sequential", 4096, "candidates", 0.25, 123_456.7, 1e5,
        1e6, 5e13, 133e12, 0.376, 1e12, 0.51, 12.3, 14, 70 << 30,
    )  # fmt: skip
    return replace(given, **changes)


@pytest.mark.parametrize("width", [80, 100, 200])
def test_tables_stay_within_the_width_and_lose_nothing(width):
    rows = [
        one(), one(work="relaxation 384", rows=384, devices=2, arithmetic="float32", way="batched", unit="steps",
        flops=None, share_of_peak=None, share_of_bandwidth=None),
    ]  # fmt: skip
    text = profile_table.table(rows, width)
    assert max(map(len, text.splitlines())) <= width
    shown = set(re.split(r"  +|\n+", text))
    for column in profile_table.COLUMNS:
        assert {column.head, *(column.cell(row) for row in rows)} <= {*shown, ""}
    assert len(text.split("\n\n")) == {80: 3, 100: 2, 200: 1}[width]


def test_what_is_the_same_for_all_stands_above_the_table():
    text = profile_table.table([one(), one(work="swaps")], 80)
    assert text.startswith("10000 rows, 8 devices, products in 3 x TF32, way: sequential\n\nwork  ")


def test_shares_are_told_as_they_are_and_what_has_none_is_empty():
    cells = {column.head: column.cell for column in profile_table.COLUMNS}
    assert cells["share"](one(share_of_peak=1.25)) == "1.25"
    assert cells["share"](one(share_of_peak=None)) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.25, "0.25"), (12.3456, "12.3"), (999.4, "999"), (999.6, "1k"), (123_456, "123k"), (2.5e15, "2.5e+03T")],
)
def test_large_numbers_have_prefixes(value, text):
    assert profile_table.short(value) == text


def test_help_fits_into_80_columns_and_explains_every_column(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["profile", "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    for column in profile_table.COLUMNS:
        assert any(re.fullmatch(rf" *{re.escape(column.head)}: {re.escape(column.told)}\.", line) for line in lines)


def test_a_scale_leaves_a_table_json_and_a_chart(capsys, tmp_path):
    options = ["--scale", "batch", "--batch", "40", "--repeats", "1", "--rows", "16", "-o", str(tmp_path / "new")]
    assert run(["profile", *options]) == 0
    assert [line[0] for line in table(capsys.readouterr().out)[1:]] == ["batch 16", "batch 32", "batch 40"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "scale-batch.json", "scale-batch.md", "scale-batch.svg",
    ]  # fmt: skip
    facts = json.loads((tmp_path / "new" / "scale-batch.json").read_text())
    assert [one["items"] for one in facts["measurements"]] == [16, 32, 40]
    assert facts["scale"] == "batch"
    assert (tmp_path / "new" / "scale-batch.md").read_text().count("\n| batch") == 3
    drawn = (tmp_path / "new" / "scale-batch.svg").read_text()
    assert "Throughput by candidates of a batch" in drawn
    assert run(["profile", *options]) == 2
    assert "exists already and is not overwritten" in capsys.readouterr().err


def test_what_cannot_be_measured_is_told_and_the_rest_is_measured(capsys, tmp_path):
    options = ["--batch", "2", "--beam", "9999999", "--out", str(tmp_path), "--memory", "1MB"]
    assert run(["profile", *QUICK, *options]) == 0
    captured = capsys.readouterr()
    assert [line[0] for line in table(captured.out)[1:]] == ["batch 2"]
    told = " ".join(captured.out.split())
    for name in ("beam", "probe_beam"):
        assert f"not measured: {name} 9999999, 16 rows: beam is 9999999; on 16 rows " in told
    assert len(json.loads((tmp_path / "profile.json").read_text())["failures"]) == 2
    assert "- not measured: beam 9999999" in (tmp_path / "profile.md").read_text()
    assert run(["profile", *QUICK, "--beam", "9999999", "--memory", "1MB"]) == 2


def test_what_was_measured_before_an_interrupt_is_told(capsys, monkeypatch):
    def interrupted(*args, **kwargs):
        yield one()
        raise KeyboardInterrupt

    monkeypatch.setattr("jaxsolve.profiling.measure", interrupted)
    assert run(["profile", *QUICK]) == 130
    assert "screen partner_swaps" in capsys.readouterr().out


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
        (["--annealing", "0"], "chains is 0; expected at least 1"),
        (["--relaxation", "0"], "relaxation is 0; expected at least 1 row"),
        (["--training", "0"], "a batch of training is 0; expected at least 1 row"),
        (["--scale", "depth"], "no axis 'depth'; choose one of devices, rows, width, batch"),
        (["--scale", "width", "--training", "8"], "--scale width measures --beam alone, without --training"),
        (["--scale", "batch", "--rows", "8", "--rows", "16"], "--scale batch takes one --rows"),
        (["--scale", "width", "--beam", "0"], "--beam is 0; expected at least 1"),
        (["--scale", "rows", "--longest", "0"], "--longest is 0.0; expected more than 0 seconds"),
        (["--out", "/proc/nothing"], "/proc/nothing: cannot be a folder for --out"),
        (["--trace", "/proc/nothing"], "/proc/nothing: cannot be a folder for --trace"),
    ],
)
def test_mistakes_are_one_line(options, message, capsys):
    assert run(["profile", *options]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""
