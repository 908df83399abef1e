"""Joint searches: beams against published figures and the matmul peak, rates of annealing, designs for blind puzzles.

python bench/joint.py WHAT PUZZLE [--json] [--budget SECONDS] [--seeds N]

WHAT is one of
  beam       greedy, width 10 and wider on all rows, with the times; the share of the peak; widths from 10 to 2,000
  annealing  moves decided a second, with the share of the peak and the blocks that a move takes
  designs    several ways from nothing to an answer, each within the budget: the loss, and where the curve went
  repair     from the pairs of the trace with some random wrong partners, in a random order, by the iterated search
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from machine import report

WIDTHS = (1, 10, 200)
SCALING_WIDTHS = (10, 50, 200, 1000, 2000)
SCALING_ROWS = 1000
SCALING_BLOCKS = 6
ANNEALING_ROWS = 256
REPAIR_ROWS = 512
DESIGNS: dict[str, tuple[str, dict[str, Any], int | None]] = {
    "beam of 10": ("beam", {}, None),
    "stochastic beam, annealing": (
        "stochastic_beam,annealing,descent",
        {"annealing.chains": 2, "annealing.steps": 70_000, "annealing.hot": 0.002, "annealing.cold": 3e-5},
        1000,
    ),
    "annealing": ("annealing,descent", {"steps": 40_000, "chains": 4}, 1000),
    "tempering": ("tempering,descent", {"steps": 20_000, "chains": 8}, 1000),
    "grand canonical": ("grand_canonical,descent", {}, 4000),
    "iterated": ("iterated,descent", {}, 512),
}


def puzzle_named(path: str) -> Any:
    """Return a puzzle."""
    from jaxsolve import read_puzzle

    return read_puzzle(path, activation="relu")


def beam_flops(puzzle: Any, rows: int, widths: Callable[[int], int]) -> float:
    """Return the operations of the hidden layers and projected second layers of all expansions, none counted twice."""
    n, d, h = puzzle.blocks, puzzle.features, puzzle.hidden
    return float(sum(2.0 * rows * widths(t) * (n - t) * h * (d + n - t) for t in range(n)))


def beams(puzzle: Any, given: argparse.Namespace) -> list[dict[str, Any]]:
    """Return beams on all rows, and how time and memory grow with the width on fewer."""
    from jaxsolve import backend, engine
    from jaxsolve.run import Run
    from jaxsolve.search import Setting
    from jaxsolve.search.beam import Beam

    peak = backend.matmul_flops(backend.mesh(), "accept")
    found = []
    for width in WIDTHS:
        for attempt in ("with compilation", "compiled"):
            if width > 10 and attempt == "with compilation":
                continue
            setting = Setting(engine.to_device(puzzle), Run())
            beam, began, compiling = Beam(width), time.perf_counter(), backend.compile_seconds()
            state = beam.init(setting)
            work, before = beam.place(setting, state), peak()
            while not beam.finished(state):
                state, work = beam.step(setting, state, work)
            seconds = time.perf_counter() - began
            flops = beam_flops(puzzle, puzzle.rows, lambda t, width=width: min(width, puzzle.blocks**2 if t else 1))
            compiled = backend.compile_seconds() - compiling
            found.append(
                {
                    "beam": f"width {width}, all rows, {attempt}",
                    "loss": float(state.losses[0]),
                    "first pair": f"{puzzle.in_ids[state.ins[0, 0]]},{puzzle.out_ids[state.outs[0, 0]]}",
                    "seconds": seconds,
                    "compiling": compiled,
                    "expansions/s": setting.run.evaluations / (seconds - compiled),
                    "GFLOP/s": flops / (seconds - compiled) / 1e9,
                    "peak": (before + peak()) / 2e9,
                }
            )
            found[-1]["share"] = found[-1]["GFLOP/s"] / found[-1]["peak"]
    return found + _scaling(puzzle, peak)


def _scaling(puzzle: Any, peak: Callable[[], float]) -> list[dict[str, Any]]:
    """Return the time of steps in the middle of a beam, and its states' memory, for widths that grow."""
    from jaxsolve import engine
    from jaxsolve.run import Run
    from jaxsolve.search import Setting
    from jaxsolve.search.beam import Beam

    found = []
    for width in SCALING_WIDTHS:
        setting = Setting(engine.to_device(puzzle, SCALING_ROWS), Run())
        beam = Beam(width)
        state = beam.init(setting)
        work = beam.place(setting, state)
        times, rates = [], []
        for t in range(3 + SCALING_BLOCKS):
            before, evaluated, began = peak(), setting.run.evaluations, time.perf_counter()
            state, work = beam.step(setting, state, work)
            seconds = time.perf_counter() - began
            if t >= 3:  # the beam is full and compiled
                left = puzzle.blocks - t
                flops = 2.0 * SCALING_ROWS * width * left * puzzle.hidden * (puzzle.features + left)
                times.append(seconds)
                rates.append((flops / seconds / before, (setting.run.evaluations - evaluated) / seconds))
        found.append(
            {
                "beam": f"width {width}, {SCALING_ROWS} rows, blocks 4 to {3 + SCALING_BLOCKS}",
                "seconds": statistics.median(times),
                "seconds/width": statistics.median(times) / width,
                "expansions/s": statistics.median(rate for _, rate in rates),
                "share": statistics.median(share for share, _ in rates),
                "states, MiB": work.nbytes / 2**20,
            }
        )
    return found


def annealing(puzzle: Any, given: argparse.Namespace) -> list[dict[str, Any]]:
    """Return rates of moves at several temperatures, from the best order that the weights suggest, and from nowhere."""
    from jaxsolve import backend, engine
    from jaxsolve.ordering import Paired, seed_order
    from jaxsolve.pairing import pair
    from jaxsolve.run import Run
    from jaxsolve.search import Population, Setting
    from jaxsolve.search.annealing import Annealing

    peak = backend.matmul_flops(backend.mesh(), "accept")
    run = Run()
    paired = Paired(puzzle.first_rows(2000), pair(puzzle, "trace").partner.astype(np.int32), run)
    near = paired.assembly(seed_order(paired, "w_out_frobenius"))
    starts = {"random": None, "Frobenius": Population(near.ins[None], near.outs[None], np.array([np.inf]))}
    found = []
    for rows, temperatures in ((ANNEALING_ROWS, (0.03, 0.003, 0.0003)), (4 * ANNEALING_ROWS, (0.003,))):
        for name, start in starts.items():
            for temperature in temperatures:
                setting = Setting(engine.to_device(puzzle, rows), run, starts=start)
                method = Annealing(chains=8, steps=1200, hot=temperature, cold=temperature)
                state = method.init(setting)
                work, rates = method.place(setting, state), []
                while not method.finished(state):
                    before, began, now = peak(), time.perf_counter(), state
                    state, work = method.step(setting, state, work)
                    seconds = time.perf_counter() - began
                    moves = 8 * int(state.step - now.step)
                    flops = float(state.applied - now.applied) * setting.problem.flops / puzzle.blocks / seconds
                    rates.append((moves / seconds, flops, before))
                rate, flops, most = (statistics.median(column) for column in zip(*rates[1:], strict=True))
                found.append(
                    {
                        "from": name,
                        "rows": rows,
                        "temperature": temperature,
                        "moves/s": rate,
                        "accepted": float(state.accepted.sum() / state.proposed.sum()),
                        "blocks/move": float(state.applied / state.proposed.sum()),
                        "GFLOP/s": flops / 1e9,
                        "peak": most / 1e9,
                        "share": flops / most,
                        "loss": float(method.found(state).losses[0]),
                    }
                )
    return found


def designs(puzzle: Any, given: argparse.Namespace) -> list[dict[str, Any]]:
    """Return how far several designs come within the budget, each from nothing."""
    from jaxsolve.experiment.search import JointConfig, joint_search
    from jaxsolve.run import Run
    from jaxsolve.solver import Config, solve

    began = time.perf_counter()
    solution = solve(puzzle, Config(pairing="none", budget=given.budget))
    found = [
        {
            "design": "solve --pairing none",
            "seed": 0,
            "rows": solution.attempt and solution.attempt.problem.rows,
            "status": solution.status,
            "MSE": solution.certificate and solution.certificate.mse,
            "evaluations": solution.run.evaluations,
            "seconds": time.perf_counter() - began,
            "curve": [[done.evaluations, round(done.seconds, 2), done.loss] for done in solution.rounds],
        }
    ]
    for name, (method, options, rows) in DESIGNS.items():
        if given.only and given.only not in name:
            continue
        for seed in range(given.seeds):
            run = Run(given.budget)
            solution = joint_search(puzzle, JointConfig(method, options, rows, seed), run)
            curve = [[one.evaluations, round(one.seconds, 1), one.loss] for one in solution.pipeline.curve]
            found.append(
                {
                    "design": name,
                    "seed": seed,
                    "rows": rows or puzzle.rows,
                    "status": solution.status,
                    "MSE": solution.certificate and solution.certificate.mse,
                    "evaluations": run.evaluations,
                    "seconds": run.elapsed,
                    "curve": curve[:: max(1, len(curve) // 20)] + curve[-1:],
                }
            )
    return found


def repair(puzzle: Any, given: argparse.Namespace) -> list[dict[str, Any]]:
    """Return whether, and when, wrong partners in a random order are put right."""
    from jaxsolve.experiment.search import JointConfig, joint_search
    from jaxsolve.pairing import pair
    from jaxsolve.puzzle import Assembly
    from jaxsolve.run import Run

    right, found = pair(puzzle, "trace").partner.astype(np.int32), []
    for wrong in (0, 4, 8, 16):
        for seed in range(given.seeds):
            rng = np.random.default_rng([7, wrong, seed])
            ins = rng.permutation(puzzle.blocks).astype(np.int32)
            outs, some = right[ins], rng.permutation(puzzle.blocks)[:wrong]
            if wrong:
                outs[some] = outs[np.roll(some, 1)]
            run = Run(given.budget)
            config = JointConfig("iterated,descent", {}, REPAIR_ROWS, seed)
            solution = joint_search(puzzle, config, run, start=Assembly(ins, outs))
            found.append(
                {
                    "wrong partners": wrong,
                    "seed": seed,
                    "status": solution.status,
                    "MSE": solution.certificate and solution.certificate.mse,
                    "evaluations": run.evaluations,
                    "seconds": run.elapsed,
                }
            )
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    works = {"beam": beams, "annealing": annealing, "designs": designs, "repair": repair}
    parser.add_argument("what", choices=works)
    parser.add_argument("puzzle")
    parser.add_argument("--budget", type=float, default=600.0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", help="Of the designs, those with this in their name.")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    from jaxsolve import backend

    backend.keep_programs()
    rows = works[given.what](puzzle_named(given.puzzle), given)
    if not given.json:
        rows = [{key: value for key, value in row.items() if key != "curve"} for row in rows]
    report(f"joint {given.what}", rows, given.json)


if __name__ == "__main__":
    main()
