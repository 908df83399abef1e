"""Count the programs that `solve` compiles, and what tracing, lowering and compiling each takes.

python bench/programs.py PUZZLE … [--seeds N] [--warm] [--cuda] [--list] [--budget SECONDS]

Every puzzle is solved in a process of its own, which has imported JAX, once for each of N seeds. Cold runs find no
program on disk; for --warm, each puzzle is solved once before, in a folder for programs that is then kept. With --cuda,
the programs are lowered for a GPU as well, in the way that suits one, when the puzzle is solved: that needs no GPU,
compiles nothing, and says how many can be lowered, in which time, and to how much text. --list shows them by name.
"""

import argparse
import inspect
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

STAGES = {
    "/jax/core/compile/jaxpr_trace_duration": "trace",
    "/jax/core/compile/jaxpr_to_mlir_module_duration": "lower",
    "/jax/core/compile/backend_compile_duration": "compile",
}


class Watched:
    """Programs as `jax.jit` makes them, remembered with the shapes for which they were compiled."""

    def __init__(self) -> None:
        """Begin to remember."""
        import jax

        self.jit, self.calls = jax.jit, {}
        jax.jit = self._made

    def _made(self, function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        import jax

        made: Any = self.jit(function, **options)
        shape = lambda part: jax.ShapeDtypeStruct(part.shape, part.dtype) if hasattr(part, "dtype") else part

        def call(*args: Any, **kwargs: Any) -> Any:
            shapes = jax.tree.map(shape, (args, kwargs))  # before the call, which may consume them
            known = made._cache_size()
            result = made(*args, **kwargs)
            if made._cache_size() > known:
                self.calls[function, str(shapes)] = options, shapes
            return result

        return call

    def lowered(self) -> dict[str, float]:
        """Lower what was compiled for CUDA, each device's candidates side by side where a program has the choice."""
        count, size, began = 0, 0, time.perf_counter()
        for (function, _), (options, (args, kwargs)) in self.calls.items():
            if "way" in inspect.signature(function).parameters and kwargs.get("way") is None:
                kwargs = kwargs | {"way": "batched"}
            made = self.jit(function, **options | {"compiler_options": None})
            size += len(made.trace(*args, **kwargs).lower(lowering_platforms=("cuda",)).as_text())
            count += 1
        return {"programs": count, "seconds": time.perf_counter() - began, "megabytes": size / 1e6}


def solved(path: str, budget: float, seed: int, cuda: bool) -> dict[str, Any]:
    """Solve a puzzle in this process; return its phases and programs in seconds."""
    import jax

    watched = Watched() if cuda else None
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
    solution = solve(puzzle, Config(budget=budget, seed=seed), run)
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
        "cuda": watched.lowered() if watched else None,
    }


def asked(path: str, given: argparse.Namespace, seed: int, cache: str) -> dict[str, Any]:
    """Have a process of its own solve a puzzle."""
    command = [sys.executable, __file__, path, "--budget", str(given.budget), "--here", str(seed)]
    command += ["--cuda"] * given.cuda
    environment = {key: value for key, value in os.environ.items() if key != "JAX_COMPILATION_CACHE_DIR"}
    environment["XDG_CACHE_HOME"] = cache
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("puzzles", nargs="+")
    parser.add_argument("--seeds", type=int, default=1, metavar="N")
    parser.add_argument("--warm", action="store_true")
    parser.add_argument("--cuda", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--budget", type=float, default=300.0, metavar="SECONDS")
    parser.add_argument("--here", type=int, metavar="SEED", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here is not None:
        print(json.dumps(solved(given.puzzles[0], given.budget, given.here, given.cuda)))
        return
    figures = "s | pair | seed | search | certify | compile | programs | trace | lower | compile"
    print(f"| net | seed | status | {figures} |{' CUDA | s | MB |' if given.cuda else ''}")
    print("|---" * (13 + 3 * given.cuda) + "|")
    for path, seed in product(given.puzzles, range(given.seeds)):
        with tempfile.TemporaryDirectory() as cache:
            for _ in range(given.warm):
                asked(path, given, seed, cache)
            one = asked(path, given, seed, cache)
        phases = [f"{one['phases'].get(name, 0.0):.2f}" for name in ("pair", "seed", "search", "certify", "compile")]
        stages = [f"{one['stages'].get(name, 0.0):.2f}" for name in STAGES.values()]
        figures = [f"{one['wall']:.2f}", *phases, str(one["programs"]), *stages]
        if one["cuda"]:
            figures += [
                str(one["cuda"]["programs"]),
                *(f"{one['cuda'][name]:.2f}" for name in ("seconds", "megabytes")),
            ]
        print(f"| {Path(path).name} | {seed} | {one['status']} | {' | '.join(figures)} |", flush=True)
        if given.list:
            for name, count, seconds in one["listed"]:
                print(f"    {name:40} {count:4} {seconds:8.2f} s")


if __name__ == "__main__":
    main()
