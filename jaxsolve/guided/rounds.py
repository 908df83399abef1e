"""Host: the rounds by turns: a cycle of relaxation, and a round of annealing."""

from collections.abc import Callable, Iterator

import numpy as np

from jaxsolve.guided.annealing import CHAINS, AnnealingRounds
from jaxsolve.guided.guide import Guide
from jaxsolve.guided.relaxation import RelaxationRounds
from jaxsolve.joint import MOST_SEED
from jaxsolve.puzzle import Puzzle
from jaxsolve.run import Run
from jaxsolve.search import Population


class GuidedRounds(Iterator[Population]):
    """The rounds by turns: what each has found, the best first, without end.

    Parameters
    ----------
    puzzle
        The puzzle.
    start
        Assemblies to begin with, the best supported first; their losses are not looked at.
    run, seed, devices
        What counts, the start of all randomness, and the devices of each process to use.
    found
        Gets what every round has found, also one that the budget cuts off.
    held
        Whether the pairs are taken for known, so that only the order is searched at first.
    floor
        Loss at which there is nothing left to search.

    Raises
    ------
    OutOfTime, KeyboardInterrupt, ProcessLost
        As `Run.spend` does, by the next round.
    """

    def __init__(
        self,
        puzzle: Puzzle,
        start: Population,
        run: Run,
        seed: int,
        devices: int | None,
        found: list[Population],
        *,
        held: bool,
        floor: float,
    ) -> None:
        self.error = np.inf
        """Lowest error of a mixture so far, on rows that it has not seen: what may come of the rounds."""
        self.falls: bool | None = None
        """Whether that has fallen in the last round of relaxation; None before the second one."""

        def begin() -> tuple[RelaxationRounds, AnnealingRounds]:
            guide = Guide(puzzle, run, devices, start, CHAINS)
            relaxation = RelaxationRounds(guide, start.best, seed % MOST_SEED, held=held)
            return relaxation, AnnealingRounds(guide, seed % MOST_SEED, found, floor)

        self._rounds = self._by_turns(begin, found)

    def __next__(self) -> Population:
        """Return what the next round finds."""
        return next(self._rounds)

    def _by_turns(
        self, begin: Callable[[], tuple[RelaxationRounds, AnnealingRounds]], found: list[Population]
    ) -> Iterator[Population]:
        relaxation, annealing = begin()
        while True:
            for one in relaxation.cycle():
                self.error, self.falls = relaxation.lowest, relaxation.falls
                found.append(one)
                yield one
            yield annealing.round()
