"""Host: beam search over networks that grow block by block, from the inputs on.

Every state of the beam is a partial network. A step looks at all of its expansions by a first and a second half that
are left, scored by the error of the readout as if nothing came after them, and keeps the best. Lowerre (1976), The
HARPY Speech Recognition System; with noise in the scores, and kept diverse, as in the experiments this began with.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve import backend, engine
from jaxsolve.errors import UsageError
from jaxsolve.run import Evaluator
from jaxsolve.search.method import Count, Population, Setting, Work, check_memory, check_options, population


class BeamState(NamedTuple):
    """The partial networks of a beam, the best first."""

    ins: NDArray[np.int32]
    """`[W, L]` first halves so far"""
    outs: NDArray[np.int32]
    """`[W, L]` second halves so far"""
    losses: NDArray[np.float64]
    """`[W]` mean squared errors of the readout after them"""
    blocks: Count
    """`[]` N"""


class Children(NamedTuple):
    """Expansions that may enter a beam, the best first."""

    parent: NDArray[np.int32]
    ins: NDArray[np.int32]
    outs: NDArray[np.int32]
    losses: NDArray[np.float64]

    def take(self, index: NDArray[np.integer] | slice) -> "Children":
        """Return some of them."""
        return Children(self.parent[index], self.ins[index], self.outs[index], self.losses[index])


@dataclass(frozen=True)
class Beam:
    """Beam search over first and second halves together, or over the order of given pairs."""

    width: int = 10
    """States that are kept."""
    noise: float = 0.0
    """Standard deviation of what is added to the scores, in units of the mean squared error."""
    signature: int = 0
    """Most states with the same signature: outputs on a few rows, rounded to `grid`; 0: any number."""
    grid: float = 0.1
    """Step to which outputs are rounded in signatures, in standard deviations of the target."""
    signature_rows: int = 16
    """Rows whose outputs make the signature of a state."""
    pool: int = 4
    """Candidates for each place of the beam, where signatures decide, too."""

    def __post_init__(self) -> None:
        """Refuse what is no beam; `UsageError` names the option."""
        check_options(self, positive=("width", "signature_rows", "pool"))
        if not self.grid > 0:
            raise UsageError(f"grid is {self.grid}; expected more than 0")

    @property
    def state_type(self) -> type:
        """States of a beam."""
        return BeamState

    def init(self, setting: Setting) -> BeamState:
        """Return the beam of the network without blocks."""
        check_memory(setting, "width", self.width, setting.problem.x.size)
        none = np.zeros((1, 0), np.int32)
        return BeamState(none, none, np.array([np.inf]), np.int64(setting.blocks))

    def halfway(self, setting: Setting) -> BeamState:
        """Return a beam of random networks of half the blocks, to measure a step with."""
        ins, outs = (half[:, : setting.blocks // 2] for half in setting.random(self.width))
        return BeamState(ins, outs, np.zeros(self.width), np.int64(setting.blocks))

    def flops(self, setting: Setting, state: BeamState) -> float:
        """Return the floating-point operations of the matrix products of a step, by their closed form."""
        problem, (width, depth) = setting.problem, state.ins.shape
        _, features, hidden = problem.pieces.w_in.shape
        left = setting.blocks - depth
        seconds = left if setting.partner is None else 1
        return 2.0 * problem.rows * hidden * width * (left * (features + seconds) + 2 * features)

    def place(self, setting: Setting, state: BeamState) -> Work:
        """Return the states of the partial networks on the devices, grown block by block as they were."""
        return regrown(setting, state.ins, state.outs)

    def finished(self, state: BeamState) -> bool:
        """Return whether all blocks are placed."""
        return state.ins.shape[1] == state.blocks

    def found(self, state: BeamState) -> Population:
        """Return the networks, once they are complete."""
        if not self.finished(state):
            return Population(state.ins[:0], state.outs[:0], state.losses[:0])
        return population(state.ins, state.outs, state.losses)

    def step(self, setting: Setting, state: BeamState, work: Work) -> tuple[BeamState, Work]:
        """Return the beam one block later."""
        pool = _expand(setting, state, work, self.width * (self.pool if self.signature else 1), self.noise)
        if self.signature:
            pool = pool.take(capped(self._signatures(setting, work, pool), self.signature))
        best = pool.take(slice(self.width))
        best = best.take(np.argsort(best.losses, kind="stable")) if self.finished(grown(state, best)) else best
        return grown(state, best), grow(setting, work, best.parent, best.ins, best.outs)

    def _signatures(self, setting: Setting, work: Work, pool: Children) -> NDArray[np.int64]:
        """Return the rounded outputs of candidates on a few rows, `[K, S]`."""
        index = np.resize(np.arange(len(pool.parent)), room_for(len(pool.parent)))
        children = pool.take(index)
        found = np.asarray(
            engine.outputs(
                setting.problem, work, children.parent, children.ins, children.outs, rows=self.signature_rows
            )
        )[: len(pool.parent)]
        step = self.grid * max(float(np.std(np.asarray(setting.problem.y))), np.finfo(np.float32).tiny)
        return np.round(found / step).astype(np.int64)


def room_for(count: int) -> int:
    """Return a round number, at least `count`: programs are compiled for few sizes."""
    return 1 << (count - 1).bit_length()


def many_at_once(problem: "engine.Problem", flops: float, most: float, least: int = 1) -> int:
    """Return how many networks, of so many operations each, a call takes: a power of two, of about a second."""
    fit = Evaluator.work * problem.over.size / flops
    return 1 << (int(np.clip(fit, least, most)).bit_length() - 1)


def grown(state: BeamState, children: Children) -> BeamState:
    """Return a beam one block longer."""
    ins, outs = extended(state.ins, state.outs, children)
    return BeamState(ins, outs, children.losses, state.blocks)


def extended(ins: NDArray[np.int32], outs: NDArray[np.int32], children: Any) -> tuple[NDArray, NDArray]:
    """Return the halves of partial networks, `[W, L]`, and after them those of some of their children."""
    append = lambda words, last: np.concatenate([words[children.parent], last[:, None]], axis=1)
    return append(ins, children.ins), append(outs, children.outs)


def regrown(setting: Setting, ins: NDArray[np.int32], outs: NDArray[np.int32]) -> Work:
    """Return the states of partial networks on the devices, grown block by block as they were."""
    states = engine.inputs_spread(setting.problem)
    for t in range(ins.shape[1]):
        parents = np.arange(len(ins)) if t else np.zeros(len(ins), np.int32)
        states = grow(setting, states, parents, ins[:, t], outs[:, t])
    return states


def grow(setting: Setting, work: Work, parents: NDArray, ins: NDArray, outs: NDArray) -> Work:
    """Return states after one more block, filled up to a round number of them."""
    setting.run.spend(0)
    index = np.resize(np.arange(len(parents)), room_for(len(parents)))
    with backend.watched():
        return engine.grown(setting.problem, work, *(part[index].astype(np.int32) for part in (parents, ins, outs)))


def unused(words: NDArray[np.int32], blocks: int) -> NDArray[np.int32]:
    """Return the halves that states have not used yet, ascending, `[W, N - L]`."""
    free = np.ones((len(words), blocks), bool)
    np.put_along_axis(free, words, False, axis=1)
    return np.nonzero(free)[1].reshape(len(words), -1).astype(np.int32)


def filled_up(table: NDArray[np.int32], rows: int, columns: int) -> NDArray[np.int32]:
    """Return a table filled up to so many rows and columns."""
    return np.pad(table, ((0, rows - len(table)), (0, columns - table.shape[1])))


def _expand(setting: Setting, state: BeamState, work: Work, keep: int, noise: float) -> Children:
    """Return the best expansions of a beam."""
    n, problem = setting.blocks, setting.problem
    ins = unused(state.ins, n)
    paired = setting.partner is not None
    outs = unused(state.outs, n) if setting.partner is None else setting.partner[ins]
    left, count = ins.shape[1], len(ins)
    bucket = -(-n // 4)  # four programs: each has room for more than there is, and that costs time
    columns = min(n, -(-left // bucket) * bucket)
    flops = 2 * problem.rows * n * problem.pieces.b_in.shape[1] * (problem.pieces.w_in.shape[1] + n)
    at_once = many_at_once(problem, flops, min(Evaluator.room, room_for(count)))
    parts = []
    for first in range(0, count, at_once):
        rows = slice(first, first + at_once)
        have = min(at_once, count - first)
        setting.run.spend(have * left * (1 if paired else left))
        with backend.watched():
            found = engine.best_expansions(
                problem,
                work,
                np.int32(first),
                filled_up(ins[rows], at_once, columns),
                filled_up(outs[rows], at_once, columns),
                np.where(np.arange(at_once) < have, left, 0).astype(np.int32),
                _noise(setting, state, noise, first, at_once, columns, 1 if paired else columns),
                keep=room_for(keep),
                paired=paired,
            )
            parts.append([np.asarray(part) for part in found])
    ranked, losses, parent, i, j = (np.concatenate(part) for part in zip(*parts, strict=True))
    defined = np.isfinite(ranked) & (parent < count)
    if not defined.any():  # every expansion overflows: any of them is as good as the others
        return Children(np.zeros(1, np.int32), ins[:1, 0], outs[:1, 0], np.array([np.inf]))
    order = np.flatnonzero(defined)
    order = order[np.lexsort((parent[order], ranked[order]))][:keep]
    return Children(parent[order], i[order], j[order], losses[order].astype(np.float64))


def _noise(
    setting: Setting, state: BeamState, noise: float, first: int, count: int, ins: int, outs: int
) -> NDArray[np.float32]:
    """Return the noise of the expansions of some states: it depends on the state, not on which go together."""
    if not noise:
        return np.zeros((count, 1, 1), np.float32)
    length = state.ins.shape[1]
    draw = lambda w: np.random.default_rng([setting.seed, length, w]).standard_normal((ins, outs))
    return np.float32(noise) * np.stack([draw(w) for w in range(first, first + count)]).astype(np.float32)


def capped(signatures: NDArray[Any], cap: int) -> NDArray[np.intp]:
    """Return which candidates stay, in their order, if at most `cap` may have the same signature."""
    _, group = np.unique(signatures, axis=0, return_inverse=True)
    group = group.ravel()
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    place = np.arange(len(group)) - np.repeat(starts, np.diff(np.append(starts, len(group))))
    return np.sort(order[place < cap])
