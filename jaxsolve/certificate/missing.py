"""Host: where in an order a block is missing of which one half is left."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from jaxsolve.architecture import Network
from jaxsolve.certificate.first_order import some_rows
from jaxsolve.certificate.residual import loo_predictions, worst_outputs
from jaxsolve.puzzle import Assembly, Puzzle, predict
from jaxsolve.puzzle.types import Floats

NAMES = {"in": "first half", "out": "second half"}


@dataclass(frozen=True)
class Gap:
    """How much of what a network leaves a block with a given half could explain, by its position."""

    kind: Literal["in", "out"]
    """Which half is there."""
    piece: int
    """Its piece id."""
    gains: Floats
    """`[P]` share of the squared error that the best block with that half before position p, or behind all for the
    last, predicts on rows that it was not fitted to, to first order; 0 or less: none. P = k + 1 for k blocks."""

    @property
    def position(self) -> int:
        """Where it explains most, so many blocks before it."""
        return int(self.gains.argmax())

    @property
    def margin(self) -> float:
        """By how much that is more than at the next best position; infinite if there is but one."""
        return float(self.gains.max() - np.delete(self.gains, self.position).max(initial=-np.inf))

    @property
    def likely(self) -> tuple[int, ...]:
        """Positions that leave at most a tenth more than the best, ascending: first order tells no better."""
        return tuple(np.flatnonzero(1 - self.gains <= 1.1 * (1 - self.gains.max())).tolist())

    @property
    def sentence(self) -> str:
        """What is missing, in words."""
        what = f"position {self.position} cannot be filled: {NAMES[self.kind]} {self.piece} has no partner"
        share = f"a block there would explain {max(0.0, self.gains.max()):.0%} of what is left"
        others = [str(p) for p in self.likely if p != self.position]
        doubt = f"; as likely at position {', '.join(others)}" if others else ""
        return f"{what} ({share}{doubt})"


def find_gap(
    puzzle: Puzzle,
    assembly: Assembly,
    kind: Literal["in", "out"],
    row: int,
    *,
    rows: int = 1500,
    ridges: tuple[float, ...] = (0.1, 0.01),
) -> Gap:
    """Return where a block is missing of which one half is there, judged by what such a block could explain.

    A block at a position adds g·(w_out·act(w_in·h + b_in) + b_out) to a prediction to first order, h the state there
    and g the gradient of the prediction with respect to it. With the first half, that is linear in what is unknown,
    with kernel (g·g')(1 + a·a'), a the hidden units; with the second half it is g·b_out plus (w_outᵀ·g)·(unknown units
    of h), here with units of random weights and infinitely many of them (`_random_units`).

    Parameters
    ----------
    puzzle
        The puzzle; what is missing among its pieces is not looked at.
    assembly
        k complete blocks in their order, `ins` and `outs` of length k.
    kind, row
        The half that is left over: row of `Puzzle.w_in` (``in``) or of `Puzzle.w_out` (``out``).
    rows
        Rows of the regressions, at most.
    ridges
        Noise over signal that the regressions expect; the best counts for each position.
    """
    if puzzle.outputs > 1:
        (worst,) = worst_outputs(predict(puzzle, assembly) - puzzle.y, 1)
        return find_gap(puzzle.output(worst), assembly, kind, row, rows=rows, ridges=ridges)
    network, few = Network(puzzle, puzzle.activation), some_rows(puzzle, rows)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        states = network.states(puzzle.x[few], assembly)
        left = -network.readout_errors(states[-1], puzzle.y[few])
        gains = np.full(len(states), -np.inf)
        (gradient,) = network.output_gradients(states[-1])
        for p in reversed(range(len(states))):
            if p < len(assembly.ins):
                gradient = network.pullback(states[p], gradient, assembly.ins[p], assembly.outs[p])
            if kind == "in":
                units = network.hidden(states[p], row)
                gains[p] = _gain((gradient @ gradient.T) * (1 + units @ units.T), left, left, ridges)
            else:
                pulled = gradient @ network.w_out[row]
                gains[p] = _gain(
                    (pulled @ pulled.T) * _random_units(states[p]), left - gradient @ network.b_out[row], left, ridges
                )
    ids = puzzle.in_ids if kind == "in" else puzzle.out_ids
    return Gap(kind, int(ids[row]), gains)


def _random_units(h: Floats) -> Floats:
    """Return 1 plus the products of infinitely many rectified units of random weights on states `[R, D]`, `[R, R]`.

    The arc-cosine kernel of degree 1: Cho & Saul (2009), Kernel Methods for Deep Learning, NeurIPS 22.
    """
    widened = np.concatenate([h / np.sqrt(np.mean(h**2)), np.ones((len(h), 1))], axis=1)
    norm = np.linalg.norm(widened, axis=1)
    angle = np.arccos(np.clip(widened @ widened.T / (norm * norm[:, None]), -1.0, 1.0))
    return 1 + norm * norm[:, None] * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi


def _gain(kernel: Floats, targets: Floats, left: Floats, ridges: tuple[float, ...]) -> float:
    """Return the share of the squares of `left` that regression on `targets` takes away, on rows left out, `[S]`."""
    scale, size = np.trace(kernel) / len(kernel), np.abs(targets).max()
    if not (0 < scale < np.inf and 0 < size < np.inf):
        return -np.inf
    total = np.mean((left / size) ** 2)
    losses = []
    for ridge in ridges:
        predicted = loo_predictions(kernel / scale, ridge, targets[:, None] / size)[:, 0]
        losses.append(np.mean((targets / size - predicted) ** 2))
    return float(np.nan_to_num(1 - min(losses) / total, nan=-np.inf, neginf=-np.inf))
