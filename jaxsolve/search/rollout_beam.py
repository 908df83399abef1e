"""Host: beams over the order of given pairs, scored by a probe of where a line leads to.

A line is an order that is right but for a few places: that of the start, or the one that the weights suggest. Every
network of the beam goes on with one of the blocks that come next in it, and is then run ahead: through those that are
left, in the order of the line. What the best affine readout of all states on the way leaves of the predictions
(`engine.rollout_probe_errors`) tells a wrong block from the right one, and an exchange of two, when no probe of the
state itself does: what they spoil grows on the way, and all networks run nearly the same blocks, so that none explains
more because it runs late blocks early.

The order that a beam ends with is the line of the next one. A beam is wide where scores are close, and narrow where
they part; where it ends with its own line, the next keeps states that are farther apart.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve import backend, engine
from jaxsolve.errors import UsageError
from jaxsolve.search.beam import capped, grow, many_at_once, room_for
from jaxsolve.search.incumbents import likely_start
from jaxsolve.search.local import search_named
from jaxsolve.search.method import Amount, Count, Population, Setting, Work, check_memory, check_options, room
from jaxsolve.search.probe_children import Children, Probed, ended_with, one_longer, sets


class RolloutState(NamedTuple):
    """The partial networks of a beam, the best first, the line they follow, and what the beams before have found."""

    line: NDArray[np.int32]
    """`[2, N]` first and second halves"""
    ins: NDArray[np.int32]
    """`[W, L]` first halves so far"""
    outs: NDArray[np.int32]
    """`[W, L]` second halves so far"""
    path: NDArray[np.float64]
    """`[P, 3]` mean squared errors of probes after each block: of the first state, the middle one and the last"""
    best: Population | None
    """The best networks of the beams that have come to their end; None: none has."""
    rounds: Count
    """`[]` beams that have come to their end"""
    apart: Amount
    """`[]` share by which scores may be higher than the lowest"""

    @property
    def depth(self) -> int:
        """L."""
        return self.ins.shape[1]


@dataclass(frozen=True)
class RolloutBeam(Probed):
    """Beams along a line of given pairs, scored by probes of rollouts."""

    width: int = 32
    """States of the first beam."""
    rows: int | None = None
    """Rows that probes are fitted on; None: those that candidates are compared on."""
    rounds: int = 3
    """Beams, one after the other."""
    widening: int = 2
    """How many times wider each of them is than the one before."""
    window: int = 7
    """Blocks of the line, of those that are left, that may come next."""
    ahead: int = 24
    """Blocks that networks are run ahead at most; of wrong lines, those much farther away tell less."""
    every: int = 2
    """Of the states on the way, every which is read."""
    screen: int = 4
    """The same for a first look, which chooses what is looked at closely."""
    choice: int = 4
    """How many times as many networks as the beam is wide are looked at closely."""
    ridge: float = 1e-4
    """Ridge of the probes, as a share of the variance of each feature."""
    apart: float = 0.1
    """Share by which the score of a state may be higher than the lowest; most of those above it are dropped.

    Of 96 blocks of large steps, the right path is hardly ever 0.05 above, and one to thirty states are within 0.1.
    """
    parting: float = 2.0
    """How many times that share it is in a beam whose line is that of the one before, and so on."""
    deviation: float = 1.5
    """Standard deviation, in positions, of blocks about the line."""
    worth: float = 700.0
    """Independent rows that the error of a probe is worth, against costs of places."""
    refine: str | None = "joint_shortlisted"
    """Local search from the best network of each beam; None: none, where others go on from it."""

    def __post_init__(self) -> None:
        """Refuse what is no beam; `UsageError` names the option."""
        check_options(self, positive=("width", "rounds", "widening", "window", "every", "screen", "choice"))
        for name in ("deviation", "worth"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} is {getattr(self, name)}; expected more than 0")
        if self.refine is not None:
            search_named(self.refine)

    @property
    def state_type(self) -> type[RolloutState]:
        """States of a beam."""
        return RolloutState

    def affordable(self, setting: Setting, flops: float) -> int:
        """Return the width, at most that of the beam, that fits into memory and takes at most so many operations."""
        setting = self.probing(setting)
        own = setting.problem.x.size
        each = replace(self, width=1).flops(setting, setting.blocks // 2) * setting.blocks
        return int(min(flops / each, room(setting) / own, self.width))

    def flops(self, setting: Setting, depth: int) -> float:
        """Return the floating-point operations of the matrix products of a step, by their closed form."""
        left = setting.blocks - depth
        looks = (self.screen, min(self.window, left)), (self.every, min(self.choice, self.window, left))
        length = min(self.ahead + 1, left)
        return self.width * sum(many * self._look(setting.problem, length, every) for every, many in looks)

    def _look(self, problem: "engine.Problem", length: int, every: int) -> float:
        """Return the floating-point operations of one probe of a rollout through so many blocks."""
        _, d, h = problem.pieces.w_in.shape
        return problem.rows * (4.0 * d * h * length + 2.0 * (d * self._read(every)) ** 2)

    def init(self, setting: Setting) -> RolloutState:
        """Return the beam of the network without blocks, along the first of the starts or the likely line."""
        if setting.puzzle is None:
            raise UsageError("rollout_beam looks at the weights; give it the puzzle")
        setting = self.probing(setting)
        check_memory(setting, "width", self.width, setting.problem.x.size)
        line = likely_start(setting) if setting.starts is None else setting.starts.best
        return self._blank(np.stack(line).astype(np.int32), np.zeros((0, 3)), None, 0, self.apart)

    def step(self, setting: Setting, state: RolloutState, work: Work) -> tuple[RolloutState, Work]:
        """Return the beam one block later, or the next one."""
        given, setting = setting, self.probing(setting)
        ahead, costs = self._next(state)
        width = min(int(room(setting) // setting.problem.x.size), self.width * self.widening ** int(state.rounds))
        parent = np.repeat(np.arange(len(state.ins), dtype=np.int32), len(ahead) // len(state.ins))
        if len(ahead) > self.choice * width:
            some = self._seen(setting, state, work, parent, ahead, costs, self.screen)
            likely = np.argsort(some.rank, kind="stable")[: self.choice * width]
            parent, ahead, costs = parent[likely], ahead[likely], costs[likely]
        some = self._seen(setting, state, work, parent, ahead, costs, self.every)
        order = np.argsort(some.rank, kind="stable")
        order = order[capped(sets(state.ins, state.outs, some, setting.blocks)[order], 1)]
        best = some.take(order[: _kept(some.rank[order], float(state.apart), width)])
        ins, outs, path = one_longer(setting, "rollout_beam", state, best)
        if ins.shape[1] < setting.blocks:
            after = state._replace(ins=ins, outs=outs, path=path)
            return after, grow(setting, work, best.parent, best.ins, best.outs)
        found = ended_with(given, ins, outs, self.refine, state.best)
        line = np.stack([ins[0], outs[0]])
        apart = float(state.apart) * self.parting if (line == state.line).all() else self.apart
        work = engine.inputs_spread(setting.problem)
        return self._blank(line, path, found, int(state.rounds) + 1, apart), work

    def _blank(
        self, line: NDArray[np.int32], path: NDArray[np.float64], best: Population | None, rounds: int, apart: float
    ) -> RolloutState:
        none = np.zeros((1, 0), np.int32)
        return RolloutState(line, none, none, path, best, np.int64(rounds), np.float64(apart))

    def _read(self, every: int) -> int:
        """Return how many states of a rollout are read."""
        return 1 + -(-self.ahead // every)

    def _next(self, state: RolloutState) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Return where in the line the blocks are that networks may run next, `[C, T]`, and what that costs, `[C]`.

        Of every state, the first block of each is one of the next of the line, and those behind it are what is left of
        it. A cost is in units of the logarithm of the error: of all blocks that run too early or late so far, and of
        those that are late by now.
        """
        line, depth, n = state.line[0], state.depth, state.line.shape[1]
        position = np.argsort(line)
        free = np.ones((len(state.ins), n), bool)
        np.put_along_axis(free, position[state.ins], False, axis=1)
        left = np.nonzero(free)[1].reshape(len(free), -1)
        window, ahead = min(self.window, n - depth), min(self.ahead + 1, n - depth)
        chosen = np.arange(window)[:, None]
        behind = np.arange(ahead - 1) + (np.arange(ahead - 1) >= chosen)  # all but the chosen one
        index = np.concatenate([chosen, behind], axis=1)
        late = np.maximum(depth - left, 0) ** 2
        before = ((np.arange(depth) - position[state.ins]) ** 2).sum(axis=1) + late.sum(axis=1)
        squares = before[:, None] - late[:, :window] + (depth - left[:, :window]) ** 2
        return left[:, index].reshape(-1, ahead), squares.ravel() / (self.deviation**2 * self.worth)

    def _seen(
        self,
        setting: Setting,
        state: RolloutState,
        work: Work,
        parent: NDArray[np.int32],
        ahead: NDArray[np.intp],
        costs: NDArray[np.float64],
        every: int,
    ) -> Children:
        """Return networks with the errors of probes that read so many states of their rollouts."""
        problem, there = setting.problem, ahead.shape[1]
        length = 1 + every * (self._read(every) - 1)
        halves = state.line[:, np.pad(ahead, ((0, 0), (0, length - there)), mode="edge")]
        at_once = many_at_once(problem, self._look(problem, length, every), len(parent))
        parts = list[Any]()
        for first in range(0, len(parent), at_once):  # behind them networks are repeated, to fill up
            some = np.resize(np.arange(first, min(first + at_once, len(parent))), at_once)
            setting.run.spend(len(some))
            given = problem, work, parent[some], *(half[some] for half in halves), np.int32(there)
            with backend.watched():
                parts.append(np.asarray(engine.rollout_probe_errors(*given, np.float32(self.ridge), every=every)))
        errors = np.concatenate(parts)[: len(parent)].astype(np.float64)
        rank = np.log(np.maximum(errors, np.finfo(np.float32).tiny)) + costs
        firsts, seconds = state.line[:, ahead[:, 0]]
        return Children(np.nan_to_num(rank, nan=np.inf), errors, np.zeros(len(rank)), parent, firsts, seconds)


def _kept(ranks: NDArray[np.float64], apart: float, width: int) -> int:
    """Return how many networks stay, of those with such ranks, the lowest first: programs are compiled for each."""
    close = int((ranks <= ranks[0] + np.log1p(apart)).sum())
    return min(width, room_for(close))
