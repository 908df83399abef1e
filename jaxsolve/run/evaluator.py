"""Host: the losses of an assembly's neighbours, any number of them, through one compiled program."""

import numpy as np
from numpy.typing import NDArray

from jaxsolve import engine
from jaxsolve.engine import Moves, Neighbourhood
from jaxsolve.puzzle import Assembly
from jaxsolve.run.run import Run

CHUNK = 64
"""Moves that one call of the program has room for: a multiple of every number of lanes."""


class Evaluator:
    """An assembly whose neighbours are looked at, with its states kept on the device between the looks."""

    def __init__(self, problem: "engine.Problem", assembly: Assembly, run: Run) -> None:
        self.assembly = assembly
        self._problem = problem
        self._run = run
        self._states = engine.input_states(problem)
        self._valid = 0

    def losses(self, moves: Moves | Neighbourhood) -> NDArray[np.float64]:
        """Return the mean squared error of the assembly after each of the moves, `[M]`."""
        losses = [np.empty(0)]
        for start in range(0, moves.size, CHUNK):
            losses.append(self._look(moves.take(slice(start, start + CHUNK))))
        return np.concatenate(losses)

    def loss(self) -> float:
        """Return the mean squared error of the assembly itself; infinite if it is undefined."""
        n = self._problem.blocks
        stay = np.arange(n, dtype=np.int32)[None]
        loss = self.losses(Moves(stay, stay, np.full(1, n, np.int32)))[0]
        return float("inf") if np.isnan(loss) else float(loss)

    def take(self, moves: Moves | Neighbourhood, m: int) -> None:
        """Apply one of the moves."""
        (ins,), (outs,), (first,) = moves.take(slice(m, m + 1))
        self.assembly = Assembly(self.assembly.ins[ins], self.assembly.outs[outs])
        self._valid = min(self._valid, int(first))

    def _look(self, moves: Moves) -> NDArray[np.float64]:
        self._run.spend(moves.size)
        room = moves.take(np.minimum(np.arange(CHUNK), moves.size - 1))
        lanes = engine.default_lanes()
        losses, self._states = engine.neighbourhood_losses(
            self._problem, self.assembly, self._states, np.int32(self._valid), room, np.int32(moves.size), lanes=lanes
        )
        self._valid = self._problem.blocks
        return np.asarray(losses, np.float64)[: moves.size]
