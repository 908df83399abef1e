"""Signals end a run in time: by itself where it hears of them, with what is known where it does not."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

CODE = """
import hashlib, os, signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may have it ignored, as nohup does
from jaxsolve.cli import interrupts
interrupts.leave_at_once()
asked = []
def save():
    print("saved", flush=True)
def deaf():  # a call that no signal is heard in, as a device program
    hashlib.pbkdf2_hmac("sha256", b"x", b"y", (1 << 31) - 1)
{work}
"""
LONG = 120
"""Seconds after which nothing is waited for: a hang."""


def started(work: str):
    process = subprocess.Popen(
        [sys.executable, "-c", CODE.format(work=work)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.2)
    return process


def told(process, *signals):
    for number in signals:
        process.send_signal(number)
        time.sleep(0.1)
    out, err = process.communicate(timeout=LONG)
    assert "Traceback" not in err
    return process.returncode, out.split(), err


DEAF = "with interrupts.stopping(lambda: asked.append(1), save): print('ready', flush=True); deaf()"


@pytest.mark.parametrize(
    ("signals", "code"),
    [([signal.SIGINT], 130), ([signal.SIGTERM], 143), ([signal.SIGHUP], 129), ([signal.SIGINT] * 2, 130)],
)
def test_a_run_that_does_not_hear_of_it_is_saved_and_ended(signals, code):
    assert told(started(DEAF), *signals)[:2] == (code, ["saved"])


def test_the_third_signal_saves_and_ends_it_at_once():
    process = started(DEAF.replace("save)", "save, grace=1e6)"))
    assert told(process, *[signal.SIGINT] * 3)[:2] == (130, ["saved"])


def test_a_run_that_comes_to_its_end_says_so_itself():
    work = """
with interrupts.stopping(lambda: asked.append(1), save) as ending:
    print("ready", flush=True)
    while not asked:
        time.sleep(0.01)
    ending.begin()
    time.sleep(2.5)  # printing takes long, and is waited for
    print("printed", flush=True)
sys.exit(interrupts.exit_code())
"""
    assert told(started(work), signal.SIGTERM)[:2] == (143, ["printed"])


def test_saving_that_hangs_does_not_hold_it_up():
    hangs = "def save(): time.sleep(600)\n" + DEAF.replace("save)", "save, patience=0.5)")
    assert told(started(hangs), signal.SIGTERM)[:2] == (143, [])


def test_where_nothing_is_to_be_saved_it_ends_at_once():
    work = "with interrupts.leaving(): print('ready', flush=True); deaf()"
    code, out, err = told(started(work), signal.SIGTERM)
    assert (code, out, err) == (143, [], "jaxsolve: interrupted\n")


def test_what_handled_signals_before_does_so_afterwards():
    work = """
import signal
before = [signal.getsignal(number) for number in interrupts.SIGNALS]
with interrupts.stopping(lambda: asked.append(1), save):
    pass
assert [signal.getsignal(number) for number in interrupts.SIGNALS] == before
print("ready", flush=True)
time.sleep(60)
"""
    assert told(started(work), signal.SIGINT)[0] == 130


def test_who_is_not_to_hear_of_a_hangup_does_not():
    work = f"import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n{DEAF}"
    process = started(work)
    process.send_signal(signal.SIGHUP)
    time.sleep(2.5)
    assert process.poll() is None
    assert told(process, signal.SIGTERM)[:2] == (143, ["saved"])
