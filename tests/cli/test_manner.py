"""What all commands have in common: --quiet, errors as objects, words that are nearly right, the first sign of life."""

import json
import os
import pty
import subprocess
import sys
from importlib import metadata

import pytest

from jaxsolve import errors
from jaxsolve.cli import status, terminal
from jaxsolve.cli.app import app, run
from jaxsolve.puzzle import demo_puzzle, write_puzzle
from tests.cli import call

RIGHT = "27,6,26,7,0,19,11,14,10,31,13,4,28,21,15,1,8,32,25,20,5,9,12,17,29,2,18,3,24,30,22,23,16"
WRONG = "26,7,27,6,0,19,11,14,10,31,13,4,28,21,15,1,8,32,25,20,5,9,12,17,29,2,18,3,24,30,22,23,16"


pytestmark = pytest.mark.usefixtures("wide")


@pytest.fixture(scope="module")
def hopeless(tmp_path_factory):
    """A puzzle without an answer."""
    puzzle, folder = demo_puzzle(), tmp_path_factory.mktemp("hopeless") / "p"
    write_puzzle(puzzle.replace(y=puzzle.y[::-1].copy()), folder)
    (folder / "expected_sha256").unlink(missing_ok=True)
    return folder


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["sovle"], "no command 'sovle'; did you mean 'solve'? See 'jaxsolve --help'"),
        (["runs", "shwo"], "no command 'shwo'; did you mean 'show'? See 'jaxsolve runs --help'"),
        (["solve", "--pairng", "x"], "no option '--pairng'; did you mean '--pairing'? See 'jaxsolve solve --help'"),
        (["pair", "--pairing", "trase"], "no pairing 'trase'; did you mean 'trace'? Choose one of trace, "),
        (["solve", "--order-seed", "delta_nrom"], "no order seed 'delta_nrom'; did you mean 'delta_norm'? Choose"),
        (["solve", "--activation", "rleu"], "no activation 'rleu'; did you mean 'relu'? Choose"),
        (["solve", "--link", "sigmoide"], "no link 'sigmoide'; did you mean 'sigmoid'? Choose"),
        (["solve", "--set", "width=1"], "expected PART.NAME; did you mean 'beams.width' or 'relaxation.width'"),
        (["solve", "--set", "relaxtion.width=1"], "'relaxtion'; did you mean 'relaxation'? Before the dot"),
        (["search", "--method", "anealing"], "no method 'anealing'; did you mean 'annealing'? Choose"),
        (["generate", "new", "--optimiser", "adma"], "no optimiser 'adma'; did you mean 'adam'? Choose"),
        (["slove"], "no command 'slove'; did you mean 'solve'?"),
        (["solve", "--seed", "x"], "--seed is 'x'; expected a whole number; see 'jaxsolve solve --help'"),
        (["solve", "--budget=soon"], "--budget is 'soon'; expected a number"),
        (["solve", "--rows"], "--rows needs a value behind it"),
        (["solve", "--json=yes"], "--json takes no value"),
        (["export", "demo", RIGHT], "OUT.safetensors is missing; say once where to write"),
        (["export", "demo", RIGHT, "a.safetensors", "-o", "b"], "said twice, as a.safetensors and with -o b"),
        (["pair", "--pairing", "none"], "which solve does; probe is a score from the data alone"),
    ],
)
def test_what_is_nearly_right_is_told(arguments, told, capsys):
    for extra in ([], ["--json"] * (arguments[0] != "runs")):
        assert run([arguments[0], *extra, *arguments[1:]]) == 2
        out, err = capsys.readouterr()
        (line,) = err.splitlines()
        assert told in line
        if extra:
            found = json.loads(out)
            assert found == {"error": line.removeprefix("jaxsolve: error: "), "exit_code": 2}
        else:
            assert out == ""


def test_a_word_that_is_near_to_none_is_listed_alone():
    assert errors.no_such("pairing", "zzz", ["trace", "gram"]) == "no pairing 'zzz'; choose one of trace, gram"
    assert errors.nearest("W-OUT-L1", ["w_out_l1"]) == "; did you mean 'w_out_l1'?"
    assert errors.nearest("x" * 1_000_000, ["xx"]) == ""


def test_a_result_that_was_printed_is_the_only_object(capsys):
    with terminal.printing(json=True):
        terminal.result_json({"a": 1})
        terminal.error("error: the record cannot be written", 2)
    out, err = capsys.readouterr()
    assert json.loads(out) == {"a": 1}
    assert err == "jaxsolve: error: the record cannot be written\n"


def test_quiet_commands_print_results_and_errors_alone(hopeless, capsys):
    asked = ["search", str(hopeless), "--method", "beam", "--set", "width=1", "--activation", "relu"]
    assert run(asked) == 1
    out, err = capsys.readouterr()
    assert "saved" in err
    assert run([*asked, "--quiet"]) == 1
    quiet = capsys.readouterr()
    assert quiet.err == ""
    assert quiet.out.splitlines()[0] == out.splitlines()[0]
    assert run(["pair", "nowhere", "-q"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not terminal.is_quiet()


def test_version_is_said_without_jax_and_with_what_it_runs_on(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"jaxsolve {metadata.version('jaxsolve')}\n"
    found = json.loads(call("version", "--json").stdout)
    assert found["platform"]
    assert sum(one["count"] for one in found["devices"]) >= 1
    assert found["free_memory"] > 0
    shown = call("version").stdout
    assert f"{found['devices'][0]['count']} x {found['devices'][0]['kind']}" in shown
    assert "GiB free" in shown


def test_version_is_said_where_there_is_no_device():
    code = "from jaxsolve.cli import main; main()"
    environment = {**os.environ, "JAX_PLATFORMS": "cuda"}
    done = subprocess.run([sys.executable, "-c", code, "version"], env=environment, capture_output=True, text=True)
    if "devices   none" in done.stdout:  # a machine with a GPU has one
        assert "cuda13]'" in done.stdout
    assert done.returncode == 0, done.stderr
    assert "python" in done.stdout


@pytest.mark.parametrize("url", [{}, {"dir_info": {}}, {"dir_info": {"editable": True}}, {"vcs_info": {}}])
@pytest.mark.parametrize("here", [True, False])
def test_what_is_missing_is_installed_from_where_the_package_came(url, here, tmp_path, monkeypatch):
    class Installed:
        def read_text(self, name):
            return json.dumps({"url": tmp_path.as_uri(), **url}) if url else None

    monkeypatch.setattr("importlib.metadata.distribution", lambda name: Installed())
    if here:
        monkeypatch.chdir(tmp_path)
    told = errors.install_words("report")
    if "dir_info" not in url:
        assert told == "pip install 'jaxsolve[report]'"
    else:
        place = "." if here else tmp_path
        assert told == f"pip install {'-e ' if url['dir_info'] else ''}'{place}[report]'"


def test_every_command_is_quiet_on_demand():
    for command in app.registered_commands:
        name = command.name or command.callback.__name__
        assert "--quiet" in call(name, "--help").stdout, name


def first_output(arguments, **environment) -> tuple[bytes, bytes]:
    """What a command writes to a terminal first, and all of it."""
    master, slave = pty.openpty()
    command = [sys.executable, "-c", "from jaxsolve.cli import main; main()", *arguments]
    ends = {"stdin": slave, "stdout": slave, "stderr": slave}
    process = subprocess.Popen(command, env={**os.environ, **environment}, **ends)
    os.close(slave)
    chunks = []
    with os.fdopen(master, "rb", buffering=0) as screen:
        while True:
            try:
                chunk = screen.read(4096)
            except OSError:  # nobody writes to it any more
                break
            if not chunk:
                break
            chunks.append(chunk)
    assert process.wait() == 0
    return chunks[0], b"".join(chunks)


def test_the_first_sign_of_life_comes_before_anything_is_loaded():
    first, every = first_output(["inspect", "demo"], TERM="xterm")
    assert first.startswith(b"\r\x1b[Kjaxsolve: reading demo")
    assert every.count(b"reading") == 1
    assert b"\r\x1b[Kpuzzle" in every  # taken away for the result
    loaded = (
        "import sys\nfrom jaxsolve.cli import status\n"
        "sys.exit(bool({'numpy', 'typer', 'jax', 'jaxsolve.puzzle'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", loaded], check=False).returncode == 0


def test_it_is_a_plain_line_on_a_dumb_terminal_and_nothing_where_nothing_is_wanted():
    assert first_output(["inspect"], TERM="dumb")[0].startswith(b"jaxsolve: reading the puzzle\r\n")
    for silent in (["inspect", "-q"], ["inspect", "--json"], ["inspect", "--help"], ["manual", "json"]):
        assert b"reading" not in first_output(silent, TERM="xterm")[1]


def test_nobody_is_told_anything_where_there_is_no_terminal(capsys):
    status.begin(["solve", "demo"])
    assert capsys.readouterr().err == ""
    assert status.StatusLine.shown is None
