"""Host: interrupts and terminations. A run is asked to come to its end, and ended where it does not in time."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class _Heard:
    first = signal.SIGINT
    """The first signal of the run that was ended last."""


def exit_code() -> int:
    """Return the exit code of a run that was interrupted: 130, or 143 where it was terminated."""
    return 128 + _Heard.first


def leave_at_once() -> None:
    """End the process upon a signal, from now on, as long as there is nothing to save."""
    for number in SIGNALS:
        if number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, _leave)


def _leave(number: int, _: object = None) -> None:
    with suppress(OSError):
        os.write(2, b"jaxsolve: interrupted\n")
    os._exit(128 + number)


class Ending:
    """What a run that comes to its end says to whoever would end it otherwise."""

    def __init__(self) -> None:
        self.begun = threading.Lock()

    def begin(self) -> None:
        """Say that the answer is about to be printed and saved: nobody else will any more. Once one does, wait."""
        self.begun.acquire()


@contextmanager
def stopping(
    stop: Callable[[], None], save: Callable[[], None] | None = None, *, grace: float = 1.4, patience: float = 10.0
) -> Iterator[Ending]:
    """Let a signal ask for an end instead of tearing the work apart.

    Device programs and compilers do not hear of signals, so that another thread waits for them. Where the work has not
    come to its end some time after the first signal, or at the third, that thread ends the process.

    Parameters
    ----------
    stop
        Asks for an end.
    save
        Saves and prints, in that thread, what is known; None: there is nothing to wait for.
    grace
        Seconds that the work has for coming to its end by itself, its answer judged, before that is done.
    patience
        Seconds after which saving is given up: it takes milliseconds, but for a disk that does not answer.
    """
    ending, _Heard.first = Ending(), signal.SIGINT
    if threading.current_thread() is not threading.main_thread():
        yield ending
        return
    import socket  # nothing is to be loaded before the first handler is there

    hearing, telling = socket.socketpair()
    telling.setblocking(False)
    waiting = hearing, ending, stop, save, grace if save else 0.0, patience
    thread = threading.Thread(target=_wait, args=waiting, name="interrupts", daemon=True)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    heard = [number for number in SIGNALS if number == signal.SIGINT or before[number] is not signal.SIG_IGN]
    outer = signal.set_wakeup_fd(telling.fileno(), warn_on_full_buffer=False)
    for number in heard:
        signal.signal(number, lambda *_: None)
    thread.start()
    try:
        yield ending
    finally:
        for number in heard:
            signal.signal(number, before[number])
        signal.set_wakeup_fd(outer)
        telling.close()
        thread.join(patience)
        hearing.close()


@contextmanager
def leaving() -> Iterator[None]:
    """Have a signal end the process at once, even in the middle of something that does not hear of signals.

    Only where the process is ours, and upon signals nothing else is done yet.
    """
    if signal.getsignal(signal.SIGINT) is not _leave:
        yield
        return
    with stopping(lambda: None):
        yield


def _wait(
    hearing: "socket.socket",
    ending: Ending,
    stop: Callable[[], None],
    save: Callable[[], None] | None,
    grace: float,
    patience: float,
) -> None:
    import select

    presses, end = 0, float("inf")
    while presses < 3:  # whoever asks a third time does not want to wait
        left = None if end == float("inf") else max(0.0, end - time.monotonic())
        if not select.select([hearing], [], [], left)[0]:
            if ending.begun.acquire(blocking=False):
                break
            end = float("inf")  # the answer is being printed
            continue
        numbers = hearing.recv(1)
        if not numbers:
            return
        if numbers[0] not in SIGNALS:
            continue
        presses += 1
        if presses == 1:
            _Heard.first = signal.Signals(numbers[0])
            end = time.monotonic() + grace
            stop()
    last = threading.Timer(patience, os._exit, [exit_code()])
    last.daemon = True
    last.start()
    if save is None:
        _leave(_Heard.first)
    try:
        if save is not None and (presses < 3 or ending.begun.acquire(blocking=False)):
            save()
    finally:
        os._exit(exit_code())
