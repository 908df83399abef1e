"""A family of puzzles, trained and dropped by declared recipes, and how many of them `solve` puts back together.

python bench/family.py [GROUP …] [--budget SECONDS] [--seeds N] [--only TEXT] [--dry | --look] [--hash]
                       [--cache FOLDER] [--results FILE] [--jobs 1]
python bench/family.py --table [FILE …] [--code PREFIX] [--svg OUT.svg]

GROUPs are those of `family_grid.py`, all of them if none is named. --dry lists what would be done, and how long that
takes at most; --look trains the nets and says what their weights give away, and solves nothing. Puzzles are kept in
the cache, never in the repository. A result is one JSON line behind the others of a file, and what is in it, or in
a `*-family.jsonl` beside it, for the same sources of jaxsolve, is not done again unless it crashed; --table shows such
files in Markdown, and --svg draws the phase diagram.

Every puzzle is trained and solved in processes of its own, one at a time. The time is that of `solve()` alone, in a
process that has imported JAX and compiled nothing, with nothing compiled on disk; puzzles are given without the hash
of their answer unless --hash is, so that the predictions alone can prove an answer.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import family_tables
from family_grid import GROUPS, Case, cases, training_seconds
from family_puzzle import epoch_folder
from machine import machine

HERE = Path(__file__).parent
GRACE = 300.0
"""Seconds beyond its budget after which a process is given up: reading, compiling and judging take some."""
FAILED = "crashed", "untrained"
"""States of results that stay in the file and are tried again all the same."""


def code_version() -> str:
    """Return a short hash of the sources of jaxsolve, committed or not."""
    import jaxsolve

    root = Path(jaxsolve.__file__).parent
    digest = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def net_folder(case: Case, cache: Path) -> Path:
    """Return where the puzzles of a net are, whatever group it is in."""
    recipe = {key: value for key, value in case.recipe.as_json().items() if key != "epochs"}
    return cache / hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]


def asked(order: dict[str, Any], limit: float | None) -> dict[str, Any]:
    """Have a process of its own do something; what it fails with is part of the answer."""
    environment = {key: value for key, value in os.environ.items() if key != "JAX_COMPILATION_CACHE_DIR"}
    command = [sys.executable, str(HERE / "family_puzzle.py")]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(order),
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            timeout=limit,
        )
    except subprocess.TimeoutExpired:
        return {"status": "overran"}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        return {"status": "crashed", "error": re.sub(r"\S*[/\\]\S*", "…", last)[:300]}
    return json.loads(done.stdout.splitlines()[-1])


def made(case: Case, cache: Path) -> str | None:
    """Have the puzzles of a case's net trained, unless they are there; return what went wrong."""
    net = net_folder(case, cache)
    if epoch_folder(net, case.epoch).exists():
        return None
    missing = [epoch for epoch in case.recipe.epochs if not epoch_folder(net, epoch).exists()]
    print(f"training {case.puzzle}", file=sys.stderr, flush=True)
    return asked({"make": case.recipe.as_json() | {"epochs": missing}, "out": str(net)}, None).get("error")


def key_of(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return what tells results apart that are not to be done twice."""
    return tuple(row[name] for name in ("code", "puzzle", "method", "budget", "hash"))


def described(case: Case, code: str, keep_hash: bool) -> dict[str, Any]:
    """Return what is known of a result beforehand."""
    return {
        "code": code,
        "puzzle": case.puzzle,
        "method": case.method,
        "budget": case.budget,
        "hash": keep_hash,
        "group": case.group,
        "net": case.net,
        "epoch": case.epoch,
        "recipe": case.recipe.as_json(),
    }


def read_rows(files: list[Path]) -> list[dict[str, Any]]:
    """Return the results in files, in their order; a line that was cut short is none."""
    rows = []
    for line in (line for file in files if file.exists() for line in file.read_text().splitlines()):
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return [row for row in rows if row.get("measure") == "family"]


def append(row: dict[str, Any], file: Path) -> None:
    """Add a result behind the others."""
    file.parent.mkdir(parents=True, exist_ok=True)
    torn = file.exists() and not file.read_bytes().endswith(b"\n") and file.stat().st_size > 0
    with file.open("a") as out:
        out.write("\n" * torn + json.dumps(row) + "\n")


def done_before(results: Path) -> set[tuple[Any, ...]]:
    """Return the keys of all results in a file and in those beside it."""
    files = [*sorted(results.parent.glob("*-family.jsonl")), results]
    rows = read_rows(list(dict.fromkeys(files)))
    return {key_of(row) for row in rows if row["status"] not in FAILED}


def dry(todo: list[Case], cache: Path, done: set[tuple[Any, ...]], given: argparse.Namespace) -> None:
    """List what would be done, and how long it takes at most."""
    code, nets, solving = code_version(), {}, 0.0
    for case in todo:
        finished = key_of(described(case, code, given.hash)) in done
        solving += 0.0 if finished else case.budget
        folder = net_folder(case, cache)
        missing = [epoch for epoch in case.recipe.epochs if not epoch_folder(folder, epoch).exists()]
        if missing and not finished:
            nets[folder] = training_seconds(case.recipe, max(missing))
        state = "done" if finished else "to train" if missing else "to solve"
        print(f"{case.puzzle:44}  {case.method:13}  {case.budget:6.0f} s  {state}")
    training = sum(nets.values())
    print(
        f"{len(todo)} results; {len(nets)} nets to train, about {training / 60:.0f} min on two idle cores; solving "
        f"takes at most {solving / 60:.0f} min of budgets; together {(training + solving) / 3600:.1f} h"
    )


def look(todo: list[Case], cache: Path) -> None:
    """Train the nets and show what their weights give away."""
    rows = []
    for case in {case.puzzle: case for case in todo}.values():
        error = made(case, cache)
        order = {"solve": str(epoch_folder(net_folder(case, cache), case.epoch)), "method": None}
        found = {"status": "crashed", "error": error} if error else asked(order | {"budget": 0, "hash": False}, GRACE)
        rows.append(described(case, "", False) | found)
    print(family_tables.weights(rows))


def run(todo: list[Case], cache: Path, done: set[tuple[Any, ...]], given: argparse.Namespace) -> None:
    """Solve what is not done, and add the results to the file."""
    for case in todo:
        code = code_version()
        row = {"measure": "family", **machine(), **described(case, code, given.hash)}
        if key_of(row) in done:
            continue
        error = made(case, cache)
        if error:
            row |= {"status": "untrained", "error": error}
        else:
            folder = epoch_folder(net_folder(case, cache), case.epoch)
            order = {"solve": str(folder), "method": case.method, "budget": case.budget, "hash": given.hash}
            print(f"{case.puzzle}  {case.method}", end="  ", file=sys.stderr, flush=True)
            row |= {"class": None} | asked(order, case.budget + GRACE)
            if code_version() != code:  # somebody works on them
                row["code"] = f"{code}-changed"
        append(row, given.results)
        print(family_tables.sentence(row), file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    today = HERE / "results" / f"{time.strftime('%Y-%m-%d')}-family.jsonl"
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"{', '.join(GROUPS)}; files with --table.")
    parser.add_argument("--budget", type=float, help="Seconds for each puzzle, instead of those of its group.")
    parser.add_argument("--seeds", type=int, default=1, help="Repetitions of every net, with other seeds.")
    parser.add_argument("--only", default="", help="Of the puzzles and methods, those with this in their name.")
    parser.add_argument("--dry", action="store_true")
    parser.add_argument("--look", action="store_true")
    parser.add_argument("--hash", action="store_true", help="Solvers know the hash of the answer.")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "jaxsolve-family")
    parser.add_argument("--results", type=Path, default=today)
    parser.add_argument("--jobs", type=int, choices=(1,), default=1, help="More at a time would time each other.")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--code", default="", help="Only results of these sources; else the last of each puzzle.")
    parser.add_argument("--svg", type=Path, help="Where the phase diagram is drawn.")
    given = parser.parse_args()
    unknown = [] if given.table else [name for name in given.groups if name not in GROUPS]
    if unknown:
        parser.error(f"no group {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    return given


def main() -> None:
    """Do what the command line asks for."""
    given = arguments()
    if given.table:
        files = [Path(name) for name in given.groups] or sorted((HERE / "results").glob("*-family.jsonl"))
        rows = [row for row in read_rows(files) if row["code"].startswith(given.code)]
        print(family_tables.tables(rows))
        if given.svg:
            given.svg.write_text(family_tables.drawing(rows))
        return
    todo = list(cases(given.groups or list(GROUPS), seeds=given.seeds, budget=given.budget, only=given.only))
    if given.dry:
        dry(todo, given.cache, done_before(given.results), given)
        return
    given.cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    if given.look:
        look(todo, given.cache)
    else:
        run(todo, given.cache, done_before(given.results), given)


if __name__ == "__main__":
    main()
