"""Searches on one device, on several, and on as many processes: whether they come out the same, and how much sooner.

python bench/devices.py PUZZLE [--devices N] [--method NAME …] [--rows R] [--json]

Every search is run on one device (on CPU, with one core to itself), on N devices of one process, and on N processes of
one device each. It is cut short by its own options, so that it does the same work each time, and the time is that of
the search without that of compiling. "as one" says whether its answer and the digest of all its states are
those of one device; the speed-up is over it.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from machine import report

JAXSOLVE = [sys.executable, "-m", "jaxsolve"]
SEARCHES = {
    "stochastic_beam": ["width=50", "noise=0.001"],
    "probe_beam": ["width=4", "rounds=1", "refine=none", "ranks=error"],
    "tempering": ["chains=16", "steps=100"],
    "annealing": ["chains=16", "steps=100"],
    "grand_canonical": ["chains=8", "forwards=1000"],
    "relaxation": ["cycles=1", "patience=2"],
    "iterated": ["steps=8"],
    "descent": [],
}
"""Options that end a search of 48 blocks after some seconds to a minute."""


def commands(method: str, given: argparse.Namespace, devices: int, processes: int) -> list[list[str]]:
    """Return the command of each process."""
    command = [*JAXSOLVE, "search", given.puzzle, "--method", method, "--json", "--budget", "1800"]
    command += ["--rows", str(given.rows), "--activation", given.activation, "--devices", str(devices)]
    command += [word for option in SEARCHES[method] for word in ("--set", option)]
    if processes == 1:
        return [command]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    shared = ["--coordinator", address, "--processes", str(processes), "--process-id"]
    return [[*command, *shared, str(k)] for k in range(processes)]


def bound(command: list[str], cores: list[int]) -> list[str]:
    """Return a command that runs on some cores alone, where the system has a way to say so."""
    return ["taskset", "-c", ",".join(map(str, cores)), *command] if hasattr(os, "sched_setaffinity") else command


def run(method: str, given: argparse.Namespace, devices: int, processes: int) -> dict[str, Any]:
    """Return what the first process prints of a search."""
    cores = sorted(os.sched_getaffinity(0))[: given.devices] if hasattr(os, "sched_getaffinity") else [0]
    own = [cores[:devices]] if processes == 1 else [[core] for core in cores]
    each = commands(method, given, devices, processes)
    begun = [
        subprocess.Popen(bound(command, some), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for command, some in zip(each, own, strict=True)
    ]
    printed = [process.communicate()[0] for process in begun]
    return json.loads(printed[0].splitlines()[-1])


def rows(given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield a row for each search and way to run it."""
    ways = {
        "1 device": (1, 1),
        f"{given.devices} devices": (given.devices, 1),
        f"{given.devices} processes": (1, given.devices),
    }
    for method in given.method or SEARCHES:
        one: dict[str, Any] | None = None
        for way, (devices, processes) in ways.items():
            found = run(method, given, devices, processes)
            one = one or found
            same = all(found[name] == one[name] for name in ("digest", "permutation", "evaluations"))
            seconds = found["seconds"]["search"]
            row = {"method": method, "way": way, "seconds": seconds, "evaluations": found["evaluations"]}
            row |= {"digest": found["digest"][:12], "as one": "yes" if same else "no"}
            yield row | {"speed-up": round(one["seconds"]["search"] / seconds, 2)}


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("puzzle")
    parser.add_argument("--devices", type=int, default=2, metavar="N")
    parser.add_argument("--method", nargs="+", choices=SEARCHES)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--activation", default="relu")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    report("devices", list(rows(given)), given.json)


if __name__ == "__main__":
    main()
