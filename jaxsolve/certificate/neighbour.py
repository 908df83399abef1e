"""Host: the closest rival of an answer among single moves."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from jaxsolve.engine import Moves, Neighbourhood, exchanges, of_segments
from jaxsolve.puzzle import Assembly, Network, Puzzle, mean_squared_error
from jaxsolve.puzzle.network import CORES, Array
from jaxsolve.puzzle.types import Floats

SCREEN_ROWS = 128
"""Rows on which all moves are ranked to first order."""
SCREEN_NUMBERS = 32 << 20
"""Most numbers that the ranking keeps: very deep networks are ranked on fewer rows."""
EXACT_ROWS = 512
EXACT_MOVES = 48
"""Moves with the lowest predicted loss that are evaluated exactly."""
STEP = 1e-3
"""Half the distance over which the slope of an activation is taken."""
RANKING = np.float32
"""Precision that ranks; what is reported of the winner is float64."""


@dataclass(frozen=True)
class Neighbour:
    """The closest rival that was found."""

    mse: float
    """Its float64 mean squared error over all rows."""
    gap: float
    """By how much that exceeds the answer's."""
    moves: int
    """Swaps of two blocks and insertions of one that were ranked to find it."""


def closest_neighbour(puzzle: Puzzle, assembly: Assembly, mse: float) -> Neighbour | None:
    """Return the closest rival of an answer whose mean squared error is `mse`; None if there is no single move.

    All single moves are ranked to first order on a few rows; the best are evaluated exactly on more, and
    the winner on all.
    """
    moves = single_moves(puzzle.blocks)
    if not moves.size:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        rows = min(SCREEN_ROWS, max(8, SCREEN_NUMBERS // puzzle.blocks**2))
        predicted = np.nan_to_num(first_order_losses(puzzle, assembly, rows), nan=np.inf)
        best = moves.take(np.argsort(predicted, kind="stable")[:EXACT_MOVES])
        losses = np.nan_to_num(_losses(puzzle, assembly, best, EXACT_ROWS), nan=np.inf)
        winner = _moved(assembly, best, int(losses.argmin()))
    rival = mean_squared_error(puzzle, winner)
    return Neighbour(mse=rival, gap=rival - mse, moves=moves.size)


def single_moves(n: int) -> Neighbourhood:
    """Return all swaps of two blocks and insertions of one, each assembly once.

    By the first position i: block i to every later j; every j > i + 1 to i; i swapped with every j > i + 1.
    """
    segments = [np.empty((0, 4), np.int32)]
    for i in range(n - 1):
        j = np.arange(i + 1, n)
        segments += [exchanges(i, 1, i + 1, j - i), exchanges(i, j - i, j, 1)[1:], exchanges(i, 1, j, 1)[1:]]
    return of_segments(n, np.concatenate(segments))


def first_order_losses(puzzle: Puzzle, assembly: Assembly, rows: int) -> Floats:
    """Return the predicted mean squared error of each of the `single_moves`, `[M]`, over the first `rows` rows.

    Another block at position t changes a prediction by about g·(what it adds - what stands there adds), g
    the gradient of the prediction with respect to the states after t. The blocks between the two ends of an
    insertion each move by one position, so that their part is a difference of running sums.
    """
    n = puzzle.blocks
    error, change = _changes(puzzle, assembly, rows)
    step = np.arange(n - 1)
    sooner = np.cumsum(change[step, step + 1], axis=0)  # positions 0 … t run the block of the next one
    later = np.cumsum(change[step + 1, step], axis=0)  # positions 1 … t + 1 run the block of the one before
    losses = []
    for i in range(n - 1):
        swap = change[i, i + 1 :] + change[i + 1 :, i]
        forth = sooner[i:] - sooner[i] + change[i, i + 1] + change[i + 1 :, i]
        back = later[i:] - later[i] + change[i + 1, i] + change[i, i + 1 :]
        losses += [np.mean((error + part) ** 2, axis=1) for part in (forth, back[1:], swap[1:])]
    return np.concatenate(losses, dtype=np.float64)


def _changes(puzzle: Puzzle, assembly: Assembly, rows: int) -> tuple[Array, Array]:
    """Return the errors `[R]`, and to first order their change `[N, N, R]` if position t runs the block of s."""
    network, n = Network(puzzle, puzzle.activation, RANKING), puzzle.blocks
    first, second = assembly
    w_in, w_out = network.w_in[first].reshape(-1, puzzle.features), network.w_out[second].swapaxes(0, 1)
    *before, last = network.states(puzzle.x[:rows].astype(RANKING), assembly)
    error = (last @ network.w_last + network.b_last - puzzle.y[:rows]).astype(RANKING)
    gradient = np.broadcast_to(network.w_last, last.shape)
    change = np.empty((n, n, len(error)), RANKING)
    for t in reversed(range(n)):
        hidden = (before[t] @ w_in.T).reshape(len(error), n, -1) + network.b_in[first]
        pulled = (gradient @ w_out.reshape(puzzle.features, -1)).reshape(hidden.shape)
        added = (network.activation(hidden) * pulled).sum(axis=2) + gradient @ network.b_out[second].T
        change[t] = (added - added[:, t, None]).T
        ahead, behind = (network.activation(hidden[:, t] + step) for step in (RANKING(STEP), -RANKING(STEP)))
        gradient = gradient + (pulled[:, t] * (ahead - behind) / (2 * STEP)) @ network.w_in[first[t]]
    return error, change


def _losses(puzzle: Puzzle, assembly: Assembly, moves: Moves, rows: int) -> Floats:
    """Return the mean squared error of each move over the first `rows` rows, with shared states before it."""
    network, x, y = Network(puzzle, puzzle.activation, RANKING), puzzle.x[:rows].astype(RANKING), puzzle.y[:rows]
    states = network.states(x, assembly)

    def loss(m: int) -> float:
        ins, outs = _moved(assembly, moves, m)
        first = moves.first[m]
        with np.errstate(over="ignore", invalid="ignore"):
            predictions = network.predict(states[first], Assembly(ins[first:], outs[first:]))
            return float(np.mean((predictions - y) ** 2))

    with ThreadPoolExecutor(CORES) as threads:
        return np.array([*threads.map(loss, range(moves.size))])


def _moved(assembly: Assembly, moves: Moves, m: int) -> Assembly:
    return Assembly(assembly.ins[moves.ins[m]], assembly.outs[moves.outs[m]])
