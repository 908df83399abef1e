"""Host: local search as a stage: the best assemblies so far go down to local optima, one after the other."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve.puzzle import Assembly
from jaxsolve.run import Evaluator
from jaxsolve.search.descent import Descent
from jaxsolve.search.local import one_pass, search_named
from jaxsolve.search.method import Count, Population, Setting, Work, check_options, population


class DescendingState(NamedTuple):
    """Assemblies of which those before `at` are local optima."""

    ins: NDArray[np.int32]
    """`[B, N]`"""
    outs: NDArray[np.int32]
    """`[B, N]`"""
    losses: NDArray[np.float64]
    """`[B]`"""
    at: Count
    """`[]` the assembly that goes down now"""
    level: Count
    """`[]` the level of the search that it goes through next"""


@dataclass(frozen=True)
class Descending:
    """Local search from the best assemblies so far."""

    best: int = 1
    """From how many of them."""
    search: str = "joint_screened"
    """Name of the local search."""

    def __post_init__(self) -> None:
        """Refuse what is no search; `UsageError` names the option."""
        search_named(self.search)
        check_options(self, positive=("best",))

    @property
    def state_type(self) -> type:
        """Assemblies on their way down."""
        return DescendingState

    def init(self, setting: Setting) -> DescendingState:
        """Return the assemblies that the setting begins with."""
        begin = setting.begin(min(self.best, setting.starts.size if setting.starts else self.best))
        return DescendingState(*begin, np.int64(0), np.int64(0))

    def place(self, setting: Setting, state: DescendingState) -> Work:
        """Return what looks at neighbours of the assembly that goes down."""
        return None if self.finished(state) else self._evaluator(setting, state)

    def finished(self, state: DescendingState) -> bool:
        """Return whether all assemblies are local optima."""
        return int(state.at) >= len(state.losses)

    def found(self, state: DescendingState) -> Population:
        """Return the assemblies."""
        return population(state.ins, state.outs, state.losses)

    def step(self, setting: Setting, state: DescendingState, work: Work) -> tuple[DescendingState, Work]:
        """Return the state after one pass through one neighbourhood."""
        search, at = search_named(self.search), int(state.at)
        descent = Descent(work.assembly, float(state.losses[at]))
        level = one_pass(work, descent, search, int(state.level), setting.run)
        ins, outs, losses = state.ins.copy(), state.outs.copy(), state.losses.copy()
        ins[at], outs[at], losses[at] = *descent.assembly, descent.loss
        if level < len(search.levels):
            return DescendingState(ins, outs, losses, state.at, np.int64(level)), work
        state = DescendingState(ins, outs, losses, state.at + 1, np.int64(0))
        return state, self.place(setting, state)

    def _evaluator(self, setting: Setting, state: DescendingState) -> Evaluator:
        at = int(state.at)
        return Evaluator(setting.problem, Assembly(state.ins[at], state.outs[at]), setting.run)
