"""Work ahead gives what work here would: results, errors, and no trace of the process that did it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from jaxsolve.cli import prefetch as prefetch_module

CODE = """
import os, sys, time
from jaxsolve.cli.prefetch import prefetch
from jaxsolve.errors import PuzzleError
def work():
    {work}
done = prefetch(work)
here = os.getpid()
try:
    print(done())
except PuzzleError as error:
    print("raised", error)
"""


def ran(work: str) -> str:
    command = [sys.executable, "-c", CODE.format(work=work)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


@pytest.mark.parametrize(
    ("work", "result"),
    [
        ("return 6 * 7", "42"),
        ("return b'x' * 10_000_000 == bytes(0)", "False"),
        ("raise PuzzleError('piece 3 is torn')", "raised piece 3 is torn"),
        ("return len(bytes(50_000_000))", "50000000"),
    ],
)
def test_results_and_errors_come_back(work, result):
    assert ran(work) == result


@pytest.mark.skipif(sys.platform != "linux", reason="only copied on Linux")
def test_it_is_done_elsewhere_and_here_if_that_is_lost():
    assert int(ran("return os.getpid()")) > 0
    killed = f"os.kill(os.getpid(), {int(signal.SIGKILL)}) if 'here' not in globals() else None; return 'done here'"
    assert ran(killed) == "done here"
    unsendable = "return (lambda: 1) if 'here' not in globals() else 'done here'"
    assert ran(unsendable) == "done here"


def test_an_interrupt_is_for_the_parent():
    code = CODE.format(work="time.sleep(2.0); return 'went on'").replace(
        "here = ",
        "import signal; signal.signal(signal.SIGINT, lambda *_: print('interrupted', flush=True));"
        "print('ready', flush=True); here = ",
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.3)  # the copy has begun by then, and shrugs it off
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=30)[0].splitlines() == ["interrupted", "went on"]


def test_where_processes_cannot_be_copied_the_work_is_done_here(monkeypatch):
    def refuse():
        raise BlockingIOError(11, "no more processes")

    monkeypatch.setattr(prefetch_module.os, "fork", refuse)
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    assert prefetch_module.prefetch(lambda: "here")() == "here"
