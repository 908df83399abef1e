"""Host: how deep a block lies, by what training has left in its weights.

Later blocks contract more (`pairing.depth_score`), which gives a first order. Norms drift with depth either way: what
else goes along with depth is learned from the best order so far.
"""

import numpy as np
from numpy.typing import NDArray

from jaxsolve.ordering.paired import Order, Paired
from jaxsolve.pairing import DEPTH, Scores, depth_score, statistics
from jaxsolve.puzzle import Puzzle


def depth_statistics(
    puzzle: Puzzle, partner: NDArray[np.integer], known: dict[str, Scores] | None = None
) -> NDArray[np.float64]:
    """Return what goes along with depth, of each block, `[N, 6]`, with mean 0 and standard deviation 1.

    They are those of `DEPTH`, the norms of both halves, and their balance (`norm_balance`). `known` are the puzzle's
    `statistics`, if they are there already.
    """
    known, blocks = known or statistics(puzzle), np.arange(len(partner))
    columns = [known[name][blocks, partner] for name in (*DEPTH, "balance")]
    columns += [np.linalg.norm(puzzle.w_in, axis=(1, 2)), np.linalg.norm(puzzle.w_out[partner], axis=(1, 2))]
    table = np.stack(columns, axis=1)
    away = table - table.mean(axis=0)
    return np.divide(away, away.std(axis=0), out=np.zeros_like(away), where=away.std(axis=0) > 0)


def contraction(paired: Paired) -> Order:
    """Sort by how much of the readout's direction blocks take back, early ones least."""
    pairs = np.eye(paired.blocks)[paired.partner]
    return np.argsort(depth_score(statistics(paired.puzzle), pairs), kind="stable").astype(np.int32)


def expected_places(
    puzzle: Puzzle,
    partner: NDArray[np.integer],
    order: NDArray[np.integer],
    known: dict[str, Scores] | None = None,
    *,
    ridge: float = 10.0,
    narrowest: float = 2.0,
) -> tuple[NDArray[np.float64], float]:
    """Return where each block is expected by the others of an order, `[N]` positions, and how far off that is.

    Positions are regressed on the statistics of the blocks, each predicted by all others (leave-one-out ridge
    regression): a block that an order has far from where its weights belong stands out. The second is the standard
    deviation between the two, in positions. Blocks with a null half are expected nowhere (NaN).

    Parameters
    ----------
    puzzle
        The puzzle.
    partner, order
        `[N]` second half of each first half, and the blocks as they run.
    known
        As `depth_statistics` takes it.
    ridge
        Penalty of the regression, in rows: there are no more blocks than to tell a few slopes.
    narrowest
        Least standard deviation of where a block is expected, in positions.
    """
    position = np.empty(len(order))
    position[order] = np.arange(len(order))
    running = ~(puzzle.null_ins | puzzle.null_outs[partner])
    expected, deviation = np.full(len(order), np.nan), narrowest
    if running.any():
        table = depth_statistics(puzzle, partner, known)[running]
        expected[running], found = _predicted(table, position[running], ridge)
        deviation = max(narrowest, found)
    return expected, deviation


def _predicted(
    known: NDArray[np.float64], position: NDArray[np.float64], ridge: float
) -> tuple[NDArray[np.float64], float]:
    """Return each position as statistics `[K, S]` and all other positions predict it, and how far off that is."""
    n, known = len(position), known - known.mean(axis=0)
    hat = known @ np.linalg.solve(known.T @ known + ridge * np.eye(known.shape[1]), known.T) + 1 / n
    away = (position - hat @ position) / np.maximum(1 - np.diag(hat), 1 / n)
    return position - away, float(away.std())


def place_costs(expected: NDArray[np.float64], deviation: float) -> NDArray[np.float64]:
    """Return -log odds of every block (row) at every position against where it is expected, `[N, N]`, if normal.

    Blocks that are expected nowhere cost nothing anywhere.
    """
    costs = (np.arange(len(expected)) - expected[:, None]) ** 2 / (2 * deviation**2)
    return np.nan_to_num(costs)
