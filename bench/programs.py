"""Count the programs that `solve` compiles, and what tracing, lowering and compiling each takes.

python bench/programs.py PUZZLE … [--warm] [--list] [--budget SECONDS]

Every puzzle is solved in a process of its own, which has imported JAX. Cold runs find no program on disk; for --warm,
each puzzle is solved once before, in a folder for programs that is then kept. --list shows the programs by name.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

STAGES = {
    "/jax/core/compile/jaxpr_trace_duration": "trace",
    "/jax/core/compile/jaxpr_to_mlir_module_duration": "lower",
    "/jax/core/compile/backend_compile_duration": "compile",
}


def solved(path: str, budget: float) -> dict[str, Any]:
    """Solve a puzzle in this process; return its phases and programs in seconds."""
    import jax

    seconds: dict[str, float] = defaultdict(float)
    programs: Counter[str] = Counter()
    by_name: dict[str, float] = defaultdict(float)

    def listen(event: str, duration_secs: float, **told: str | int) -> None:
        stage = STAGES.get(event)
        if stage is None:
            return
        seconds[stage] += duration_secs
        name = str(told.get("fun_name", "?"))
        by_name[name] += duration_secs
        programs[name] += stage == "compile"

    jax.monitoring.register_event_duration_secs_listener(listen)
    from jaxsolve.backend.cache import keep_programs

    keep_programs()
    from jaxsolve import Config, read_puzzle, solve
    from jaxsolve.run import Run

    puzzle = read_puzzle(path)
    puzzle = puzzle.replace(expected_sha256=None)
    began, run = time.perf_counter(), Run()
    solution = solve(puzzle, Config(budget=budget), run)
    wall = time.perf_counter() - began
    listed = [
        (name, programs[name], round(by_name[name], 3)) for name in sorted(by_name, key=lambda name: -by_name[name])
    ]
    return {
        "status": solution.status,
        "activation": solution.puzzle.activation,
        "wall": wall,
        "phases": dict(run.seconds),
        "programs": sum(programs.values()),
        "stages": dict(seconds),
        "evaluations": run.evaluations,
        "listed": listed,
    }


def asked(path: str, budget: float, cache: str) -> dict[str, Any]:
    """Have a process of its own solve a puzzle."""
    command = [sys.executable, __file__, path, "--budget", str(budget), "--here"]
    environment = {key: value for key, value in os.environ.items() if key != "JAX_COMPILATION_CACHE_DIR"}
    environment["XDG_CACHE_HOME"] = cache
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("puzzles", nargs="+")
    parser.add_argument("--warm", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--budget", type=float, default=300.0)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        print(json.dumps(solved(given.puzzles[0], given.budget)))
        return
    print("| net | status | s | pair | seed | search | certify | compile | programs | trace | lower | compile |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for path in given.puzzles:
        with tempfile.TemporaryDirectory() as cache:
            for _ in range(given.warm):
                asked(path, given.budget, cache)
            one = asked(path, given.budget, cache)
        phases = [f"{one['phases'].get(name, 0.0):.2f}" for name in ("pair", "seed", "search", "certify", "compile")]
        stages = [f"{one['stages'].get(name, 0.0):.2f}" for name in STAGES.values()]
        figures = [f"{one['wall']:.2f}", *phases, str(one["programs"]), *stages]
        print(f"| {Path(path).name} | {one['status']} | {' | '.join(figures)} |", flush=True)
        if given.list:
            for name, count, seconds in one["listed"]:
                print(f"    {name:40} {count:4} {seconds:8.2f} s")


if __name__ == "__main__":
    main()
