"""Host: ``jaxsolve version``."""

import platform
from collections import Counter
from importlib import metadata
from typing import Any

from jaxsolve import __version__
from jaxsolve.cli import arguments, terminal
from jaxsolve.errors import JaxsolveError

PACKAGES = ("jax", "jaxlib", "numpy")


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    installed = {name: metadata.version(name) for name in PACKAGES}
    return {"jaxsolve": __version__, **installed, "python": platform.python_version()}


@terminal.guarded
def version(json: arguments.Json = False) -> None:
    """Print the versions of jaxsolve and of what it runs on, and the devices that JAX finds.

    'jaxsolve --version' prints that of jaxsolve alone, without starting JAX.
    """
    told, found = versions(), devices()
    if json:
        terminal.result_json(told | {"system": platform.platform()} | found)
        return
    names = ", ".join(f"{one['count']} x {one['kind']}" for one in found["devices"]) or f"none: {found['trouble']}"
    rows = [
        *told.items(),
        ("system", platform.platform()),
        ("platform", found["platform"] or "none"),
        ("devices", names),
    ]
    if found["free_memory"] is not None:
        of = "" if found["platform"] == "cpu" else " of each device"
        rows.append(("memory", f"{found['free_memory'] / 2**30:.1f} GiB free{of}"))
    terminal.result(terminal.table(rows))


def devices() -> dict[str, Any]:
    """Return what programs run on: JAX's platform, the kinds of devices with how many there are, and bytes free."""
    from jaxsolve import backend

    try:
        over = backend.mesh()
        free = backend.free_memory(over)
    except JaxsolveError as error:
        return {"platform": None, "devices": [], "free_memory": None, "trouble": str(error)}
    kinds = Counter(device.device_kind for device in over.devices.flat)
    listed = [{"kind": kind, "count": count} for kind, count in kinds.items()]
    return {"platform": over.devices.flat[0].platform, "devices": listed, "free_memory": free, "trouble": None}
