"""One puzzle of the family benchmark, in a process of its own; `family.py` runs it, with what to do on stdin.

python bench/family_puzzle.py < ORDER.json

ORDER is {"make": RECIPE, "out": FOLDER} to train a net and write a puzzle for each of its epochs, or {"solve": FOLDER,
"method": NAME, "budget": SECONDS, "hash": BOOL} to solve one; without a method it is only looked at. One JSON object
is printed.
"""

import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from jaxsolve.puzzle import Assembly, Puzzle
    from jaxsolve.run import Progress, Run
    from jaxsolve.solver import Solution

CLASSES = {"settled": 1.0, "nearly": 0.8, "middle": 1 / 3, "blind": 0.0}
"""Least share of the pairs that the best score has right."""


def epoch_folder(net: Path, epoch: int) -> Path:
    """Return where the puzzle of an epoch is."""
    return net / f"epoch-{epoch:04d}"


def make(given: dict[str, Any], net: Path) -> dict[str, Any]:
    """Train a net and write its puzzles; one that is there already is left as it is."""
    from jaxsolve import backend
    from jaxsolve.generation import Recipe, generate, write_snapshot

    backend.keep_programs()
    began = time.perf_counter()
    for snapshot in generate(Recipe(**{**given, "epochs": tuple(given["epochs"])})):
        folder = epoch_folder(net, snapshot.epoch)
        if not folder.exists():
            half = folder.with_name(f"{folder.name}.{os.getpid()}")
            write_snapshot(snapshot, half)
            half.rename(folder)
    return {"seconds": time.perf_counter() - began}


def class_of(share: float) -> str:
    """Return the class of a puzzle whose best score has so many of its pairs right."""
    return next(name for name, least in CLASSES.items() if share >= least)


def true_pairs(halves: Sequence[int]) -> set[tuple[int, int]]:
    """Return the piece ids of first and second halves that run together."""
    return set(zip(halves[::2], halves[1::2], strict=True))


def measured(puzzle: "Puzzle", truth: Sequence[int]) -> dict[str, Any]:
    """Return what the weights of a puzzle give away: pairs right by every score, and the trend of the norms."""
    from jaxsolve.pairing import PAIRINGS, oriented, pair
    from jaxsolve.puzzle import as_answered

    true, right = true_pairs(truth), {}
    answered, puzzle = as_answered(puzzle, [*puzzle.around[0], *truth, *puzzle.around[1]]), oriented(puzzle)
    for name in PAIRINGS:
        outs = puzzle.out_ids[pair(puzzle, name).partner]
        right[name] = len(true & set(zip(puzzle.in_ids.tolist(), outs.tolist(), strict=True)))
    best = max(right, key=lambda name: right[name])
    row = {piece: k for k, piece in enumerate(answered.out_ids.tolist())}
    norms = [float(np.linalg.norm(answered.w_out[row[piece]])) for piece in truth[1::2]]
    return {
        "blocks": puzzle.blocks,
        "features": puzzle.features,
        "hidden": puzzle.given_hidden,
        "rows": puzzle.rows,
        "fingerprint": puzzle.fingerprint,
        "pairs": len(true),
        "pairs_by": right,
        "best": best,
        "share": right[best] / len(true),
        "class": class_of(right[best] / len(true)),
        "norms": rank_correlation(list(range(len(norms))), norms),
        "norms_last_over_first": norms[-1] / norms[0] if norms[0] else None,
    }


def judged(answer: Sequence[int], truth: Sequence[int]) -> dict[str, Any]:
    """Return how much of an answer is right: pairs, blocks in their places, and the order of all halves."""
    place = {piece: k for k, piece in enumerate(truth)}
    found = [(k, place[piece]) for k, piece in enumerate(answer) if piece in place]
    own, others = ([pair[side] // 2 for pair in found] for side in (0, 1))
    return {
        "right": list(answer) == list(truth),
        "pairs_right": len(true_pairs(answer) & true_pairs(truth)),
        "blocks_in_place": sum(
            answer[k : k + 2] == truth[k : k + 2] for k in range(0, min(len(answer), len(truth)), 2)
        ),
        "order": rank_correlation(own, others),
    }


def gaps_found(gaps: Iterable[Any], missing: list[dict[str, Any]]) -> int:
    """Return how many of the halves that are lost were missed in the right place: so many whole blocks before it."""
    lost = sorted(gap["position"] for gap in missing)
    true = {(gap["orphan"], gap["position"] - lost.index(gap["position"])) for gap in missing}
    return sum((gap.piece, gap.position) in true for gap in gaps)


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation, ties averaged; None where one of the two does not vary."""
    from scipy.stats import rankdata

    ranks = [rankdata(values) for values in (a, b)]
    if len(a) < 2 or any(np.ptp(rank) == 0 for rank in ranks):
        return None
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def automatic(puzzle: "Puzzle", run: "Run", **options: Any) -> "Solution":
    """Solve as `jaxsolve solve` does."""
    from jaxsolve.solver import Config, solve

    return solve(puzzle, Config(budget=run.budget, **options), run)


def _mse(solution: "Solution") -> float:
    return math.inf if solution.certificate is None else solution.certificate.mse


def seeds_descent(puzzle: "Puzzle", run: "Run") -> "Solution":
    """Go down once from every quick seed for every score's pairs, with exact moves of blocks, and nothing more."""
    from jaxsolve.ordering import QUICK_SEEDS

    best: Solution | None = None
    for name in QUICK_SEEDS:
        found = automatic(puzzle, run, order_seed=name, search="descent")
        if best is None or (found.status == "solved", -_mse(found)) > (False, -_mse(best)):
            best = found
        if found.status != "unsolved" or run.elapsed > run.budget:
            break
    assert best is not None
    return best


METHODS: dict[str, Callable[["Puzzle", "Run"], "Solution"]] = {
    "auto": automatic,
    "none": lambda puzzle, run: automatic(puzzle, run, pairing="none"),
    "trace": lambda puzzle, run: automatic(puzzle, run, pairing="trace"),
    "seeds_descent": seeds_descent,
}
"""``none`` and ``trace`` are names of ``--pairing``."""


def opened(folder: Path, keep_hash: bool) -> tuple["Puzzle", dict[str, Any], str]:
    """Return a puzzle as a solver is given it, all that its maker knows, and the activation that the solver is told.

    It is to guess the activation where that can be asked for, and is told it elsewhere. The hash is taken away, for
    an answer is to be recognised by its predictions, unless `keep_hash`.
    """
    from jaxsolve import read_puzzle
    from jaxsolve.errors import UsageError

    known = json.loads((folder / "answer.json").read_text())
    told = known["recipe"]["activation"]
    try:
        puzzle = read_puzzle(folder / "puzzle", activation="auto")
        told = "auto"
    except UsageError:
        puzzle = read_puzzle(folder / "puzzle", activation=told)
    return puzzle if keep_hash else puzzle.replace(expected_sha256=None), known, told


class Watcher:
    """Notes when the best candidate so far first was the answer."""

    def __init__(self, puzzle: "Puzzle", truth: Sequence[int]) -> None:
        self._ids, self._truth = (puzzle.in_ids[~puzzle.null_ins], puzzle.out_ids[~puzzle.null_outs]), list(truth)
        self._seen: Assembly | None = None
        self.run: Run | None = None
        self.seconds: float | None = None

    def __call__(self, progress: "Progress") -> None:
        """Look at the best candidate, if it is a new one."""
        best = self.run and self.run.best
        if self.seconds is None and best is not None and best is not self._seen:
            self._seen = best
            if self._pieces(best) == self._truth:
                self.seconds = progress.elapsed

    def _pieces(self, assembly: "Assembly") -> list[int]:
        """Return the ids that run, whatever number of null halves, which come after all others, a search has added."""
        ins, outs = self._ids
        runs = (assembly.ins < len(ins)) & (assembly.outs < len(outs))
        return np.stack([ins[assembly.ins[runs]], outs[assembly.outs[runs]]], axis=1).ravel().tolist()


def solved(folder: Path, method: str | None, budget: float, keep_hash: bool) -> dict[str, Any]:
    """Solve a puzzle and return what came of it; the time is that of `solve` alone, compilation included."""
    puzzle, known, told = opened(folder, keep_hash)
    truth = puzzle.halves_of(known["permutation"])
    look = measured(puzzle, truth)
    if method is None:
        return look
    from jaxsolve import backend
    from jaxsolve.run import Run

    backend.mesh()  # imports JAX and finds its devices
    watcher = Watcher(puzzle, truth)
    run = watcher.run = Run(budget, watch=watcher)
    began = time.perf_counter()
    solution = METHODS[method](puzzle, run)
    seconds = time.perf_counter() - began
    certificate, attempt = solution.certificate, solution.attempt
    answer = judged(puzzle.halves_of(certificate.permutation) if certificate else [], truth)
    return look | {
        "status": solution.status,
        **answer,
        "gaps": len(known["missing"]),
        "gaps_found": gaps_found(getattr(solution, "missing", ()), known["missing"]),
        "mse": certificate.mse if certificate and np.isfinite(certificate.mse) else None,
        "tolerance": certificate and certificate.tolerance,
        "seconds": seconds,
        "seconds_to_right": seconds if answer["right"] and watcher.seconds is None else watcher.seconds,
        "phases": {name: round(spent, 3) for name, spent in run.seconds.items()},
        "evaluations": run.evaluations,
        "activation_told": told,
        "activation": getattr(solution, "puzzle", puzzle).activation,
        "pairing": attempt and attempt.pairing.name,
        "order_seed": attempt and attempt.order_seed,
        "search": attempt and attempt.search,
        "exchanged": solution.exchanged,
        "message": solution.message,
    }


def main() -> None:
    """Do what is asked on stdin."""
    order = json.load(sys.stdin)
    if "make" in order:
        done = make(order["make"], Path(order["out"]))
    else:
        done = solved(Path(order["solve"]), order["method"], order["budget"], order["hash"])
    print(json.dumps(done))


if __name__ == "__main__":
    main()
