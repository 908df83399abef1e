"""Host: what is measured: the pieces of a puzzle, and which of them make blocks in which order, known or assumed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jaxsolve.architecture import Network
from jaxsolve.errors import AnswerError, UsageError
from jaxsolve.ordering import QUICK_SEEDS, Paired, seed_order
from jaxsolve.pairing import PAIRINGS, rank_pairings
from jaxsolve.puzzle import Assembly, Puzzle, fitting, mean_squared_error, running, unpadded
from jaxsolve.puzzle.types import Flags, Floats
from jaxsolve.run import Run


@dataclass(frozen=True, eq=False)
class Subject:
    """A puzzle and an assembly of its pieces. K is the number of blocks that run, N that of halves of either kind.

    Positions count from 0, and results by position are in the order in which the blocks run.
    """

    puzzle: Puzzle
    """The pieces as they were given, without null halves: perhaps more of one kind than of the other."""
    assembly: Assembly
    """`[K]` rows of `puzzle` that run, in order."""
    pairing: str | None
    """The score that paired the halves; None: the pairs are those of an answer."""
    order_seed: str | None
    """The seed that ordered the blocks; None: the order is that of an answer."""
    rows: int
    """Rows on which activations are measured, from the first."""
    seed: int = 0
    """Start of all randomness."""

    @property
    def known(self) -> bool:
        """Whether pairs and order are those of an answer."""
        return self.order_seed is None

    @property
    def blocks(self) -> int:
        """K."""
        return len(self.assembly.ins)

    @property
    def source(self) -> str:
        """Where pairs and order come from, in words."""
        return "pairs and order of the answer" if self.known else f"pairs by {self.pairing}, order by {self.order_seed}"

    @property
    def x(self) -> Floats:
        """The inputs that activations are measured on, `[R, D]`."""
        return self.puzzle.x[: self.rows]

    @property
    def permutation(self) -> list[int]:
        """The piece ids in the order in which they run."""
        return self.puzzle.permutation(self.assembly)

    @property
    def piece_ids(self) -> list[tuple[int, int]]:
        """The two pieces of each block, by position, `[K]`."""
        ids = self.permutation
        return [*zip(ids[:-1:2], ids[1::2], strict=True)]

    @cached_property
    def network(self) -> Network:
        """The pieces, ready to run in float64."""
        return Network(self.puzzle, self.puzzle.activation)

    @cached_property
    def mse(self) -> float:
        """Mean squared error of the assembly over all rows."""
        return mean_squared_error(self.puzzle, self.assembly)

    @cached_property
    def alone(self) -> tuple[Puzzle, NDArray[np.int32], NDArray[np.int32]]:
        """The blocks that run as a puzzle of no other pieces, the partner of each first half, and their order."""
        puzzle, assembly = running(self.puzzle, self.permutation)
        return puzzle, assembly.partner, assembly.ins

    def paired(self, rows: int) -> Paired:
        """Return what ordering seeds are given, on the first so many rows."""
        puzzle, partner, _ = self.alone
        return Paired(puzzle.first_rows(rows), partner, Run(), self.seed)

    def right(self) -> Flags:
        """Return which pairs of halves make blocks, `[N, N]`, first halves by second halves."""
        are = np.zeros((len(self.puzzle.w_in), len(self.puzzle.w_out)), np.bool_)
        are[self.assembly.ins, self.assembly.outs] = True
        return are

    def whole(self) -> tuple[Puzzle, NDArray[np.int64]]:
        """Return the puzzle with the null halves that left-over ones go with, and the partner of each first half."""
        puzzle, assembly = fitting(self.puzzle, self.permutation)
        return puzzle, assembly.partner.astype(np.int64)


def subject_of(
    puzzle: Puzzle, permutation: Sequence[int] | None = None, *, rows: int | None = None, seed: int = 0
) -> Subject:
    """Return what is measured of a puzzle.

    Without an answer, pairs are those of the best supported score, and their order that of the quick seed with the
    lowest error on a few hundred rows.

    Raises
    ------
    AnswerError
        The answer is no assembly of pieces, or runs no block.
    UsageError
        There are no rows to measure on.
    """
    if rows is not None and rows < 1:
        raise UsageError(f"rows is {rows}; expected at least 1")
    if not puzzle.rows:
        raise UsageError(f"{puzzle.name}: no rows of data to measure on")
    pairing = order_seed = None
    if permutation is None:
        permutation, pairing, order_seed = _assumed(puzzle, seed)
    real = unpadded(puzzle)
    ins, outs = real.halves(permutation)
    if not len(ins):
        raise AnswerError("the answer runs no block; there is nothing to measure")
    return Subject(real, Assembly(ins, outs), pairing, order_seed, min(rows or real.rows, real.rows), seed)


def _assumed(puzzle: Puzzle, seed: int) -> tuple[list[int], str, str]:
    """Return an order of the best supported pairs, and by which score and which seed."""
    pairing = next(rank_pairings(puzzle, PAIRINGS))
    ins = np.flatnonzero(pairing.whole)
    unordered = puzzle.permutation(Assembly(ins, pairing.partner[ins]))
    alone, assembly = running(puzzle, unordered)
    few = alone.first_rows(512)
    paired = Paired(few, assembly.partner, Run(), seed)
    orders = {name: paired.assembly(seed_order(paired, name)) for name in QUICK_SEEDS}
    losses = {name: mean_squared_error(few, order, np.float32) for name, order in orders.items()}
    best = min(orders, key=lambda name: np.nan_to_num(losses[name], nan=np.inf))
    return alone.permutation(orders[best]), pairing.name, best
