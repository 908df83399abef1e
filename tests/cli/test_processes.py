"""Several processes on one machine: the same trace as one, and what is known is kept when one of them dies."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from jaxsolve.puzzle import demo_puzzle, read_answer, write_puzzle

JAXSOLVE = [sys.executable, "-c", "from jaxsolve.cli import main; main()"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def started(tmp_path, *arguments: object, command: str = "solve", processes: int = 2):
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XDG_DATA_HOME": str(tmp_path / "data")}
    together = ["--coordinator", f"127.0.0.1:{free_port()}", "--processes", str(processes), "--devices", "1"]
    return [
        subprocess.Popen(
            [*JAXSOLVE, command, *map(str, arguments), *together, "--process-id", str(k)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for k in range(processes)
    ]


def trace(text: str) -> dict:
    report = json.loads(text)
    for noise in ("seconds", "devices", "record"):
        del report[noise]
    for done in report["rounds"]:
        del done["seconds"]
    return report


def alone(devices: int, *arguments: str) -> dict:
    environment = {**os.environ, "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
    command = [*JAXSOLVE, "solve", *arguments, "--devices", str(devices)]
    return trace(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)


def test_two_processes_decide_as_one_with_two_devices_and_as_one_with_one(tmp_path):
    first, second = started(tmp_path, "demo", "--json", "--order-seed", "w_out_l1", "--search", "descent")
    (out, _), (nothing, _) = first.communicate(timeout=120), second.communicate(timeout=120)
    assert (first.returncode, second.returncode) == (0, 0)
    assert nothing == ""
    together = trace(out)
    assert len(together["rounds"]) > 1
    for devices in (1, 2):
        assert alone(devices, "demo", "--json", "--order-seed", "w_out_l1", "--search", "descent") == together


def test_two_processes_search_as_one_does(tmp_path):
    chains = ["--method", "tempering", "--activation", "relu", "--set", "chains=4", "--set", "steps=60", "--json"]
    asked = ["demo", *chains, "--rows", "200"]
    first, second = started(tmp_path, *asked, command="search")
    (out, _), (nothing, _) = first.communicate(timeout=120), second.communicate(timeout=120)
    assert (second.returncode, nothing) == (first.returncode, "")
    command = [*JAXSOLVE, "search", *asked, "--devices", "1", "--no-record"]
    alone = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    together = json.loads(out)
    for name in ("status", "permutation", "loss", "evaluations", "digest"):
        assert together[name] == alone[name]
    assert len(list((tmp_path / "data").rglob("record.json"))) == 1


@pytest.fixture(scope="module")
def hopeless(tmp_path_factory):
    """A puzzle without an answer."""
    puzzle, folder = demo_puzzle(), tmp_path_factory.mktemp("hopeless") / "p"
    write_puzzle(puzzle.replace(y=puzzle.y[::-1].copy()), folder)
    return folder


def has_answer(path) -> bool:
    return json.loads(path.read_text())["permutation"] is not None


@pytest.mark.parametrize("dies", [0, 1])
def test_when_one_process_dies_the_rest_end_and_the_best_is_kept(hopeless, tmp_path, dies):
    processes = started(tmp_path, hopeless)
    deadline = time.monotonic() + 60
    while not any(map(has_answer, (tmp_path / "data").rglob("record.json"))) and time.monotonic() < deadline:
        time.sleep(0.1)
    processes[dies].send_signal(signal.SIGKILL)
    out, err = processes[1 - dies].communicate(timeout=90)
    processes[dies].communicate()
    # a computation notices, and the answer so far is reported; or else JAX itself ends the process
    assert processes[1 - dies].returncode in (3, -signal.SIGABRT), err
    if processes[1 - dies].returncode == 3:
        assert out.startswith("Another process of this run is gone")
        assert "saved" in err
    kept = list((tmp_path / "data").rglob("*.json"))
    assert kept
    for path in kept:
        demo_puzzle().assembly(read_answer(str(path)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--coordinator", "127.0.0.1:1"], "belong together"),
        (["--processes", "2"], "belong together"),
        (
            ["--coordinator", "127.0.0.1:1", "--processes", "2", "--process-id", "2"],
            "--process-id is 2; expected 0 to 1",
        ),
        (["--memory", "much"], "--memory is 'much'; expected a size"),
        (["--memory", "0GiB"], "--memory is '0GiB'; expected a size"),
        (["--devices", "999"], r"devices is 999; there are \d+"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_one_line(options, message):
    done = subprocess.run([*JAXSOLVE, "solve", "demo", *options], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(f"jaxsolve: error: .*{message}.*\n", done.stderr)
