"""What commands make of verdicts: exit codes, answers that are believed, and output that nobody waits for."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from jaxsolve.puzzle import demo_puzzle, write_puzzle
from jaxsolve.solver import solve
from tests import reference
from tests.cli import call
from tests.reference import single


@pytest.fixture(scope="module", autouse=True)
def data_home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Puzzles in files, by what is odd about them, the answer that most of them have, and that of the one with GELU."""
    puzzle = demo_puzzle()
    answer = puzzle.assembly(solve(puzzle).certificate.permutation)
    puzzle = puzzle.replace(expected_sha256=None).first_rows(600)
    gelu, other = reference.random_puzzle(81, n=3, rows=300, activation="gelu")
    small, _ = reference.random_puzzle(71, n=3, rows=40)
    rounded = {name: getattr(puzzle, name).astype(np.float16).astype(float) for name in ("w_in", "w_out")}
    kinds = {
        "plain": puzzle,
        "gelu": gelu,
        "rounded": puzzle.replace(**rounded),
        "one": puzzle.first_rows(1),
        "sigmoid": puzzle.replace(y=single(1 / (1 + np.exp(-puzzle.y)))),
        "shuffled": puzzle.replace(y=puzzle.y[::-1].copy()),
        "wrong": small.replace(y=small.y[::-1].copy()),
    }
    folder = tmp_path_factory.mktemp("given")
    for name, kind in kinds.items():
        write_puzzle(kind, folder / name)
    return folder, puzzle.permutation(answer), gelu.permutation(other)


def test_identified_is_an_end_unless_exactness_is_asked_for(given):
    folder, ids, _ = given
    found = call("solve", folder / "rounded", "--json", "--no-record")
    assert found.exit_code == 0, found.stderr
    told = json.loads(found.stdout)
    assert (told["status"], told["permutation"]) == ("identified", ids)
    assert told["identification"]["least_t"] > told["identification"]["needed_t"] > 3
    assert told["cause"]["name"] == "pieces"
    assert 0.99 < told["r2"] < 1
    exact = call("solve", folder / "rounded", "--exact", "--no-record")
    assert exact.exit_code == 1
    assert "--exact asks for float32 reproduction" in exact.stdout
    answer = ",".join(map(str, ids))
    assert call("verify", folder / "rounded", answer).exit_code == 0
    assert call("verify", folder / "rounded", answer, "--exact").exit_code == 1
    assert call("solve", folder / "plain", "--exact", "--no-record").exit_code == 0


def test_what_is_good_enough_is_accepted_and_not_called_proven(given):
    folder, _, _ = given
    asked = ("solve", folder / "shuffled", "--search", "bubble", "--order-seed", "delta_norm", "--pairing", "trace")
    refused = call(*asked, "--no-record", "--budget", 1)
    assert refused.exit_code == 1
    wrong = call("solve", folder / "plain", "--tolerance", "1.5")
    assert wrong.exit_code == 2
    assert "tolerance is 1.5; expected an R² above 0 and at most 1" in wrong.stderr
    near = json.loads(call("verify", folder / "plain", _swapped(given[1]), "--json").stdout)
    accepted = call("verify", folder / "plain", _swapped(given[1]), "--tolerance", max(near["r2"] - 0.01, 1e-6))
    assert accepted.exit_code == (0 if near["r2"] > 0 else 1)
    assert accepted.stdout.startswith("Accepted" if near["r2"] > 0 else "Not solved")


def _swapped(ids):
    return ",".join(map(str, [*ids[2:4], *ids[:2], *ids[4:]]))


@pytest.mark.parametrize("command", ["solve", "search"])
def test_what_cannot_be_identified_is_said_at_once_without_an_answer(given, command, tmp_path):
    folder, _, _ = given
    found = call(command, folder / "one", "--json", "--out", tmp_path / "out")
    assert found.exit_code == 1, found.stderr
    told = json.loads(found.stdout)
    assert (told["status"], told["permutation"], told["sha256"]) == ("unidentifiable", None, None)
    assert "one row of data" in told["message"]
    assert not list((tmp_path / "out").glob("answer*"))
    shown = call(command, folder / "one", "--no-record").stdout
    assert "answer" not in shown.splitlines()[1:]
    assert "unidentifiable" in call("inspect", folder / "one").stdout


def test_links_are_offered_and_taken(given, tmp_path):
    folder, ids, _ = given
    found = call("solve", folder / "sigmoid", "--no-record", "--budget", 1, "--search", "bubble")
    assert found.exit_code == 1
    assert "all predictions lie between 0 and 1: if the network ended in a sigmoid, --link sigmoid" in found.stderr
    linked = call("solve", folder / "sigmoid", "--link", "sigmoid", "--json", "--out", tmp_path / "out")
    assert linked.exit_code == 0
    assert json.loads(linked.stdout)["permutation"] == ids
    # the file says what link it was found with
    assert call("verify", folder / "sigmoid", tmp_path / "out" / "answer.json").exit_code == 0
    assert "no link 'cube'" in call("solve", folder / "sigmoid", "--link", "cube").stderr


def test_an_answer_file_is_believed_about_its_activation(given, tmp_path):
    from safetensors import safe_open

    folder, _, ids = given
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps({"permutation": ids, "activation": "gelu"}))
    made = call("export", folder / "gelu", answer, tmp_path / "made.safetensors")
    assert made.exit_code == 0, made.stderr
    assert "not proven" not in made.stderr
    with safe_open(tmp_path / "made.safetensors", "numpy") as file:
        assert file.metadata()["activation"] == "gelu"
    # bare ids say nothing, and are read with what they fit
    bare = call("export", folder / "gelu", ",".join(map(str, ids)), tmp_path / "bare.safetensors")
    with safe_open(tmp_path / "bare.safetensors", "numpy") as file:
        assert file.metadata()["activation"] == "gelu"
    assert bare.exit_code == 0
    doubtful = call("export", folder / "gelu", _swapped(ids), tmp_path / "doubtful.safetensors")
    assert doubtful.exit_code == 0
    assert "this answer is not proven" in doubtful.stderr


def test_a_wrong_order_is_not_said_to_fit_an_activation(given):
    folder, ids, _ = given
    wrong = [*ids[6:8], *ids[0:2], *ids[4:6], *ids[2:4], ids[-1]]
    found = call("verify", folder / "plain", ",".join(map(str, wrong)))
    assert found.exit_code == 1
    assert "read with" not in found.stdout


def test_a_guess_that_solves_ends_a_search_and_a_sweep(tmp_path):
    ids = json.loads(call("solve", "demo", "--json", "--no-record").stdout)["permutation"]
    found = call("search", "demo", "--json", "--out", tmp_path / "search", "--method", "beam", "--set", "width=1")
    assert found.exit_code == 0, found.stderr
    told = json.loads(found.stdout)
    assert (told["status"], told["permutation"], told["guessed"]) == ("solved", ids, True)
    assert told["curve"] == []
    (tmp_path / "sweep.toml").write_text('method = "beam"\n[grid]\nwidth = [1, 2]\n')
    swept = call("sweep", "demo", tmp_path / "sweep.toml", "--out", tmp_path / "swept", "--json")
    assert swept.exit_code == 0, swept.stderr
    assert json.loads(swept.stdout)["permutation"] == ids
    assert "to make the runs nevertheless, add --activation relu" in swept.stderr
    assert (tmp_path / "swept" / "answer.json").exists()


def test_a_guess_leaves_no_frames_in_the_record_of_a_search(given, tmp_path):
    folder, _, _ = given
    asked = ("--method", "beam", "--set", "width=2")
    found = call("search", folder / "wrong", *asked, "--out", tmp_path / "run", "--json")
    assert found.exit_code == 1
    lines = [json.loads(line) for line in (tmp_path / "run" / "trace.jsonl").read_text().splitlines()]
    assert {line["search"] for line in lines if line["event"] == "attempt"} <= {"beam"}
    losses = [line["loss"] for line in lines if line["event"] == "frame"]
    assert min(losses) == pytest.approx(json.loads(found.stdout)["loss"], rel=1e-5)


@pytest.mark.parametrize("command", ["solve", "search"])
def test_memory_below_one_row_is_refused(given, command):
    folder, _, _ = given
    found = call(command, folder / "plain", "--memory", "4", "--no-record")
    assert found.exit_code == 2
    assert "memory is 4 bytes; one row of this puzzle takes" in found.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["solve", "--help"], ["inspect"], ["version"], ["runs"]])
def test_output_that_nobody_reads_on_ends_quietly(arguments):
    reading, writing = os.pipe()
    os.close(reading)  # whoever read it is gone
    command = [sys.executable, "-m", "jaxsolve", *arguments]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert "Traceback" not in ended.stderr
    assert "Broken" not in ended.stderr
