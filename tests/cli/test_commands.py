"""The command line: results on stdout, one line on stderr, exit codes as documented."""

import json
import time

import numpy as np
import pytest
from safetensors.numpy import load_file

from jaxsolve.cli.terminal import one_line
from jaxsolve.ordering import SEEDS
from jaxsolve.pairing import PAIRINGS
from jaxsolve.puzzle import demo_puzzle, write_puzzle
from jaxsolve.records import to_json
from jaxsolve.search import SEARCHES
from tests import reference
from tests.cli import call

KEYS = {
    "status", "message", "permutation", "sha256", "mse", "pairs", "pairing", "order_seed", "search", "rows", "rounds",
    "evaluations", "seconds", "seed", "devices", "versions",
}  # fmt: skip


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def solved():
    result = call("solve", "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_a_command_called_by_a_program_has_its_whole_budget(monkeypatch):
    monkeypatch.setattr("jaxsolve.cli._IMPORTED", time.perf_counter() - 1e6)
    result = call("solve", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["seconds"]["total"] < 1e5


def test_solve_prints_one_object(solved):
    assert set(solved) >= KEYS
    assert solved["status"] == "solved"
    assert solved["sha256"] == demo_puzzle().expected_sha256
    assert [piece for pair in solved["pairs"] for piece in pair] == solved["permutation"][:-1]
    assert set(solved["seconds"]) == {
        "import",
        "read",
        "compile",
        "pair",
        "seed",
        "search",
        "certify",
        "total",
    }
    assert sum(s for name, s in solved["seconds"].items() if name != "total") <= solved["seconds"]["total"] + 0.01
    assert solved["rounds"][-1]["mse"] == pytest.approx(solved["mse"], rel=1e-6)
    assert [done["round"] for done in solved["rounds"]] == list(range(1, len(solved["rounds"]) + 1))


def test_solve_shows_the_same_to_people(solved):
    result = call("solve")
    assert result.exit_code == 0
    assert result.stdout.startswith("Solved: ")
    assert ",".join(map(str, solved["permutation"])) in result.stdout
    assert solved["sha256"] in result.stdout
    assert result.stderr == ""


def test_an_unsolved_puzzle_exits_with_1_and_saves_the_best_answer(tmp_path, data_home):
    puzzle = demo_puzzle()
    write_puzzle(puzzle.replace(y=puzzle.y[::-1].copy()), tmp_path / "p")
    arguments = (
        "solve",
        tmp_path / "p",
        "--pairing",
        "trace",
        "--order-seed",
        "random",
        "--search",
        "bubble",
    )
    for _ in range(2):
        result = call(*arguments, "--budget", 2, "--rows", 50, "--json", "--out", tmp_path / "out")
        assert result.exit_code == 1, result.stderr
        assert json.loads(result.stdout)["status"] == "unsolved"
    names = [file.name for file in (tmp_path / "out").iterdir() if file.name != ".lock"]
    assert {name for name in names if name.startswith("checkpoint")} <= {"checkpoint.npz", "checkpoint-before.npz"}
    saved = sorted(name for name in names if not name.startswith("checkpoint"))
    kept = [
        f"{name}{number}.{kind}"
        for name, kind in (("answer", "json"), ("record", "json"), ("trace", "jsonl"))
        for number in ("-2", "")
    ]
    assert saved == kept
    assert not data_home.exists()
    assert call(*arguments, "--budget", 1).exit_code == 1
    (kept,) = data_home.rglob("answer.json")
    assert sorted(json.loads(kept.read_text())["permutation"]) == list(range(33))
    assert call("verify", tmp_path / "p", kept).exit_code == 1


def test_a_folder_that_cannot_be_written_is_named_before_the_search(tmp_path):
    (tmp_path / "file").write_text("mine")
    result = call("solve", "--out", tmp_path / "file")
    assert result.exit_code == 2
    assert f"{tmp_path / 'file'}: " in result.stderr
    assert (tmp_path / "file").read_text() == "mine"


def test_verify_and_export(tmp_path, solved):
    (tmp_path / "answer.json").write_text(json.dumps(solved))
    result = call("verify", "demo", tmp_path / "answer.json")
    assert result.exit_code == 0
    assert result.stdout.startswith("Solved: all 2000 predictions are reproduced")
    verified = json.loads(call("verify", "demo", tmp_path / "answer.json", "--json").stdout)
    assert verified["solved"]
    assert verified["mse"] == pytest.approx(solved["mse"])
    ids = ",".join(map(str, solved["permutation"]))
    assert call("verify", "demo", ids).exit_code == 0
    assert call("verify", "demo", ids, "--sha256", "0" * 64).exit_code == 1
    assert call("export", "demo", ids, tmp_path / "net.safetensors").exit_code == 0
    assert len(load_file(tmp_path / "net.safetensors")) == 4 * 16 + 2
    again = call("export", "demo", ids, tmp_path / "net.safetensors")
    assert again.exit_code == 2
    assert "exists already and is not overwritten" in again.stderr


def test_solve_says_why_and_what_there_is_beside_the_answer(solved):
    assert {"pairs", "order", "search"} <= set(solved["why"])
    assert "certain by" in solved["why"]["pairs"]
    assert (solved["activation"], solved["activation_given"]) == ("relu", False)
    assert (solved["noise"], solved["unused"], solved["missing"], solved["alike"]) == (None, [], [], [])


def test_noise_is_shown_and_verified(tmp_path):
    puzzle = demo_puzzle().replace(expected_sha256=None)
    noise = 0.01 * np.random.default_rng(0).normal(size=puzzle.rows)
    write_puzzle(puzzle.replace(y=puzzle.y + noise), tmp_path / "p")
    result = call("solve", tmp_path / "p", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["noise"]["sd"] == pytest.approx(0.01, rel=0.1)
    assert found["why"]["noise"].startswith("standard deviation 0.0")
    ids = ",".join(map(str, found["permutation"]))
    verified = call("verify", tmp_path / "p", ids)
    assert verified.exit_code == 0
    assert "to a noise floor of 0.0" in verified.stdout
    one, two = found["permutation"][0], found["permutation"][8]
    swapped = [{one: two, two: one}.get(piece, piece) for piece in found["permutation"]]
    wrong = call("verify", tmp_path / "p", ",".join(map(str, swapped)))
    assert wrong.exit_code == 1
    assert "is not shown to be noise" in wrong.stdout


def test_verify_reads_an_answer_with_the_activation_that_fits(tmp_path):
    puzzle, answer = reference.random_puzzle(1, n=3, activation="tanh")
    write_puzzle(puzzle, tmp_path / "p")
    ids = ",".join(map(str, puzzle.permutation(answer)))
    assert "read with tanh" in call("verify", tmp_path / "p", ids).stdout
    assert call("verify", tmp_path / "p", ids, "--activation", "relu").exit_code == 1


def test_inspect(tmp_path):
    result = call("inspect")
    assert result.exit_code == 0
    assert "16 blocks of 24/48" in result.stdout
    puzzle, _ = reference.random_puzzle(1, n=3)
    write_puzzle(puzzle.replace(in_ids=puzzle.in_ids + 10, label=None), tmp_path / "p")
    found = json.loads(call("inspect", tmp_path / "p", "--json").stdout)
    assert (found["blocks"], found["features"], found["hidden"], found["label_mse"]) == (3, 4, 6, None)
    assert "not contiguous" in found["notes"][0]


def test_pair():
    result = call("pair")
    assert result.exit_code == 0
    for name in PAIRINGS:
        assert name in result.stdout
    found = json.loads(call("pair", "--pairing", "trace", "--json").stdout)
    assert found["pairing"] == "trace"
    assert [score["pairing"] for score in found["scores"]] == ["trace"]
    assert len(found["pairs"]) == 16


@pytest.fixture
def uneven(tmp_path):
    """A puzzle with a second half too few, and the answer without the half that is left over."""
    puzzle, answer = reference.random_puzzle(1, n=3)
    permutation = puzzle.permutation(answer)
    write_puzzle(puzzle, tmp_path / "p")
    (tmp_path / "p" / "pieces" / f"piece_{permutation[1]}.pth").unlink()
    return tmp_path / "p", permutation[2:], permutation[0]


def test_what_is_left_over_is_said(uneven, tmp_path):
    path, permutation, orphan = uneven
    ids = ",".join(map(str, permutation))
    result = call("verify", path, ids)
    assert result.exit_code == 1
    assert f"The answer runs 2 blocks and leaves out piece {orphan}." in result.stdout
    assert "a first half is left over, or second ones are missing" in result.stderr
    found = json.loads(call("verify", path, ids, "--json").stdout)
    assert (found["blocks"], found["unused"], found["permutation"]) == (2, [orphan], permutation)
    fewer = json.loads(call("verify", path, ids.split(",", 2)[2], "--json").stdout)
    assert (fewer["blocks"], fewer["unused"]) == (1, sorted([orphan, *permutation[:2]]))
    assert call("verify", path, str(permutation[-1])).exit_code == 1
    assert call("export", path, ids, tmp_path / "net.safetensors").exit_code == 0
    tensors = load_file(tmp_path / "net.safetensors")
    assert len(tensors) == 4 * 2 + 2
    assert tensors["blocks.0.inp.weight"].shape == (6, 4)


def test_inspect_and_pair_with_halves_left_over(uneven):
    path, _, orphan = uneven
    assert "at most 2 blocks of 4/6, one readout: 6 pieces" in call("inspect", path).stdout
    found = json.loads(call("inspect", path, "--json").stdout)
    assert (found["blocks"], found["hidden"], found["pieces"]) == (2, 6, 6)
    assert orphan in found["w_in_ids"]
    assert (len(found["w_in_ids"]), len(found["w_out_ids"])) == (3, 2)
    pairs = json.loads(call("pair", path, "--pairing", "trace", "--json").stdout)["pairs"]
    (alone,) = [entry for entry in pairs if None in entry["pair"]]
    assert (alone["pair"][1], alone["score"]) == (None, None)
    assert f"{alone['pair'][0]},-" in call("pair", path, "--pairing", "trace").stdout


def test_version():
    found = json.loads(call("version", "--json").stdout)
    assert set(found) >= {"jaxsolve", "jax", "jaxlib", "numpy", "python"}
    assert f"jaxsolve  {found['jaxsolve']}" in call("version").stdout


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["solve", "/nowhere"], "/nowhere: no such file or folder"),
        (["inspect", "/nowhere"], "no such file or folder"),
        (["solve", "--pairing", "nonsense"], "no pairing 'nonsense'; choose one of trace"),
        (["solve", "--order-seed", "nonsense"], "no order seed 'nonsense'"),
        (["solve", "--search", "nonsense"], "no search 'nonsense'"),
        (["solve", "--activation", "nonsense"], "no activation 'nonsense'"),
        (["solve", "--rows", "0"], "rows is 0"),
        (["solve", "--budget", "-1"], "budget is -1"),
        (["solve", "--sha256", "abc"], "--sha256: 'abc' is no SHA-256"),
        (["pair", "--pairing", "nonsense"], "no pairing 'nonsense'"),
        (["verify", "demo", "1,2,3"], "ends with piece 3; the readout is piece"),
        (["verify", "demo", "/nowhere"], "/nowhere: no readable answer"),
        (["export", "demo", "1,2,2", "x.safetensors"], "piece 2 more than once"),
    ],
)
def test_mistakes_are_one_line_and_exit_with_2(arguments, why):
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = lines(result.stderr)
    assert line.startswith("jaxsolve: error: ")
    assert why in line


@pytest.mark.parametrize(
    "arguments", [["solve", "--rows", "many"], ["nonsense"], ["verify", "demo"], ["solve", "--nonsense"]]
)
def test_wrong_usage_exits_with_2(arguments):
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_help_names_every_method():
    shown = "".join(call("solve", "--help").stdout.replace("│", "").split())
    for name in (*PAIRINGS, *SEEDS, *SEARCHES):
        assert name in shown


def test_json_knows_no_infinities_and_lines_no_control_characters():
    assert to_json({"a": [np.inf.real, float("nan"), 1.5]}) == '{"a": [null, null, 1.5]}'
    assert one_line("a\nb\x1b[31mc") == "a b [31mc"
