"""Host: mixtures of blocks that crystallise into an order, by Gauss-Newton steps of their weights."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve import engine
from jaxsolve.pairing import assign
from jaxsolve.puzzle import Assembly
from jaxsolve.run import Run
from jaxsolve.search.soft_permutation import Candidates

Weights = NDArray[np.float64]


class _Mixture(NamedTuple):
    """A mixture, and what came of it."""

    weights: Weights
    """`[N, M]`"""
    scale: float
    """What multiplies all of them."""
    rows: "engine.Rows"
    placed: "engine.Mixture"
    pairs: tuple[NDArray[np.intp], NDArray[np.intp]]
    """Where `weights` are those of the mixture, and"""
    places: NDArray[np.intp]
    """where it has them."""
    errors: NDArray[np.float32]
    """`[R]`, those of several outputs side by side"""
    states: Any
    """On the devices, and"""
    last: Any
    """those behind all positions."""
    loss: float


class Crystal(NamedTuple):
    """What has become of a mixture."""

    weights: Weights
    """`[N, M]`"""
    error: float
    """Mean squared error on rows that it has not seen."""
    room: int
    """Pairs that there is room for."""
    scale: float = 1.0
    """What blocks are multiplied by, besides what their form says."""


@dataclass(frozen=True)
class GaussNewton:
    """Options of the steps that weights follow."""

    rows: int = 384
    """Rows of a step, drawn anew for each; on those of the next it is decided whether it lowers the error.

    Of K outputs, a K-th of them do, which are as many equations. Fewer than there are weights, they leave much free.
    """
    steps: int = 18
    """Gauss-Newton steps of a round."""
    least_weight: float = 1e-5
    """Weight below which a position does not run a pair any more, in the first and every second cycle.

    The more is run, the farther blocks get from where they were thought to be, and the more mixtures of wrong ones fit.
    """
    least_weight_between: float = 1e-9
    """The same in the cycles between."""
    damping: float = 2e-4
    """Damping of the first step, in units of the error, or of the variance of the predictions where that is lower.

    Yamashita & Fukushima 2001, https://doi.org/10.1007/978-3-7091-6217-0_18.
    """
    least_damping: float = 1e-9
    """Least damping, in units of the variance of the predictions."""
    free: float = 0.3
    """How many times less a change of what multiplies all blocks costs than one of a weight of 1, where it is free."""
    sharpening: float = 1.05
    """Power to which weights are raised in each step: of mixtures that fit, those closest to an order are looked for.

    Graduated assignment does so by its temperature (Gold & Rangarajan 1996, https://doi.org/10.1109/34.491619).
    """

    def crystallised(
        self,
        run: Run,
        whole: "engine.Problem",
        some: Candidates,
        weights: Weights,
        rng: np.random.Generator,
        *,
        least: float,
        room: int,
        unit: float,
        scale: float | None = None,
        rows: int | None = None,
    ) -> Crystal:
        """Let weights follow the steps of a round.

        Parameters
        ----------
        run, whole
            What counts, and the problem on as many rows as are drawn from.
        some, weights
            Pairs, and how much of each the positions run at first, `[N, M]`.
        rng
            Draws rows.
        least
            Weight below which a pair is not run any more.
        room
            Pairs that there is room for already.
        unit
            The variance of the predictions, or 1.
        scale
            What blocks are multiplied by at first, besides what their form says, which is then free; None: by nothing.
        rows
            Rows of a step; None: those of the options.
        """
        room = max(room, engine.room_for((weights >= least).sum(axis=1)))

        def work(memory: float) -> Crystal:
            fit = self._rows_that_fit(whole, room, memory, rows or self.rows)
            count = lambda passes, pairs: run.spend(-(-passes * pairs * fit // (len(weights) * self.rows)))
            return self._steps(_Mixing(whole, some, fit, room, least, count), weights, rng, unit, scale)

        return run.within_memory(whole, work)

    def _steps(
        self, mixing: "_Mixing", weights: Weights, rng: np.random.Generator, unit: float, scale: float | None
    ) -> Crystal:
        drawn, free = mixing.drawn(rng), 0.0 if scale is None else self.free
        best, lowest = mixing.mixture(weights, next(drawn), scale or 1.0), self.least_damping * unit
        damping = max(self.damping * min(best.loss, unit), lowest)
        for _ in range(self.steps):
            known, unseen = best, next(drawn)
            step = mixing.linearised(known)
            best = mixing.mixture(known.weights**self.sharpening, unseen, known.scale)
            for _ in range(6):  # dampings up to a thousand times as high
                # a step leaves a tenth of each weight at least: none is lost in one
                change, grown = step(damping, free)
                moved = np.maximum(known.weights + change, 0.1 * known.weights)
                scaled = known.scale * float(np.exp(np.clip(grown, -1.0, 1.0)))
                after = mixing.mixture(moved**self.sharpening, unseen, scaled)
                if after.loss < best.loss:
                    break
                damping *= 4.0
            else:
                break
            best, damping = after, max(damping / 2.0, lowest)
        return Crystal(best.weights, best.loss, mixing.room, best.scale)

    def _rows_that_fit(self, whole: "engine.Problem", room: int, memory: float, rows: int) -> int:
        """Return on how many rows, of so many at most, mixtures of all pairs that there is room for fit into memory."""
        halves, features, hidden = whole.pieces.w_in.shape
        blocks = whole.blocks
        copies = 2 + len(whole.over.local_devices)  # of the Jacobian: each device needs all of it
        # states of three mixtures at a time, and a line of the Jacobian for each output
        row = 3 * blocks * features + whole.outputs * (copies * room + (blocks + halves) * hidden)
        wanted = min(-(-rows // whole.outputs), whole.rows)
        rest = copies * ((wanted * whole.outputs + 4 * blocks) ** 2 + halves * blocks**2)
        return int(np.clip((memory / 4 - rest) // row, 1, wanted))


@dataclass
class _Mixing:
    """How weights become mixtures on the devices."""

    whole: "engine.Problem"
    some: Candidates
    rows: int
    """Rows of a step."""
    room: int
    least: float
    count: Callable[[int, int], None]
    """Counts passes over so many pairs."""

    def drawn(self, rng: np.random.Generator) -> "Iterator[engine.Rows]":
        """Yield rows of a step, all of them once before any comes again as far as they go."""
        while True:
            rows = rng.permutation(self.whole.rows)
            for first in range(0, len(rows) - self.rows + 1, self.rows):
                yield engine.tiled(self.whole, rows[first : first + self.rows])

    def mixture(self, weights: Weights, rows: "engine.Rows", scale: float) -> _Mixture:
        """Return the mixture of weights, balanced and without what hardly counts, and its errors on rows."""
        weights = self.some.balanced(np.where(weights >= self.least, weights, 0.0))
        where, which = np.nonzero(weights)
        self.count(1, len(where))
        halves = self.some.ins[which], self.some.outs[which]
        shares = scale * weights[where, which]
        placed, places = engine.mixture(self.whole, where, *halves, shares, self.room, self.some.parts)
        errors, states, last = engine.mixed(self.whole, rows, placed)
        errors = np.asarray(errors).ravel()[: self.rows * self.whole.outputs]
        loss = float(np.mean(np.asarray(errors, np.float64) ** 2))
        return _Mixture(weights, scale, rows, placed, (where, which), places, errors, states, last, loss)

    def linearised(self, known: _Mixture) -> Callable[[float, float], tuple[Weights, float]]:
        """Return the Gauss-Newton change of the weights, `[N, M]`, and of the logarithm of their scale.

        It is a function of the damping, and of how free the scale is.
        """
        self.count(2, len(known.places))
        jacobian = engine.jacobian(self.whole, known.rows, known.placed, known.states, known.last)
        plain = replace(self.whole, activation="relu")  # no matter which: one program for all forms
        equations = engine.normal_equations(plain, known.placed, jacobian, count=len(known.errors))

        def step(damping: float, free: float) -> tuple[Weights, float]:
            given = known.placed, jacobian, equations, known.errors, np.float32(damping), np.float32(free)
            shares, grown = map(np.asarray, engine.gauss_newton_step(plain, *given))
            change, table = shares[known.places] / known.scale, np.zeros_like(known.weights)
            table[known.pairs] = np.where(np.isfinite(change), change, 0.0)  # what overflows says nothing
            return table, float(np.nan_to_num(grown, posinf=0.0, neginf=0.0))

        return step


def rounded(some: Candidates, weights: Weights, place: NDArray[np.float64]) -> tuple[Assembly, Weights]:
    """Return the pairs with the largest weights in the order of their mean positions, and the weights of all pairs.

    `place` are the positions, `[N]`, of first halves whose pair has no weight.
    """
    total = weights.sum(axis=0)
    of_pairs, mean = np.zeros((len(place), len(place))), np.tile(place[:, None], len(place))
    of_pairs[some.ins, some.outs] = total
    seen = total > 0
    mean[some.ins[seen], some.outs[seen]] = (np.arange(len(weights)) @ weights)[seen] / total[seen]
    partner = assign(of_pairs)
    order = np.argsort(mean[np.arange(len(place)), partner], kind="stable")
    return Assembly(order.astype(np.int32), partner[order].astype(np.int32)), of_pairs
