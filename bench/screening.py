"""What first-order screening costs, and how many of the best exact moves it ranks among its best.

python bench/screening.py PUZZLE [--orders N] [--json]

From the ascending Frobenius norm of W_out and from random orders, pairs as the weights give them: all swaps and
insertions of one block are evaluated exactly on 512 rows, and screened.
"""

import argparse
import statistics
import time

import numpy as np
from machine import report

from jaxsolve import engine, read_puzzle
from jaxsolve.engine.moves import insertions, swaps, union
from jaxsolve.ordering import Paired, seed_order
from jaxsolve.pairing import PAIRINGS, rank_pairings
from jaxsolve.run import Evaluator, Run, screen

ROWS = 512
BEST = 32
SHORTLIST = 128


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("puzzle")
    parser.add_argument("--orders", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    puzzle = read_puzzle(given.puzzle, activation="relu")
    moves = union(swaps(puzzle.blocks), insertions(puzzle.blocks, 1))
    partner = next(rank_pairings(puzzle, PAIRINGS)).partner.astype(np.int32)
    problem, run, found = engine.to_device(puzzle, ROWS), Run(), []
    for name in ["w_out_frobenius", *range(given.orders)]:
        paired = Paired(puzzle.first_rows(ROWS), partner, run, 0 if isinstance(name, str) else name, problem)
        order = seed_order(paired, name if isinstance(name, str) else "random")
        assembly = paired.assembly(order)
        evaluator = Evaluator(problem, assembly, run)
        own = evaluator.loss()
        predicted = screen(problem, assembly, moves, run)  # compiles
        began = time.perf_counter()
        exact = evaluator.losses(moves)
        exactly, screening = time.perf_counter() - began, []
        for _ in range(given.repeats):
            began = time.perf_counter()
            screen(problem, assembly, moves, run)
            screening.append(time.perf_counter() - began)
        ranked = np.argsort(predicted, kind="stable")
        best = np.argsort(exact, kind="stable")[:BEST]
        found.append(
            {
                "order": str(name),
                "loss": own,
                "improving moves": int((exact < own).sum()),
                "exact s": exactly,
                "screen s": statistics.median(screening),
                "cost": statistics.median(screening) / exactly,
                f"best {BEST} among {SHORTLIST}": float(np.isin(best, ranked[:SHORTLIST]).mean()),
                f"among {4 * SHORTLIST}": float(np.isin(best, ranked[: 4 * SHORTLIST]).mean()),
                "best move ranks": int(np.flatnonzero(ranked == best[0])[0]),
            }
        )
    report(f"screening of {moves.size} moves of {puzzle.name}", found, given.json)


if __name__ == "__main__":
    main()
