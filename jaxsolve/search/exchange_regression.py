"""Host: regression of the errors of predictions on all exchanges of an assembly.

Where blocks add little, hundreds of orders fit the predictions to four digits, and no comparison of two of them says
which blocks are in the wrong place. All exchanges together do: predictions are nearly linear in them
(`engine.exchanges`), there are more rows than exchanges, and the predictions are known to six digits. So least squares
say of every two blocks which runs first, and of halves whose pairs are in doubt where they belong. Steps take turns in
which halves stay where they are, the first or the second ones: of a wrong pair often only one is in its place. How much
least squares are to be believed, the ridge, is what rows tell best that they have not seen. Local optima of the
quadratic error next to that (`quadratic`) are compared, and the lowest is where the next step begins, even if its
network does worse: as in Newton's method, what the regression leaves out shrinks with the square of what is still to be
exchanged.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve import backend, engine
from jaxsolve.errors import UsageError
from jaxsolve.puzzle import Assembly
from jaxsolve.search.incumbents import Guide, Incumbents, NearIncumbents
from jaxsolve.search.method import Amount, Count, Info, Population, Setting, check_options, unjudged
from jaxsolve.search.quadratic import Columns, Exchanges, Optimum, Quadratic

PART = 2048
"""Measurements that are in float64 at a time."""


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
    begun: Amount
    """`[]` loss that the turn began with"""
    lowest: Amount
    """`[]` lowest loss of the turn"""
    step: Count
    """`[]` steps of this turn"""
    idle: Count
    """`[]` steps that gained little, since one that did not"""
    over: Count
    """`[]` whether the turn is over"""
    turns: Count
    """`[]` turns that are over"""


@dataclass(frozen=True)
class ExchangeRegression(NearIncumbents):
    """Regression of errors on exchanges of blocks and of their halves, step by step."""

    turns: int | None = 1
    """Turns, each from the best assembly that there is by then; None: as many as there is time for."""
    rows: int = 12288
    """Rows of a regression at most, and"""
    rows_per_column: float = 2.0
    """for each exchange."""
    columns: int = 8192
    """Exchanges at most: of halves in doubt, and of the blocks that lie closest to each other."""
    near: float = 0.05
    """Share of the variance above which the error of an assembly says nothing of exchanges: nothing is done."""
    doubt: float = 0.99
    """Likelihood of a pair below which its halves may belong to others."""
    doubtful: int = 64
    """Pairs that may be exchanged, at most: the least likely ones, and no more columns than half of all."""
    unseen: float = 0.2
    """Share of the rows that regressions do not see: they say which ridge is the best, and whether pairs change."""
    ridge: float = 1e-4
    """First ridge that is tried, in units of the mean square of exchanges; then the best of the step before."""
    spread: float = 10.0
    """Factor between ridges."""
    lowest: float = 1e-12
    """Lowest ridge."""
    highest: float = 1e3
    """Highest ridge."""
    starts: int = 3
    """Ridges whose numbers local searches begin with where pairs stay as they are."""
    kicks: int = 20
    """Times that the best local search goes on from its optimum with some positions elsewhere."""
    gain: float = 0.8
    """Share of the lowest loss above which a step has gained little."""
    patience: int = 3
    """Steps in a row that gain little before a turn is over: those to right pairs may cost at first."""
    ripe: float = 0.1
    """Share of the loss that a turn began with up to which it is worth a local search."""

    def __post_init__(self) -> None:
        """Refuse what is no regression; `UsageError` names the option."""
        check_options(self, positive=("rows", "columns", "starts", "patience", "decided_on", "kept"))
        if not 0 < self.unseen < 1:
            raise UsageError(f"unseen is {self.unseen}; expected a share of the rows, more than 0 and less than 1")

    @property
    def state_type(self) -> type[ExchangeState]:
        """Steps of a turn."""
        return ExchangeState

    def init(self, setting: Setting) -> ExchangeState:
        """Return the state before the first step, which begins with the best of the starts."""
        incumbents, zero, over = self.begin(setting)[0], np.int64(0), np.int64(1)
        ins, outs = (half[None] for half in incumbents.best)
        none, infinite = np.full(1, np.inf), np.float64(np.inf)
        ridge = np.float64(self.ridge)
        return ExchangeState(incumbents, ins, outs, none, ridge, infinite, infinite, zero, zero, over, zero)

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
        """Return what the last step has found, or at the end of a turn the best there is, if that was gained by it."""
        over, gained = bool(state.over), bool(state.lowest < state.begun)
        last = Population(state.ins, state.outs, state.losses)
        ripe = over and bool(state.lowest <= self.ripe * state.begun)
        return Info((state.incumbents.population if over else last) if gained else None, ripe=ripe, over=over)

    def step(self, setting: Setting, state: ExchangeState, work: Guide) -> tuple[ExchangeState, Guide]:
        """Return the state after one regression, the first of a turn where the one before is over."""
        assert setting.puzzle is not None
        state = self._begun(state) if state.over else state
        assembly, loss = Assembly(state.ins[0], state.outs[0]), float(state.losses[0])
        if not setting.floor < loss <= self.near * setting.puzzle.variance:
            return _ended(state), work
        about = self._about(setting, work, assembly, 0 if state.step % 2 else 1)
        ridge, proposed = self._proposed(setting, state, about)
        others = [about.error.exchanges.changed(assembly, one.change) for one in proposed]
        if not others:
            return _ended(state), work
        judged = [work.judged(unjudged([other])) for other in others]
        best = min(judged, key=lambda one: one.losses[0])
        lowest = float(best.losses[0])
        after = judged[0] if lowest > setting.floor else best
        setting.run.found(best.best, lowest)
        idle = int(state.idle) + 1 if not lowest <= self.gain * state.lowest else 0
        state = state._replace(
            incumbents=work.joined(state.incumbents, best)[0], ins=after.ins, outs=after.outs, losses=after.losses,
            ridge=np.float64(ridge), lowest=np.float64(min(state.lowest, lowest)),
            step=state.step + 1, idle=np.int64(idle),
        )  # fmt: skip
        return _ended(state) if idle == self.patience else state, work

    def _begun(self, state: ExchangeState) -> ExchangeState:
        """Return the state at the beginning of a turn, without a loss if others have gained little since the last."""
        if state.turns and state.incumbents.loss > self.gain * state.lowest:
            return state._replace(losses=np.full(1, np.inf), begun=state.lowest)
        ins, outs = (half[None] for half in state.incumbents.best)
        loss, zero = np.float64(state.incumbents.loss), np.int64(0)
        return state._replace(
            ins=ins, outs=outs, losses=np.array([loss]), ridge=np.float64(self.ridge), begun=loss, lowest=loss,
            step=zero, idle=zero, over=zero,
        )  # fmt: skip

    def _about(self, setting: Setting, guide: Guide, assembly: Assembly, side: Literal[0, 1]) -> "_About":
        """Return the error about an assembly where halves of one side may be exchanged."""
        likely = np.full(setting.blocks, np.inf)  # that of pairs that are given
        if setting.partner is None:
            likely = guide.pairs(assembly)[assembly.ins, assembly.outs]

        def work(memory: float) -> _About:
            most = min(self.columns, int((memory / 4 / 8) ** 0.5))  # the Gram matrix, a part of it, and its factor
            doubtful = np.argsort(likely, kind="stable")[: min(self.doubtful, int((most / 2) ** 0.5))]
            doubtful = np.sort(doubtful[likely[doubtful] < self.doubt])
            exchanges = _exchanges(setting.blocks, doubtful, max(most - len(doubtful) ** 2, setting.blocks), side)
            count = exchanges.orders + len(doubtful) ** 2
            fit = memory / 2 / (24 * count * guide.whole.outputs)  # the table and what it is made of
            rows = int(max(1, min(fit, self.rows, self.rows_per_column * count, guide.whole.rows)))
            setting.run.spend(-(-count * rows // (setting.blocks * setting.problem.rows)))
            return _about(guide.whole, assembly, exchanges, rows, self.unseen)

        return setting.run.within_memory(guide.whole, work)

    def _proposed(self, setting: Setting, state: ExchangeState, about: "_About") -> tuple[float, list[Optimum]]:
        """Return the ridge of the regression that leaves least of rows that it has not seen, and what is near it.

        Of that, the first has the lowest quadratic error. The regression is one with pairs in doubt, or with all as
        they are: where these are right, it has fewer numbers to fit.
        Local searches begin with its numbers, and with its pairs in the order that is there. Where pairs stay, they do
        so with the next best ridges, too: other pairs that these would make may well have lower errors.
        """
        kinds = (True, False) if about.doubt else (False,)
        regressions = min(
            (self._regressions(setting, state, about, pairs) for pairs in kinds), key=lambda some: some[0].left
        )
        stay, rng, found = np.arange(setting.blocks), setting.rng(int(state.step)), list[Optimum]()
        for one in regressions[: 1 if regressions[0].pairs else self.starts]:
            if np.isfinite(one.left):
                near = about.error.rounded(one.swapped, one.partners)
                for start in near, near._replace(order=stay):
                    setting.run.spend(0)
                    found.append(about.error.descended(start, rng))
        if found:
            setting.run.spend(0)
            found.insert(0, about.error.improved(min(found, key=lambda one: one.error), rng, self.kicks))
        return regressions[0].ridge, found

    def _regressions(self, setting: Setting, state: ExchangeState, about: "_About", pairs: bool) -> "list[_Regression]":
        """Return regressions with several ridges, those first that leave least of rows that they have not seen."""
        tried = dict[int, _Regression]()

        def at(power: int) -> _Regression:
            if power not in tried:
                setting.run.spend(0)
                tried[power] = about.regression(float(state.ridge) * self.spread**power, pairs)
            return tried[power]

        power = 0
        for step in 1, -1:
            while at(power + step).left < at(power).left and self.lowest <= at(power + step).ridge <= self.highest:
                power += step
        return sorted(tried.values(), key=lambda one: one.left)


def _ended(state: ExchangeState) -> ExchangeState:
    return state._replace(over=np.int64(1), turns=state.turns + 1)


def _exchanges(blocks: int, doubtful: NDArray[np.intp], most: int, side: Literal[0, 1]) -> Exchanges:
    """Return exchanges of doubtful halves, and of so many twos of positions, those closest to each other."""
    ahead, behind = np.triu_indices(blocks, 1)
    near = behind - ahead <= max(1, _window(blocks, most))
    return Exchanges(blocks, ahead[near], behind[near], doubtful, side)


def _window(blocks: int, most: int) -> int:
    """Return how far apart twos are at most, of so many: there are N - k that are k apart."""
    return int(np.searchsorted(np.cumsum(np.arange(blocks - 1, 0, -1)), most, side="right"))


class _Regression(NamedTuple):
    """What a regression says, `[P]` and `[U, U]`."""

    ridge: float
    pairs: bool
    """Whether partners were free to change."""
    swapped: NDArray[np.float64]
    partners: NDArray[np.float64]
    left: float
    """Mean squared error on rows that it has not seen; infinite where the ridge is too low."""


class _About(NamedTuple):
    """The error about an assembly, and rows that it was not made of."""

    error: Quadratic
    unseen: Columns

    @property
    def doubt(self) -> bool:
        """Whether pairs are in doubt."""
        return len(self.error.exchanges.doubtful) > 1

    def regression(self, ridge: float, pairs: bool) -> _Regression:
        """Return what least squares with a ridge say."""
        try:
            numbers = self.error.least_squares(ridge, pairs=pairs)
        except np.linalg.LinAlgError:  # rounding has made the Gram matrix a singular one
            return _Regression(ridge, pairs, np.zeros(0), np.zeros((0, 0)), np.inf)
        return _Regression(ridge, pairs, *numbers, self.unseen.left(*numbers))


def _about(whole: "engine.Problem", assembly: Assembly, exchanges: Exchanges, rows: int, unseen: float) -> _About:
    """Return the error about an assembly on so many rows, but for a share that regressions do not see."""
    where = exchanges.doubtful
    padded = np.resize(where, -(-len(where) // 8) * 8) if len(where) else where  # programs are compiled for each number
    halves = [half[padded][:, None] for half in assembly]
    if len(padded):  # without any, one program does for both sides
        halves[exchanges.side] = np.tile(halves[exchanges.side].T, (len(padded), 1))
    given = exchanges.ahead, exchanges.behind, padded, *halves
    with backend.watched():
        tiled = engine.tiled(whole, np.arange(rows))
        told = engine.exchange_effects(whole, tiled, assembly, *(one.astype(np.int32) for one in given))
        errors, orders, partners = map(np.asarray, told)
    partners = partners[:, : len(where), : len(where)]
    partners = partners - partners[:, np.arange(len(where)), np.arange(len(where))][:, :, None]
    tiles = np.concatenate([orders, partners.reshape(len(partners), -1, partners.shape[-1])], axis=1)
    table = np.moveaxis(tiles, 0, 1).reshape(tiles.shape[1], -1)[:, : rows * whole.outputs]
    errors = errors.ravel()[: table.shape[1]]
    seen = max(1, round(table.shape[1] * (1 - unseen)))
    gram, pull = np.zeros((len(table),) * 2), np.zeros(len(table))
    for first in range(0, seen, PART):  # in float64: what partners change is many times what orders do
        part = slice(first, min(first + PART, seen))
        some = table[:, part].astype(np.float64)
        gram += some @ some.T
        pull += some @ errors[part].astype(np.float64)
    exchanged = Quadratic(exchanges, gram / seen, pull / seen)
    return _About(exchanged, Columns(table[:, seen:], errors[seen:]))
