"""Host: the best assemblies that methods near an answer share, and what they say of pairs and of depths."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve import backend, engine
from jaxsolve.errors import UsageError
from jaxsolve.ordering import Paired, expected_places, likely_order, place_costs
from jaxsolve.pairing import PAIRINGS, factors, learned_around, of_pairs, rank_pairings, similarity, statistics
from jaxsolve.puzzle import Assembly
from jaxsolve.search.annealing import most_rows
from jaxsolve.search.method import Count, Population, Setting, population, unjudged


class Incumbents(NamedTuple):
    """E best assemblies, each of other pairs, the best first."""

    ins: NDArray[np.int32]
    """`[E, N]`"""
    outs: NDArray[np.int32]
    """`[E, N]`"""
    losses: NDArray[np.float64]
    """`[E]`"""
    rows: Count
    """`[]` rows on which moves are decided"""

    @property
    def population(self) -> Population:
        """The assemblies with their losses on the rows that they are compared on."""
        return Population(self.ins, self.outs, self.losses)

    @property
    def best(self) -> Assembly:
        """The first assembly."""
        return Assembly(self.ins[0], self.outs[0])

    @property
    def loss(self) -> float:
        """The lowest loss."""
        return float(self.losses[0])


@dataclass(frozen=True)
class NearIncumbents:
    """Options that methods near incumbents have in common."""

    OTHER_ROWS: ClassVar[bool] = True
    """Whether losses are on other rows than those of the setting's problem."""

    decided_on: int = 1024
    """Rows on which moves are decided at first; four times as many each time that they turn out to mislead."""
    compared_on: int = 4
    """Times as many rows on which assemblies are compared."""
    misleading: float = 1.3
    """Loss on those rows over loss on the rows of moves above which more rows are taken."""
    kept: int = 4
    """Assemblies that are kept, each of other pairs."""

    def begin(self, setting: Setting) -> tuple[Incumbents, Assembly]:
        """Return incumbents, those that other methods of the setting have come to or its starts, and where to begin.

        That is the first of the starts, the best supported one, whatever its loss.

        Raises
        ------
        UsageError
            There is nothing to look at but rows.
        """
        if setting.puzzle is None:
            raise UsageError("this method looks at the weights; give it the puzzle")
        if "incumbents" in setting.shared:
            return setting.shared["incumbents"], setting.shared["incumbents"].best
        starts = setting.starts or unjudged([likely_start(setting)])
        guide = self.guide(setting)
        guide.decide_on(min(self.decided_on, guide.most))
        return guide.incumbents(guide.judged(starts)), starts.best

    def guide(self, setting: Setting, incumbents: Incumbents | None = None) -> "Guide":
        """Return what holds the incumbents of a setting: the same for methods of the same numbers."""
        numbers = self.decided_on, self.compared_on, self.misleading, self.kept
        if numbers not in setting.shared:
            setting.shared[numbers] = Guide(setting, self)
        guide = setting.shared[numbers]
        if incumbents is not None:
            guide.decide_on(int(incumbents.rows))
        return guide


class Guide:
    """What the devices and the host hold for methods near incumbents."""

    def __init__(self, setting: Setting, options: NearIncumbents, chains: int = 2) -> None:
        assert setting.puzzle is not None
        self.setting, self.options, self.puzzle, self.run = setting, options, setting.puzzle, setting.run
        self.whole = setting.every
        """The puzzle on as many rows as are looked at."""
        self.most = min(self.whole.rows, most_rows(Setting(self.whole, self.run), chains))
        """Rows that moves can be decided on, within the memory of the run."""
        self.known = statistics(self.puzzle)
        self._factors = factors(self.puzzle)
        self._rows = 0

    def decide_on(self, rows: int) -> None:
        """Decide moves on so many rows, and compare assemblies on several times as many."""
        if rows != self._rows:
            place = lambda many: engine.to_device(self.puzzle, many, len(self.whole.over.local_devices))
            self.problem, self._compared = place(rows), place(self.options.compared_on * rows)
            self._rows = rows

    def judged(self, some: Population) -> Population:
        """Return assemblies with their losses on the rows that they are compared on, the best first, each once."""
        return population(some.ins, some.outs, Setting(self._compared, self.run).losses(some.ins, some.outs))

    def incumbents(self, some: Population) -> Incumbents:
        """Return incumbents of judged assemblies, as they come."""
        return Incumbents(*some, np.int64(self._rows))

    def joined(self, incumbents: Incumbents, some: Population) -> tuple[Incumbents, Population]:
        """Return the incumbents with others among them that are better, and the best of each pairing of these, judged.

        An order that follows other pairs is behind at first.
        """
        few = slice(self.options.kept)
        found = self.judged(_of_each_pairing(some).take(few))
        kept = _of_each_pairing(population(*incumbents.population.with_more(found))).take(few)
        return self.incumbents(kept), found

    def looked_closer(self, incumbents: Incumbents, loss: float) -> Incumbents:
        """Return the incumbents on more rows, if the best, whose loss on those of moves is given, does better there."""
        if not (incumbents.loss > self.options.misleading * loss and self._rows < self.most):
            return incumbents
        self.decide_on(min(4 * self._rows, self.most))
        return self.incumbents(self.judged(incumbents.population))

    def places(self, best: Assembly) -> NDArray[np.float64]:
        """Return costs of blocks at positions by the best assembly, `[N, N]`."""
        return place_costs(*expected_places(self.puzzle, best.partner, best.ins, self.known))

    def pairs(self, assembly: Assembly) -> NDArray[np.float64]:
        """Return how likely all pairs are by one assembly, `[N, N]`.

        To the statistics of pairs comes how like they are to those around them, and what second halves would gain at
        their positions, on as many rows as there are.
        """
        with backend.watched():
            gains = np.asarray(engine.partner_gains(self.whole, assembly), np.float64)
        pairs, depths = np.zeros(gains.shape), np.empty(len(gains))
        pairs[assembly.ins, assembly.outs], depths[assembly.ins] = 1, np.arange(len(gains))
        known: dict[str, Any] = self.known | similarity(self._factors, pairs, depths) | {"gain": np.empty_like(gains)}
        known["gain"][assembly.ins] = of_pairs(np.where(np.isfinite(gains), gains, 0.0))
        return learned_around(known, pairs, depths).posterior


def likely_start(setting: Setting) -> Assembly:
    """Return the best supported assembly: pairs that are given or that the weights suggest, and their likely order."""
    assert setting.puzzle is not None
    partner = setting.partner
    if partner is None:
        partner = next(rank_pairings(setting.puzzle, PAIRINGS)).partner
    few = setting.puzzle.first_rows(setting.problem.rows)
    paired = Paired(few, partner.astype(np.int32), setting.run, setting.seed, setting.problem)
    return paired.assembly(likely_order(paired).order)


def _of_each_pairing(some: Population) -> Population:
    """Return the best assembly of each pairing."""
    return some.take(np.sort(np.unique(Assembly(some.ins, some.outs).partner, axis=0, return_index=True)[1]))
