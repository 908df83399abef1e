"""Host: what every move does to the predictions of an answer, to first order, without a compiler to trust."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve.architecture import Network, parallel
from jaxsolve.architecture.activations import Array
from jaxsolve.engine import Neighbourhood, exchanges, of_segments
from jaxsolve.puzzle import Assembly, Puzzle
from jaxsolve.puzzle.types import Floats

RANKING = np.float32
"""Precision that ranks."""


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
    """`[R]` of the predictions as they are; several outputs of a row count as so many rows"""
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
    states = network.states(puzzle.x[rows].astype(RANKING), assembly)
    error = network.readout_errors(states[n], puzzle.y[rows]).astype(RANKING)
    gradients = network.output_gradients(states[n])
    every = [_changes_of(puzzle, network, assembly, states, gradient, partners) for gradient in gradients]
    parts = every[0] if len(every) == 1 else [np.concatenate(some, axis=-1) for some in zip(*every, strict=True)]
    return Changes(error.T.ravel(), *parts)


def _changes_of(
    puzzle: Puzzle, network: Network, assembly: Assembly, states: list[Array], gradient: Array, partners: bool
) -> tuple[Array, Array, Array]:
    """Return what blocks do to one output, with its gradient with respect to the last states: see `Changes`."""
    n, (first, second) = puzzle.blocks, assembly
    w_in, w_out = network.w_into[first], network.w_out[second].swapaxes(0, 1)
    error = gradient[:, 0]
    shape = len(error), n, puzzle.hidden
    update = np.diff(states, axis=0)
    withheld = (update @ w_in.swapaxes(1, 2)).swapaxes(0, 1) if network.sees_all else None
    own, inserted = np.empty((n, len(error)), RANKING), np.empty((n + 1, n, len(error)), RANKING)
    replaced = np.empty((3 if partners else 1, n, n, len(error)), RANKING)
    pulled, biased = np.zeros(shape, RANKING), np.zeros((len(error), n), RANKING)
    for p in reversed(range(n + 1)):
        hidden = network.inputs(states[p], first)
        own_hidden = hidden[:, min(p, n - 1)].copy()
        if partners and p < n:
            replaced[1, p] = np.einsum("rnh,rh->nr", network.activate(hidden), pulled[:, p]) + biased[:, p]
            replaced[2, p] = np.einsum("rh,rnh->nr", network.activate(own_hidden), pulled) + biased.T
        if withheld is not None:
            hidden[:, :p] -= withheld[:, :p]
        else:
            for s in range(p):
                hidden[:, s] = network.inputs(states[p] - update[s], first[s])
        added = network.activate(hidden)
        if p < n:
            own[p] = (gradient * update[p]).sum(axis=1)
            replaced[0, p] = np.einsum("rnh,rnh->nr", added, pulled) + biased.T
            replaced[:, p] -= own[p]
            back = network.pulled(own_hidden, pulled[:, p]) @ w_in[p]
            gradient = gradient + network.seen_pullback(states[p], back)
        pulled = (gradient @ w_out.reshape(puzzle.features, -1)).reshape(shape)
        biased = gradient @ network.b_out[second].T
        inserted[p] = np.einsum("rnh,rnh->nr", added, pulled) + biased.T
    return own, inserted, replaced


def changes_in_parts(puzzle: Puzzle, assembly: Assembly, rows: NDArray[np.intp]) -> Iterator[Changes]:
    """Yield the `first_order_changes` of some rows, a few of them at a time and in their order."""
    parts = np.array_split(rows, -(-len(rows) // 64))  # few enough to stay in the cache of a core
    return parallel(lambda part: first_order_changes(puzzle, assembly, part), parts)


def some_rows(puzzle: Puzzle, most: int) -> NDArray[np.intp]:
    """Return at most so many of a puzzle's rows, ascending, drawn without regard to their order."""
    return np.sort(np.random.default_rng(0).permutation(puzzle.rows)[:most])
