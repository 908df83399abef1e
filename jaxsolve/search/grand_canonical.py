"""Host: annealing of networks that grow as they cool: blocks may be left out, and the readout is fitted."""

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
)


class GrowthState(NamedTuple):
    """B networks that grow."""

    ins: NDArray[np.int32]
    """`[B, N]` the first `length` of them run, the others are left out"""
    outs: NDArray[np.int32]
    """`[B, N]`"""
    length: NDArray[np.int32]
    """`[B]`"""
    probed: NDArray[np.float64]
    """`[B]` mean squared errors of the fitted readouts"""
    losses: NDArray[np.float64]
    """`[B]` mean squared errors of the networks' own readout"""
    step: Count
    """`[]` moves that each chain has decided"""
    proposed: NDArray[np.int64]
    """`[6]` moves of all chains, by kind"""
    accepted: NDArray[np.int64]
    """`[6]`"""
    applied: Amount
    """`[]` blocks applied, each to all rows"""
    scale: Amount
    """`[]` mean squared error that a linear probe of the inputs leaves"""

    TOLD = ("probed",)  # nothing is decided by it, and its last bit depends on how many chains a device has


@dataclass(frozen=True)
class GrandCanonical:
    """Annealing of networks of any number of blocks, from none on, whose readout is fitted as they go.

    The readout is drawn towards the network's own ever more, and the price of a block falls to nothing; what is left
    out at last is put in, so that in the end all blocks run and the loss is the usual one.
    """

    chains: int = 2
    """Chains, each on its own."""
    forwards: float = 6000.0
    """Work of each chain, in evaluations of a whole network on all rows: what cools it down."""
    hot: float = 0.007
    """Temperature at the start, in units of the error that a linear probe of the inputs leaves."""
    cold: float = 1e-4
    """Temperature at the end."""
    price: float = 2.0
    """Price of a block at the start, in units of the temperature; falls to nothing."""
    loose: float = 0.003
    """How much the readout is drawn towards the network's own at the start, in units of the states' mean square."""
    tight: float = 100.0
    """How much at the end."""
    confidence: float = 2.0
    """Standard errors on few rows that settle a move; large numbers ask for all rows."""
    swap: float = 1.0
    """Share of moves that exchange two blocks, or one with a block that is left out."""
    partner: float = 1.4
    """Share of moves that exchange one half of two blocks."""
    insertion: float = 1.5
    """Share of moves that move 1 to 4 blocks."""
    add: float = 2.0
    """Share of moves that put a block in."""
    remove: float = 0.7
    """Share of moves that take one out."""
    chunk: int = 200
    """Moves that each chain decides before its readout is fitted again."""

    def __post_init__(self) -> None:
        """Refuse what is no schedule; `UsageError` names the option."""
        check_options(self, positive=("chains", "chunk"))
        for low, high in (("cold", "hot"), ("loose", "tight")):
            if not 0 < getattr(self, low) <= getattr(self, high):
                values = f"{getattr(self, low)} and {getattr(self, high)}"
                raise UsageError(f"expected 0 < {low} <= {high}; they are {values}")
        if not self.add > 0:
            raise UsageError("add is 0; networks could not grow")

    @property
    def state_type(self) -> type:
        """Networks that grow."""
        return GrowthState

    def init(self, setting: Setting) -> GrowthState:
        """Return networks without blocks, or those that the setting begins with."""
        p = setting.problem
        check_memory(setting, "chains", self.chains, 2 * (p.blocks + 1) * p.x.size)
        if setting.starts is None:
            ins, outs = setting.random(self.chains)
            length = np.zeros(self.chains, np.int32)
        else:
            index = np.arange(self.chains) % setting.starts.size
            ins, outs = setting.starts.ins[index], setting.starts.outs[index]
            length = np.full(self.chains, setting.blocks, np.int32)
        unknown, none = np.full(self.chains, np.inf), np.zeros(len(engine.GROWTH_KINDS), np.int64)
        x, y = (np.asarray(table, np.float64) for table in (setting.problem.x, setting.problem.y))
        design = np.column_stack([np.ones(len(y)), x])
        scale = np.mean((y - design @ np.linalg.lstsq(design, y)[0]) ** 2) if np.isfinite(x).all() else 1.0
        return GrowthState(ins, outs, length, unknown, unknown, np.int64(0), none, none, np.float64(0), np.array(scale))

    def place(self, setting: Setting, state: GrowthState) -> Work:
        """Return room for the states of all networks."""
        with backend.watched():
            return engine.ensemble_placed(setting.problem, filled(setting, np.arange(self.chains, dtype=np.int32)))

    def finished(self, state: GrowthState) -> bool:
        """Return whether the networks have cooled down."""
        return self._done(state) >= 1

    def found(self, state: GrowthState) -> Population:
        """Return the networks in which all blocks run."""
        whole = np.flatnonzero((state.length == state.ins.shape[1]) & np.isfinite(state.losses))
        return population(state.ins[whole], state.outs[whole], state.losses[whole])

    def step(self, setting: Setting, state: GrowthState, work: Work) -> tuple[GrowthState, Work]:
        """Return the networks after some moves with the same readout."""
        setting.run.spend(self.chunk * self.chains)
        done = min(1.0, self._done(state) / 0.9)
        # after nine tenths of the work, what is still left out is put in, whatever it does
        price = self.price * (1 - done) if done < 1 else -1e9
        scale = max(float(state.scale), float(np.finfo(np.float32).tiny))
        half = self.partner / 2
        shares = np.array([self.swap, half, half, self.insertion, self.add, self.remove])
        parameters = engine.GrowthParameters(
            np.float32(scale * self.hot * (self.cold / self.hot) ** done),
            np.float32(price),
            np.float32(self.loose * (self.tight / self.loose) ** done),
            np.float32(self.confidence),
            (shares / shares.sum()).astype(np.float32),
        )
        networks = engine.Networks(*(filled(setting, part) for part in state[:3]))
        seeds = np.array([setting.seed, int(state.step)], np.int32)
        with backend.watched():
            networks, growth, work = engine.grown_canonically(
                setting.problem, networks, work, parameters, seeds, steps=self.chunk
            )
            networks = [np.array(part)[: self.chains] for part in networks]
            cut = lambda parts: [np.array(part)[: self.chains] for part in parts]
            (proposed, accepted, applied), (probed, losses) = cut(growth.counts), cut(growth[1:])
        state = state._replace(
            **dict(zip(engine.Networks._fields, networks, strict=True)),
            probed=probed.astype(np.float64),
            losses=np.where(np.isnan(losses), np.inf, losses).astype(np.float64),
            step=state.step + self.chunk,
            proposed=state.proposed + proposed.sum(axis=0, dtype=np.int64),
            accepted=state.accepted + accepted.sum(axis=0, dtype=np.int64),
            applied=state.applied + float(applied.sum(dtype=np.float64)),
        )
        return state, work

    def _done(self, state: GrowthState) -> float:
        """Return how much of the work is done, from 0 to 1."""
        return float(state.applied) / (self.forwards * self.chains * state.ins.shape[1])
