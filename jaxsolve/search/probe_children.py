"""Host: what beams that are scored by probes have in common: their rows, their expansions, and how they end."""

from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve import backend, engine
from jaxsolve.puzzle import Assembly
from jaxsolve.run import Growth
from jaxsolve.search.beam import extended, grow, many_at_once, regrown
from jaxsolve.search.descent import begin
from jaxsolve.search.local import descend
from jaxsolve.search.method import Info, Population, Setting, Work, population


class Children(NamedTuple):
    """Expansions of a beam."""

    rank: NDArray[np.float64]
    losses: NDArray[np.float64]
    moved: NDArray[np.float64]
    parent: NDArray[np.int32]
    ins: NDArray[np.int32]
    outs: NDArray[np.int32]

    def take(self, index: NDArray[np.integer]) -> "Children":
        """Return some of them."""
        return self._make(part[index] for part in self)


class Probed:
    """What all beams do alike that are scored by probes: they run one after the other, on rows of their own."""

    PARTIAL: ClassVar[bool] = True
    """Whether states hold partial networks."""
    rows: int | None
    """Rows that probes are fitted on; None: those that candidates are compared on."""
    rounds: int
    """Beams, one after the other."""
    refine: str | None
    """Local search from the best network of each beam; None: none, where others go on from it."""

    def probing(self, setting: Setting) -> Setting:
        """Return a setting on the rows that probes are fitted on."""
        if self.rows is None or setting.puzzle is None:
            return setting
        if (key := ("probing", self.rows)) not in setting.shared:
            devices = len(setting.problem.over.local_devices)
            setting.shared[key] = engine.to_device(setting.puzzle, self.rows, devices)
        return replace(setting, problem=setting.shared[key])

    def place(self, setting: Setting, state: Any) -> Work:
        """Return the states of the partial networks on the devices, grown block by block as they were."""
        return regrown(self.probing(setting), state.ins, state.outs)

    def finished(self, state: Any) -> bool:
        """Return whether all beams have come to their end."""
        return bool(state.rounds >= self.rounds)

    def found(self, state: Any) -> Population:
        """Return the best networks of all beams that have come to their end."""
        return state.best or Population(state.ins[:0], state.outs[:0], np.zeros(0))

    def info(self, state: Any) -> Info:
        """Return what the last step has come to: networks where a beam has ended."""
        ended = state.depth == 0 and state.best is not None
        return Info(self.found(state) if ended else None, ripe=ended and self.refine is not None, over=ended)


def one_longer(
    setting: Setting, name: str, state: Any, best: Children
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    """Return the halves of the networks that stay, and the errors by depth; whoever watches the run hears of them."""
    ins, outs = extended(state.ins, state.outs, best)
    losses = best.losses[[0, len(ins) // 2, -1]]
    setting.run.grew(Growth(name, (*map(float, losses),), Assembly(ins[0], outs[0])))  # pyright: ignore[reportArgumentType]
    return ins, outs, np.vstack([state.path[: state.depth], losses])


def ended_with(
    setting: Setting,
    ins: NDArray[np.int32],
    outs: NDArray[np.int32],
    refine: str | None,
    before: Population | None,
    most: int = 64,
) -> Population:
    """Return the best networks of a beam that has come to its end, and of those before; so many at most.

    The best of the beam is refined by the local search `refine`, if there is one.
    """
    known = found = population(ins, outs, setting.losses(ins, outs))
    if refine is not None:
        descent = begin(setting.problem, found.best, setting.run)
        descend(setting.problem, descent, refine, setting.run, floor=setting.floor)
        (i, j), loss = descent.assembly, np.array([descent.loss])
        known = known.with_more(Population(i[None], j[None], loss))
    known = known if before is None else known.with_more(before)
    return population(*known).take(slice(most))


def sets(ins: NDArray[np.int32], outs: NDArray[np.int32], children: Children, blocks: int) -> NDArray[np.uint64]:
    """Return the same number for children that run the same blocks, and different ones otherwise.

    Zobrist 1970, A New Hashing Method with Application for Game Playing.
    """
    keys = np.random.default_rng(0).integers(2**64, size=(blocks, blocks), dtype=np.uint64)
    before = np.bitwise_xor.reduce(keys[ins, outs], axis=1)
    return before[children.parent] ^ keys[children.ins, children.outs]


def states_at_once(problem: "engine.Problem", firsts: int, most: int, moments: float) -> int:
    """Return how many states a call expands: as time and `moments` bytes for their moments allow, a power of two."""
    _, features, hidden = problem.pieces.w_in.shape
    flops = 2 * problem.rows * firsts * hidden * (2 * features + hidden)
    each = 4 * max(8, problem.rows // 512) * firsts * hidden * (features + hidden)
    least = problem.over.size
    return many_at_once(problem, flops, min(most, max(least, moments / each)), least)


def chosen_by_units(
    setting: Setting, work: Work, some: Children, ranks: NDArray[np.float64], width: int, *, units: int, ridge: float
) -> Children:
    """Return the `width` children whose ranks are the lowest if probes read about so many hidden units as well.

    They are those of whole first halves, drawn by the seed of the setting: the same at every depth. Of few rows, they
    are so few that there are six rows for each; where that is no half, ranks stay as they are.
    """
    hidden = setting.problem.pieces.w_in.shape[2]
    count = min(units // hidden, setting.problem.rows // 6 // hidden, setting.blocks)
    if not count:
        return some.take(np.arange(min(width, len(ranks))))
    halves = np.random.default_rng(setting.seed).choice(setting.blocks, count, replace=False).astype(np.int32)
    states = grow(setting, work, some.parent, some.ins, some.outs)
    problem, parts = setting.problem, []
    flops = 2.0 * problem.rows * (states.shape[2] + count * hidden) ** 2
    at_once = many_at_once(problem, flops, len(states))
    for first in range(0, len(ranks), at_once):  # behind them states are repeated, to fill up
        setting.run.spend(0)
        with backend.watched():
            found = engine.unit_probe_errors(problem, states, np.int32(first), halves, np.float32(ridge), count=at_once)
            parts.append(np.asarray(found))
    errors = np.concatenate(parts)[: len(ranks)].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        told = ranks - np.log(some.losses) + np.log(np.maximum(errors, np.finfo(np.float32).tiny))
    return some.take(np.argsort(np.nan_to_num(told, nan=np.inf), kind="stable")[:width])
