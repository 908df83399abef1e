"""`jaxsolve analyze` prints what was measured, as tables and as one object, and draws it where it is told to."""

import json
import subprocess
import sys

import pytest

from jaxsolve.analysis import MEASUREMENTS
from jaxsolve.cli.app import run
from jaxsolve.errors import install_words
from jaxsolve.puzzle import padded, write_puzzle
from jaxsolve.report.charts import FIGURES
from tests import reference

QUICK = ["--measure", "norms", "--measure", "forward"]


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A puzzle as files, and its answer."""
    puzzle, answer = reference.random_puzzle(3, n=5, rows=30)
    folder = tmp_path_factory.mktemp("analyze") / "p"
    write_puzzle(puzzle, folder)
    return str(folder), ",".join(map(str, puzzle.permutation(answer)))


def test_tables_with_an_answer(given, capsys):
    assert run(["analyze", *given]) == 0
    captured = capsys.readouterr()
    out = captured.out.split("\n\n")
    assert out[0].startswith("p: 5 blocks, relu")
    assert out[0].endswith("pairs and order of the answer")
    assert out[1].startswith("MSE ")
    titles = [part.splitlines()[0] for part in out[2:]]
    assert titles[0] == "Frobenius norms"
    assert len(titles) == len(MEASUREMENTS) + 1
    assert titles[-1] == "Blocks by position"
    assert out[-1].splitlines()[1].split()[:2] == ["position", "pieces"]
    assert len(out[-1].splitlines()) == 7
    assert all(line.startswith("jaxsolve: ") for line in captured.err.splitlines())


def test_without_an_answer_it_says_what_is_assumed(given, capsys):
    assert run(["analyze", given[0], *QUICK, "--measure", "seeds"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[0].endswith(", both assumed")
    assert captured.out.endswith("seeds: not measured: how deep blocks lie is not known; name an ANSWER\n")
    assert captured.err == ""


def test_json_has_all_of_it(given, capsys):
    assert run(["analyze", *given, "--json", "--activation", "relu"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report) >= {*MEASUREMENTS, "puzzle", "source", "mse", "permutation", "skipped"}
    assert report["source"] == "answer"
    assert report["permutation"] == [int(piece) for piece in given[1].split(",")]
    assert report["norms"]["summaries"]["w_in"]["count"] == 5
    assert len(report["residuals"]["ratios"]) == 5
    assert [len(part) for part in report["products"]["eigenvalues"]] == [5, 5]  # blocks, for each of two parts
    assert "matrices" not in report["products"]
    assert {one["name"] for one in report["seeds"]["orders"]} >= {"delta_norm", "bradley_terry"}
    assert report["pair_scores"][0]["certain"] <= 5
    assert report["transitivity"]["triples"] == 10


def test_figures_are_written_once(given, capsys, tmp_path):
    folder = tmp_path / "new" / "figures"
    assert run(["analyze", *given, "--figures", str(folder), "--dark"]) == 0
    assert f"figures in {folder}: {len(FIGURES)}" in capsys.readouterr().err
    expected = {f"{name}.{kind}" for name in FIGURES for kind in ("svg", "png")}
    assert {file.name for file in folder.iterdir()} == expected
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    (folder / "norms.svg").unlink()
    assert run(["analyze", *given, "--figures", str(folder)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "exists already and is not overwritten; choose another folder for --figures" in captured.err
    before.pop("norms.svg")  # nothing is written where not all can be
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


@pytest.mark.parametrize("activation", ["gelu", "tanh"])
def test_the_activation_that_fits_the_answer_is_found(activation, tmp_path, capsys):
    puzzle, answer = reference.random_puzzle(3, n=5, rows=30, activation=activation)
    write_puzzle(puzzle, tmp_path / "p")
    permutation = ",".join(map(str, puzzle.permutation(answer)))
    assert run(["analyze", str(tmp_path / "p"), permutation, *QUICK, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["activation"] == activation
    assert report["mse"] < 1e-9


def test_unequal_counts_of_halves(tmp_path, capsys):
    puzzle, _ = reference.random_puzzle(3, n=5, rows=30)
    lost = puzzle.replace(w_out=puzzle.w_out[2:], b_out=puzzle.b_out[2:], out_ids=puzzle.out_ids[2:])
    write_puzzle(padded(lost), tmp_path / "p")
    assert run(["analyze", str(tmp_path / "p")]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("p: 3 blocks")
    assert "note: 5 first halves but 3 second halves" in captured.err


def test_measurements_that_evaluate_nothing_do_not_load_jax():
    names = [name for name in MEASUREMENTS if name not in ("transitivity", "seeds")]
    options = [word for name in names for word in ("--measure", name)]
    code = (
        "import sys; from jaxsolve.cli.app import app\n"
        f"app(['analyze', 'demo', '--rows', '50', *{options}], standalone_mode=False)\n"
        "sys.exit(bool({'jax', 'altair'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--measure", "size"], "no measurement 'size'; choose one of norms, rescaling"),
        (["--rows", "0"], "rows is 0; expected at least 1"),
        (["--figures", "/proc/nothing"], "/proc/nothing: cannot be a folder for --figures"),
        (["1,2,3"], "ends with piece 3; the readout is piece"),
        (["/nowhere"], "/nowhere: no readable answer"),
        (["--activation", "step"], "no activation 'step'"),
    ],
)
def test_mistakes_are_one_line(options, message, capsys):
    assert run(["analyze", "demo", *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err


def test_without_the_libraries_figures_are_refused_before_the_work(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    assert run(["analyze", "demo", "--figures", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith(f"figures need vl_convert, which is not installed; {install_words('report')}\n")
