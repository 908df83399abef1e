"""Host: beams over networks that grow block by block, scored by a linear probe of their states.

The readout says little of a state that is not final; the best affine readout of it says how much of the answer a
network has worked out (`engine.probe_expansion`). Two things mislead. Late blocks explain much at once, and spoil what
they explain later: second halves are compared by what probes leave, and first halves, in every second beam, also by
how far their blocks move the states, for where norms rise with the depth the next block is the one that moves least.
And of two orders of the same blocks the right one need not be the better one yet: a few of them are kept.

The beams of both kinds take turns, wider each time. The best network of each is refined by a local search.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve import backend, engine
from jaxsolve.errors import UsageError
from jaxsolve.ordering import Paired, likely_order
from jaxsolve.search.beam import capped, filled_up, grow, room_for, unused
from jaxsolve.search.local import search_named
from jaxsolve.search.method import (
    Count,
    Population,
    Setting,
    Work,
    check_memory,
    check_options,
    room,
)
from jaxsolve.search.probe_children import (
    Children,
    Probed,
    chosen_by_units,
    ended_with,
    one_longer,
    sets,
    states_at_once,
)


class ProbeState(NamedTuple):
    """The partial networks of a beam, the best first, and what the beams before have found."""

    ins: NDArray[np.int32]
    """`[W, L]` first halves so far"""
    outs: NDArray[np.int32]
    """`[W, L]` second halves so far"""
    moved: NDArray[np.float64]
    """`[W]` mean squares of all updates so far, added up"""
    costs: NDArray[np.float64]
    """`[W]` what pairs and places cost so far, in units of the logarithm of the error"""
    path: NDArray[np.float64]
    """`[P, 3]` mean squared errors of probes after each block: of the first state, the middle one and the last"""
    best: Population | None
    """The best networks of the beams that have come to their end; None: none has."""
    rounds: Count
    """`[]` beams that have come to their end"""

    @property
    def depth(self) -> int:
        """L."""
        return self.ins.shape[1]


@dataclass(frozen=True)
class ProbeBeam(Probed):
    """Beams scored by probes, over first and second halves together, or over the order of given pairs."""

    width: int = 32
    """States of the first beams."""
    rows: int | None = None
    """Rows that probes are fitted on; None: those that candidates are compared on.

    Early on the next blocks explain little: thousands of rows hold a path that a wider beam loses on fewer.
    """
    paired: bool = False
    """Whether halves stay in the pairs of the first start, so that only their order is searched."""
    ranks: str = "error,action"
    """How beams rank first halves: by errors alone, or by how little they move the states as well; they take turns."""
    rounds: int = 6
    """Beams, one after the other."""
    widening: int = 4
    """How many times wider the beams are each time that all ranks have had their turns."""
    children: int = 16
    """Expansions of each state that may enter the beam."""
    refits: int = 48
    """Second halves that each first half is fitted exactly with: the best to first order."""
    partners: int = 8
    """Second halves of each first half that may enter a beam that ranks by errors."""
    action_partners: int = 2
    """The same where updates count: of wrong second halves some move the states less."""
    orders: int = 4
    """Most states that run the same blocks: the right order of some need not be the best one yet."""
    action: float = 6.0
    """What the mean square of updates counts, where it does, against the error: both in logarithms."""
    ridge: float = 1e-5
    """Ridge of the probes, as a share of the mean square of the states."""
    units: int = 0
    """Hidden units that a second probe reads as well, of first halves drawn once; 0: there is no such probe.

    It tells sooner that a path is lost, and chooses among the networks of the lowest ranks.
    """
    units_from: int = 12
    """Blocks from which on it does: early on it prefers late blocks still more."""
    choice: int = 4
    """How many times as many networks as the beam is wide it chooses from."""
    units_ridge: float = 1e-3
    """Its ridge, as a share of the variance of each feature."""
    deviation: float = 2.0
    """Standard deviation, in positions, of blocks about the line that the weights of given pairs suggest; 0: none."""
    reach: float = 3.0
    """Such deviations before its place in the line from which on a block is tried."""
    worth: float = 200.0
    """Independent rows that the error of a probe is worth, against costs of pairs and places."""
    moments: float = 5e8
    """Bytes that the moments of states which are expanded together may take."""
    refine: str | None = "joint_shortlisted"
    """Local search from the best network of each beam; None: none, where others go on from it."""

    def __post_init__(self) -> None:
        """Refuse what is no beam; `UsageError` names the option."""
        counts = "width", "rounds", "widening", "children", "refits", "partners", "action_partners", "orders", "choice"
        check_options(self, positive=counts)
        if not {*self._ranks} <= {"error", "action"}:
            raise UsageError(f"ranks is {self.ranks!r}; expected error, action, or both with a comma between them")
        if self.refine is not None:
            search_named(self.refine)

    @property
    def state_type(self) -> type[ProbeState]:
        """States of a beam."""
        return ProbeState

    @property
    def _ranks(self) -> list[str]:
        return [name.strip() for name in self.ranks.split(",")]

    def _still(self, state: ProbeState) -> bool:
        """Return whether the beam prefers what moves the states little."""
        return self._ranks[int(state.rounds) % len(self._ranks)] == "action"

    def probing(self, setting: Setting) -> Setting:
        """Return a setting on the rows that probes are fitted on, with the pairs that are kept."""
        setting, partner = super().probing(setting), setting.partner
        if self.paired and setting.starts is not None:
            partner = setting.starts.best.partner.astype(np.int32)
        return replace(setting, partner=partner)

    def affordable(self, setting: Setting, flops: float) -> int:
        """Return the width, at most that of the beam, that fits into memory and takes at most so many operations."""
        one, probing = replace(self, width=1), self.probing(setting)
        each = one.flops(setting, one.halfway(setting)) * setting.blocks
        return int(min(flops / each, room(probing) / probing.problem.x.size, self.width))

    def init(self, setting: Setting) -> ProbeState:
        """Return the beam of the network without blocks."""
        setting = self.probing(setting)
        check_memory(setting, "width", self.width, setting.problem.x.size)
        return self._blank(np.zeros((0, 3)), None, 0)

    def halfway(self, setting: Setting) -> ProbeState:
        """Return a beam of random networks of half the blocks, to measure a step with."""
        ins, outs = (half[:, : setting.blocks // 2] for half in setting.random(self.width))
        zeros = np.zeros(self.width)
        return self._blank(np.zeros((ins.shape[1], 3)), None, 0)._replace(ins=ins, outs=outs, moved=zeros, costs=zeros)

    def flops(self, setting: Setting, state: ProbeState) -> float:
        """Return the floating-point operations of the matrix products of a step, by their closed form.

        Moments and the next states for each row, and for each first half the screen and the exact fits.
        """
        setting = self.probing(setting)
        problem, (width, depth) = setting.problem, state.ins.shape
        _, d, h = problem.pieces.w_in.shape
        left = setting.blocks - depth
        seconds = left if setting.partner is None else 1
        rows = 2.0 * problem.rows * (left * h * (d + h + d + 2) + 2 * d * h)
        screen = 0.0 if setting.partner is not None else 2.0 * left * (d * d * h + d * h * h + seconds * h * h)
        fits = 2.0 * left * min(self.refits, seconds) * (2 * d * d * h + d * h * h + d**3 / 6)
        units = 2.0 * self.choice * problem.rows * (d + self.units) ** 2 if self.units else 0.0
        return width * (rows + screen + fits + units)

    def step(self, setting: Setting, state: ProbeState, work: Work) -> tuple[ProbeState, Work]:
        """Return the beam one block later, or the next one."""
        given, setting = setting, self.probing(setting)
        least = self.action if self._still(state) else 0.0
        places = self._places(setting, state)
        costs, waiting = self._costs(setting, places, state.depth)
        fits = engine.Fits(np.float32(self.ridge), np.float32(least), costs)
        children = self._expanded(setting, state, work, fits, places)
        before = state.costs + waiting.sum() - waiting[state.ins].sum(axis=1)
        rank = children.rank + before[children.parent]
        order = np.lexsort((children.outs, children.ins, children.parent, rank))
        order = order[capped(sets(state.ins, state.outs, children, setting.blocks)[order], self.orders)]
        fit = int(room(setting) // setting.problem.x.size)
        width = min(fit, self.width * self.widening ** (int(state.rounds) // len(self._ranks)))
        best = children.take(order[:width])
        if self.units and self.units_from <= state.depth + 1 < setting.blocks:
            some = order[: min(fit, self.choice * width)]
            best = chosen_by_units(
                setting, work, children.take(some), rank[some], width, units=self.units, ridge=self.units_ridge
            )
        ins, outs, path = one_longer(setting, "probe_beam", state, best)
        if ins.shape[1] == setting.blocks:
            ended = ended_with(given, ins, outs, self.refine, state.best)
            return self._blank(path, ended, int(state.rounds) + 1), engine.inputs_spread(setting.problem)
        total = before[best.parent] + costs[best.ins, best.outs]
        after = state._replace(ins=ins, outs=outs, moved=best.moved, costs=total, path=path)
        return after, grow(setting, work, best.parent, best.ins, best.outs)

    def _blank(self, path: NDArray[np.float64], best: Population | None, rounds: int) -> ProbeState:
        none, zero = np.zeros((1, 0), np.int32), np.zeros(1)
        return ProbeState(none, none, zero, zero, path, best, np.int64(rounds))

    def _places(self, setting: Setting, state: ProbeState) -> NDArray[np.float64] | None:
        """Return costs of first halves at positions, `[N, N]`, of a setting or of a line; None: there are none."""
        if setting.places is not None or setting.partner is None or setting.puzzle is None:
            return setting.places
        if not self.deviation or self._still(state):
            return None
        if "line" not in setting.shared:
            few = setting.puzzle.first_rows(setting.problem.rows)
            paired = Paired(few, setting.partner, setting.run, setting.seed, setting.problem)
            setting.shared["line"] = likely_order(paired).order
        position = np.argsort(setting.shared["line"])
        return (np.arange(setting.blocks) - position[:, None]) ** 2 / (2 * self.deviation**2)

    def _costs(
        self, setting: Setting, places: NDArray[np.float64] | None, depth: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Return what each pair costs at a depth, `[N, N]`, and each first half that is not placed before, `[N]`.

        Both in the logarithm of the error. What is late costs that much while it waits.
        """
        n = setting.blocks
        costs, waiting = np.zeros((n, n)), np.zeros(n)
        if setting.prior is not None and setting.partner is None:
            costs += setting.prior
        if places is not None:
            ahead = np.minimum.accumulate(places[:, ::-1], axis=1)[:, ::-1]
            ahead = np.concatenate([ahead, np.zeros((n, 1))], axis=1)
            costs += (places[:, depth] - ahead[:, depth + 1])[:, None]
            waiting = ahead[:, depth + 1] - ahead[:, depth]
        return (2 / self.worth * costs).astype(np.float32), 2 / self.worth * waiting

    def _expanded(
        self, setting: Setting, state: ProbeState, work: Work, fits: "engine.Fits", places: NDArray[np.float64] | None
    ) -> Children:
        """Return the best expansions of each state of a beam."""
        n, problem, partner = setting.blocks, setting.problem, setting.partner
        ins, paired = unused(state.ins, n), partner is not None
        left, count = np.full(len(ins), ins.shape[1], np.int32), len(ins)
        if paired and places is not None:
            early = places[ins, state.depth] * (places.argmin(axis=1)[ins] > state.depth)
            ins = np.take_along_axis(ins, np.argsort(early, axis=1, kind="stable"), axis=1)
            left = np.maximum((early <= self.reach**2 / 2).sum(axis=1), 1).astype(np.int32)
        outs = unused(state.outs, n) if partner is None else partner[ins]
        # eight programs: each has room for more than there is, and that costs time, but compiling one costs more where
        # there are few
        bucket = max(-(-n // 8), 6)
        columns = int(min(n, -(-left.max() // bucket) * bucket))
        at_once = states_at_once(problem, columns, room_for(count), self.moments)
        parts = []
        for first in range(0, count, at_once):
            rows = slice(first, first + at_once)
            have = min(at_once, count - first)
            setting.run.spend(int((left[rows].astype(np.int64) ** (1 if paired else 2)).sum()))
            with backend.watched():
                found = engine.best_probed(
                    problem,
                    work,
                    np.int32(first),
                    np.pad(state.moved[rows], (0, at_once - have)).astype(np.float32),
                    filled_up(ins[rows, :columns], at_once, columns),
                    filled_up(outs[rows, :columns], at_once, columns),
                    np.pad(left[rows], (0, at_once - have)),
                    fits,
                    refits=self.refits,
                    partners=self.action_partners if self._still(state) else self.partners,
                    keep=self.children,
                    paired=paired,
                )
                parts.append([np.asarray(part) for part in found])
        rank, losses, moved, parent, i, j = (np.concatenate(part) for part in zip(*parts, strict=True))
        every = Children(*(part.astype(np.float64) for part in (rank, losses, moved)), parent, i, j)  # pyright: ignore[reportCallIssue]
        if np.isfinite(rank).any():
            return every.take(np.flatnonzero(np.isfinite(rank)))
        first = np.zeros(1, np.int32)  # every expansion overflows: any of them is as good as the others
        undefined = np.full(1, np.inf)
        return Children(undefined, undefined, undefined, first, ins[:1, 0], outs[:1, 0])
