"""Host: relaxation: positions run mixtures of blocks, which crystallise into an order.

Near the right order the error of a single order says little: one block displaced by a few positions costs as much as
ten. A mixture's error is smooth. So every block is spread over the positions around where it is thought to be, the
weights follow Gauss-Newton steps until they have nearly become an order again (`engine.relaxation`), and the mean
positions, closer to the right ones than those before, are where the next round spreads it from, less widely. Which
pairs there are is relaxed as well: every half has several candidates for a partner, which share its positions.

Like mean-field annealing (Peterson & Soderberg 1989, https://doi.org/10.1142/S0129065789000414), but with the width of
what is averaged over for a temperature, and with steps of the second order: with those of the first, or with one
position a block for all that is free, this does not get near the answer.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve.puzzle import Assembly
from jaxsolve.search.crystallisation import GaussNewton, Weights, rounded
from jaxsolve.search.incumbents import Guide, Incumbents, NearIncumbents
from jaxsolve.search.method import Amount, Count, Info, Population, Setting, check_options, unjudged
from jaxsolve.search.soft_permutation import Candidates, candidates


class RelaxationState(NamedTuple):
    """Where cycles of rounds stand that spread blocks less and less."""

    incumbents: Incumbents
    ins: NDArray[np.int32]
    """`[1, N]` the assembly that the next round spreads"""
    outs: NDArray[np.int32]
    """`[1, N]`"""
    last_ins: NDArray[np.int32]
    """`[1, N]` where the last round has ended"""
    last_outs: NDArray[np.int32]
    """`[1, N]`"""
    last_losses: NDArray[np.float64]
    """`[1]` its loss"""
    pair_weights: NDArray[np.float64]
    """`[N, N]` what pairs had in all positions in the round before; without axes of a length at first in a cycle"""
    cycle: Count
    """`[]` cycles begun"""
    round: Count
    """`[]` rounds done"""
    width: Amount
    """`[]` standard deviation of the spread in the next round, in positions"""
    left: Count
    """`[]` rounds with the least width that the cycle has left; 0: it is over"""
    idle: Count
    """`[]` rounds whose error did not fall, since one whose error did"""
    lowest: Amount
    """`[]` lowest error of a mixture in this cycle"""
    relaxed_loss: Amount
    """`[]` lowest error of a mixture in all cycles, on rows that it has not seen"""
    begun: Amount
    """`[]` loss that a retreating cycle began with; infinite: it does not retreat"""
    room: Count
    """`[]` pairs that there is room for: programs are compiled for each, so that it only grows"""
    improving: Count
    """`[]` whether the last error was lower than those before it in its cycle; -1: there were none"""
    ripe: Count
    """`[]` whether what the last round has found is worth a local search"""


@dataclass(frozen=True)
class Relaxation(NearIncumbents, GaussNewton):
    """Cycles of rounds that spread blocks over positions, less and less, and let them crystallise."""

    cycles: int | None = 4
    """Cycles; None: as many as there is time for."""
    known_pairs: bool = False
    """Whether the pairs of the start are taken for known."""
    from_line: bool = False
    """Whether the start is an order from seriation, which is nearer the right one than others."""
    width: float = 0.1
    """Spread of blocks at the start of a cycle: the standard deviation of a Gaussian, as a fraction of N."""
    line_width: float = 0.05
    """The same in a first cycle that begins with an order from seriation."""
    doubt_width: float = 0.15
    """Spread added for all pairs in doubt, as a fraction of N: where a block belongs is read off its pair."""
    widest: float = 20.0
    """Largest spread, in positions: the time of a round grows with it."""
    narrowest: float = 2.0
    """Least spread, in positions."""
    narrowing: float = 0.9
    """Factor by which each round of the first cycle spreads blocks less."""
    slowing: float = 0.7
    """Factor of the logarithm of that from every second cycle to the next."""
    retreat: float = 0.6
    """Factor of the spread where no rows are left to judge steps on, until an order is better than its start.

    Spread widely, blocks fit a few rows by chance. With many, orders with higher errors are often the better ones.
    """
    last_rounds: int = 3
    """Rounds of a cycle with the least spread."""
    patience: int = 4
    """Rounds without a lower error after which a cycle ends."""
    improvement: float = 0.85
    """Share of the lowest error so far below which the error of a mixture counts as lower."""
    near: float = 1e-3
    """Share of the variance up to which a loss is that of nearly the right order, which is spread least."""
    ripe_loss: float = 0.5
    """Share of the lowest loss so far below which a round's assembly may be ripe for a local search."""
    ripe_relaxed: float = 2.0
    """Multiple of the mixture's error below which it may be: it has nearly become an order."""
    ripe_variance: float = 0.05
    """Share of the variance of the predictions below which it may be."""
    shares_per_row: int = 4
    """Shares for each row of a step at most, about, where pairs are known: twice, or four times, … the rows are taken.

    Of deep nets, blocks spread over many positions fit fewer rows by chance, and get farther from where they belong.
    """
    most_rows: int = 3072
    """Rows of a step at most for that, and a third of those that are drawn from."""
    known_cycles: int = 2
    """Cycles that keep known pairs: even those may be wrong."""
    candidates: int = 2
    """Least pairs that share positions, in units of N, in the first cycle; one more in each other."""
    most_candidates: int = 8
    """Most of them, unless the least is more."""
    coverage: float = 0.98
    """Share of the right pairs that are expected among the candidates."""
    unseen: float = 0.01
    """Likelihood of pairs that nothing speaks for."""

    def __post_init__(self) -> None:
        """Refuse what is no schedule; `UsageError` names the option."""
        counts = "cycles", "rows", "steps", "last_rounds", "patience", "decided_on", "kept", "shares_per_row"
        check_options(self, positive=counts)

    @property
    def state_type(self) -> type[RelaxationState]:
        """Cycles of rounds."""
        return RelaxationState

    def init(self, setting: Setting) -> RelaxationState:
        """Return the state before the first cycle, which begins with the first of the starts."""
        incumbents, start = self.begin(setting)
        ins, outs = (half[None] for half in start)
        none, infinite, zero = np.zeros((0, 0)), np.float64(np.inf), np.int64(0)
        return RelaxationState(
            incumbents, ins, outs, ins, outs, np.full(1, np.inf), none, cycle=zero, round=zero, width=np.float64(0),
            left=zero, idle=zero, lowest=infinite, relaxed_loss=infinite, begun=infinite, room=zero,
            improving=np.int64(-1), ripe=zero,
        )  # fmt: skip

    def place(self, setting: Setting, state: RelaxationState) -> Guide:
        """Return what holds the incumbents."""
        return self.guide(setting, state.incumbents)

    def finished(self, state: RelaxationState) -> bool:
        """Return whether the last cycle is over, or there is nothing to order."""
        over = self.cycles is not None and int(state.cycle) >= self.cycles and not int(state.left)
        return over or state.ins.shape[1] < 2

    def found(self, state: RelaxationState) -> Population:
        """Return the incumbents."""
        return state.incumbents.population

    def info(self, state: RelaxationState) -> Info:
        """Return what the last round has found."""
        improving = None if state.improving < 0 else bool(state.improving)
        last = Population(state.last_ins, state.last_outs, state.last_losses)
        return Info(last, float(state.relaxed_loss), improving, bool(state.ripe), not int(state.left))

    def step(self, setting: Setting, state: RelaxationState, work: Guide) -> tuple[RelaxationState, Guide]:
        """Return the state after one round, the first of a cycle where the one before is over."""
        state = state if int(state.left) else self._cycle(setting, state, work)
        before, variance = state.incumbents.loss, _variance(setting)
        start, width = Assembly(state.ins[0], state.outs[0]), float(state.width)
        last, error, pair_weights, room = self._round(setting, state, work)
        incumbents, found = work.joined(state.incumbents, unjudged([last]))
        loss = float(found.losses[0])
        setting.run.found(last, loss)
        improving = error < self.improvement * state.lowest if np.isfinite(state.lowest) else None
        idle = 0 if improving in (None, True) else int(state.idle) + 1
        left = 0 if idle == self.patience else int(state.left) - (width <= self.narrowest)
        retreating = bool(np.isfinite(state.begun) and loss >= state.begun and width > self.narrowest)
        narrowing = self.retreat if retreating else self.narrowing ** (self.slowing ** ((int(state.cycle) - 1) // 2))
        width = self.narrowest if loss <= self.near * variance else max(width * narrowing, self.narrowest)
        ripe = loss < min(self.ripe_loss * before, self.ripe_relaxed * error, self.ripe_variance * variance)
        ins, outs = (half[None] for half in (start if retreating else last))
        last_ins, last_outs = (half[None] for half in last)
        state = state._replace(
            incumbents=incumbents, ins=ins, outs=outs, last_ins=last_ins, last_outs=last_outs,
            last_losses=np.array([loss]), pair_weights=pair_weights, round=state.round + 1, width=np.float64(width),
            left=np.int64(left), idle=np.int64(idle), lowest=np.float64(min(state.lowest, error)),
            relaxed_loss=np.float64(min(state.relaxed_loss, error)), room=np.int64(room),
            begun=state.begun if retreating else np.float64(np.inf),
            improving=np.int64(-1 if improving is None else improving), ripe=np.int64(ripe or not left),
        )  # fmt: skip
        return state, work

    def _cycle(self, setting: Setting, state: RelaxationState, guide: Guide) -> RelaxationState:
        """Return the state at the beginning of a cycle.

        The first begins with the start. Others begin where the one before has ended or, every second one, with the
        best assembly there is: low errors are no sign of right pairs where a search has bent to them. Only from one
        that is nearly right the first begins as well, and every second spreads blocks the least.
        """
        cycle, blocks, variance = int(state.cycle), setting.blocks, _variance(setting)
        near = state.incumbents.loss <= self.near * variance
        best = cycle % 2 == 0 and (cycle or near)
        assembly = state.incumbents.best if best else Assembly(state.last_ins[0], state.last_outs[0])
        doubt = 0.0
        if self._candidates(setting, cycle) > 1:
            doubt = 1 - guide.pairs(assembly).max(axis=1).mean()
        first = self.line_width if self.from_line and cycle == 0 else self.width
        widest = self.narrowest if near and cycle % 2 == 0 else (first + self.doubt_width * doubt) * blocks
        begun = np.inf
        if cycle == 0 and guide.whole.rows < 2 * self.rows:
            begun = guide.judged(unjudged([assembly])).losses[0]
        ins, outs = (half[None] for half in assembly)
        return state._replace(
            ins=ins, outs=outs, pair_weights=np.zeros((0, 0)), cycle=state.cycle + 1, idle=np.int64(0),
            width=np.float64(np.clip(widest, self.narrowest, self.widest)), left=np.int64(self.last_rounds),
            lowest=np.float64(np.inf), begun=np.float64(begun),
        )  # fmt: skip

    def _candidates(self, setting: Setting, cycle: int) -> int:
        """Return the least candidates of a cycle, in units of N; 1: the pairs as they are."""
        free = cycle - self.known_cycles if self.known_pairs else cycle
        return 1 if free < 0 or setting.partner is not None else self.candidates + free

    def _round(self, setting: Setting, state: RelaxationState, guide: Guide) -> tuple[Assembly, float, Weights, int]:
        """Spread the blocks of an assembly, and let them crystallise.

        Returns
        -------
        What they have become, the error of the last mixture, the weights of all pairs, and the room for pairs.
        """
        assembly, blocks = Assembly(state.ins[0], state.outs[0]), setting.blocks
        least = self._candidates(setting, int(state.cycle) - 1)
        if least == 1:
            some = Candidates(np.arange(blocks), assembly.partner.astype(np.intp), np.ones(blocks))
        else:
            likelihood = guide.pairs(assembly) + self.unseen
            if state.pair_weights.size:
                likelihood = np.sqrt(likelihood * (state.pair_weights + self.unseen))
            most = max(self.most_candidates, least) * blocks
            bounds = {"coverage": self.coverage, "unseen": self.unseen}
            some = candidates(likelihood, assembly.partner, least * blocks, most, **bounds)
        place = np.empty(blocks)
        place[assembly.ins] = np.arange(blocks)
        away = (np.arange(blocks)[:, None] - place[some.ins]) / float(state.width)
        weights = some.balanced(np.exp(-0.5 * away**2) * some.likelihood)
        lowest = (self.least_weight, self.least_weight_between)[(int(state.cycle) - 1) % 2]
        shares = int((weights >= lowest).sum())
        crystal = self.crystallised(
            setting.run,
            guide.whole,
            some,
            weights,
            setting.rng(int(state.round)),
            least=lowest,
            room=int(state.room),
            unit=_variance(setting) or 1.0,
            rows=self._rows_for(shares, guide) if least == 1 else None,
        )
        last, pair_weights = rounded(some, crystal.weights, place)
        return last, crystal.error, pair_weights, crystal.room

    def _rows_for(self, shares: int, guide: Guide) -> int:
        """Return the rows of a step for so many shares: round numbers, for programs are compiled for each."""
        times = max(1, shares // (self.shares_per_row * self.rows))
        return max(self.rows, min(self.rows << (times.bit_length() - 1), self.most_rows, guide.whole.rows // 3))


def _variance(setting: Setting) -> float:
    assert setting.puzzle is not None
    return setting.puzzle.variance
