"""Host: the losses of an assembly's neighbours, any number of them, through one compiled program."""

import numpy as np
from numpy.typing import NDArray

from jaxsolve import engine
from jaxsolve.engine import Moves, Neighbourhood, plan
from jaxsolve.puzzle import Assembly
from jaxsolve.run.run import Run


class Evaluator:
    """An assembly whose neighbours are looked at, with its states kept on the devices between the looks.

    Evaluators of a run take turns in the same device memory, and begin anew where another was there in
    between. Where the states of all rows do not fit into the memory of the run, which turns out where it runs out at
    the latest, rows are gone through in parts, and states are computed anew for each look.
    """

    room = 512
    """Moves that one call of the program has room for on each device: a multiple of those that run side by side."""
    work = 1e11
    """Floating-point operations after which a call comes back on each core of a CPU, so that a run can be stopped."""
    accelerator_work = 1e13
    """The same on each accelerator."""

    def __init__(
        self, problem: "engine.Problem", assembly: Assembly, run: Run, way: "engine.Way | None" = None
    ) -> None:
        self.problem = problem
        self.assembly = assembly
        self.applications = 0
        """Blocks applied so far, each to all rows."""
        self.way: engine.Way = way or engine.best_way(problem)
        self._run = run
        self._me = object()
        self._valid = 0
        self._loss = np.nan
        self._memory: float | None = None
        self._parts = [problem]

    def losses(self, moves: Moves | Neighbourhood) -> NDArray[np.float64]:
        """Return the mean squared error of the assembly after each of the moves, `[M]`; infinite if undefined."""
        losses, ranked = np.empty(moves.size), moves.ranked()
        at_once = self._at_once()
        for start in range(0, moves.size, at_once):
            part = ranked[start : start + at_once]
            losses[part] = self._look(moves.take(part))
        return losses

    def loss(self) -> float:
        """Return the mean squared error of the assembly itself; infinite if it is undefined."""
        if np.isnan(self._loss):
            none = np.zeros((0, self.problem.blocks), np.int32)
            self._look(Moves(none, none, np.zeros(0, np.int32)))
        return self._loss

    def take(self, moves: Moves | Neighbourhood, m: int) -> None:
        """Apply one of the moves."""
        (ins,), (outs,), (first,) = moves.take(slice(m, m + 1))
        self.assembly = Assembly(self.assembly.ins[ins], self.assembly.outs[outs])
        self._valid, self._loss = min(self._valid, int(first)), np.nan

    def _at_once(self) -> int:
        """Return how many moves a call evaluates."""
        devices = self.problem.over.size
        work = devices * (self.work if self.way == "sequential" else self.accelerator_work)
        return int(np.clip(work / self.problem.flops, devices, devices * self.room))

    def _look(self, moves: Moves) -> NDArray[np.float64]:
        self._run.spend(max(1, moves.size))
        return self._run.within_memory(self.problem, lambda memory: self._evaluated(moves, memory))

    def _evaluated(self, moves: Moves, memory: float) -> NDArray[np.float64]:
        if memory != self._memory:
            rows = engine.rows_that_fit(self.problem, self.way, memory)
            self._memory, self._parts = memory, engine.split_rows(self.problem, rows)
        devices, own, losses = self.problem.over.size, 0.0, np.zeros(moves.size)
        if len(self._parts) > 1 or self._run.slots.get(_kind(self.problem), (None,))[0] is not self._me:
            self._valid = 0
        order = plan(moves, devices=devices, room=1 + self.room, valid=self._valid, chains=self.way == "sequential")
        for part in self._parts:
            kind = _kind(part)
            states = self._run.slots.pop(kind, (None, None))[1]
            if states is None:
                self._run.slots.clear()  # not more than one kind at a time
                states = engine.input_states(part)
            found, states = engine.path_losses(part, self.assembly, states, order.paths, way=self.way)
            found = np.asarray(found)
            self._run.slots[kind] = self._me, states
            share = part.rows / self.problem.rows
            own += share * float(found[0, 0])
            losses += share * order.gather(found)
        self._valid = self.problem.blocks
        self._loss = float("inf") if np.isnan(own) else own
        self.applications += order.applications
        return np.where(np.isnan(losses), np.inf, losses)


def _kind(problem: "engine.Problem") -> tuple:
    return problem.over, problem.blocks, *problem.x.shape
