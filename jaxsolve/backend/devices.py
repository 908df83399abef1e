"""Host: the devices that candidates are spread over, each with its own copy of the problem.

Every core of a CPU is a device of its own: small matrix products run faster alone on one core than shared
by several. A candidate is evaluated by one device from beginning to end, so that its loss, and what a
search makes of it, does not depend on how many there are.
"""

import functools
import os
from collections.abc import Callable
from typing import Any, Literal

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxsolve.backend.cores import CORES
from jaxsolve.errors import UsageError, install_words

AXIS = "candidates"
SHARDED = PartitionSpec(AXIS)
"""An array whose first axis is split between the devices."""
REPLICATED = PartitionSpec()
"""An array that every device has whole."""


def _one_device_a_core() -> None:
    """Make every core a device, unless the user has said otherwise or JAX is in use already."""
    asked = "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    if not asked and jax.config.jax_num_cpu_devices < 1:  # pyright: ignore[reportAttributeAccessIssue]
        try:
            jax.config.update("jax_num_cpu_devices", CORES)
        except RuntimeError:
            return


_one_device_a_core()


@functools.cache
def mesh(devices: int | None = None) -> Mesh:
    """Return the first `devices` devices of every process, all of them by default.

    Raises
    ------
    UsageError
        There are not that many, or JAX finds none.
    """
    try:
        found = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    except (RuntimeError, AssertionError) as error:  # the latter where a platform's plugin is missing
        asked = os.environ.get("JAX_PLATFORMS", "")
        extra = f" ({install_words('cuda13')})" if asked in ("cuda", "gpu") else ""
        why = str(error) or f"JAX_PLATFORMS is {asked!r}, which is not installed{extra}"
        raise UsageError(f"JAX finds no device to run on: {why}") from error
    each = [[one for one in found if one.process_index == p] for p in range(jax.process_count())]
    have = min(map(len, each))
    if devices is not None and not 1 <= devices <= have:
        raise UsageError(f"devices is {devices}; there are {have} to run on{' everywhere' if len(each) > 1 else ''}")
    first = [one for own in each for one in own[:devices]]
    return Mesh(np.array(first), (AXIS,), axis_types=(AxisType.Auto,))


Plain = Literal["sequential", "batched"]
"""How a device goes through candidates without a kernel of ours: one after the other, or many at once."""


def plain_way(over: Mesh) -> Plain:
    """Return how its devices go through candidates fastest: a core one after the other."""
    return "sequential" if over.devices.flat[0].platform == "cpu" else "batched"


def device_names(devices: int | None = None) -> list[str]:
    """Return what programs run on, one entry a device; `UsageError` if JAX finds none."""
    return [f"{device.platform}:{device.id} {device.device_kind}" for device in mesh(devices).devices.flat]


def put(table: Any, over: Mesh) -> jax.Array:
    """Put an array on every device; with several processes, each its own copy, without asking the others."""
    if jax.process_count() == 1:
        return jax.device_put(table, NamedSharding(over, REPLICATED))
    table = np.asarray(table)
    return jax.make_array_from_callback(table.shape, NamedSharding(over, REPLICATED), lambda index: table)


def split(table: np.ndarray, over: Mesh) -> jax.Array:
    """Return an array whose first axis is split between the devices."""
    return jax.make_array_from_callback(table.shape, NamedSharding(over, SHARDED), lambda index: table[index])


def by_device(over: Mesh, part: Callable[[], np.ndarray]) -> jax.Array:
    """Return an array of which every device has one part, `part()`, along the first axis."""
    shape = over.size, *part().shape[1:]
    return jax.make_array_from_callback(shape, NamedSharding(over, SHARDED), lambda index: part())


def sharded(function: Callable[..., Any], over: Mesh, in_specs: Any, out_specs: Any) -> Callable[..., Any]:
    """Return a function that every device runs on its own part of the arguments marked `SHARDED`."""
    return jax.shard_map(function, mesh=over, in_specs=in_specs, out_specs=out_specs, check_vma=False)


def collected(part: jax.Array) -> jax.Array:
    """Return, on a device, what the host is to see of the parts of all devices along their first axis."""
    return part if jax.process_count() == 1 else jax.lax.all_gather(part, AXIS, tiled=True)


def collected_spec() -> PartitionSpec:
    """Return the specification of what is `collected`: other processes cannot be looked into."""
    return SHARDED if jax.process_count() == 1 else REPLICATED
