"""Host: what a record says of a run before it begins."""

import math
import time
from collections.abc import Mapping
from typing import Any

from jaxsolve.puzzle import Puzzle, conditioned
from jaxsolve.records.formats import FORMAT
from jaxsolve.records.surroundings import machine


def opened(
    puzzle: Puzzle,
    *,
    command: str,
    path: str,
    settings: Mapping[str, Any],
    seed: int | None,
    devices: list[str],
    versions: Mapping[str, str],
    resumed: bool = False,
) -> dict[str, Any]:
    """Return the record of a run that has found nothing yet, as `jaxsolve.records.formats` describes it.

    Parameters
    ----------
    puzzle, path
        The puzzle as it was read, and from where.
    command, settings, seed
        What was asked for.
    devices, versions
        What it runs on, beside the machine.
    resumed
        Whether it goes on with a search that was stopped.
    """
    variance = conditioned(puzzle).variance
    return {
        "format": FORMAT,
        "command": command,
        "status": "running",
        "error": None,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "puzzle": _described(puzzle, path),
        "settings": dict(settings),
        "seed": seed,
        "devices": devices,
        "versions": dict(versions),
        "machine": machine(),
        "resumed": resumed,
        **dict.fromkeys(("trace", "permutation", "loss", "mse")),
        "variance": variance if math.isfinite(variance) else None,
        "evaluations": 0,
        "seconds": 0.0,
        "attempts": 0,
        "certificate": None,
        "report": None,
    }


def _described(puzzle: Puzzle, path: str) -> dict[str, Any]:
    """Return what a record says of the puzzle, and of the path that it was given by."""
    halves = [int((ids >= 0).sum()) for ids in (puzzle.in_ids, puzzle.out_ids)]
    shapes = {"blocks": min(halves), "features": puzzle.features, "hidden": puzzle.given_hidden, "rows": puzzle.rows}
    read = {name: getattr(puzzle, name) for name in ("activation", "activation_given", "expected_sha256")}
    return {"name": puzzle.name, "path": path, "fingerprint": puzzle.fingerprint, "halves": halves, **shapes, **read}
