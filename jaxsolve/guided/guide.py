"""Host: what rounds near the best answer have come to, and what that says of pairs and of depths."""

import numpy as np
from numpy.typing import NDArray

from jaxsolve import backend, engine
from jaxsolve.ordering import expected_places, place_costs
from jaxsolve.pairing import factors, learned_around, likeness, of_pairs, statistics
from jaxsolve.puzzle import Assembly, Puzzle
from jaxsolve.run import Run
from jaxsolve.search import STATISTICS_ROWS, Population, Setting, population
from jaxsolve.search.annealing import most_rows

ROWS = 1024
"""Rows on which moves are decided; four times as many each time that they turn out to mislead."""
JUDGED = 4
"""Times as many rows on which what rounds have found is compared."""
MISLEADING = 1.3
"""Loss on those rows over loss on the rows of a round above which more rows are taken."""
KEPT = 4
"""Best assemblies that are kept, each of other pairs."""


class Guide:
    """The best assemblies so far, and what they say.

    Parameters
    ----------
    puzzle
        The puzzle; many of its rows tell whether those of a round mislead.
    run, devices
        What counts, and the devices of each process to use.
    start
        Assemblies to begin with; their losses are not looked at.
    chains
        How many chains are to fit into memory with the rows on which moves are decided.
    """

    def __init__(self, puzzle: Puzzle, run: Run, devices: int | None, start: Population, chains: int) -> None:
        self.puzzle, self.run, self.devices = puzzle, run, devices
        self.whole = engine.place(puzzle, STATISTICS_ROWS, devices)
        """The puzzle on as many rows as are looked at."""
        self._most = min(self.whole.rows, most_rows(Setting(self.whole, run), chains))
        self._known = statistics(puzzle)
        self._compared = factors(puzzle)
        self._take_rows(min(ROWS, self._most))
        self.elites = self.judged(start)
        """The best assemblies so far, with their losses on the rows that they are compared on."""

    @property
    def loss(self) -> float:
        """The lowest of these losses."""
        return float(self.elites.losses[0])

    def take(self, some: Population) -> Population:
        """Return the best of each pairing, compared anew, and keep what is better than what is kept.

        An order that follows other pairs is behind at first.
        """
        found = self.judged(_of_each_pairing(some).take(slice(KEPT)))
        self.elites = _of_each_pairing(population(*self.elites.with_more(found))).take(slice(KEPT))
        return found

    def look_closer(self, loss: float) -> None:
        """Take more rows where the best assembly, whose loss on those of a round is given, does better there."""
        if self.loss > MISLEADING * loss and self.problem.rows < self._most:
            self._take_rows(min(4 * self.problem.rows, self._most))
            self.elites = self.judged(self.elites)

    def places(self) -> NDArray[np.float64]:
        """Return costs of blocks at positions by the best assembly, `[N, N]`."""
        best = self.elites.best
        return place_costs(*expected_places(self.puzzle, best.partner, best.ins, self._known))

    def pairs(self, assembly: Assembly) -> NDArray[np.float64]:
        """Return how likely all pairs are by one assembly, `[N, N]`.

        To the statistics of pairs comes how like they are to those around them, and what second halves would gain at
        their positions, on as many rows as there are.
        """
        with backend.watched():
            gains = np.asarray(engine.partner_gains(self.whole, assembly), np.float64)
        pairs, depths = np.zeros(gains.shape), np.empty(len(gains))
        pairs[assembly.ins, assembly.outs], depths[assembly.ins] = 1, np.arange(len(gains))
        known = self._known | likeness(self._compared, pairs, depths) | {"gain": np.empty_like(gains)}
        known["gain"][assembly.ins] = of_pairs(np.where(np.isfinite(gains), gains, 0.0))
        return learned_around(known, pairs, depths).posterior

    def _take_rows(self, rows: int) -> None:
        self.problem, self._judging = (engine.place(self.puzzle, many, self.devices) for many in (rows, JUDGED * rows))

    def judged(self, some: Population) -> Population:
        """Return assemblies with their losses on the rows that they are compared on, the best first, each once."""
        return population(some.ins, some.outs, Setting(self._judging, self.run).losses(some.ins, some.outs))


def _of_each_pairing(some: Population) -> Population:
    """Return the best assembly of each pairing."""
    return some.take(np.sort(np.unique(Assembly(some.ins, some.outs).partner, axis=0, return_index=True)[1]))
