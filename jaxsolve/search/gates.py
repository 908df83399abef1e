"""Host: which pieces are gates, and whose, with pairs and order: by relaxing everything at once.

Weights say little of gates. A relaxation from nothing (`search.open_relaxation`) over triples of a gate, a first half
and a second half finds all three, and positions: of 12, 16 and 24 blocks in a round or two. There are
2·N·(2·N - 1)·N triples and N positions; of 24 blocks, each triple begins in every fifth.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve import engine
from jaxsolve.pairing import assign, standardised
from jaxsolve.pairing.scores import norm_balance
from jaxsolve.puzzle import Assembly, Puzzle, error_of
from jaxsolve.puzzle.gate_pieces import first_layers, stacked, with_gates
from jaxsolve.puzzle.given import Gates
from jaxsolve.run import Run
from jaxsolve.search.open_relaxation import Answer, OpenRelaxation, Table
from jaxsolve.search.soft_permutation import Candidates


class GatedAnswer(NamedTuple):
    """A puzzle whose gates are told, an assembly of it, and what that leaves."""

    puzzle: Puzzle
    assembly: Assembly
    loss: float
    """Mean squared error on the rows of the relaxation."""
    error: float
    """Lowest mean squared error of a mixture, on rows that it has not seen."""


class _Triples(NamedTuple):
    """All first halves that two pieces make, V = 2·N·(2·N - 1): one gates the other."""

    pieces: list[int]
    """`[2·N]` ids"""
    parts: NDArray[np.intp]
    """`[V, 2]` which of them is the gate, and which the first half"""
    puzzle: Puzzle
    """A network that has all of these for first halves."""
    likelihood: Table
    """`[V, N]` with each second half, by the weights"""


@dataclass(frozen=True)
class GateRelaxation(OpenRelaxation):
    """Rounds that begin with all triples of a gate, a first and a second half."""

    rounds: int = 5
    """Rounds at most."""
    most_shares: int = 250_000
    """Shares that the first round begins with: its time grows with them, and its memory, 4 bytes for each and row."""
    candidates: int = 250
    """Triples that share positions in later rounds, in units of N."""
    free: float = 0.0
    """Nothing multiplies all blocks: it would make up for a wrong form, and forms are told apart by what they leave."""
    hopeless: float = 1.0
    """Share of the variance that the mixture of the first round leaves at least where no other follows."""

    def answer(self, puzzle: Puzzle, run: Run, *, seed: int, devices: int | None = None) -> GatedAnswer:
        """Return the best answer of all rounds; `OutOfTime` where the run ends before there is one.

        Parameters
        ----------
        puzzle
            A puzzle of gates that are pieces of their own, not padded.
        run
            What counts and times.
        seed
            Draws rows.
        devices
            Devices to use; None: all.
        """
        few = puzzle.first_rows(self.most_rows)
        triples, unit = _triples(few), puzzle.variance or 1.0
        whole = engine.to_device(triples.puzzle, devices=devices)
        read = lambda some, weights, scale: _read(few, triples, some, weights)
        best = self.opened(run, whole, triples.likelihood, triples.parts, unit, seed, read)
        told, assembly = best.found
        return GatedAnswer(with_gates(puzzle, told.given.gates), assembly, best.loss, best.error)


def _triples(puzzle: Puzzle) -> _Triples:
    layers = first_layers(puzzle)
    pieces = sorted([*puzzle.in_ids.tolist(), *puzzle.given.gates.values()])
    gate, own = np.nonzero(~np.eye(len(pieces), dtype=np.bool_))
    weight, bias = stacked(layers, pieces, puzzle.hidden)
    widths = np.array([len(layers[piece][1]) for piece in pieces])
    others = np.array([puzzle.width_of(int(piece)) for piece in puzzle.out_ids])
    all_firsts = puzzle.replace(w_in=weight[own], b_in=bias[own], gates=Gates(weight[gate], bias[gate]))
    # in gates, gradient flow nearly conserves what it does in first halves
    scores = standardised(norm_balance(puzzle.replace(w_in=weight, b_in=bias)))
    likelihood = np.exp(scores[gate] + scores[own])
    possible = (widths[gate] == widths[own])[:, None] & (widths[own][:, None] == others)
    return _Triples(pieces, np.stack([gate, own], axis=1), all_firsts, np.where(possible, likelihood, 0.0))


def _read(puzzle: Puzzle, triples: _Triples, some: Candidates, weights: Table) -> Answer:
    """Return the answer that a mixture has nearly become.

    Shares are those that triples have, and those that their pieces have, in whatever triples.
    """
    blocks, total = len(weights), weights.sum(axis=0)
    mean = np.bincount(some.outs, np.arange(blocks) @ weights, blocks)
    mean /= np.maximum(np.bincount(some.outs, total, blocks), np.finfo(np.float64).tiny)
    order = np.argsort(mean, kind="stable")
    slots = np.zeros((2, blocks, 2 * blocks))
    for slot, part in zip(slots, triples.parts[some.ins].T, strict=True):
        np.add.at(slot, (some.outs, part), total)
    gates, own = (np.array(triples.pieces)[side] for side in np.split(assign(slots.reshape(-1, 2 * blocks)), 2))
    told = with_gates(puzzle, dict(zip(own.tolist(), gates.tolist(), strict=True)))
    rows = np.searchsorted(told.in_ids, own)
    assembly = Assembly(rows[order].astype(np.int32), order.astype(np.int32))
    shares = np.zeros(triples.likelihood.shape)
    shares[some.ins, some.outs] = total
    by_piece = slots[0][:, triples.parts[:, 0]] * slots[1][:, triples.parts[:, 1]]
    unseen = 1e-4 * triples.likelihood / triples.likelihood.max()
    place = np.argsort(order).astype(np.float64)
    return Answer((told, assembly), error_of(told, assembly), 1.0, place, shares + by_piece.T + unseen)
