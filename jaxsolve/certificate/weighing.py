"""Host: how low the error of an answer can get, whether it is worth weighing, and its certificate after that."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from jaxsolve.certificate.certify import Certificate, certify
from jaxsolve.certificate.evidence import FIT, weigh
from jaxsolve.certificate.grid import quantum
from jaxsolve.certificate.rounding import tolerance
from jaxsolve.puzzle import Assembly, Puzzle

CHANCE_FACTOR = 1.25
"""Mean squares of rounding errors on a few hundred rows are within this factor of what is expected: six standard
deviations for 512 rows, of which each has one of sqrt(4/5) of its mean."""
CLOSE = 0.03
"""Distance of two halves, as a share of their size, below which an answer is asked for others that fit equally well."""


def reachable(puzzle: Puzzle, assembly: Assembly) -> float:
    """Return the mean squared error below which a search has nothing to gain: that of rounding.

    That is what float32 arithmetic explains, or, for predictions that were rounded to a grid, a twelfth of its step
    squared and a little for chance.
    """
    grid = quantum(puzzle.y)
    steps = float(np.mean(grid.steps(puzzle.y) ** 2)) if grid else 0.0
    return max(tolerance(puzzle, assembly), CHANCE_FACTOR * steps / 12)


def twins(puzzle: Puzzle) -> bool:
    """Return whether two real halves of a kind are so close that the data may not tell them apart."""
    for weight, bias, null in (
        (puzzle.w_in, puzzle.b_in, puzzle.null_ins),
        (puzzle.w_out, puzzle.b_out, puzzle.null_outs),
    ):
        flat = np.concatenate([weight.reshape(len(weight), -1), bias], axis=1)[~null]
        with np.errstate(over="ignore", invalid="ignore"):
            products = flat @ flat.T
            squares = products.diagonal()
            apart = squares[:, None] + squares - 2 * products + np.diag(np.full(len(flat), np.inf))
            if (apart <= CLOSE**2 * np.minimum(squares[:, None], squares)).any():
                return True
    return False


def promising(puzzle: Puzzle) -> float:
    """Return the mean squared error above which an answer is not worth weighing: it cannot pass."""
    return (1 - FIT) * float(np.var(puzzle.y))


def with_evidence(puzzle: Puzzle, certificate: Certificate, check: Callable[[], None] = lambda: None) -> Certificate:
    """Return a certificate with the evidence for its answer; `check` is as `weigh` takes it.

    Where that is not the answer whose hash is expected, but one of those that fit equally well is, it is that one's.
    """
    evidence = weigh(puzzle, puzzle.assembly(certificate.permutation), check=check)
    if evidence.is_noise and not certificate.solved and certificate.expected_sha256 is not None:
        for rival in evidence.alike:
            other = certify(puzzle, rival.assembly, expected_sha256=certificate.expected_sha256)
            if other.solved:
                return replace(other, evidence=weigh(puzzle, puzzle.assembly(other.permutation)))
    return replace(certificate, evidence=evidence)
