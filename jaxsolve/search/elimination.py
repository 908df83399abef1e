"""Host: backward elimination: blocks that an answer is much better without are left out, one after the other.

As many decoys among first halves as among second ones make blocks of their own, which no count can tell.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve.architecture import Network
from jaxsolve.errors import UsageError
from jaxsolve.puzzle import Assembly, Puzzle
from jaxsolve.search.method import Count, Info, Population, Setting, Work, check_options, population


class EliminationState(NamedTuple):
    """An assembly from which blocks are taken."""

    ins: NDArray[np.int32]
    """`[1, N]`"""
    outs: NDArray[np.int32]
    """`[1, N]`"""
    losses: NDArray[np.float64]
    """`[1]`"""
    gone: Count
    """`[]` blocks that were left out"""
    over: Count
    """`[]` whether no block is left without which it is much better"""


@dataclass(frozen=True)
class Elimination:
    """Backward elimination of blocks, of a puzzle with null halves of either kind (`jaxsolve.puzzle.padding`)."""

    share: float = 0.7
    """Share of the loss that is left without a block, at most, where it is left out."""

    def __post_init__(self) -> None:
        """Refuse negative shares; `UsageError` names the option."""
        check_options(self)

    @property
    def state_type(self) -> type[EliminationState]:
        """An assembly."""
        return EliminationState

    def init(self, setting: Setting) -> EliminationState:
        """Return the best assembly that the setting begins with.

        Raises
        ------
        UsageError
            No block can be left out: the puzzle has no null halves of both kinds.
        """
        if setting.puzzle is None or not (setting.puzzle.null_ins.any() and setting.puzzle.null_outs.any()):
            raise UsageError("elimination needs null halves, which blocks that are left out are paired with: --spare N")
        begin = setting.begin(1)
        return EliminationState(*begin, np.int64(0), np.int64(0))

    def place(self, setting: Setting, state: EliminationState) -> Work:
        """Return nothing."""

    def finished(self, state: EliminationState) -> bool:
        """Return whether no block is left without which the assembly is much better."""
        return bool(state.over)

    def found(self, state: EliminationState) -> Population:
        """Return the assembly."""
        return population(state.ins, state.outs, state.losses)

    def info(self, state: EliminationState) -> Info:
        """Return the assembly, if it has come to lack a block."""
        done = bool(state.over and state.gone)
        return Info(self.found(state) if done else None)

    def step(self, setting: Setting, state: EliminationState, work: Work) -> tuple[EliminationState, Work]:
        """Return the assembly without one more block, or as it is where that does not help much."""
        assert setting.puzzle is not None
        shorter = _shortened(setting.puzzle, Assembly(state.ins[0], state.outs[0]))
        if not shorter:
            return state._replace(over=np.int64(1)), work
        ins, outs = (np.stack(half) for half in zip(*shorter, strict=True))
        losses = setting.losses(ins, outs)
        k = int(losses.argmin())
        if not losses[k] < self.share * state.losses[0]:
            return state._replace(over=np.int64(1)), work
        best = slice(k, k + 1)
        state = state._replace(ins=ins[best], outs=outs[best], losses=losses[best], gone=state.gone + 1)
        return state, work


def _shortened(puzzle: Puzzle, assembly: Assembly) -> list[Assembly]:
    """Return an assembly without each of its blocks, silent ones behind all others; none if null halves are used up."""
    running = np.flatnonzero(~puzzle.silent(assembly))
    spare = min(int(puzzle.null_ins.sum()), int(puzzle.null_outs.sum()))
    least = min(int((~puzzle.null_ins).sum()), int((~puzzle.null_outs).sum())) - spare
    if len(running) <= max(1, least):
        return []
    without = (Assembly(*(np.delete(half, t) for half in assembly)) for t in running)
    return [puzzle.assembly(puzzle.permutation(some)) for some in without]


def superfluous_blocks(puzzle: Puzzle, assembly: Assembly, loss: float, rows: int, share: float) -> int:
    """Return how many blocks an answer is much better without, each time at most `share` of its loss, by a few rows.

    Networks of other lengths than a puzzle's run on the host.
    """
    few = puzzle.first_rows(rows)
    network, x = Network(few, few.activation, np.float32), few.x.astype(np.float32)
    loss_of = lambda some: float(np.mean((network.predict(x, some) - few.y) ** 2))
    gone = 0
    while len(assembly.ins) > 1:
        without = [Assembly(*(np.delete(half, t) for half in assembly)) for t in range(len(assembly.ins))]
        losses = np.nan_to_num([loss_of(some) for some in without], nan=np.inf)
        if not losses.min() < share * loss:
            break
        loss, assembly, gone = float(losses.min()), without[int(losses.argmin())], gone + 1
    return gone
