"""Host: what a run depends on besides the puzzle and its settings."""

import os
import platform
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """Return the system, the processor and how many cores of it there are; not the name of the machine.

    What Python's `platform` would start another program for is not asked.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    model, system = next(models, platform.machine()), f"{platform.system()}-{platform.release()}-{platform.machine()}"
    return {"system": system, "processor": model, "cores": os.cpu_count()}
