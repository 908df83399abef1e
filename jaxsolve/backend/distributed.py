"""Host: several processes, on one machine or many, as one set of devices.

All of them run the same programs in the same order on the same numbers, so that each knows what all know;
only the clock and the user must be asked together (`agree`).
"""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import jax
import numpy as np

from jaxsolve.backend.compile import compiled
from jaxsolve.backend.devices import AXIS, REPLICATED, SHARDED, by_device, mesh, sharded
from jaxsolve.errors import JaxsolveError, UsageError, out_of_memory

OUR_OWN = ("INVALID_ARGUMENT", "UNIMPLEMENTED")
"""What a failure begins with that has nothing to do with other processes."""

STATUS = re.compile(r"[A-Z]+(_[A-Z]+)*: ")
"""What failures begin with: jaxlib raises some as `ValueError`, where an array of a computation that failed is read."""


class ProcessLost(JaxsolveError):  # noqa: N818  (what has happened, not what is wrong)
    """Another process of the run has died, and with it the run; what was found before is not lost."""


def join(
    coordinator: str | None = None,
    processes: int | None = None,
    process_id: int | None = None,
    *,
    wait: int = 60,
    silence: int = 10,
) -> None:
    """Make this process one of several; to be called before anything is computed.

    Without arguments, Slurm, Open MPI or Kubernetes say who is who, as JAX detects them
    (https://docs.jax.dev/en/latest/multi_process.html).

    Parameters
    ----------
    coordinator
        Address and port of process 0, "host:port", the same for all.
    processes, process_id
        How many there are, and which one this is, from 0.
    wait
        Seconds that processes wait for each other.
    silence
        Seconds without a sign of a process after which JAX ends the others, where no computation has noticed before.

    Raises
    ------
    UsageError
        Something is missing, or not all processes came.
    """
    given = coordinator, processes, process_id
    if any(value is not None for value in given):
        if coordinator is None or processes is None or process_id is None:
            raise UsageError("--coordinator, --processes and --process-id belong together")
        if processes < 1:
            raise UsageError(f"--processes is {processes}; expected at least 1")
        if not 0 <= process_id < processes:
            raise UsageError(f"--process-id is {process_id}; expected 0 to {processes - 1}, one for each process")
        _check_address(coordinator, process_id == 0, wait)
    where = f"at {coordinator}" if coordinator else "as the cluster describes them"
    failures: list[Exception] = []

    def initialise() -> None:
        try:
            jax.distributed.initialize(
                *given,
                cluster_detection_method=None if coordinator is None else "deactivate",
                initialization_timeout=wait + 30,  # at its end, JAX ends the process without a word that helps
                heartbeat_timeout_seconds=silence,
            )
        except Exception as error:  # JAX, its plugins for clusters and the network each raise kinds of their own
            failures.append(error)

    thread = threading.Thread(target=initialise, daemon=True)
    thread.start()
    thread.join(wait)
    if thread.is_alive():
        raise UsageError(f"not all processes of this run came within {wait} s {where}; start all of them")
    for error in failures:
        raise UsageError(f"the processes of this run do not find each other {where}: {_first_line(error)}") from error


def _check_address(coordinator: str, listening: bool, wait: float) -> None:
    """Refuse an address at which JAX would end the process without a word that helps; wait until somebody listens."""
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdecimal() or not 1 <= int(port) < 1 << 16:
        raise UsageError(f"--coordinator is {coordinator!r}; expected HOST:PORT, as node1:4000")
    try:
        socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"--coordinator is {coordinator!r}; no machine is known as {host}") from error
    if listening:
        try:
            socket.create_server(("", int(port))).close()
        except OSError as error:
            why = error.strerror or error
            raise UsageError(f"--coordinator: port {port} cannot be listened at ({why}); choose another") from error
        return
    end = time.monotonic() + wait
    while True:
        try:
            return socket.create_connection((host.strip("[]"), int(port)), timeout=1).close()
        except OSError as error:
            if time.monotonic() > end:
                why = error.strerror or error
                raise UsageError(f"--coordinator: nobody listens at {coordinator} ({why}); start process 0") from error
        time.sleep(0.2)


def processes() -> int:
    """Return how many processes there are; starts the backend."""
    return jax.process_count()


def is_first() -> bool:
    """Return whether this is the process that reports; starts the backend."""
    return jax.process_index() == 0


@compiled()
def _largest(flags: jax.Array) -> jax.Array:
    run = sharded(lambda mine: jax.lax.pmax(mine, AXIS), mesh(), SHARDED, REPLICATED)
    return run(flags)


def agree(flag: int) -> int:
    """Return the largest of the numbers with which all processes call this at the same time."""
    if jax.process_count() == 1:
        return flag
    with watched():
        return int(np.asarray(_largest(by_device(mesh(), lambda: np.array([flag], np.int32))))[0])


@contextmanager
def watched() -> Iterator[None]:
    """Raise `ProcessLost` where a computation fails because another process is gone, `OutOfMemoryError` of this one."""
    try:
        yield
    except (MemoryError, ValueError, jax.errors.JaxRuntimeError) as error:
        if isinstance(error, ValueError) and not STATUS.match(str(error)):
            raise
        if exhausted := out_of_memory(error):
            raise exhausted from error
        if jax.process_count() == 1 or str(error).startswith(OUR_OWN):
            raise
        raise ProcessLost(f"another process of this run is gone ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "")[:200]
