"""Host: how much memory is free, and what happens where it was less."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import jax
from jax.sharding import Mesh

from jaxsolve.backend.distributed import watched
from jaxsolve.errors import OutOfMemoryError

T = TypeVar("T")

CGROUPS = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
)
"""Where versions 2 and 1 keep a container's limit, its use, and what of that is files that can be read again."""


def halving(work: Callable[[float], T], memory: float, least: float = 16 << 20) -> tuple[T, float]:
    """Do a piece of work that sizes itself by the bytes it may take; where they are not there, with half, and so on.

    Returns
    -------
    What came of it, and how many bytes it could take.

    Raises
    ------
    OutOfMemoryError
        Even `least` bytes are too many; or several processes work as one, which have to do the same.
    """
    while True:
        try:
            with watched():
                return work(memory), memory
        except OutOfMemoryError:
            if memory < 2 * least or jax.process_count() > 1:
                raise
        memory /= 2


def free_memory(over: Mesh) -> int:
    """Return the bytes that are free: of the machine or its container, or of the fullest accelerator."""
    stats = [device.memory_stats() for device in over.local_devices]
    if all(stats):
        return min(found["bytes_limit"] - found["bytes_in_use"] for found in stats)
    return min([_available(), *_left_in_container()])


def _available() -> int:
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1])
    return 4 << 30  # a guess where nothing says how many are free


def _left_in_container() -> list[int]:
    left = []
    root = Path("/sys/fs/cgroup")
    for limit, used, details, files in CGROUPS:
        with suppress(OSError, ValueError, KeyError):  # "max" is no number: no limit
            known = dict(line.split() for line in (root / details).read_text().splitlines())
            taken = int((root / used).read_text()) - int(known[files])
            left.append(int((root / limit).read_text()) - taken)
    return left
