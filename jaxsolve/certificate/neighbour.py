"""Host: the closest rivals of an answer among single moves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from jaxsolve.architecture import Network, parallel
from jaxsolve.architecture.activations import Array
from jaxsolve.certificate.bounds import RIVALS, Rivals
from jaxsolve.certificate.first_order import (
    RANKING,
    changes_in_parts,
    effects_of_partner_swaps,
    effects_of_single_moves,
    first_order_losses,
    single_moves,
    some_rows,
)
from jaxsolve.engine import NEIGHBOURHOODS, Moves, Neighbourhood, union
from jaxsolve.puzzle import Assembly, Puzzle, mean_squared_error, predict
from jaxsolve.puzzle.types import Floats

T = TypeVar("T")


@dataclass(frozen=True)
class Neighbour:
    """The closest rival that was found."""

    mse: float
    """Its mean squared error over all rows, in float64 unless it is far above what rounding explains."""
    gap: float
    """By how much that exceeds the answer's."""
    moves: int
    """Swaps of two blocks and insertions of one that were ranked to find it."""


@dataclass(frozen=True)
class Rival:
    """An assembly one move away from the answer, compared with it on all rows in float64."""

    kind: str
    """What is done: ``blocks exchanged``, ``block moved``, ``first halves exchanged``, ``second halves exchanged``."""
    positions: tuple[int, int]
    """The two positions that change places; of a block moved, where it was and where it goes."""
    difference: float
    """Its mean squared error less the answer's."""
    t: float
    """That difference over its standard error, from the rows' own differences: about normal if there is none."""
    change: float
    """Mean square of what it changes the predictions by."""
    assembly: Assembly = field(repr=False, compare=False)


def closest_neighbour(
    puzzle: Puzzle,
    assembly: Assembly,
    mse: float,
    rounding: float,
    *,
    rows: int = 64,
    exact_rows: int = 512,
    exact_moves: int = 24,
    far: float = 1e4,
) -> Neighbour | None:
    """Return the closest rival of an answer whose mean squared error is `mse`; None if there is no single move.

    All single moves are ranked to first order on `rows` rows; the best `exact_moves` are evaluated exactly on
    `exact_rows`, and the winner on all: in float32 where that is more than `far` times the error of rounding.
    """
    moves = single_moves(puzzle.blocks)
    if not moves.size:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        predicted = np.nan_to_num(first_order_losses(puzzle, assembly, _affordable(puzzle, rows)), nan=np.inf)
        best = moves.take(np.argsort(predicted, kind="stable")[:exact_moves])
        losses = np.nan_to_num(_losses(puzzle, assembly, best, exact_rows), nan=np.inf)
        winner = _moved(assembly, best, int(losses.argmin()))
    rival = mean_squared_error(puzzle, winner, np.float32)
    if not rival > far * rounding:
        rival = mean_squared_error(puzzle, winner)
    return Neighbour(mse=rival, gap=rival - mse, moves=moves.size)


def _affordable(puzzle: Puzzle, rows: int) -> int:
    """Return on how many rows moves are ranked: on fewer for very deep networks, which take 128 MiB at most."""
    return min(rows, max(8, (32 << 20) // puzzle.blocks**2))


def all_moves(n: int) -> Neighbourhood:
    """Return the `single_moves` of n blocks, and all exchanges of the partners of two."""
    return union(single_moves(n), NEIGHBOURHOODS["partner_swaps"](n))


def rivals(
    puzzle: Puzzle,
    assembly: Assembly,
    errors: Floats,
    check: Callable[[], None] = lambda: None,
    *,
    numbers: Rivals = RIVALS,
) -> Iterator[Iterator[tuple[Rival, Floats]]]:
    """Yield the single moves and exchanges of partners that come closest, a few at a time, each with its errors.

    They are evaluated as they are asked for.

    Where there are more than can be evaluated, first order on a few rows picks those that change the
    predictions least, for which it is accurate, and those that promise most. Exact evaluation on more rows ranks them:
    by turns the next by the difference in squared error, and the next by that over its standard error.

    Parameters
    ----------
    puzzle, assembly
        The puzzle and the answer.
    errors
        What the answer's predictions are too high by, `[R]`.
    check
        Called every second or so, to raise what is to end it.
    numbers
        How many are evaluated, and on how many rows.
    """
    moves = all_moves(puzzle.blocks)
    chosen = _telling(puzzle, assembly, moves)
    if not chosen.size:
        return
    few = some_rows(puzzle, numbers.exact_rows)
    flops = 4.0 * len(few) * chosen.size * puzzle.blocks * puzzle.features * puzzle.hidden
    with np.errstate(over="ignore", invalid="ignore"):
        if flops > numbers.flops:
            near, low = _first_order_ranks(puzzle, assembly, moves, numbers.rows, check)
            ranks = (np.argsort(rank[chosen], kind="stable")[: numbers.shortlist] for rank in (near, low))
            chosen = np.union1d(*(chosen[rank] for rank in ranks))
        sample = puzzle.take_rows(few)
        told = []
        for begin in range(0, len(chosen), 32):  # few enough to ask often whether there is time
            check()
            told += _differences(sample, assembly, moves.take(chosen[begin : begin + 32]), errors[few])
        means, ts = np.array(told).reshape(-1, 2).T
    ranks = [np.argsort(np.argsort(some, kind="stable"), kind="stable") for some in (means, ts)]
    ranked = chosen[np.lexsort((ranks[0], np.minimum(*ranks)))]
    for begin in range(0, len(ranked), numbers.together):
        batch = ranked[begin : begin + numbers.together, None]
        yield (_rival(puzzle, assembly, errors, moves.only(m)) for m in batch)


def _first_order_ranks(
    puzzle: Puzzle, assembly: Assembly, moves: Neighbourhood, most: int, check: Callable[[], None]
) -> tuple[Floats, Floats]:
    """Return by how much each move changes the predictions to first order, and the squared errors, `[M]` each."""
    near, low = np.zeros(moves.size), np.zeros(moves.size)
    rows = some_rows(puzzle, _affordable(puzzle, most))
    for changes in changes_in_parts(puzzle, assembly, rows):
        check()
        effects = np.concatenate([*effects_of_single_moves(changes), *effects_of_partner_swaps(changes)])
        near += np.nan_to_num((effects**2).sum(axis=1), nan=np.inf)
        low += np.nan_to_num((effects * (effects + 2 * changes.error)).sum(axis=1), nan=np.inf)
    return near, low


def _telling(puzzle: Puzzle, assembly: Assembly, moves: Neighbourhood) -> NDArray[np.intp]:
    """Return which moves change more than where silent blocks stand, those that come to the same only once.

    Nor do they pair halves of different widths.
    """
    if not puzzle.padded and not puzzle.given.widths:
        return np.arange(moves.size)
    taken = moves.take(slice(None))
    if not puzzle.padded:
        pairs = puzzle.possible[assembly.ins[taken.ins], assembly.outs[taken.outs]]
        return np.flatnonzero(pairs.all(axis=1))
    seen, kept = {tuple(puzzle.permutation(assembly))}, []
    for m in range(moves.size):
        moved = _moved(assembly, taken, m)
        ids = tuple(puzzle.permutation(moved))
        if ids not in seen and puzzle.possible[moved.ins, moved.outs].all():
            seen.add(ids)
            kept.append(m)
    return np.array(kept, np.intp)


def _rival(puzzle: Puzzle, assembly: Assembly, errors: Floats, move: Neighbourhood) -> tuple[Rival, Floats]:
    (i, a, j, b), half = move.segments[0].tolist(), int(move.halves[0])
    kind = ("blocks exchanged", "first halves exchanged", "second halves exchanged")[half]
    kind, positions = (kind, (i, j)) if a == b == 1 else ("block moved", (i, i + b) if a == 1 else (j, i))
    moved = _moved(assembly, move.take(slice(None)), 0)
    found = predict(puzzle, moved) - puzzle.y
    with np.errstate(over="ignore", invalid="ignore"):
        mean, t = _paired(found, errors)
        change = float(np.mean((found - errors) ** 2))
    return Rival(kind, positions, mean, t, change, moved), found


def _paired(found: Array, errors: Array) -> tuple[float, float]:
    """Return the mean of the rows' differences in squared error, and that over its standard error."""
    differences = (found.astype(np.float64) ** 2 - errors**2).reshape(len(errors), -1).mean(axis=1)
    mean, spread = float(differences.mean()), float(differences.std() / np.sqrt(max(1, len(errors) - 1)))
    if not np.isfinite(mean):
        return np.inf, np.inf
    return mean, mean / spread if 0 < spread < np.inf else float(np.copysign(np.inf, mean)) if mean else 0.0


def _losses(puzzle: Puzzle, assembly: Assembly, moves: Moves, rows: int) -> Floats:
    """Return the mean squared error of each move over the first `rows` rows, with shared states before it."""
    mean_square = lambda errors: float(np.mean(errors**2))
    return np.array(_after(puzzle.first_rows(rows), assembly, moves, mean_square))


def _differences(puzzle: Puzzle, assembly: Assembly, moves: Moves, errors: Floats) -> list[tuple[float, float]]:
    """Return the mean difference in squared error of each move, and that over its standard error."""
    return _after(puzzle, assembly, moves, lambda moved: _paired(moved, errors))


def _after(puzzle: Puzzle, assembly: Assembly, moves: Moves, told: Callable[[Array], T]) -> list[T]:
    """Return what is to be told of the errors `[R]` after each move, in float32, with shared states before it."""
    network, x, y = Network(puzzle, puzzle.activation, RANKING), puzzle.x.astype(RANKING), puzzle.y
    states = network.states(x, assembly)

    def of_move(m: int) -> T:
        ins, outs = _moved(assembly, moves, m)
        first = moves.first[m]
        return told(network.predict(states[first], Assembly(ins[first:], outs[first:])) - y)

    return [*parallel(of_move, range(moves.size))]


def _moved(assembly: Assembly, moves: Moves, m: int) -> Assembly:
    return Assembly(assembly.ins[moves.ins[m]], assembly.outs[moves.outs[m]])
