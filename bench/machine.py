"""What figures depend on besides the code, and how they are printed."""

import json
import os
import platform
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from jaxsolve import __version__


def machine() -> dict[str, Any]:
    """Return the processor, the system and the versions."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = f"{len(lines)} x {lines[0]}" if lines else model
    versions = {"jaxsolve": __version__} | {name: metadata.version(name) for name in ("jax", "jaxlib", "numpy")}
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cpu": model,
        "system": platform.platform(terse=True),
        "openblas_coretype": os.environ.get("OPENBLAS_CORETYPE"),
        "versions": versions | {"python": platform.python_version()},
    }


def report(measure: str, rows: list[dict[str, Any]], as_json: bool) -> None:
    """Print measurements as one JSON line, or as a table."""
    if as_json:
        print(json.dumps({"measure": measure, **machine(), "rows": rows}))
        return
    print(f"{measure} on {machine()['cpu']}")
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [columns] + [[_shown(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(line[k]) for line in cells) for k in range(len(columns))]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
