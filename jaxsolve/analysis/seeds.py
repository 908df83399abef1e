"""Host: how near the order of every ordering seed comes to that of an answer."""

from dataclasses import dataclass

import numpy as np

from jaxsolve.analysis.subject import Subject
from jaxsolve.analysis.summary import NotMeasuredError
from jaxsolve.ordering import SEEDS, seed_order
from jaxsolve.puzzle import mean_squared_error
from jaxsolve.puzzle.types import Integers


@dataclass(frozen=True, eq=False)
class SeedOrder:
    """The order that a seed gives, beside that of an answer."""

    name: str
    spearman: float
    """Rank correlation with the answer, from -1 to 1 (Spearman 1904, https://doi.org/10.2307/1412159)."""
    mse: float
    """Mean squared error over all rows."""
    depth: Integers
    """`[K]` the seed's order, each block by its position in the answer: 0, 1, 2, … if it is the answer's own."""
    rows: int
    """Rows that the seed saw."""


@dataclass(frozen=True)
class Seeds:
    """All seeds, and why some were left out."""

    orders: tuple[SeedOrder, ...]
    left_out: dict[str, str]


def seeds(subject: Subject, *, rows: int = 2000, least_rows: int = 200, work: float = 2e12) -> Seeds:
    """Compare every registered seed with the answer, each on as many rows as there is time for.

    Parameters
    ----------
    subject
        What is measured.
    rows
        Rows that seeds see, at most, as in Park (2026), https://arxiv.org/abs/2602.19845.
    least_rows
        Rows below which an order by evaluations says more about the rows than about the blocks.
    work
        Floating-point operations that one seed may take.

    Raises
    ------
    NotMeasuredError
        There is no answer, or a single block.
    """
    if not subject.known:
        raise NotMeasuredError("how deep blocks lie is not known; name an ANSWER")
    if subject.blocks < 2:
        raise NotMeasuredError("a single block has no order")
    where = np.empty(subject.blocks, np.int64)
    where[subject.alone[2]] = np.arange(subject.blocks)
    found, left_out, orders = [], {}, {}
    for name in SEEDS:
        seen = min(rows, subject.rows, int(work / _work(subject, name)))
        if seen < min(least_rows, subject.rows):
            left_out[name] = f"{subject.blocks} blocks leave it {seen} rows in the time it may take"
            continue
        paired = subject.paired(seen)
        ascending = orders.get(name.removesuffix("_descending"))
        order = orders[name] = seed_order(paired, name) if ascending is None else ascending[::-1]
        mse = mean_squared_error(subject.alone[0], paired.assembly(order))
        found.append(SeedOrder(name, spearman(where[order]), mse, where[order], seen))
    return Seeds(tuple(found), left_out)


def spearman(depth: Integers) -> float:
    """Return the rank correlation of a permutation of 0, 1, 2, … with these numbers in order."""
    n = len(depth)
    return 1 - 6 * float(((depth - np.arange(n)) ** 2).sum()) / (n * (n * n - 1))


def _work(subject: Subject, name: str) -> float:
    """Return about how many floating-point operations a seed takes for each row."""
    k, block = subject.blocks, 4.0 * subject.puzzle.features * subject.puzzle.hidden
    match name:
        case "greedy_insertion":  # of K - t blocks each at t + 1 places, in networks of t + 1
            return block * k**4 / 12
        case "bradley_terry":  # all exchanges, which share half of their blocks
            return block * k**3 / 4
        case "delta_greedy":
            return block * k**2 / 2
    return block * k
