"""Host: the closest rival of an answer among single moves."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from jaxsolve.engine import Moves, Neighbourhood, exchanges, of_segments
from jaxsolve.puzzle import Assembly, Network, Puzzle, mean_squared_error
from jaxsolve.puzzle.network import CORES, Array
from jaxsolve.puzzle.types import Floats

SCREEN_ROWS = 64
"""Rows on which all moves are ranked to first order."""
SCREEN_NUMBERS = 32 << 20
"""Most numbers that the ranking keeps: very deep networks are ranked on fewer rows."""
EXACT_ROWS = 512
EXACT_MOVES = 24
"""Moves with the lowest predicted loss that are evaluated exactly."""
STEP = 1e-3
"""Half the distance over which the slope of an activation is taken."""
RANKING = np.float32
"""Precision that ranks."""
FAR = 1e4
"""Times the error of rounding above which a rival's error is known well enough in float32."""


@dataclass(frozen=True)
class Neighbour:
    """The closest rival that was found."""

    mse: float
    """Its mean squared error over all rows, in float64 unless it is `FAR` above what rounding explains."""
    gap: float
    """By how much that exceeds the answer's."""
    moves: int
    """Swaps of two blocks and insertions of one that were ranked to find it."""


def closest_neighbour(puzzle: Puzzle, assembly: Assembly, mse: float, rounding: float) -> Neighbour | None:
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
    rival = mean_squared_error(puzzle, winner, np.float32)
    if not rival > FAR * rounding:
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

    A block put somewhere changes a prediction by about g·(what it adds there), g the gradient of the
    prediction with respect to the states at that place; one taken away by -g·(what it added). This is what
    `jaxsolve.engine.screening` computes on a device, here without a compiler to trust.
    """
    n = puzzle.blocks
    error, own, inserted, replaced = _changes(puzzle, assembly, rows)
    losses = []
    for i in range(n - 1):
        behind = inserted[i + 2 :, i] - own[i]
        sooner = inserted[i, i + 1 :] - own[i + 1 :]
        swap = replaced[i, i + 1 :] + replaced[i + 1 :, i]
        losses += [np.mean((error + part) ** 2, axis=1) for part in (behind, sooner[1:], swap[1:])]
    return np.concatenate(losses, dtype=np.float64)


def _changes(puzzle: Puzzle, assembly: Assembly, rows: int) -> tuple[Array, Array, Array, Array]:
    """Return, to first order, what blocks do to the predictions; P = N + 1, R rows last.

    Errors `[R]`; what each block adds to them `[N, R]`; what it would add before any position `[P, N, R]`;
    how they change if position t runs what s runs `[N, N, R]`. A block that moves down is computed without
    its own update among its inputs.
    """
    network, n = Network(puzzle, puzzle.activation, RANKING), puzzle.blocks
    first, second = assembly
    w_in, w_out = network.w_in[first], network.w_out[second].swapaxes(0, 1)
    states = network.states(puzzle.x[:rows].astype(RANKING), assembly)
    error = (states[n] @ network.w_last + network.b_last - puzzle.y[:rows]).astype(RANKING)
    shape = len(error), n, puzzle.hidden
    update = np.diff(states, axis=0)
    withheld = (update @ w_in.swapaxes(1, 2)).swapaxes(0, 1)
    own = np.empty((n, len(error)), RANKING)
    inserted, replaced = np.empty((n + 1, n, len(error)), RANKING), np.empty((n, n, len(error)), RANKING)
    gradient = np.broadcast_to(network.w_last, states[n].shape)
    pulled, biased = np.zeros(shape, RANKING), np.zeros((len(error), n), RANKING)
    for p in reversed(range(n + 1)):
        hidden = (states[p] @ w_in.reshape(-1, puzzle.features).T).reshape(shape) + network.b_in[first]
        if p < n:
            own[p] = (gradient * update[p]).sum(axis=1)
        own_hidden = hidden[:, min(p, n - 1)].copy()
        hidden[:, :p] -= withheld[:, :p]
        added = network.activation(hidden)
        if p < n:
            replaced[p] = (np.einsum("rnh,rnh->nr", added, pulled) + biased.T) - own[p]
            ahead, behind = (network.activation(own_hidden + step) for step in (RANKING(STEP), -RANKING(STEP)))
            gradient = gradient + (pulled[:, p] * (ahead - behind) / (2 * STEP)) @ w_in[p]
        pulled = (gradient @ w_out.reshape(puzzle.features, -1)).reshape(shape)
        biased = gradient @ network.b_out[second].T
        inserted[p] = np.einsum("rnh,rnh->nr", added, pulled) + biased.T
    return error, own, inserted, replaced


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
