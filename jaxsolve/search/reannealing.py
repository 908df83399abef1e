"""Host: re-annealing: rounds of annealing near the best answer so far.

Every round anneals the order of the best assemblies, no hotter than what is left of the error calls for, and beside
the error it pays for blocks that lie far from where their weights belong (`ordering.expected_places`), which is learned
anew from each better answer. A hot chain forgets what the weights know, a cold one does not get out of its basin.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from jaxsolve.puzzle import Assembly
from jaxsolve.search.annealing import Annealing, ChainState
from jaxsolve.search.incumbents import Guide, Incumbents, NearIncumbents
from jaxsolve.search.method import Amount, Count, Info, Population, Setting, Work, check_options
from jaxsolve.search.pipeline import MOST_SEED, Stage, Stepper


class ReannealingState(NamedTuple):
    """Where rounds of annealing stand."""

    incumbents: Incumbents
    round: Count
    """`[]` rounds done"""
    chunks: Amount
    """`[]` moves of each chain in a round, in units of `Reannealing.chunk`"""
    heat: Amount
    """`[]` temperature of a round, as a share of what the loss calls for"""
    chains: ChainState | None
    """Chains of the round that is under way; None: none is."""
    elites: Population | None
    """The best that it has found"""


class _Round(NamedTuple):
    """What the devices hold of a round."""

    guide: Guide
    stepper: Stepper | None


@dataclass(frozen=True)
class Reannealing(NearIncumbents):
    """Rounds of annealing near the best assemblies, mostly short insertions and swaps of whole blocks."""

    rounds: int | None = 8
    """Rounds; None: as many as there is time for."""
    chunk: int = 256
    """Moves of each chain between two looks of the host, at most."""
    chunks: int = 16
    """Moves of each chain in the first round, in units of `chunk`."""
    longer: float = 1.15
    """Factor by which a round that found nothing better makes the next ones longer."""
    better: float = 0.97
    """Share of the best loss so far above which a round has found nothing better."""
    hottest: float = 0.01
    """Highest temperature, in units of the variance of the predictions."""
    warmth: float = 0.08
    """Temperature of a round at its start, in units of the best loss so far."""
    cooler: float = 0.6
    """Factor by which a round that found nothing better makes the next ones colder, until one does.

    What is left are few defects in an order that hotter ones would melt.
    """
    coldest: float = 0.1
    """Share of that temperature below which rounds begin again as warm as at first."""
    cooling: float = 15.0
    """Factor by which the temperature falls in a round."""

    def __post_init__(self) -> None:
        """Refuse what is no schedule; `UsageError` names the option."""
        check_options(self, positive=("rounds", "chunk", "chunks", "cooling", "decided_on", "kept"))

    @property
    def state_type(self) -> type[ReannealingState]:
        """Rounds."""
        return ReannealingState

    def init(self, setting: Setting) -> ReannealingState:
        """Return the state before the first round."""
        incumbents, _ = self.begin(setting)
        return ReannealingState(incumbents, np.int64(0), np.float64(self.chunks), np.float64(1), None, None)

    def place(self, setting: Setting, state: ReannealingState) -> _Round:
        """Return what holds the incumbents, and the chains of a round that is under way."""
        guide = self.guide(setting, state.incumbents)
        return _Round(guide, None if state.chains is None else self._stepper(setting, state, guide))

    def finished(self, state: ReannealingState) -> bool:
        """Return whether the last round is over, or there is nothing to order."""
        over = self.rounds is not None and int(state.round) >= self.rounds
        return over or state.incumbents.ins.shape[1] < 2

    def found(self, state: ReannealingState) -> Population:
        """Return the incumbents, and behind them what the round under way has found."""
        found = state.incumbents.population
        return found if state.elites is None else found.with_more(state.elites)

    def info(self, state: ReannealingState) -> Info:
        """Return the incumbents, after a whole round."""
        whole = state.chains is None
        return Info(state.incumbents.population if whole else None, over=whole)

    def step(self, setting: Setting, state: ReannealingState, work: _Round) -> tuple[ReannealingState, Work]:
        """Return the state after as many moves as are decided without the host."""
        stepper = work.stepper or self._stepper(setting, state, work.guide)
        state = state._replace(chains=stepper.state, elites=stepper.elites)
        if not stepper.over:
            stepper.advance()
            state = state._replace(chains=stepper.state, elites=stepper.elites)
        if stepper.over:
            return self._learned(setting, state, work.guide), _Round(work.guide, None)
        return state, _Round(work.guide, stepper)

    def _stepper(self, setting: Setting, state: ReannealingState, guide: Guide) -> Stepper:
        """Return the round that begins, or goes on, at a state."""
        assert setting.puzzle is not None
        incumbents, k = state.incumbents, int(state.round)
        hot = min(self.hottest * setting.puzzle.variance, self.warmth * incumbents.loss)
        hot = max(float(state.heat) * hot, 1e-12)
        method = Annealing(
            chains=2, steps=self.chunk * round(float(state.chunks)), chunk=self.chunk, hot=hot, cold=hot / self.cooling,
            partner=0.0, swap=0.4, insertion=0.5, reversal=0.1, reach=2.0,
        )  # fmt: skip
        seed = (setting.seed + 2 * k) % MOST_SEED
        # the best assembly and, by turns, one of the others that are kept
        others = incumbents.population
        leaders = others.take(np.unique([0, 1 + k % max(1, others.size - 1)])[: others.size])
        own = Setting(guide.problem, setting.run, seed, leaders, guide.whole, floor=setting.floor)
        own.places = guide.places(incumbents.best)
        return Stepper(Stage("annealing", method), own, state.chains, state.elites)

    def _learned(self, setting: Setting, state: ReannealingState, guide: Guide) -> ReannealingState:
        """Return the state after a round: what the next one is like follows from what this made of the best loss."""
        assert state.elites is not None
        loss = state.incumbents.loss
        incumbents, _ = guide.joined(state.incumbents, state.elites)
        better, heat = incumbents.loss < self.better * loss, float(state.heat)
        heat = heat * self.cooler if not better and heat * self.cooler >= self.coldest else 1.0
        best: Assembly = incumbents.best
        own = Setting(guide.problem, setting.run).losses(best.ins[None], best.outs[None])
        return state._replace(
            incumbents=guide.looked_closer(incumbents, float(own[0])), round=state.round + 1,
            chunks=state.chunks * (1.0 if better else self.longer), heat=np.float64(heat), chains=None, elites=None,
        )  # fmt: skip
