"""Whether verdicts are true, of small nets whose predictions are not reproduced to the last bit.

python bench/verdicts.py calibrate [--nets 54] [--jobs 2] [--results FILE.jsonl]
python bench/verdicts.py offsets [--results FILE.jsonl]
python bench/verdicts.py --table FILE.jsonl …

`calibrate` trains small nets, and of each makes several puzzles whose predictions were computed otherwise than their
pieces say: in another arithmetic, from pieces or inputs before they were rounded, with noise. The right answer of each,
the 20 single moves away from it that fit best, and local optima that a search comes to from elsewhere are certified.
What counts is how many wrong ones are called solved or identified (none should be), and how many right ones are not.
Computing otherwise is done here, in code that certificates do not share.

`offsets` adds 1e3 to 1e7 times the spread of the predictions to them and to the bias of the readout, both in float32,
and has `solve` find the order.
"""

import argparse
import itertools
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
NEAREST = 20
OPTIMA = 3
"""Local optima of each puzzle, from as many starts."""
KINDS_PER_NET = 6
SETTLED = ("solved", "identified")


def single(values: Array) -> Array:
    """Return numbers as float32 holds them."""
    return np.asarray(values).astype(np.float32).astype(np.float64)


def in_float32(values: Array) -> Array:
    """Return numbers in float32."""
    return np.asarray(values, np.float32)


def short(bits: int, least: int) -> Callable[[Array], Array]:
    """Return what rounds to so many significant bits, to nearest and ties to even, exponents from `least` on."""

    def rounded(values: Array) -> Array:
        mantissa, exponent = np.frexp(np.asarray(values, np.float64))
        scale = np.exp2(bits - np.maximum(exponent, least))
        return (np.rint(np.ldexp(mantissa, exponent) * scale) / scale).astype(np.float32)

    return rounded


TF32, BF16, FP16 = short(11, -125), short(8, -125), short(11, -13)


def run(
    puzzle: Any,
    answer: Any,
    operand: Callable[[Array], Array] = in_float32,
    result: Callable[[Array], Array] = in_float32,
    slope: float = 0.0,
) -> Array:
    """Return what a ReLU, GELU or tanh network predicts where operands and results of layers are rounded so."""
    from scipy.special import erf

    functions = {
        "relu": lambda v: np.where(v > 0, v, slope * v),
        "gelu": lambda v: 0.5 * v * (1 + erf(v / np.sqrt(2.0))),
        "tanh": np.tanh,
    }
    h = puzzle.x.astype(np.float32)
    for i, j in zip(*answer, strict=True):
        hidden = result(operand(h) @ operand(puzzle.w_in[i]).T + puzzle.b_in[i].astype(np.float32))
        hidden = result(functions[puzzle.activation](hidden))
        h = h + result(operand(hidden) @ operand(puzzle.w_out[j]).T + puzzle.b_out[j].astype(np.float32))
    return result(operand(h) @ operand(puzzle.w_last) + np.float32(puzzle.b_last)).astype(np.float64)


def with_pieces(puzzle: Any, rounded: Callable[[Array], Array]) -> Any:
    """Return a puzzle whose weights are rounded."""
    names = ("w_in", "w_out")
    return puzzle.replace(**{name: np.asarray(rounded(getattr(puzzle, name)), np.float64) for name in names})


def int8(weights: Array) -> Array:
    """Return weights of 255 levels a row, as symmetric quantisation has them, in float32."""
    step = np.abs(weights).max(axis=-1, keepdims=True) / 127
    return single(np.rint(weights / step) * step)


def pruned(weights: Array) -> Array:
    """Return weights of which the smallest tenth is 0."""
    return np.where(np.abs(weights) < np.quantile(np.abs(weights), 0.1), 0.0, weights)


Make = Callable[[Any, Any, Array, np.random.Generator], Any]
"""Of a puzzle, its answer, its predictions and randomness, the puzzle that is given."""


def _noisy(share: float) -> Make:
    return lambda p, a, y, rng: p.replace(y=y + share * y.std() * rng.normal(size=len(y)))


KINDS: dict[str, Make] = {
    "TF32 products": lambda p, a, y, rng: p.replace(y=run(p, a, TF32)),
    "bfloat16 products": lambda p, a, y, rng: p.replace(y=run(p, a, BF16)),
    "float16 products": lambda p, a, y, rng: p.replace(y=run(p, a, FP16)),
    "bfloat16 layers": lambda p, a, y, rng: p.replace(y=run(p, a, BF16, BF16)),
    "float16 layers": lambda p, a, y, rng: p.replace(y=run(p, a, FP16, FP16)),
    "leaky slope 0.01": lambda p, a, y, rng: p.replace(y=run(p, a, slope=0.01)),
    "float16 pieces": lambda p, a, y, rng: with_pieces(p, FP16).replace(y=y),
    "bfloat16 pieces": lambda p, a, y, rng: with_pieces(p, BF16).replace(y=y),
    "int8 pieces": lambda p, a, y, rng: with_pieces(p, int8).replace(y=y),
    "pieces of 3 decimals": lambda p, a, y, rng: with_pieces(p, lambda w: w.round(3)).replace(y=y),
    "a tenth pruned": lambda p, a, y, rng: with_pieces(p, pruned).replace(y=y),
    "inputs of 2 decimals": lambda p, a, y, rng: p.replace(x=p.x.round(2), y=y),
    "predictions of 3 decimals": lambda p, a, y, rng: p.replace(y=y.round(3)),
    "noise 0.001": _noisy(0.001),
    "noise 0.01": _noisy(0.01),
    "noise 0.03": _noisy(0.03),
    "noise 0.1": _noisy(0.1),
}


def recipes(count: int) -> Iterator[Any]:
    """Yield recipes of so many small nets, no two alike."""
    from jaxsolve.generation import Recipe

    sizes = ((4, 8, 16), (6, 10, 20), (8, 12, 24), (10, 12, 32), (12, 16, 32))
    kinds = itertools.product(("relu", "gelu", "tanh"), sizes, ("votes", "waves", "teacher"), (4, 20))
    for seed, (activation, (n, d, h), data, epochs) in enumerate(itertools.islice(itertools.cycle(kinds), count)):
        yield Recipe(
            blocks=n, features=d, hidden=h, activation=activation, data=data, train_rows=4000, table_rows=1200,
            epochs=(epochs,), seed=700 + seed,
        )  # fmt: skip


def calibrated(order: tuple[int, Any]) -> list[dict[str, Any]]:
    """Train a net, and return how its right and wrong answers are judged when predictions were computed otherwise."""
    from jaxsolve import backend
    from jaxsolve.generation import generate
    from jaxsolve.puzzle import conditioned

    backend.keep_programs()
    number, recipe = order
    (snapshot,) = generate(recipe, devices=1)
    puzzle = snapshot.dropped.puzzle.replace(expected_sha256=None)
    answer = puzzle.assembly(snapshot.dropped.permutation)
    rng, plain = np.random.default_rng(number), run(puzzle, answer)
    usable = [name for name in KINDS if puzzle.activation == "relu" or "leaky" not in name]
    found = []
    for k in range(KINDS_PER_NET):
        name = usable[(number * KINDS_PER_NET + k) % len(usable)]
        given = KINDS[name](puzzle, answer, plain, rng)
        given = conditioned(given.replace(y=single(given.y)))
        about = {"kind": name, "net": number, "blocks": puzzle.blocks, "activation": puzzle.activation}
        found += [about | one for one in judgements(given, answer, rng)]
    return found


def judgements(puzzle: Any, answer: Any, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield what is said of the right answer, of the nearest wrong ones, and of local optima."""
    from jaxsolve.certificate import certify, concluded
    from jaxsolve.certificate.neighbour import all_moves
    from jaxsolve.puzzle import Assembly, mean_squared_error

    def judged(which: str, assembly: Any) -> dict[str, Any]:
        began = time.perf_counter()
        certificate = concluded(puzzle, certify(puzzle, assembly))
        evidence = certificate.evidence
        return {
            "answer": which,
            "verdict": certificate.verdict,
            "right": certificate.permutation == right,
            "r2": certificate.r2,
            "least_t": evidence and evidence.least_t,
            "rise": evidence and evidence.least_rise and evidence.least_rise / certificate.mse,
            "cause": evidence and evidence.cause and evidence.cause.name,
            "alike": len(evidence.alike) if evidence else 0,
            "seconds": round(time.perf_counter() - began, 3),
        }

    right = puzzle.permutation(answer)
    yield judged("right", answer)
    moves = all_moves(puzzle.blocks).take(slice(None))
    others = [Assembly(answer.ins[i], answer.outs[j]) for i, j in zip(moves.ins, moves.outs, strict=True)]
    losses = np.array([mean_squared_error(puzzle, other, np.float32) for other in others])
    for k in np.argsort(losses, kind="stable")[:NEAREST]:
        yield judged("near", others[k])
    for k in range(OPTIMA):
        end = descended(puzzle, answer, rng, k)
        if puzzle.permutation(end) != right:
            yield judged("optimum", end)


def descended(puzzle: Any, answer: Any, rng: np.random.Generator, k: int) -> Any:
    """Return where joint descent ends from anywhere, from the right pairs in any order, or from a few moves away."""
    from jaxsolve import engine
    from jaxsolve.puzzle import Assembly
    from jaxsolve.run import Run
    from jaxsolve.search import begin, descend

    n = puzzle.blocks
    order = rng.permutation(n)
    ins, outs = (half.copy() for half in answer)
    if k == 0:
        ins, outs = rng.permutation(n), rng.permutation(n)
    elif k == 1:
        ins, outs = ins[order], outs[order]
    else:
        for _ in range(3):
            i, j = rng.choice(n, 2, replace=False)
            outs[[i, j]] = outs[[j, i]]
            if rng.random() < 0.7:
                ins[[i, j]] = ins[[j, i]]
    problem, run_of = engine.to_device(puzzle, devices=1), Run()
    descent = begin(problem, Assembly(ins.astype(np.int32), outs.astype(np.int32)), run_of)
    descend(problem, descent, "joint_descent", run_of)
    return descent.assembly


def offsets() -> Iterator[dict[str, Any]]:
    """Yield what `solve` says of nets of 8 and 48 blocks whose predictions have large offsets."""
    from jaxsolve import backend
    from jaxsolve.generation import Recipe, generate
    from jaxsolve.solver import Config, solve

    backend.keep_programs()
    for blocks, features, hidden, budget in ((8, 12, 32, 60.0), (48, 48, 96, 60.0)):
        (snapshot,) = generate(Recipe(blocks=blocks, features=features, hidden=hidden, epochs=(12,), seed=blocks))
        puzzle = snapshot.dropped.puzzle.replace(expected_sha256=None)
        for spreads in (0.0, 1e3, 1e4, 1e5, 1e6, 1e7):
            offset = spreads * float(puzzle.y.std())
            given = puzzle.replace(y=single(puzzle.y + offset), b_last=float(single(np.array(puzzle.b_last + offset))))
            began = time.perf_counter()
            solution = solve(given, Config(budget=budget))
            certificate = solution.certificate
            yield {
                "kind": "offset",
                "blocks": blocks,
                "spreads": spreads,
                "values": len(np.unique(given.y)),
                "status": solution.status,
                "right": certificate is not None and certificate.permutation == snapshot.dropped.permutation,
                "seconds": round(time.perf_counter() - began, 1),
                "message": solution.message,
            }


def table(lines: list[dict[str, Any]]) -> str:
    """Return results in Markdown."""
    rows, moved = [], [one for one in lines if one["kind"] == "offset"]
    if moved:
        rows += [
            "| blocks | offset, spreads | different predictions | status | right order | s |",
            "|---|---|---|---|---|---|",
        ]
        for one in moved:
            cells = (one["blocks"], f"{one['spreads']:g}", one["values"], one["status"], one["right"], one["seconds"])
            rows.append(f"| {' | '.join(map(str, cells))} |")
        rows.append("")
    judged = [one for one in lines if one["kind"] != "offset"]
    if judged:
        rows += [
            "| predictions | right: solved | identified | neither | near: called right | equal | optima: so |",
            "|---|---|---|---|---|---|---|",
        ]
        for kind in [*KINDS, "all"]:
            own = [one for one in judged if kind in (one["kind"], "all")]
            if own:
                rows.append(_row(kind, own))
    return "\n".join(rows)


def _row(kind: str, own: list[dict[str, Any]]) -> str:
    of = lambda which: [one for one in own if one["answer"] == which]
    right = Counter(one["verdict"] for one in of("right"))
    false = [
        [one for one in of(which) if one["verdict"] in SETTLED and not one["right"]] for which in ("near", "optimum")
    ]
    near = [one for one in false[0] if not one["alike"]]
    equal = [one for one in false[0] if one["alike"]]
    missed = len(of("right")) - right["solved"] - right["identified"]
    cells = (
        kind, right["solved"], right["identified"], missed, f"{len(near)} of {len(of('near'))}", len(equal),
        f"{len(false[1])} of {len(of('optimum'))}",
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("calibrate", "offsets"))
    parser.add_argument("--nets", type=int, default=54)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--results", type=Path)
    parser.add_argument("--table", type=Path, nargs="+")
    given = parser.parse_args()
    if given.table:
        print(table([json.loads(line) for file in given.table for line in file.read_text().splitlines()]))
        return
    found: list[dict[str, Any]] = []
    if given.what == "calibrate":
        with ProcessPoolExecutor(given.jobs, get_context("spawn")) as pool:
            parts: Any = pool.map(calibrated, enumerate(recipes(given.nets)))
            for number, part in enumerate(parts):
                found += _kept(part, given.results)
                print(f"net {number}: {len(part)} answers judged", file=sys.stderr)
    else:
        for one in offsets():
            found += _kept([one], given.results)
            print(json.dumps(one), file=sys.stderr)
    print(table(found))


def _kept(lines: list[dict[str, Any]], results: Path | None) -> list[dict[str, Any]]:
    """Append results to a file, if there is one, and return them."""
    if results is not None:
        with results.open("a") as file:
            file.writelines(f"{json.dumps(one)}\n" for one in lines)
    return lines


if __name__ == "__main__":
    main()
