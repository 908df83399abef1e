"""Time `jaxsolve solve` from the start of the process to its end, in turn with importing JAX.

python bench/time_to_solution.py PUZZLE [--runs N] [--warm] [--json] [OPTIONS OF solve]

Cold runs have an empty folder for compiled programs each; warm ones share a folder that one run has filled.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import machine


def timed(command: list[str], cache: str) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Run a command; return its wall time in seconds and what came of it."""
    environment = {**os.environ, "XDG_CACHE_HOME": cache}
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return time.perf_counter() - began, done


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("puzzle")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--warm", action="store_true")
    parser.add_argument("--json", action="store_true")
    given, options = parser.parse_known_args()
    shared = tempfile.mkdtemp()

    imports, walls, reports, failures = [], [], [], []
    for run in range(given.runs + given.warm):
        with tempfile.TemporaryDirectory() as folder:
            out, cache = Path(folder) / "out", shared if given.warm else f"{folder}/cache"
            solve = [sys.executable, "-m", "jaxsolve", "solve", given.puzzle, "--out", str(out), *options]
            loading = timed([sys.executable, "-c", "import jax"], cache)[0]
            wall, done = timed(solve, cache)
            if run < given.warm:  # fills the cache
                continue
            imports.append(loading)
            walls.append(wall)
            if done.returncode == 0:
                reports.append(json.loads((out / "answer.json").read_text()))
            else:
                failures.append({"exit": done.returncode, "stderr": done.stderr.strip()})
    phases = (
        {name: statistics.median(r["seconds"][name] for r in reports) for name in reports[0]["seconds"]}
        if reports
        else {}
    )
    result = {
        **machine(),
        "puzzle": Path(given.puzzle).name,
        "options": options,
        "cache": "warm" if given.warm else "cold",
        "runs": given.runs,
        "solved": len(reports),
        "failures": failures,
        "wall": sorted(round(wall, 3) for wall in walls),
        "import_jax": sorted(round(wall, 3) for wall in imports),
        "ratio": round(statistics.median(w / i for w, i in zip(walls, imports, strict=True)), 2),
        "phases": {name: round(seconds, 3) for name, seconds in phases.items()},
        "evaluations": statistics.median(r["evaluations"] for r in reports) if reports else None,
        "devices": reports[0]["devices"] if reports else None,
    }
    if given.json:
        print(json.dumps(result))
        return
    print(f"{result['puzzle']} on {result['cpu']}, {result['cache']}: {result['solved']} of {result['runs']} solved")
    print(f"whole process  {statistics.median(walls):.2f} s  ({min(walls):.2f} to {max(walls):.2f})")
    print(f"import jax     {statistics.median(imports):.2f} s  ratio {result['ratio']}")
    print("  ".join(f"{name} {seconds}" for name, seconds in result["phases"].items()))
    for failure in failures:
        print(f"failed: {failure}")


if __name__ == "__main__":
    main()
