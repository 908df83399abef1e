"""Host: what devices can do at most, measured, and what a run has taken of them."""

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import jax
import numpy as np
from jax import lax
from jax.sharding import Mesh
from numpy.typing import DTypeLike

from jaxsolve.backend.compile import compiled
from jaxsolve.backend.devices import SHARDED, by_device, sharded
from jaxsolve.backend.precision import Tier, product


@compiled(static=("over", "tier", "products"))
def _products(a: jax.Array, *, over: Mesh, tier: Tier, products: int) -> jax.Array:
    run = lambda a: lax.fori_loop(0, products, lambda _, c: product(c[0], a[0], tier)[None], a)
    return sharded(run, over, SHARDED, SHARDED)(a)


@compiled(static=("over",))
def _copied(a: jax.Array, *, over: Mesh) -> jax.Array:
    return sharded(lambda a: a + 1.0, over, SHARDED, SHARDED)(a)


def matmul_flops(over: Mesh, tier: Tier, dtype: DTypeLike = np.float32) -> Callable[[], float]:
    """Return what measures the rate of large matrix products on all devices at once, in operations a second."""
    size, products = 1024 if _on_cpu(over) else 8192, 8  # some tenths of a second
    a = by_device(over, lambda: np.full((1, size, size), 1 / size, dtype))
    run = partial(_products, a, over=over, tier=tier, products=products)
    jax.block_until_ready(run())
    return lambda: 2 * over.size * products * size**3 / seconds(run)


def copy_bytes(over: Mesh) -> Callable[[], float]:
    """Return what measures the rate at which all devices at once read and write memory, in bytes a second."""
    numbers = 1 << (24 if _on_cpu(over) else 28)  # more than caches hold
    a = by_device(over, lambda: np.zeros((1, numbers), np.float32))
    run = partial(_copied, a, over=over)
    jax.block_until_ready(run())
    return lambda: 2 * 4 * over.size * numbers / seconds(run)


def _on_cpu(over: Mesh) -> bool:
    return over.devices.flat[0].platform == "cpu"


def seconds(run: Callable[[], object]) -> float:
    """Return the wall time of a call and of what it has set going."""
    began = time.perf_counter()
    jax.block_until_ready(run())
    return time.perf_counter() - began


def peak_bytes(over: Mesh) -> int:
    """Return the most memory that was taken so far: of the fullest accelerator, or of this process; 0 if unknown."""
    stats = [device.memory_stats() for device in over.local_devices]
    if all(stats):
        return max(found["peak_bytes_in_use"] for found in stats)
    if sys.platform == "win32":
        return 0  # not known there
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def traced(folder: Path) -> AbstractContextManager[object]:
    """Record what devices do inside, in files that Perfetto and XProf open."""
    return jax.profiler.trace(str(folder), create_perfetto_trace=True)
