"""Beams scored by probes: how many pairs are right at which depth, whether the answer is found, and how long it takes.

python bench/probe_beam.py PUZZLE ANSWER [--method NAME] [--width W …] [--rows N] [--paired] [--set NAME=VALUE …]
                           [--budget SECONDS] [--json]

ANSWER is a JSON file with the right ``permutation``, as `solve --json` and `generate` write it: it says what is right,
and the search does not see it. --method is probe_beam or rollout_beam. --paired gives the right pairs, so that only
their order is searched. A beam is run for each width; other options are those of the method.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import report


def run(puzzle: Any, truth: Any, width: int, given: argparse.Namespace) -> list[dict[str, Any]]:
    """Return a row for each eighth of every beam, and one for where it ends."""
    from jaxsolve import engine
    from jaxsolve.certificate import certify, reachable
    from jaxsolve.puzzle import Assembly
    from jaxsolve.run import Run
    from jaxsolve.search import Setting, info_of, stages_named

    ins, outs = np.asarray(truth.ins), np.asarray(truth.outs)
    partner = np.empty(puzzle.blocks, np.int32)
    partner[ins] = outs
    options = dict(option.split("=", 1) for option in given.set) | {"width": str(width)}
    ((_, method),) = stages_named(given.method, options)
    run, rows = Run(given.budget), []
    floor = reachable(puzzle, truth)
    problem = engine.to_device(puzzle, given.rows)
    setting = Setting(problem, run, partner=partner if given.paired else None, puzzle=puzzle, floor=floor)
    state = method.init(setting)
    work, variance, began = method.place(setting, state), float(puzzle.y.var()), time.perf_counter()
    eighth = max(1, puzzle.blocks // 8)
    with run.stoppable():
        while not method.finished(state):
            state, work = method.step(setting, state, work)
            about = {"width": width, "beam": int(state.rounds), "seconds": time.perf_counter() - began}
            found, depth = info_of(method, state).candidates, state.depth
            if found is not None:
                best = certify(puzzle, Assembly(found.ins[0], found.outs[0]))
                right = int((partner[found.ins[0]] == found.outs[0]).sum())
                end = {"depth": puzzle.blocks, "pairs right": right, "R2 missing": best.mse / variance}
                rows.append(about | end | {"solved": best.solved})
                if best.solved:
                    break
            elif depth % eighth == 0:
                right = (partner[state.ins] == state.outs).sum(axis=1)
                same = (state.ins == ins[:depth]) & (state.outs == outs[:depth])
                prefix = np.cumprod(same, axis=1).sum(axis=1)
                middle = {"depth": depth, "states": len(right), "pairs right": int(right[0]), "most": int(right.max())}
                rows.append(about | middle | {"prefix": int(prefix.max()), "probe": state.path[-1, 0] / variance})
    return rows


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("puzzle")
    parser.add_argument("answer", type=Path)
    parser.add_argument("--method", choices=["probe_beam", "rollout_beam"], default="probe_beam")
    parser.add_argument("--width", type=int, nargs="+", default=[32])
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--paired", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--budget", type=float, default=1800.0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    from jaxsolve import read_puzzle
    from jaxsolve.puzzle import conditioned

    puzzle = conditioned(read_puzzle(given.puzzle, activation="relu"))
    truth = puzzle.assembly(json.loads(given.answer.read_text())["permutation"])
    report(given.method, [row for width in given.width for row in run(puzzle, truth, width, given)], given.json)


if __name__ == "__main__":
    main()
