"""A puzzle whose answer is known, and starts that are wrong in one way."""

import numpy as np

from jaxsolve.guided.annealing import CHAINS
from jaxsolve.guided.guide import Guide
from jaxsolve.puzzle import Assembly, padded
from jaxsolve.run import Run
from jaxsolve.search import Population
from tests import reference

N, ROWS, FLOOR = 6, 64, 1e-9


def right():
    return reference.random_puzzle(71, n=N, rows=ROWS)


def noisy(puzzle):
    """The same, with predictions that no network of these pieces makes."""
    return puzzle.replace(y=puzzle.y + np.random.default_rng(5).normal(size=puzzle.rows) * puzzle.y.std())


def disordered(answer):
    """The right pairs, in the wrong order."""
    order = np.random.default_rng(3).permutation(N)
    return Assembly(answer.ins[order], answer.outs[order])


def mispaired(answer):
    """The right order, but that two blocks have each other's second half."""
    outs = answer.outs.copy()
    outs[[1, 4]] = outs[[4, 1]]
    return Assembly(answer.ins, outs)


def starting(*assemblies):
    halves = (np.stack(half).astype(np.int32) for half in zip(*assemblies, strict=True))
    return Population(*halves, np.full(len(assemblies), np.inf))


def guide_of(puzzle, *assemblies, run=None):
    return Guide(puzzle, run or Run(), None, starting(*assemblies), CHAINS)


ODD = {
    "predictions_that_do_not_vary": lambda p: p.replace(y=np.full_like(p.y, 0.3)),
    "weights_of_zero": lambda p: p.replace(w_in=0 * p.w_in, b_in=0 * p.b_in, w_out=0 * p.w_out),
    "few_blocks_and_null_halves": lambda p: padded(reference.random_puzzle(71, n=2, rows=20)[0], 1),
    "a_null_half_of_either_kind": lambda p: padded(p, 1),
    "one_row": lambda p: p.first_rows(1),
    "losses_that_overflow": lambda p: p.replace(w_out=p.w_out * 1e30),
    "gains_that_overflow": lambda p: p.replace(w_in=p.w_in * 1e11),
}
