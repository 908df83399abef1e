"""Host: ``jaxsolve version``."""

import platform
from importlib import metadata

from jaxsolve.cli import arguments, terminal

PACKAGES = ("jaxsolve", "jax", "jaxlib", "numpy")


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    return {name: metadata.version(name) for name in PACKAGES} | {"python": platform.python_version()}


@terminal.guarded
def version(json: arguments.Json = False) -> None:
    """Print the versions of jaxsolve and of what it runs on."""
    if json:
        terminal.result_json(versions())
    else:
        terminal.result(terminal.table(list(versions().items())))
