"""Host: work done in a child process while this one loads what it needs."""

import os
import pickle
import signal
import sys
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def prefetch(work: Callable[[], T]) -> Callable[[], T]:
    """Begin to do something in a copy of this process; return what waits for it and gives its result.

    Errors are raised where the result is asked for. Where processes cannot be copied, or the copy is lost,
    the work is done here instead. Nothing may have been started yet that a copy would not have: threads, JAX.
    """
    if sys.platform != "linux" or (os.cpu_count() or 1) < 2 or "jax" in sys.modules:
        return work
    reading, writing = os.pipe()
    try:
        child = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        return work
    if child == 0:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is the parent that the user interrupts
        os.close(reading)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (1, 2):  # whoever reads what the parent prints does not wait for the child
            os.dup2(nowhere, stream)
        try:
            try:
                found = True, work()
            except BaseException as error:
                found = False, error
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(found, pipe, protocol=5)
        finally:
            os._exit(0)
    os.close(writing)

    def result() -> T:
        try:
            with os.fdopen(reading, "rb") as pipe:
                good, found = pickle.load(pipe)
        except (EOFError, pickle.UnpicklingError):  # killed, or something that cannot be sent
            return work()
        finally:
            os.waitpid(child, 0)
        if not good:
            raise found
        return found

    return result
