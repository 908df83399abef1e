"""`jaxsolve generate` writes puzzles that are read, and answers that are right; mistakes cost no training."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from jaxsolve.certificate import certify
from jaxsolve.cli.app import run
from jaxsolve.puzzle import read_answer, read_puzzle

TINY = ["--blocks", "5", "--features", "4", "--hidden", "6", "--train-rows", "70", "--batch", "30"]


def test_a_puzzle_and_its_answer(tmp_path, capsys):
    out = tmp_path / "out"
    assert run(["generate", str(out), *TINY, "--epochs", "3", "--activation", "LeakyReLU:0.2", "--seed", "4"]) == 0
    puzzle = read_puzzle(out / "puzzle", activation="leaky_relu:0.20")
    assert (puzzle.blocks, puzzle.features, puzzle.hidden, puzzle.rows) == (5, 4, 6, 70)
    certificate = certify(puzzle, puzzle.assembly(read_answer(str(out / "answer.json"))))
    assert certificate.solved
    assert certificate.exact
    answer = json.loads((out / "answer.json").read_text())
    assert answer["sha256"] == puzzle.expected_sha256
    assert (answer["epoch"], answer["recipe"]["seed"], answer["recipe"]["activation"]) == (3, 4, "leaky_relu:0.2")
    title, line = capsys.readouterr().out.splitlines()
    assert re.split(" {2,}", title) == ["epoch", "training MSE", "GFLOP/s", "of peak", "puzzle", "answer"]
    assert line.split()[0] == "3"
    assert line.endswith(f"{out / 'puzzle'}  {out / 'answer.json'}")


def test_json_and_several_epochs(tmp_path, capsys):
    assert run(["generate", str(tmp_path), *TINY, "--epochs", "0,3", "--json", "--missing-outs", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["epoch"] for one in found["snapshots"]] == [0, 3]
    assert found["snapshots"][0]["flops"] == 0 < found["snapshots"][1]["share_of_peak"]
    for name in ("epoch-0000", "epoch-0003"):
        answer = json.loads((tmp_path / name / "answer.json").read_text())
        assert len(answer["permutation"]) == 9
        assert [entry["half"] for entry in answer["missing"]] == ["out"]
        assert not (tmp_path / name / "puzzle" / "expected_sha256").exists()
        assert len(list((tmp_path / name / "puzzle" / "pieces").iterdir())) == 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", "5,1"], "--epochs is '5,1'; expected rising numbers such as 1,5,20"),
        (["--epochs", "many"], "--epochs is 'many'; expected rising numbers such as 1,5,20"),
        (["--data", "stars"], "--data: no kind and no CSV file 'stars'; choose one of votes"),
        (["--optimiser", "luck"], "--optimiser: no optimiser 'luck'"),
        (["--blocks", "0"], "--blocks is 0"),
        (["--devices", "99"], "devices is 99; there are"),
        (["--noise", "-1"], "--noise is -1.0; expected 0 or more"),
    ],
)
def test_mistakes_are_one_line(options, message, tmp_path, capsys):
    assert run(["generate", str(tmp_path / "out"), *options]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_nothing_is_overwritten_and_no_time_is_lost(tmp_path, capsys):
    (tmp_path / "answer.json").write_text("mine")
    long = ["--epochs", "1000000"]
    assert run(["generate", str(tmp_path), *long]) == 2
    assert "answer.json: exists already and is not overwritten; choose another folder" in capsys.readouterr().err
    assert (tmp_path / "answer.json").read_text() == "mine"
    assert run(["generate", str(tmp_path / "answer.json"), *long]) == 2
    assert "cannot be a folder for OUT" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals of POSIX")
def test_an_interrupt_keeps_what_is_finished(tmp_path):
    command = [sys.executable, "-m", "jaxsolve", "generate", str(tmp_path), *TINY, "--epochs", "0,1000000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    answer = tmp_path / "epoch-0000" / "answer.json"
    for _ in range(600):
        if answer.exists() or process.poll() is not None:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err == "jaxsolve: interrupted; 1 of 2 puzzles are there\n"
    assert str(answer) in out
    assert read_puzzle(tmp_path / "epoch-0000" / "puzzle").blocks == 5
    assert not (tmp_path / "epoch-1000000").exists()


def test_help_does_not_load_jax():
    code = (
        "import sys; from jaxsolve.cli.app import app\n"
        "app(['generate', '--help'], standalone_mode=False)\n"
        "sys.exit(any(name in sys.modules for name in ('jax', 'optax', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0
