"""What commands say of what comes next, in text and in JSON, and that it works when it is pasted."""

import json
import shlex

import numpy as np
import pytest

from jaxsolve.cli.advice import said
from jaxsolve.puzzle import demo_puzzle, write_puzzle
from tests.cli import call
from tests.cli.test_manner import WRONG
from tests.test_manual import root_command

pytestmark = pytest.mark.usefixtures("wide")


@pytest.fixture(scope="module")
def hopeless(tmp_path_factory):
    """A puzzle without an answer, and without a hash."""
    puzzle, folder = demo_puzzle(), tmp_path_factory.mktemp("hopeless") / "p"
    write_puzzle(puzzle.replace(y=puzzle.y[::-1].copy(), expected_sha256=None), folder)
    return folder


def row(text: str, name: str) -> str:
    """The line of a text that begins with a name, without it."""
    (line,) = (line for line in text.splitlines() if line.split()[:1] == [name])
    return line.removeprefix(name).strip()


def test_a_solved_puzzle_has_a_record_and_nothing_next(data_home):
    result = call("solve")
    assert result.exit_code == 0
    name, _, rest = row(result.stdout, "record").partition(" ")
    assert rest == "(jaxsolve report last)"
    assert (data_home / "jaxsolve" / name / "record.json").exists()
    assert (data_home / "jaxsolve" / name / "answer.json").exists()
    assert "next" not in [line.split()[0] for line in result.stdout.splitlines()]
    assert json.loads((data_home / "jaxsolve" / name / "answer.json").read_text())["status"] == "solved"
    assert "record" not in call("solve", "--no-record").stdout


def test_an_answer_that_is_nearly_right_is_begun_with_and_solves_the_puzzle():
    shown = call("verify", "demo", WRONG)
    assert shown.exit_code == 1
    why, _, command = row(shown.stdout, "next").rpartition(": ")
    assert why.startswith("a single move brings what the answer leaves from")
    words = shlex.split(command)
    assert words[:3] == ["jaxsolve", "solve", "demo"]
    solved = call(*words[1:])
    assert solved.exit_code == 0, solved.stderr
    found = json.loads(call("verify", "demo", WRONG, "--json").stdout)
    assert found["next"] == {"why": why, "command": command}


def test_a_search_goes_on_from_its_own_answer_by_the_name_of_its_run(data_home):
    asked = ("search", "demo", "--method", "descent", "--set", "best=1", "--start", WRONG, "--budget", 1e-9)
    found = json.loads(call(*asked, "--activation", "relu", "--json").stdout)
    assert found["status"] == "out_of_time"
    assert (data_home / "jaxsolve" / found["record"]).is_dir()
    command = shlex.split(found["next"]["command"])
    assert command == ["jaxsolve", "search", "demo", "--resume", found["record"], "--budget", "300"]
    assert call(*command[1:]).exit_code == 0


def test_runs_are_gone_on_with_by_their_names(hopeless, data_home):
    asked = ("search", hopeless, "--method", "annealing", "--set", "steps=64", "--set", "chains=2")
    first = json.loads(call(*asked, "--activation", "relu", "--json").stdout)
    again = json.loads(call("search", hopeless, "--resume", first["record"], "--json").stdout)
    assert again["digest"] == first["digest"]
    assert again["record"].startswith(first["record"])
    missing = call("search", hopeless, "--resume", "no-such-run")
    assert "no run 'no-such-run'" in missing.stderr
    (data_home / "file").write_text("")
    assert "this is a file" in call("search", hopeless, "--resume", data_home / "file").stderr


def test_options_that_were_said_are_said_again(hopeless):
    asked = ["--pairing", "trace", "--order-seed", "delta_norm", "--search", "bubble", "--exact", "--tolerance", "0.99"]
    result = call("solve", hopeless, *asked)
    assert result.exit_code == 1
    told = row(result.stdout, "next")
    assert "--pairing trace and --order-seed delta_norm and --search bubble kept the run from all other ways" in told
    assert told.endswith(f"jaxsolve solve {hopeless} --exact --tolerance 0.99")


def test_a_table_of_one_row_is_too_short(tmp_path):
    puzzle = demo_puzzle().first_rows(1)
    write_puzzle(puzzle.replace(expected_sha256=None), tmp_path / "p")
    result = call("solve", tmp_path / "p")
    assert result.exit_code == 1
    assert "the table has 1 row, and telling all answers apart takes" in row(result.stdout, "next")


def test_a_sweep_says_it_too(hopeless, tmp_path):
    (tmp_path / "grid.toml").write_text('method = "beam"\nrows = 64\n[grid]\nwidth = [1, 2]\n')
    asked = ("sweep", hopeless, tmp_path / "grid.toml", "--activation", "relu", "-o", tmp_path / "out")
    result = call(*asked)
    assert result.exit_code == 0, result.stderr
    assert row(result.stdout, "next").endswith(f": jaxsolve solve {hopeless}")
    assert row(result.stdout, "record") == f"{tmp_path / 'out'} (jaxsolve report {tmp_path / 'out'})"


def test_errors_stand_beside_the_share_of_the_variance(hopeless):
    shown = call("search", hopeless, "--method", "beam", "--set", "width=1", "--activation", "relu").stdout
    assert shown.count("MSE") == shown.count("R²")
    assert "R² 1 - " in call("verify", "demo", WRONG).stdout
    lines = call("solve").stdout.splitlines()
    assert all("R²" in line for line in lines if "MSE" in line)


def test_what_probes_say_of_pairs_depends_on_how_the_network_is_read():
    told = [
        json.loads(call("pair", "--pairing", "probe", *extra, "--json").stdout)
        for extra in ((), ("--activation", "tanh"))
    ]
    assert [one["pairing"] for one in told] == ["probe", "probe"]
    scores = [np.array([pair["score"] for pair in one["pairs"]]) for one in told]
    assert not np.allclose(*scores)


def test_how_quietly_it_printed_is_not_said_again():
    context = root_command().commands["search"].make_context("search", ["demo", "--quiet", "--seed", "3"])
    assert said(context) == (("--seed", "3"),)
