"""Host: the closest rival of an answer among single moves."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from jaxsolve.engine import NEIGHBOURHOODS, Moves
from jaxsolve.puzzle import Assembly, Network, Puzzle, mean_squared_error
from jaxsolve.puzzle.types import Floats

SCREEN_ROWS = 128
"""Rows on which all moves are ranked to first order."""
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
        predicted = first_order_losses(puzzle, assembly, moves, SCREEN_ROWS)
        best = moves.take(np.argsort(np.nan_to_num(predicted, nan=np.inf), kind="stable")[:EXACT_MOVES])
        losses = np.nan_to_num(_losses(puzzle, assembly, best, EXACT_ROWS), nan=np.inf)
        winner = _moved(assembly, best, int(losses.argmin()))
    rival = mean_squared_error(puzzle, winner)
    return Neighbour(mse=rival, gap=rival - mse, moves=moves.size)


def single_moves(n: int) -> Moves:
    """Return all swaps of two blocks and insertions of one, each assembly once."""
    swaps, insertions = NEIGHBOURHOODS["swaps"](n), NEIGHBOURHOODS["insertions"](n, 1)
    apart = swaps.take(np.diff(np.triu_indices(n, 1), axis=0)[0] > 1)  # neighbours swapped are insertions too
    return Moves(*map(np.concatenate, zip(insertions, apart, strict=True)))


def first_order_losses(puzzle: Puzzle, assembly: Assembly, moves: Moves, rows: int) -> Floats:
    """Return the predicted mean squared error of each move of the order, `[M]`, over the first `rows` rows.

    Another block at position t changes a prediction by about g·(what it adds - what stands there adds), g
    the gradient of the prediction with respect to the states after t.
    """
    network, n = Network(puzzle, RANKING), puzzle.blocks
    first, second = assembly
    w_in, w_out = network.w_in[first].reshape(-1, puzzle.features), network.w_out[second].swapaxes(0, 1)
    *before, last = network.states(puzzle.x[:rows].astype(RANKING), assembly)
    error = (last @ network.w_last + network.b_last - puzzle.y[:rows]).astype(RANKING)
    gradient = np.broadcast_to(network.w_last, last.shape)
    predicted = np.tile(error, (moves.size, 1))
    for t in reversed(range(n)):
        hidden = (before[t] @ w_in.T).reshape(len(error), n, -1) + network.b_in[first]
        pulled = (gradient @ w_out.reshape(puzzle.features, -1)).reshape(hidden.shape)
        effects = (network.activation(hidden) * pulled).sum(axis=2) + gradient @ network.b_out[second].T
        predicted += (effects - effects[:, t, None]).T[moves.ins[:, t]]
        ahead, behind = (network.activation(hidden[:, t] + step) for step in (RANKING(STEP), -RANKING(STEP)))
        gradient = gradient + (pulled[:, t] * (ahead - behind) / (2 * STEP)) @ network.w_in[first[t]]
    return np.asarray(np.mean(predicted**2, axis=1), np.float64)


def _losses(puzzle: Puzzle, assembly: Assembly, moves: Moves, rows: int) -> Floats:
    """Return the mean squared error of each move over the first `rows` rows, with shared states before it."""
    network, x, y = Network(puzzle, RANKING), puzzle.x[:rows].astype(RANKING), puzzle.y[:rows]
    states = network.states(x, assembly)

    def loss(m: int) -> float:
        ins, outs = _moved(assembly, moves, m)
        first = moves.first[m]
        with np.errstate(over="ignore", invalid="ignore"):
            predictions = network.predict(states[first], Assembly(ins[first:], outs[first:]))
            return float(np.mean((predictions - y) ** 2))

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return np.array([*threads.map(loss, range(moves.size))])


def _moved(assembly: Assembly, moves: Moves, m: int) -> Assembly:
    return Assembly(assembly.ins[moves.ins[m]], assembly.outs[moves.outs[m]])
