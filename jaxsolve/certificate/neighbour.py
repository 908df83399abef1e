"""Host: the closest rivals of an answer among single moves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from jaxsolve.architecture import Network, parallel
from jaxsolve.architecture.activations import Array
from jaxsolve.certificate.bounds import RIVALS, Rivals
from jaxsolve.engine import NEIGHBOURHOODS, Moves, Neighbourhood, exchanges, of_segments, union
from jaxsolve.puzzle import Assembly, Puzzle, mean_squared_error, predict
from jaxsolve.puzzle.types import Floats

T = TypeVar("T")

RANKING = np.float32
"""Precision that ranks."""


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
    changes = first_order_changes(puzzle, assembly, slice(rows), partners=False)
    losses = [np.mean((changes.error + part) ** 2, axis=1) for part in effects_of_single_moves(changes)]
    return np.concatenate(losses, dtype=np.float64)


class Changes(NamedTuple):
    """What blocks and halves do to the predictions, to first order; P = N + 1, R rows last."""

    error: Array
    """`[R]` of the predictions as they are"""
    own: Array
    """`[N, R]` what each block adds to them"""
    inserted: Array
    """`[P, N, R]` what it would add before any position"""
    replaced: Array
    """`[K, N, N, R]` if position t ran what s runs: both halves, the first alone, the second alone"""


def effects_of_single_moves(changes: Changes) -> Iterator[Array]:
    """Yield how the predictions change with each of the `single_moves`, `[m, R]`, in their order."""
    _, own, inserted, replaced = changes
    for i in range(len(own) - 1):
        behind = inserted[i + 2 :, i] - own[i]
        sooner = inserted[i, i + 1 :] - own[i + 1 :]
        yield behind
        yield sooner[1:]
        yield (replaced[0, i, i + 1 :] + replaced[0, i + 1 :, i])[1:]


def effects_of_partner_swaps(changes: Changes) -> Iterator[Array]:
    """Yield how the predictions change with each of the engine's `partner_swaps`, `[m, R]`, in their order."""
    i, j = np.triu_indices(len(changes.own), 1)
    for alone in (changes.replaced[2], changes.replaced[1]):
        yield alone[i, j] + alone[j, i]


def first_order_changes(
    puzzle: Puzzle, assembly: Assembly, rows: slice | NDArray[np.intp], *, partners: bool = True
) -> Changes:
    """Return, to first order, what blocks do to the predictions of some rows; K is 3 with `partners`, else 1.

    A block that moves down is computed without its own update among its inputs.
    """
    network, n = Network(puzzle, puzzle.activation, RANKING), puzzle.blocks
    first, second = assembly
    w_in, w_out = network.w_in[first], network.w_out[second].swapaxes(0, 1)
    states = network.states(puzzle.x[rows].astype(RANKING), assembly)
    error = network.readout_errors(states[n], puzzle.y[rows]).astype(RANKING)
    shape = len(error), n, puzzle.hidden
    update = np.diff(states, axis=0)
    withheld = (update @ w_in.swapaxes(1, 2)).swapaxes(0, 1)
    own, inserted = np.empty((n, len(error)), RANKING), np.empty((n + 1, n, len(error)), RANKING)
    replaced = np.empty((3 if partners else 1, n, n, len(error)), RANKING)
    gradient = np.broadcast_to(network.w_last, states[n].shape)
    pulled, biased = np.zeros(shape, RANKING), np.zeros((len(error), n), RANKING)
    for p in reversed(range(n + 1)):
        hidden = network.inputs(states[p], first)
        own_hidden = hidden[:, min(p, n - 1)].copy()
        if partners and p < n:
            replaced[1, p] = np.einsum("rnh,rh->nr", network.activate(hidden), pulled[:, p]) + biased[:, p]
            replaced[2, p] = np.einsum("rh,rnh->nr", network.activate(own_hidden), pulled) + biased.T
        hidden[:, :p] -= withheld[:, :p]
        added = network.activate(hidden)
        if p < n:
            own[p] = (gradient * update[p]).sum(axis=1)
            replaced[0, p] = np.einsum("rnh,rnh->nr", added, pulled) + biased.T
            replaced[:, p] -= own[p]
            gradient = gradient + (pulled[:, p] * network.slopes(own_hidden)) @ w_in[p]
        pulled = (gradient @ w_out.reshape(puzzle.features, -1)).reshape(shape)
        biased = gradient @ network.b_out[second].T
        inserted[p] = np.einsum("rnh,rnh->nr", added, pulled) + biased.T
    return Changes(error, own, inserted, replaced)


def changes_in_parts(puzzle: Puzzle, assembly: Assembly, rows: NDArray[np.intp]) -> Iterator[Changes]:
    """Yield the `first_order_changes` of some rows, a few of them at a time and in their order."""
    parts = np.array_split(rows, -(-len(rows) // 64))  # few enough to stay in the cache of a core
    return parallel(lambda part: first_order_changes(puzzle, assembly, part), parts)


def some_rows(puzzle: Puzzle, most: int) -> NDArray[np.intp]:
    """Return at most so many of a puzzle's rows, ascending, drawn without regard to their order."""
    return np.sort(np.random.default_rng(0).permutation(puzzle.rows)[:most])


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
) -> Iterator[list[tuple[Rival, Floats]]]:
    """Yield the single moves and exchanges of partners that come closest, a few at a time, each with its errors.

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
        yield [_rival(puzzle, assembly, errors, moves.only(m)) for m in batch]


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
    """Return which moves change more than where silent blocks stand, those that come to the same only once."""
    if not puzzle.padded:
        return np.arange(moves.size)
    seen, kept = {tuple(puzzle.permutation(assembly))}, []
    taken = moves.take(slice(None))
    for m in range(moves.size):
        ids = tuple(puzzle.permutation(_moved(assembly, taken, m)))
        if ids not in seen:
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
    differences = found.astype(np.float64) ** 2 - errors**2
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
