"""Host: beam search over networks that grow from their last block backwards.

Every state is the end of a network, applied to the inputs as they are. A step ranks all blocks that could run before
it to first order, evaluates the best exactly, and keeps the best of those.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve import backend, engine
from jaxsolve.search.method import Count, Population, Setting, Work, check_options, filled, population


class BackwardState(NamedTuple):
    """The ends of networks, the best first."""

    ins: NDArray[np.int32]
    """`[W, L]` the last L first halves"""
    outs: NDArray[np.int32]
    """`[W, L]` the last L second halves"""
    losses: NDArray[np.float64]
    """`[W]` mean squared errors of the readout after them"""
    blocks: Count
    """`[]` N"""


@dataclass(frozen=True)
class BackwardBeam:
    """Beam search from the last block backwards."""

    width: int = 10
    """States that are kept."""
    noise: float = 0.0
    """Standard deviation of what is added to the exact scores, in units of the mean squared error."""
    pool: int = 4
    """Candidates that are evaluated exactly for each place of the beam."""
    at_once: int = 64
    """States whose expansions are ranked by one call."""

    def __post_init__(self) -> None:
        """Refuse what is no beam; `UsageError` names the option."""
        check_options(self, positive=("width", "pool", "at_once"))

    @property
    def state_type(self) -> type:
        """Ends of networks."""
        return BackwardState

    def init(self, setting: Setting) -> BackwardState:
        """Return the network without blocks."""
        none = np.zeros((1, 0), np.int32)
        return BackwardState(none, none, np.array([np.inf]), np.int64(setting.blocks))

    def place(self, setting: Setting, state: BackwardState) -> Work:
        """Return nothing: each step computes all that it needs."""
        return None

    def finished(self, state: BackwardState) -> bool:
        """Return whether all blocks are placed."""
        return state.ins.shape[1] == state.blocks

    def found(self, state: BackwardState) -> Population:
        """Return the networks, once they are complete."""
        if not self.finished(state):
            return Population(state.ins[:0], state.outs[:0], state.losses[:0])
        return population(state.ins, state.outs, state.losses)

    def step(self, setting: Setting, state: BackwardState, work: Work) -> tuple[BackwardState, Work]:
        """Return the beam one block earlier."""
        parent, first, second = self._ranked(setting, state)
        ins, outs = (
            np.concatenate([new[:, None], words[parent]], axis=1).astype(np.int32)
            for new, words in ((first, state.ins), (second, state.outs))
        )
        losses = self._exact(setting, ins, outs)
        noise = self.noise * setting.rng(ins.shape[1]).standard_normal(len(losses))
        keep = np.argsort(losses + noise, kind="stable")[: self.width]
        keep = keep[np.argsort(losses[keep], kind="stable")]
        return BackwardState(ins[keep], outs[keep], losses[keep], state.blocks), work

    def _ranked(
        self, setting: Setting, state: BackwardState
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Return the expansions that promise most: their states and halves."""
        n, (count, length) = setting.blocks, state.ins.shape
        left = np.ones((count, 2, n), bool)
        for half, words in enumerate((state.ins, state.outs)):
            np.put_along_axis(left[:, half], words, False, axis=1)
        if setting.partner is not None:
            left[:, 1] = True
        parts = []
        for start in range(0, count, self.at_once):
            some = slice(start, start + self.at_once)
            setting.run.spend((n - length) ** 2 * len(state.ins[some]))
            padded = (filled(setting, _padded(words[some], n)) for words in (state.ins, state.outs))
            with backend.watched():
                found = engine.prepended_losses(
                    setting.problem, *padded, np.int32(n - length), filled(setting, left[some])
                )
            parts.append(np.asarray(found)[: len(state.ins[some])])
        losses = np.concatenate(parts)
        if setting.partner is not None:
            losses = np.where(setting.partner[:, None] == np.arange(n), losses, np.inf)
        order = np.argsort(losses.ravel(), kind="stable")[: self.pool * self.width]
        allowed = np.isfinite(losses.ravel()[order])
        if not allowed.any():  # every one overflows: any that may be used is as good
            usable = left[:, 0, :, None] & left[:, 1, None] & (losses >= 0)
            order, allowed = np.flatnonzero(usable.ravel())[:1], np.ones(1, bool)
        return np.unravel_index(order[allowed], losses.shape)  # pyright: ignore[reportReturnType]

    def _exact(self, setting: Setting, ins: NDArray[np.int32], outs: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the losses of the ends of networks on the inputs."""
        setting.run.spend(len(ins))
        n, count = setting.blocks, len(ins)
        index = np.resize(np.arange(count), -(-count // self.at_once) * self.at_once)
        padded = (filled(setting, _padded(words[index], n)) for words in (ins, outs))
        with backend.watched():
            losses = engine.suffix_losses(setting.problem, *padded, np.int32(n - ins.shape[1]))
        return np.asarray(losses, np.float64)[:count]


def _padded(words: NDArray[np.int32], blocks: int) -> NDArray[np.int32]:
    """Return the ends of networks at the end of N positions."""
    return np.pad(words, ((0, 0), (blocks - words.shape[1], 0)))
