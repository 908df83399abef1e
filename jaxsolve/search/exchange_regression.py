"""Host: regression of the errors of predictions on all exchanges of an assembly.

Where blocks add little, hundreds of orders fit the predictions to four digits, and no comparison of two of them says
which blocks are in the wrong place. All exchanges together do: predictions are nearly linear in them
(`engine.exchanges`), there are more rows than exchanges, and the predictions are known to six digits. So least squares
say of every two blocks which runs first, and of second halves whose pairs are in doubt where they belong. What is
nearest to that, and local optima of the quadratic error about it (`quadratic`), are compared as networks, and the best
is where the next step begins: as in Newton's method, what the regression leaves out shrinks with the square of what is
still to be exchanged.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve import backend, engine
from jaxsolve.puzzle import Assembly
from jaxsolve.search.incumbents import Guide, Incumbents, NearIncumbents
from jaxsolve.search.method import Amount, Count, Info, Population, Setting, check_options, unjudged
from jaxsolve.search.quadratic import Change, Exchanges, Quadratic

TILES = 16
"""Tiles of rows that are in float64 at a time."""


class ExchangeState(NamedTuple):
    """Where steps stand that each begin with what the one before has found."""

    incumbents: Incumbents
    ins: NDArray[np.int32]
    """`[1, N]` the assembly that the next step is about"""
    outs: NDArray[np.int32]
    """`[1, N]`"""
    losses: NDArray[np.float64]
    """`[1]` its loss; infinite: not known"""
    ridge: Amount
    """`[]` that of the best regression so far"""
    step: Count
    """`[]` steps of this turn that have found something"""
    idle: Count
    """`[]` steps that gained little, since one that did not"""
    over: Count
    """`[]` whether the turn is over"""
    turns: Count
    """`[]` turns that are over"""


@dataclass(frozen=True)
class ExchangeRegression(NearIncumbents):
    """Regression of errors on exchanges of blocks and of second halves, step by step."""

    turns: int | None = 1
    """Turns, each from the best assembly that there is by then; None: as many as there is time for."""
    rows: int = 12288
    """Rows of a regression at most, and"""
    rows_per_column: float = 2.0
    """for each exchange."""
    columns: int = 8192
    """Exchanges at most: of second halves in doubt, and of the blocks that lie closest to each other."""
    near: float = 0.05
    """Share of the variance above which the error of an assembly says nothing of exchanges: nothing is done."""
    doubt: float = 0.99
    """Likelihood of a pair below which its second half may be another's."""
    doubtful: int = 64
    """Second halves that may be, at most: the least likely ones."""
    ridge: float = 1e-3
    """Ridge of the first regression, in units of the mean square of exchanges; then that of the best one."""
    spread: float = 10.0
    """Factor between the three ridges of a step."""
    lowest: float = 1e-8
    """Lowest ridge."""
    gain: float = 0.8
    """Share of the loss above which a step has gained little."""
    patience: int = 3
    """Steps in a row that gain little before a turn is over."""

    def __post_init__(self) -> None:
        """Refuse what is no regression; `UsageError` names the option."""
        check_options(self, positive=("rows", "columns", "patience", "decided_on", "kept"))

    @property
    def state_type(self) -> type[ExchangeState]:
        """Steps of a turn."""
        return ExchangeState

    def init(self, setting: Setting) -> ExchangeState:
        """Return the state before the first step, which begins with the best of the starts."""
        incumbents, zero, over = self.begin(setting)[0], np.int64(0), np.int64(1)
        ins, outs = (half[None] for half in incumbents.best)
        return ExchangeState(incumbents, ins, outs, np.full(1, np.inf), np.float64(self.ridge), zero, zero, over, zero)

    def place(self, setting: Setting, state: ExchangeState) -> Guide:
        """Return what holds the incumbents."""
        return self.guide(setting, state.incumbents)

    def finished(self, state: ExchangeState) -> bool:
        """Return whether there is nothing to order, or the last turn is over."""
        over = self.turns is not None and int(state.turns) >= self.turns
        return over or state.ins.shape[1] < 2

    def found(self, state: ExchangeState) -> Population:
        """Return the incumbents."""
        return state.incumbents.population

    def info(self, state: ExchangeState) -> Info:
        """Return what the turn has found so far, if there is anything."""
        over = bool(state.over)
        last = Population(state.ins, state.outs, state.losses)
        return Info(last if int(state.step) else None, ripe=over, over=over)

    def step(self, setting: Setting, state: ExchangeState, work: Guide) -> tuple[ExchangeState, Guide]:
        """Return the state after one regression, the first of a turn where the one before is over."""
        assert setting.puzzle is not None
        state = self._begun(state) if state.over else state
        assembly, loss = Assembly(state.ins[0], state.outs[0]), float(state.losses[0])
        if not setting.floor < loss <= self.near * setting.puzzle.variance:
            return _ended(state), work
        error, outs = self._about(setting, work, assembly)
        ridges = [max(float(state.ridge) * by, self.lowest) for by in (1 / self.spread, 1.0, self.spread)]
        proposed = [(r, one) for r in dict.fromkeys(ridges) for one in self._proposed(setting, state, error, r)]
        others = [_changed(assembly, error.exchanges.doubtful, outs, change) for _, change in proposed]
        losses = [float(work.judged(unjudged([other])).losses[0]) for other in others]
        best = int(np.argmin([*losses, loss]))
        if best == len(losses):
            return _ended(state), work
        found = Population(others[best].ins[None], others[best].outs[None], np.array([losses[best]]))
        setting.run.found(found.best, losses[best])
        idle = int(state.idle) + 1 if losses[best] > self.gain * loss else 0
        state = state._replace(
            incumbents=work.joined(state.incumbents, found)[0], ins=found.ins, outs=found.outs, losses=found.losses,
            ridge=np.float64(proposed[best][0]), step=state.step + 1, idle=np.int64(idle),
        )  # fmt: skip
        return _ended(state) if idle == self.patience else state, work

    def _begun(self, state: ExchangeState) -> ExchangeState:
        """Return the state at the beginning of a turn; one that would begin where the last has ended has no loss."""
        ins, outs = (half[None] for half in state.incumbents.best)
        same = state.turns and (ins == state.ins).all() and (outs == state.outs).all()
        losses = np.full(1, np.inf) if same else state.incumbents.losses[:1]
        begun = {"ridge": np.float64(self.ridge), "step": np.int64(0), "idle": np.int64(0), "over": np.int64(0)}
        return state._replace(ins=ins, outs=outs, losses=losses, **begun)

    def _about(self, setting: Setting, guide: Guide, assembly: Assembly) -> tuple[Quadratic, NDArray[np.int32]]:
        """Return the error about an assembly, and the second halves in doubt."""
        doubtful = self._doubtful(setting, guide, assembly)

        def work(memory: float) -> Quadratic:
            most = min(self.columns, int((memory / 4 / 8) ** 0.5))  # the Gram matrix, a part of it, and its factor
            exchanges = _exchanges(setting.blocks, doubtful, max(most - len(doubtful) ** 2, setting.blocks))
            count = exchanges.orders + len(doubtful) ** 2
            fit = memory / 2 / (12 * count * guide.whole.outputs)
            rows = int(max(1, min(fit, self.rows, self.rows_per_column * count, guide.whole.rows)))
            setting.run.spend(-(-count * rows // (setting.blocks * setting.problem.rows)))
            return _regressed(guide.whole, assembly, exchanges, rows)

        return setting.run.within_memory(guide.whole, work), assembly.outs[doubtful]

    def _doubtful(self, setting: Setting, guide: Guide, assembly: Assembly) -> NDArray[np.intp]:
        """Return the positions whose pairs are in doubt, in their order."""
        if setting.partner is not None:
            return np.zeros(0, np.intp)
        likely = guide.pairs(assembly)[assembly.ins, assembly.outs]
        least = np.argsort(likely, kind="stable")[: self.doubtful]
        return np.sort(least[likely[least] < self.doubt])

    def _proposed(self, setting: Setting, state: ExchangeState, error: Quadratic, ridge: float) -> list[Change]:
        """Return what regressions come to, with pairs in doubt and with all as they are.

        Local searches begin with the numbers of each, and with its pairs in the order that is there.
        """
        rng, stay, found = setting.rng(int(state.step)), np.arange(setting.blocks), list[Change]()
        for pairs in (True, False) if len(error.exchanges.doubtful) else (False,):
            setting.run.spend(0)
            try:
                near = error.rounded(*error.least_squares(ridge, pairs=pairs))
            except np.linalg.LinAlgError:  # float32 does not tell such a Gram matrix from a singular one
                continue
            for start in near, near._replace(order=stay):
                down = error.descended(start, rng, pairs=False)
                found += [down, error.descended(down, rng)]
        return found


def _ended(state: ExchangeState) -> ExchangeState:
    return state._replace(over=np.int64(1), turns=state.turns + 1)


def _exchanges(blocks: int, doubtful: NDArray[np.intp], most: int) -> Exchanges:
    """Return exchanges of doubtful second halves, and of so many twos of positions, those closest to each other."""
    ahead, behind = np.triu_indices(blocks, 1)
    near = behind - ahead <= max(1, _window(blocks, most))
    return Exchanges(blocks, ahead[near], behind[near], doubtful)


def _window(blocks: int, most: int) -> int:
    """Return how far apart twos are at most, of so many: there are N - k that are k apart."""
    return int(np.searchsorted(np.cumsum(np.arange(blocks - 1, 0, -1)), most, side="right"))


def _regressed(whole: "engine.Problem", assembly: Assembly, exchanges: Exchanges, rows: int) -> Quadratic:
    """Return the error about an assembly on so many rows."""
    where = exchanges.doubtful
    padded = np.resize(where, -(-len(where) // 8) * 8) if len(where) else where  # programs are compiled for each number
    tiled = engine.tiled(whole, np.arange(rows))
    given = exchanges.ahead, exchanges.behind, padded, assembly.outs[padded]
    with backend.watched():
        told = engine.exchange_effects(whole, tiled, assembly, *(half.astype(np.int32) for half in given))
        errors, orders, partners = map(np.asarray, told)
    partners = partners[:, : len(where), : len(where)]
    partners = partners - partners[:, np.arange(len(where)), np.arange(len(where))][:, :, None]
    table = np.concatenate([orders, partners.reshape(len(partners), -1, partners.shape[-1])], axis=1)
    gram, pull = np.zeros((table.shape[1],) * 2), np.zeros(table.shape[1])
    for part in range(0, len(table), TILES):  # in float64: what partners change is many times what orders do
        some = np.concatenate(table[part : part + TILES], axis=1, dtype=np.float64)  # what fills tiles up is 0
        gram += some @ some.T
        pull += some @ np.concatenate(errors[part : part + TILES]).astype(np.float64)
    many = rows * whole.outputs
    return Quadratic(exchanges, gram / many, pull / many)


def _changed(assembly: Assembly, doubtful: NDArray[np.intp], outs: NDArray[np.int32], change: Change) -> Assembly:
    """Return an assembly with what changes of its order and of doubtful second halves make of it."""
    own = assembly.outs.copy()
    own[doubtful] = outs[change.partners]
    return Assembly(assembly.ins[change.order], own[change.order])
