"""Time `jaxsolve solve` from the start of the process to its end, in turn with importing JAX.

python bench/time_to_solution.py PUZZLE [--runs N] [--json] [OPTIONS OF solve]
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def timed(command: list[str]) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Run a command; return its wall time in seconds and what came of it."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return time.perf_counter() - began, done


def machine() -> dict[str, Any]:
    """Return what the figures depend on besides the code."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = f"{len(lines)} x {lines[0]}" if lines else model
    return {"date": time.strftime("%Y-%m-%d"), "cpu": model, "system": platform.platform(terse=True)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("puzzle")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments, options = parser.parse_known_args()

    imports, walls, reports, failures = [], [], [], []
    solve = [sys.executable, "-m", "jaxsolve", "solve", arguments.puzzle, "--json", *options]
    for _ in range(arguments.runs):
        imports.append(timed([sys.executable, "-c", "import jax"])[0])
        wall, done = timed(solve)
        walls.append(wall)
        if done.returncode == 0:
            reports.append(json.loads(done.stdout))
        else:
            failures.append({"exit": done.returncode, "stderr": done.stderr.strip()})
    phases = (
        {name: statistics.median(r["seconds"][name] for r in reports) for name in reports[0]["seconds"]}
        if reports
        else {}
    )
    result = {
        **machine(),
        "puzzle": Path(arguments.puzzle).name,
        "options": options,
        "runs": arguments.runs,
        "solved": len(reports),
        "failures": failures,
        "wall": sorted(round(wall, 3) for wall in walls),
        "import_jax": sorted(round(wall, 3) for wall in imports),
        "ratio": round(statistics.median(w / i for w, i in zip(walls, imports, strict=True)), 2),
        "phases": {name: round(seconds, 3) for name, seconds in phases.items()},
        "evaluations": statistics.median(r["evaluations"] for r in reports) if reports else None,
        "versions": reports[0]["versions"] if reports else None,
        "devices": reports[0]["devices"] if reports else None,
    }
    if arguments.json:
        print(json.dumps(result))
        return
    print(f"{result['puzzle']} on {result['cpu']}: {result['solved']} of {result['runs']} solved")
    print(f"whole process  {statistics.median(walls):.2f} s  ({min(walls):.2f} to {max(walls):.2f})")
    print(f"import jax     {statistics.median(imports):.2f} s  ratio {result['ratio']}")
    print("  ".join(f"{name} {seconds}" for name, seconds in result["phases"].items()))
    for failure in failures:
        print(f"failed: {failure}")


if __name__ == "__main__":
    main()
