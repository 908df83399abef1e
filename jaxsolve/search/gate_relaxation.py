"""Host: which pieces are gates, and whose, with pairs and order: by relaxing everything at once.

Weights say little of gates. But a mixture in which every position runs every triple of a gate, a first and a second
half, all to the same share, has a gradient by each share, and Gauss-Newton steps (`search.crystallisation`) single out
the right triples in the first round: of 12 and 16 blocks all gates and first halves, wherever the positions then are.
There are 2·N·(2·N - 1)·N triples and N positions. Where that is too much, each triple is in every second position, or
every tenth: all are somewhere, and that is enough (24 blocks, a fifth).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve import engine
from jaxsolve.pairing import assign
from jaxsolve.puzzle import Assembly, Puzzle, mean_squared_error
from jaxsolve.puzzle.gate_pieces import first_layers, with_gates
from jaxsolve.puzzle.given import Gates
from jaxsolve.run import OutOfTime, Run
from jaxsolve.search.crystallisation import GaussNewton
from jaxsolve.search.soft_permutation import Candidates

Table = NDArray[np.float64]


class GatedAnswer(NamedTuple):
    """A puzzle whose gates are told, an assembly of it, and what that leaves."""

    puzzle: Puzzle
    assembly: Assembly
    loss: float
    """Mean squared error on the rows of the relaxation."""


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
class GateRelaxation(GaussNewton):
    """Rounds that begin with all triples in all positions, and then with those around what the last one has found."""

    rounds: int = 5
    """Rounds at most."""
    most_rows: int = 4000
    """Rows that steps are drawn from."""
    most_shares: int = 250_000
    """Shares that the first round begins with: its time grows with them, and its memory, 4 bytes for each and row."""
    most_triples: int = 100_000
    """Triples in the first round, the likeliest by their weights: every one in as many positions as there are shares
    for."""
    candidates: int = 250
    """Triples that share positions in later rounds, in units of N."""
    width: float = 0.2
    """Spread of second halves over positions in the second round: a standard deviation, as a fraction of N."""
    narrowing: float = 0.6
    """Factor by which each round after it spreads them less."""
    near: float = 1e-3
    """Share of the variance below which a loss is that of nearly the right answer."""
    least_share: float = 1e-7
    """Share below which a position does not run a triple any more."""

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
        triples, blocks, unit = _triples(few), puzzle.blocks, puzzle.variance or 1.0
        whole = engine.to_device(triples.puzzle, devices=devices)
        some = self._likeliest(triples, triples.likelihood, self.most_triples)
        apart = -(-len(some.ins) * blocks // self.most_shares)
        there = (np.arange(blocks)[:, None] + np.arange(len(some.ins))) % apart == 0
        weights, best, room = some.balanced(there * some.likelihood), None, 0
        for k in range(self.rounds):
            rng = np.random.default_rng([seed, k])
            fixed = {"least": self.least_share, "room": room, "unit": unit}
            try:
                crystal = self.crystallised(run, whole, some, weights, rng, **fixed)
            except OutOfTime:
                if best is None:
                    raise
                break
            room = crystal.room
            found, place, shares = _rounded(few, triples, some, crystal.weights)
            best = found if best is None or found.loss < best.loss else best
            if best.loss <= self.near * unit:
                break
            some = self._likeliest(triples, shares, self.candidates * blocks)
            width = max(1.0, self.width * self.narrowing**k * blocks)
            away = (np.arange(blocks)[:, None] - place[some.outs]) / width
            weights = some.balanced(np.exp(-0.5 * away**2) * some.likelihood)
        assert best is not None
        return best._replace(puzzle=with_gates(puzzle, best.puzzle.given.gates))

    def _likeliest(self, triples: _Triples, likelihood: Table, most: int) -> Candidates:
        """Return so many triples at most, of those that a half or a piece needs among them."""
        chosen = np.argsort(-likelihood, axis=None, kind="stable")[:most]
        firsts, seconds = np.unravel_index(chosen, likelihood.shape)
        return Candidates(firsts, seconds, likelihood[firsts, seconds], triples.parts)


def _triples(puzzle: Puzzle) -> _Triples:
    layers, most = first_layers(puzzle), puzzle.hidden
    pieces = sorted([*puzzle.in_ids.tolist(), *puzzle.given.gates.values()])
    gate, own = np.nonzero(~np.eye(len(pieces), dtype=np.bool_))
    fill = lambda table: np.pad(table, [(0, most - len(table)), *[(0, 0)] * (table.ndim - 1)])
    weight, bias = (np.stack([fill(layers[piece][part]) for piece in pieces]) for part in range(2))
    widths = np.array([len(layers[piece][1]) for piece in pieces])
    others = np.array([puzzle.width_of(int(piece)) for piece in puzzle.out_ids])
    all_firsts = puzzle.replace(w_in=weight[own], b_in=bias[own], gates=Gates(weight[gate], bias[gate]))
    scores = _balance(weight, bias, puzzle.w_out)
    likelihood = np.exp(scores[gate] + scores[own])
    possible = (widths[gate] == widths[own])[:, None] & (widths[own][:, None] == others)
    return _Triples(pieces, np.stack([gate, own], axis=1), all_firsts, np.where(possible, likelihood, 0.0))


def _balance(weight: Table, bias: Table, second: Table) -> Table:
    """Return how the squared weights of hidden units agree in pieces and second halves, `[2·N, N]`, in deviations.

    Gradient flow conserves their difference in first halves (`pairing.scores.norm_balance`), and nearly in gates.
    """
    sides = []
    for table in ((weight**2).sum(axis=2) + bias**2, (second**2).sum(axis=1)):
        away = table - table.mean(axis=1, keepdims=True)
        size = np.linalg.norm(away, axis=1, keepdims=True)
        sides.append(np.divide(away, size, out=np.zeros_like(away), where=size > 0))
    scores = sides[0] @ sides[1].T
    return (scores - scores.mean()) / (scores.std() or 1.0)


def _rounded(
    puzzle: Puzzle, triples: _Triples, some: Candidates, weights: Table
) -> tuple[GatedAnswer, NDArray[np.float64], Table]:
    """Return the answer that a mixture has nearly become, where it has second halves, and the shares of all triples.

    Shares are those that triples have, and those that their pieces have, in whatever triples: `[V, N]`.
    """
    blocks, total = len(weights), weights.sum(axis=0)
    mean = np.bincount(some.outs, np.arange(blocks) @ weights, blocks)
    mean /= np.maximum(np.bincount(some.outs, total, blocks), np.finfo(np.float64).tiny)
    order = np.argsort(mean, kind="stable")
    place = np.argsort(order).astype(np.float64)
    slots = np.zeros((2, blocks, 2 * blocks))
    for slot, part in zip(slots, triples.parts[some.ins].T, strict=True):
        np.add.at(slot, (some.outs, part), total)
    of_slots = assign(slots.reshape(2 * blocks, 2 * blocks))
    gates, own = (np.array(triples.pieces)[side] for side in np.split(of_slots, 2))
    told = with_gates(puzzle, dict(zip(own.tolist(), gates.tolist(), strict=True)))
    rows = np.searchsorted(told.in_ids, own)
    assembly = Assembly(rows[order].astype(np.int32), order.astype(np.int32))
    loss = float(np.nan_to_num(mean_squared_error(told, assembly, np.float32), nan=np.inf))
    shares = np.zeros(triples.likelihood.shape)
    shares[some.ins, some.outs] = total
    by_piece = slots[0][:, triples.parts[:, 0]] * slots[1][:, triples.parts[:, 1]]
    unseen = 1e-4 * triples.likelihood / triples.likelihood.max()
    return GatedAnswer(told, assembly, loss), place, shares + by_piece.T + unseen
