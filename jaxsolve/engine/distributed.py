"""Host: several processes, on one machine or many, as one set of devices.

All of them run the same programs in the same order on the same numbers, so that each knows what all know;
only the clock and the user must be asked together (`agree`).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import jax
import numpy as np

from jaxsolve.engine.compile import compiled
from jaxsolve.engine.devices import AXIS, EACH, SAME, by_device, mesh, spread
from jaxsolve.errors import JaxsolveError, UsageError

OUR_OWN = ("RESOURCE_EXHAUSTED", "INVALID_ARGUMENT", "UNIMPLEMENTED")
"""What a failure begins with that has nothing to do with other processes."""
HEARTBEAT_SECONDS = 10
"""How long a process may be silent before JAX ends the others, where no computation has noticed before."""
JOIN_SECONDS = 60
"""How long processes wait for each other at the start."""


class ProcessLost(JaxsolveError):  # noqa: N818  (what has happened, not what is wrong)
    """Another process of the run has died, and with it the run; what was found before is not lost."""


def join(coordinator: str | None = None, processes: int | None = None, process_id: int | None = None) -> None:
    """Make this process one of several; to be called before anything is computed.

    Without arguments, Slurm, Open MPI or Kubernetes say who is who, as JAX detects them
    (https://docs.jax.dev/en/latest/multi_process.html).

    Parameters
    ----------
    coordinator
        Address and port of process 0, "host:port", the same for all.
    processes, process_id
        How many there are, and which one this is, from 0.

    Raises
    ------
    UsageError
        Something is missing, or not all processes came.
    """
    given = coordinator, processes, process_id
    if any(value is not None for value in given):
        if coordinator is None or processes is None or process_id is None:
            raise UsageError("--coordinator, --processes and --process-id belong together")
        if not 0 <= process_id < processes:
            raise UsageError(f"--process-id is {process_id}; expected 0 to {processes - 1}, one for each process")
    method = None if coordinator is None else "deactivate"
    try:
        jax.distributed.initialize(
            *given,
            cluster_detection_method=method,
            initialization_timeout=JOIN_SECONDS,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
        )
    except (RuntimeError, ValueError) as error:
        where = f"at {coordinator}" if coordinator else "as the cluster describes them"
        raise UsageError(f"the processes of this run do not find each other {where}: {_first_line(error)}") from error


def processes() -> int:
    """Return how many processes there are; starts the backend."""
    return jax.process_count()


def is_first() -> bool:
    """Return whether this is the process that reports; starts the backend."""
    return jax.process_index() == 0


@compiled()
def _largest(flags: jax.Array) -> jax.Array:
    run = spread(lambda mine: jax.lax.pmax(mine, AXIS), mesh(), EACH, SAME)
    return run(flags)


def agree(flag: int) -> int:
    """Return the largest of the numbers with which all processes call this at the same time."""
    if jax.process_count() == 1:
        return flag
    with watched():
        return int(np.asarray(_largest(by_device(mesh(), lambda: np.array([flag], np.int32))))[0])


@contextmanager
def watched() -> Iterator[None]:
    """Raise `ProcessLost` where a computation fails because another process is gone."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if jax.process_count() == 1 or str(error).startswith(OUR_OWN):
            raise
        raise ProcessLost(f"another process of this run is gone ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]
