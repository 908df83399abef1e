"""Host: rounds of relaxation: positions run mixtures of blocks, which crystallise into an order.

Near the right order the error of a single order says little: one block displaced by a few positions costs as much as
ten. A mixture's error is smooth. So every block is spread over the positions around where it is thought to be, the
shares follow Gauss-Newton steps until they have nearly become an order again (`engine.relaxation`), and the mean
positions, closer to the right ones than those before, are where the next round spreads it from, less widely. Which
pairs there are is relaxed as well: every half has several candidates for a partner, which share its positions.

Like mean-field annealing (Peterson & Soderberg 1989, https://doi.org/10.1142/S0129065789000414), but with the width of
what is averaged over for a temperature, and with steps of the second order: with those of the first, or with one
position a block for all that is free, this does not get near the answer.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve import engine
from jaxsolve.guided.candidates import UNSEEN, Candidates, candidates
from jaxsolve.guided.guide import Guide
from jaxsolve.pairing import assign
from jaxsolve.puzzle import Assembly
from jaxsolve.search import Population, unjudged

ROWS = 384
"""Rows that a step is taken by, drawn anew for each, for they are fewer than the shares and leave much free; whether it
lowers the error is decided on those of the next."""
FALLING = 0.85
"""Share of the lowest error so far below which that of a mixture falls."""
STEPS = 18
"""Gauss-Newton steps of a round."""
WIDEST, DOUBTFUL, MOST = 0.1, 0.15, 20.0
"""How widely blocks are spread at first: the standard deviation of a Gaussian, in units of the number of blocks; what
is added to that for the share of pairs in doubt, for where a block belongs is read off its pair; and in positions at
most, for the time that a round takes grows with it."""
LINED = 0.05
"""The first of these in a first cycle that begins with a line (`ordering.seriation`)."""
NARROWEST = 2.0
"""And at last, in positions."""
NARROWER = 0.9
"""By which each round of the first cycle spreads them less than the one before."""
RETREAT = 0.6
"""And by which, until an order is better than the one that it came from, where no rows are left to judge steps on:
spread widely, blocks fit a few rows by chance. With many, orders with higher errors are often the better ones."""
SLOWER = 0.7
"""By which the logarithm of that is multiplied for every other cycle."""
NEAR = 1e-3
"""Share of the variance of the predictions up to which a loss is that of nearly the right order, which is spread
least."""
LAST = 3
"""Rounds of a cycle that spread them least."""
IDLE = 4
"""Rounds whose error does not fall after which a cycle ends before."""
LEAST_SHARES = 1e-5, 1e-9
"""Below which a position does not run a pair any more in a round, by turns of cycles. The more is run, the further away
from where they were thought to be blocks can get, and the more mixtures of wrong ones fit."""
DAMPING = 2e-4
"""Of the first step, in units of the error, or of the variance of the predictions where that is lower (Yamashita &
Fukushima 2001, https://doi.org/10.1007/978-3-7091-6217-0_18)."""
LEAST_DAMPING = 1e-9
"""Of any step, in units of the variance of the predictions."""
LESS, MORE = 2.0, 4.0
"""By which damping falls after a step that lowers the error, and rises after one that does not."""
TRIES = 6
"""Dampings that are tried before a round ends."""
SHRINKS = 0.1
"""What a step leaves of a share at least."""
SHARPER = 1.05
"""Power to which shares are raised in every step: of all mixtures that fit, those closest to an order are looked for
(graduated assignment does so by its temperature: Gold & Rangarajan 1996, https://doi.org/10.1109/34.491619)."""
PROMISING, NEARLY, CLOSE = 0.5, 2.0, 0.05
"""Shares of the lowest loss so far, of its mixture's error, and of the variance of the predictions, below which what a
round has found is searched from at once: mixtures that cost little to round have nearly become an order."""
HELD = 2
"""Cycles in which pairs that are taken for known are held: even those may be wrong."""
CANDIDATES, MOST_CANDIDATES = 2, 8
"""Pairs that share positions, in units of the number of blocks: at least, in the first cycle, one more in each other;
and at most, unless that is more."""


class Found(NamedTuple):
    """What a round has found."""

    population: Population
    error: float = np.inf
    """Lowest error of a mixture so far, on rows that it has not seen: what may come of the rounds."""
    falls: bool | None = None
    """Whether that of the last one was lower than those before it in its cycle; None where there are none."""
    arrived: bool = True
    """Whether a search from there is worth its time: rounds of relaxation are cheaper on the way."""


class Tried(NamedTuple):
    """A mixture, and what came of it."""

    shares: NDArray[np.float64]
    """`[T, M]`"""
    rows: "engine.Rows"
    mixture: "engine.Mixture"
    pairs: tuple[NDArray[np.intp], NDArray[np.intp]]
    """Where `shares` are those of the mixture, and"""
    places: NDArray[np.intp]
    """where it has them."""
    errors: NDArray[np.float32]
    """`[R]`"""
    states: Any
    """On the devices."""
    loss: float


class RelaxationRounds:
    """Cycles of rounds that spread blocks less and less.

    Parameters
    ----------
    guide
        The best assemblies, which all rounds add to.
    start
        Where the first cycle begins. The others begin where the one before has ended, or, every other, with the best
        assembly there is: low errors are not a sign of right pairs where a search has bent to them. Only from one that
        is nearly right the first begins as well, and every other spreads blocks the least.
    seed
        Start of all randomness.
    held
        Whether the pairs are taken for known, so that only the order is searched at first.
    lined
        Whether the first cycle begins with a line, which is nearer the right order than others.
    """

    def __init__(self, guide: Guide, start: Assembly, seed: int, *, held: bool, lined: bool = False) -> None:
        self.guide, self.held, self.lined = guide, held, lined
        self._variance = float(guide.puzzle.y.var())
        self._rng = np.random.default_rng(seed)
        self._cycles = 0
        self._last, self._error, self._lowest = start, np.inf, np.inf
        self._least = 1
        """Candidates, in units of the number of blocks; 1: the pairs as they are."""
        self._before: NDArray[np.float64] | None = None
        """Shares of all pairs in the round before of the same cycle."""
        self._share = LEAST_SHARES[0]
        """What a position runs of a pair at least."""
        self._room = 0
        """Pairs that there is room for: programs are compiled for each, so that it only grows."""

    def cycle(self) -> Iterator[Found]:
        """Yield what the rounds of one cycle find, one assembly each."""
        blocks = self.guide.puzzle.blocks
        near = self.guide.loss <= NEAR * self._variance
        assembly = self.guide.elites.best if self._cycles % 2 == 0 and (self._cycles or near) else self._last
        self._before = None
        free = self._cycles - HELD if self.held else self._cycles
        self._least = 1 if free < 0 else CANDIDATES + free
        doubt = 0.0 if free < 0 else 1 - self.guide.pairs(assembly).max(axis=1).mean()
        first = LINED if self.lined and self._cycles == 0 else WIDEST
        widest = NARROWEST if near and self._cycles % 2 == 0 else (first + DOUBTFUL * doubt) * blocks
        width = float(np.clip(widest, NARROWEST, MOST))
        narrower = NARROWER ** (SLOWER ** (self._cycles // 2))
        self._share = LEAST_SHARES[self._cycles % 2]
        self._cycles += 1
        idle, left, lowest, retreating = 0, LAST, np.inf, self._cycles == 1 and self.guide.whole.rows < 2 * ROWS
        begun = self.guide.judged(unjudged([assembly])).losses[0] if retreating else np.inf
        while left:
            loss = self.guide.loss
            self._last = self.round(assembly, width)
            found = self.guide.take(unjudged([self._last]))
            self.guide.run.found(self._last, float(found.losses[0]))
            falls = self._error < FALLING * lowest if np.isfinite(lowest) else None
            lowest, self._lowest = min(lowest, self._error), min(self._lowest, self._error)
            idle = 0 if falls in (None, True) else idle + 1
            left = 0 if idle == IDLE else left - (width <= NARROWEST)
            retreating &= bool(found.losses[0] >= begun and width > NARROWEST)
            assembly = assembly if retreating else self._last
            close = found.losses[0] <= NEAR * self._variance
            width = NARROWEST if close else max(width * (RETREAT if retreating else narrower), NARROWEST)
            promising = found.losses[0] < min(PROMISING * loss, NEARLY * self._error, CLOSE * self._variance)
            yield Found(found, self._lowest, falls, bool(promising or not left))

    def round(self, assembly: Assembly, width: float) -> Assembly:
        """Spread the blocks of an assembly so widely, let them crystallise, and return what they have become."""
        blocks, partner = len(assembly.ins), assembly.partner
        if self._least == 1:
            some = Candidates(np.arange(blocks), partner.astype(np.intp), np.ones(blocks))
        else:
            likely = self.guide.pairs(assembly) + UNSEEN
            if self._before is not None:
                likely = np.sqrt(likely * (self._before + UNSEEN))
            some = candidates(likely, partner, self._least * blocks, max(MOST_CANDIDATES, self._least) * blocks)
        place = np.empty(blocks)
        place[assembly.ins] = np.arange(blocks)
        away = (np.arange(blocks)[:, None] - place[some.ins]) / width
        shares = some.balanced(np.exp(-0.5 * away**2) * some.likely)
        guide = self.guide
        shares = guide.run.within_memory(guide.whole, lambda memory: self._crystallised(some, shares, memory))
        return self._read(some, shares, place)

    def _crystallised(self, some: Candidates, shares: NDArray[np.float64], memory: float) -> NDArray[np.float64]:
        """Return shares, `[T, M]`, after the Gauss-Newton steps of a round.

        Parameters
        ----------
        some, shares
            The candidates, and how much of each the positions run.
        memory
            Bytes that this may take.
        """
        guide, unit = self.guide, self._variance or 1.0
        self._room = max(self._room, engine.room_for((shares >= self._share).sum(axis=1)))
        taken = self._rows(memory)
        drawn = self._drawn(taken)

        def spend(passes: int, pairs: int) -> None:
            guide.run.spend(-(-passes * pairs * taken // (len(shares) * ROWS)))

        def tried(shares: NDArray[np.float64], rows: "engine.Rows") -> Tried:
            shares = some.balanced(np.where(shares >= self._share, shares, 0.0))
            where, which = np.nonzero(shares)
            spend(1, len(where))
            mixture, places = engine.mixture(
                guide.whole, where, some.ins[which], some.outs[which], shares[where, which], self._room
            )
            errors, states = engine.mixed(guide.whole, rows, mixture)
            errors = np.asarray(errors).ravel()[:taken]
            return Tried(shares, rows, mixture, (where, which), places, errors, states, _mean_square(errors))

        best = tried(shares, next(drawn))
        damping = max(DAMPING * min(best.loss, unit), LEAST_DAMPING * unit)
        for _ in range(STEPS):
            known, unseen = best, next(drawn)
            spend(2, len(known.places))
            slopes = engine.influences(guide.whole, known.rows, known.mixture, known.states)
            said = engine.equations(guide.whole, known.mixture, slopes, count=taken)
            best = tried(known.shares**SHARPER, unseen)
            for _ in range(TRIES):
                change = engine.share_changes(
                    guide.whole, known.mixture, slopes, said, known.errors, np.float32(damping)
                )
                moved, change = known.shares.copy(), np.asarray(change)[known.places]
                moved[known.pairs] += np.where(np.isfinite(change), change, 0.0)  # what overflows says nothing
                after = tried(np.maximum(moved, SHRINKS * known.shares) ** SHARPER, unseen)
                if after.loss < best.loss:
                    break
                damping *= MORE
            else:
                break
            best, damping = after, max(damping / LESS, LEAST_DAMPING * unit)
        self._error = best.loss
        return best.shares

    def _drawn(self, count: int) -> Iterator["engine.Rows"]:
        """Yield so many rows at a time, all of them once before any comes again as far as they go."""
        while True:
            rows = self._rng.permutation(self.guide.whole.rows)
            for first in range(0, len(rows) - count + 1, count):
                yield engine.tiled(self.guide.whole, rows[first : first + count])

    def _rows(self, memory: float) -> int:
        """Return on how many rows mixtures of all pairs that there is room for fit into memory, at least on one."""
        blocks, features, hidden = self.guide.whole.pieces.w_in.shape
        copies = 2 + len(self.guide.whole.over.local_devices)  # of influences: each device needs all of them
        row = 3 * blocks * features + copies * self._room + 2 * blocks * hidden  # states of three mixtures at a time
        wanted = min(ROWS, self.guide.whole.rows)
        rest = copies * ((wanted + 3 * blocks) ** 2 + blocks**3)
        return int(np.clip((memory / 4 - rest) // row, 1, wanted))

    def _read(self, some: Candidates, shares: NDArray[np.float64], place: NDArray[np.float64]) -> Assembly:
        """Return the pairs with the largest shares in the order of their mean positions; `place` is that of others."""
        total = shares.sum(axis=0)
        of_pairs, mean = np.zeros((len(place), len(place))), np.tile(place[:, None], len(place))
        of_pairs[some.ins, some.outs] = total
        seen = total > 0
        mean[some.ins[seen], some.outs[seen]] = (np.arange(len(shares)) @ shares)[seen] / total[seen]
        partner = assign(of_pairs)
        self._before = of_pairs
        order = np.argsort(mean[np.arange(len(place)), partner], kind="stable")
        return Assembly(order.astype(np.int32), partner[order].astype(np.int32))


def _mean_square(errors: NDArray[np.float32]) -> float:
    return float(np.mean(np.asarray(errors, np.float64) ** 2))
