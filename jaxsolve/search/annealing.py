"""Host: annealing of many chains at once, each on its own or as the rungs of temperature ladders.

Kirkpatrick, Gelatt & Vecchi (1983), https://doi.org/10.1126/science.220.4598.671. Chains run on the devices for some
steps at a time; what happens in between (exchanges of temperatures) happens here.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve import backend, engine
from jaxsolve.errors import UsageError
from jaxsolve.search.method import (
    Amount,
    Count,
    Population,
    Setting,
    Work,
    check_memory,
    check_options,
    filled,
    population,
    room,
)


class ChainState(NamedTuple):
    """Chains in between: B of them."""

    ins: NDArray[np.int32]
    """`[B, N]`"""
    outs: NDArray[np.int32]
    """`[B, N]`"""
    sums: NDArray[np.float32]
    """`[B]` sums of squared errors over the rows"""
    best_ins: NDArray[np.int32]
    """`[B, N]`"""
    best_outs: NDArray[np.int32]
    """`[B, N]`"""
    best_sums: NDArray[np.float32]
    """`[B]`"""
    temperature: NDArray[np.float64]
    """`[B]` in units of the mean squared error"""
    step: Count
    """`[]` moves that each chain has decided"""
    rows: Count
    """`[]` R"""
    proposed: NDArray[np.int64]
    """`[4]` moves of all chains, by kind"""
    accepted: NDArray[np.int64]
    """`[4]`"""
    applied: Amount
    """`[]` blocks applied, each to all rows"""
    exchanges: NDArray[np.int64]
    """`[2, B - 1]` exchanges tried and made between neighbouring rungs; empty without ladders"""


@dataclass(frozen=True)
class Annealing:
    """Simulated annealing: chains that cool down geometrically."""

    chains: int = 8
    """Chains, each with an assembly of its own."""
    steps: int = 20_000
    """Moves that each chain decides."""
    hot: float = 0.03
    """Temperature at the start, in units of the mean squared error."""
    cold: float = 1e-4
    """Temperature at the end."""
    swap: float = 0.4
    """Share of moves that exchange two blocks."""
    partner: float = 0.3
    """Share of moves that exchange one half of two blocks."""
    reversal: float = 0.15
    """Share of moves that reverse a segment."""
    insertion: float = 0.15
    """Share of moves that move 1 to 4 blocks."""
    reach: float = 1.0
    """Exponent of how far apart the positions of a move are: 1 for any distance alike, more for closer ones."""
    prior: float = 1.5
    """Weight of pair scores in the acceptance, where there are any."""
    places: float = 1.0
    """Weight of where blocks are expected, likewise."""
    doubt: float = 3.0
    """Standard errors by which a move has to be worse on some rows to be refused without the others."""
    chunk: int = 256
    """Most moves of each chain between two looks of the host."""

    def __post_init__(self) -> None:
        """Refuse what is no schedule; `UsageError` names the option."""
        check_options(self, positive=("chains", "steps", "chunk"))
        if not 0 < self.cold <= self.hot:
            raise UsageError(f"cold is {self.cold} and hot is {self.hot}; expected 0 < cold <= hot")
        if not np.isfinite(self.hot):
            raise UsageError(f"hot is {self.hot}; expected a finite number")
        if not self._shares(False).sum() > 0:
            raise UsageError("swap, partner, reversal and insertion are all 0; expected a share above 0")

    @property
    def state_type(self) -> type:
        """States of chains."""
        return ChainState

    def init(self, setting: Setting) -> ChainState:
        """Return chains at the assemblies that the setting begins with."""
        rows, ladder = setting.problem.rows, np.zeros((2, self._rungs - 1), np.int64)
        check_memory(setting, "chains", self.chains, _numbers_a_row(setting) * setting.problem.rows)
        begin = setting.begin(self.chains)
        sums = (begin.losses * rows).astype(np.float32)
        halves = begin.ins, begin.outs, sums
        none, zero = np.zeros(len(engine.MOVE_KINDS), np.int64), np.zeros((), np.int64)
        temperature = self._start(setting.blocks)
        return ChainState(*halves, *halves, temperature, zero, np.int64(rows), none, none, np.float64(0), ladder)

    def place(self, setting: Setting, state: ChainState) -> Work:
        """Return the network states of all chains."""
        ins, outs = (filled(setting, part) for part in (state.ins, state.outs))
        with backend.watched():
            return engine.chains_placed(setting.problem, ins, outs)[1]

    def finished(self, state: ChainState) -> bool:
        """Return whether all moves are decided, or there are none."""
        return int(state.step) >= self.steps or state.ins.shape[1] < 2

    def found(self, state: ChainState) -> Population:
        """Return the best assembly of each chain."""
        return population(state.best_ins, state.best_outs, state.best_sums.astype(np.float64) / int(state.rows))

    def step(self, setting: Setting, state: ChainState, work: Work) -> tuple[ChainState, Work]:
        """Return the chains after as many moves as are decided without the host."""
        steps = min(self._between_looks(setting), self.steps - int(state.step))
        setting.run.spend(steps * self.chains)
        nothing = np.zeros((setting.blocks,) * 2)
        prior = nothing if setting.prior is None else self.prior * setting.prior
        places = nothing if setting.places is None else self.places * setting.places
        parameters = engine.AnnealingParameters(
            filled(setting, state.temperature).astype(np.float32),
            np.float32(self._factor),
            self._shares(setting.partner is not None).astype(np.float32),
            np.float32(self.reach),
            prior.astype(np.float32),
            places.astype(np.float32),
            np.float32(self.doubt),
        )
        chains = engine.Chains(*(filled(setting, part) for part in state[:6]))
        seeds = np.array([setting.seed, int(state.step)], np.int32)
        with backend.watched():
            chains, counts, work = engine.annealed(setting.problem, chains, work, parameters, seeds, steps=steps)
            chains = [np.array(part)[: self.chains] for part in chains]
            counts = [np.array(part)[: self.chains] for part in counts]
        proposed, accepted = (part.sum(axis=0, dtype=np.int64) for part in counts[:2])
        state = state._replace(
            **dict(zip(engine.Chains._fields, chains, strict=True)),
            temperature=state.temperature * self._factor**steps,
            step=state.step + steps,
            proposed=state.proposed + proposed,
            accepted=state.accepted + accepted,
            applied=state.applied + float(counts[2].sum(dtype=np.float64)),
        )
        return self._exchanged(setting, state), work

    @property
    def _rungs(self) -> int:
        return 1

    @property
    def _factor(self) -> float:
        return (self.cold / self.hot) ** (1 / self.steps)

    def _start(self, blocks: int) -> NDArray[np.float64]:
        return np.full(self.chains, self.hot)

    def _shares(self, given_pairs: bool) -> NDArray[np.float64]:
        shares = np.array([self.swap, 0.0 if given_pairs else self.partner, self.reversal, self.insertion])
        return shares / shares.sum() if shares.sum() else shares

    def _between_looks(self, setting: Setting) -> int:
        """Return how many moves each chain decides: the same on any machine, for the sake of sameness."""
        # 1e11 floating-point operations of candidates, on whatever device
        return int(np.clip(1e11 / (self.chains * setting.problem.flops), 1, self.chunk))

    def _exchanged(self, setting: Setting, state: ChainState) -> ChainState:
        """Return the chains as the next moves find them."""
        return state


@dataclass(frozen=True)
class Tempering(Annealing):
    """Parallel tempering: chains at fixed temperatures from cold to hot that exchange them.

    Swendsen & Wang (1986), https://doi.org/10.1103/PhysRevLett.57.2607. Neighbouring rungs of a ladder are offered an
    exchange each time the host looks, accepted with probability min(1, exp((1/T - 1/T')(MSE - MSE'))).
    """

    chains: int = 16
    """Chains, the rungs of one ladder."""
    hot: float = 0.05
    """Temperature of the last rung."""
    cold: float = 5e-4
    """Temperature of the first rung."""

    @property
    def _rungs(self) -> int:
        return self.chains

    @property
    def _factor(self) -> float:
        return 1.0

    def _start(self, blocks: int) -> NDArray[np.float64]:
        return np.geomspace(self.cold, self.hot, self.chains)

    def _exchanged(self, setting: Setting, state: ChainState) -> ChainState:
        """Return the chains with some of their temperatures exchanged."""
        rung = np.argsort(state.temperature, kind="stable")
        temperature, exchanges = state.temperature.copy(), state.exchanges.copy()
        losses = state.sums.astype(np.float64) / int(state.rows)
        odds = -np.log(setting.rng(int(state.step)).random(self.chains))
        looks = int(state.step) // self._between_looks(setting)
        for k in range(looks % 2, self.chains - 1, 2):
            a, b = rung[k], rung[k + 1]
            gain = (1 / temperature[a] - 1 / temperature[b]) * (losses[a] - losses[b])
            exchanges[0, k] += 1
            if gain > -odds[k]:
                exchanges[1, k] += 1
                temperature[a], temperature[b] = temperature[b], temperature[a]
        return state._replace(temperature=temperature, exchanges=exchanges)


def most_rows(setting: Setting, chains: int) -> int:
    """Return on how many rows so many chains fit into the memory of a run, at least 1."""
    return max(1, int(room(setting) // (chains * _numbers_a_row(setting))))


def _numbers_a_row(setting: Setting) -> int:
    return 2 * (setting.blocks + 1) * setting.problem.x.shape[1]
