"""All that is to be known of a GPU, in one command of less than eight minutes, which goes on where it was stopped.

python bench/gpu.py [--only SECTION …] [--seconds S] [--puzzle PATH] [--small] [--dry]
                    [--results FILE] [--cache FOLDER]

Every device path against float64, throughput, beams up to a width of 100,000, cold and warm starts, shapes of the
kernel, the famous puzzle blind (if JAXSOLVE_PUZZLE or --puzzle says where it is), and three hard nets. A section runs
in a process of its own, so that one that crashes or runs out of memory takes no other with it, and is a JSON line of
the result file as soon as it is done. What is there for these sources is not done again; what failed is, after all the
others. Sections that are not done within --seconds are left for the next time. The tables are written beside the file
as Markdown. --small rehearses everything in small sizes, on a CPU, too; --dry lists what would be done.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from family import append, code_version
from gpu_sections import SECTIONS, Job, Section, _first_line
from machine import machine

from jaxsolve.cli.profile_table import markdown
from jaxsolve.profiling import Measurement

HERE = Path(__file__).parent
Row = dict[str, Any]


def key_of(line: Row) -> tuple[Any, ...]:
    """Return what tells sections apart that are not to be done twice."""
    return line["section"], line["code"], line["small"]


def read(results: Path) -> list[Row]:
    """Return the lines of a file, the last of each section; one that was cut short is none."""
    lines = objects(results.read_text()) if results.exists() else []
    return list({key_of(line): line for line in lines if line.get("measure") == "gpu"}.values())


def objects(text: str) -> list[Row]:
    """Return the JSON objects that lines of a text are."""
    found = []
    for line in text.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return [one for one in found if isinstance(one, dict)]


def todo(given: argparse.Namespace, done: list[Row], code: str) -> list[str]:
    """Return the sections that are left, those that failed before behind the others."""
    before = {line["section"]: line["status"] for line in done if key_of(line)[1:] == (code, given.small)}
    wanted = [
        name
        for name, section in SECTIONS.items()
        if any(name.startswith(only) for only in given.only or [""]) and (given.puzzle or not section.needs_puzzle)
    ]
    left = [name for name in wanted if before.get(name) != "done"]
    return sorted(left, key=lambda name: name in before)


def apart(name: str, given: argparse.Namespace, limit: float) -> tuple[str, str | None, list[Row]]:
    """Run a section in a process of its own; return how it ended, what went wrong, and the rows until then."""
    command = [sys.executable, str(HERE / "gpu.py"), "--section", name, "--seconds", str(limit)]
    command += ["--small"] * given.small + ["--cache", str(given.cache)]
    command += ["--puzzle", given.puzzle] if given.puzzle else []
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = subprocess.Popen(command, stdout=out, stderr=err, text=True, start_new_session=True)
        try:
            child.wait(limit)
            status = "failed" if child.returncode else "done"
        except subprocess.TimeoutExpired:
            status = "overran"
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)  # with the processes that it has started
                child.wait()
        for stream in (out, err):
            stream.seek(0)
        rows = objects(out.read())
        said = err.read().strip().splitlines()[-1:]
    error = {"done": None, "overran": f"not done within {limit:.0f} s"}.get(status, _first_line(said))
    return status, error, rows


Runner = Callable[[str, argparse.Namespace, float], tuple[str, str | None, list[Row]]]


def run(given: argparse.Namespace, runner: Runner = apart) -> None:
    """Do what is left, add it to the file, and write the tables."""
    code, began = code_version(), time.monotonic()
    for name in todo(given, read(given.results), code):
        left = given.seconds - (time.monotonic() - began)
        if left < 15:
            print(f"{name}: left for the next time", file=sys.stderr, flush=True)
            continue
        print(f"{name} …", file=sys.stderr, flush=True)
        started = time.monotonic()
        status, error, rows = runner(name, given, min(left, SECTIONS[name].limit * (4 if given.small else 1)))
        line = {"measure": "gpu", **machine(), "section": name, "code": code, "small": given.small, "status": status}
        line |= {"error": error, "seconds": time.monotonic() - started, "rows": rows}
        append(line, given.results)
        print(
            f"{name}: {status} in {line['seconds']:.1f} s{f', {error}' if error else ''}", file=sys.stderr, flush=True
        )
    text = tables([line for line in read(given.results) if key_of(line)[1:] == (code, given.small)])
    given.results.with_suffix(".md").write_text(text)
    print(text)


def tables(lines: list[Row]) -> str:
    """Return the sections as Markdown, in their order."""
    lines = sorted(lines, key=lambda line: list(SECTIONS).index(line["section"]))
    if not lines:
        return "# On a GPU\n\nNothing is measured yet.\n"
    first = lines[0]
    versions = ", ".join(f"{name} {version}" for name, version in first["versions"].items())
    parts = [f"# On a GPU, {first['date']}{', rehearsed in small sizes' if first['small'] else ''}"]
    parts.append(f"{first['cpu']}; {versions}; sources {first['code']}.")
    for line in lines:
        told = f"{line['status']} in {line['seconds']:.1f} s" + (f": {line['error']}" if line["error"] else "")
        parts += [f"## {line['section']}", told, *_tables(line["rows"])]
    return "\n\n".join(parts) + "\n"


def _tables(rows: list[Row]) -> list[str]:
    """Return rows as tables, those of the same columns together."""
    measured = [Measurement(**row) for row in rows if "peak_flops" in row]
    found = [markdown(measured).rstrip()] if measured else []
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        if "peak_flops" not in row:
            groups.setdefault(tuple(row), []).append(row)
    for heads, own in groups.items():
        cells = [heads, ["---"] * len(heads), *([_shown(row[head]) for head in heads] for row in own)]
        found.append("\n".join(f"| {' | '.join(line)} |" for line in cells))
    return found


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(one)}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    text = "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "/").replace("\n", " ")


def rows_of(name: str, job: Job) -> None:
    """Print the rows of a section, each as soon as it is there."""
    section: Section = SECTIONS[name]
    if section.devices:
        from jaxsolve import backend

        backend.keep_programs()
    for row in section.rows(job):
        print(json.dumps(row), flush=True)


def arguments(options: list[str] | None = None) -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    today = HERE / "results" / f"{time.strftime('%Y-%m-%d')}-gpu.jsonl"
    parser.add_argument(
        "--only", action="append", metavar="SECTION", help=f"By their beginnings: {', '.join(SECTIONS)}"
    )
    parser.add_argument("--seconds", type=float, default=460.0, help="After which no other section is begun.")
    parser.add_argument("--puzzle", default=os.environ.get("JAXSOLVE_PUZZLE"), help="Folder of the famous puzzle.")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--dry", action="store_true")
    parser.add_argument("--results", type=Path, default=today)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "jaxsolve-family")
    parser.add_argument("--section", choices=list(SECTIONS), help=argparse.SUPPRESS)
    given = parser.parse_args(options)
    unknown = [only for only in given.only or () if not any(name.startswith(only) for name in SECTIONS)]
    if unknown:
        parser.error(f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    return given


def main() -> None:
    """Do what the command line asks for."""
    given = arguments()
    if given.section:
        rows_of(given.section, Job(given.small, given.puzzle, given.seconds, given.cache))
    elif given.dry:
        for name in todo(given, read(given.results), code_version()):
            print(f"{name:18} at most {SECTIONS[name].limit:.0f} s")
    else:
        run(given)


if __name__ == "__main__":
    main()
