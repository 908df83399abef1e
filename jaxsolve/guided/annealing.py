"""Host: rounds of annealing near the best answer so far, guided by what it says of depths.

Every round anneals the order of the best assemblies, no hotter than what is left of the error calls for, and beside
the error it pays for blocks that lie far from where their weights belong (`ordering.expected_places`), which is learned
anew from each better answer.
"""

import numpy as np

from jaxsolve.guided.guide import Guide
from jaxsolve.search import MOST_SEED, Pipeline, Population, Setting, stages_named

STEPS = 16
"""Moves of each chain in the first round, in units of `annealing.chunk`."""
CHAINS = 2
"""Assemblies that a round begins with: the best, and another."""
NO_BETTER = 0.97
"""Share of the best loss so far above which a round has found nothing that counts."""
LONGER = 1.15
"""By which a round that found nothing better makes the next ones longer."""
HOTTEST = 0.01
"""Highest temperature, in units of the variance of the predictions."""
WARM = 0.08
"""Temperature of a round at its start, in units of the best loss so far."""
COOLER = 0.6
"""By which a round that found nothing better makes the next ones colder, until one does: what is left are few defects
in an order that hotter ones would melt."""
COLDEST = 0.1
"""Where they begin again as warm as at first."""
COOLING = 15.0
"""By which it falls in a round."""
ANNEALING = {
    "annealing.chains": CHAINS,
    "annealing.partner": 0.0,
    "annealing.swap": 0.4,
    "annealing.insertion": 0.5,
    "annealing.reversal": 0.1,
    "annealing.reach": 2.0,
    "annealing.chunk": 256,
}
"""What is the same in all rounds: mostly short insertions and swaps of whole blocks."""


class AnnealingRounds:
    """Rounds of annealing, one after the other.

    Parameters
    ----------
    guide
        The best assemblies, which rounds begin with and add to.
    seed
        Start of all randomness.
    found
        Gets what every round has found, also one that the budget cuts off.
    floor
        Loss at which there is nothing left to search.
    """

    def __init__(self, guide: Guide, seed: int, found: list[Population], floor: float) -> None:
        self.guide = guide
        self._seed, self._found, self._floor = seed, found, floor
        self._rounds, self._steps, self._heat = 0, float(STEPS), 1.0

    def round(self) -> Population:
        """Anneal once from the best assemblies so far; return the best then."""
        guide, loss = self.guide, self.guide.loss
        setting = Setting(guide.problem, guide.run, whole=guide.whole)
        setting.seed = (self._seed + 2 * self._rounds) % MOST_SEED
        setting.starts = self._leaders()
        setting.places = guide.places()
        pipeline = Pipeline(stages_named("annealing", self._options()), setting)
        self._rounds += 1
        try:
            pipeline.drive(floor=self._floor)
        finally:
            if pipeline.elites is not None:
                self._found.append(pipeline.elites)
        if pipeline.elites is not None:
            guide.take(pipeline.elites)
            self._learn(loss)
            best = guide.elites.best
            guide.look_closer(float(setting.losses(best.ins[None], best.outs[None])[0]))
        return guide.elites

    def _options(self) -> dict[str, float]:
        warm = min(HOTTEST * float(self.guide.puzzle.y.var()), WARM * self.guide.loss)
        hot = max(self._heat * warm, 1e-12)
        return ANNEALING | {
            "annealing.steps": int(ANNEALING["annealing.chunk"]) * round(self._steps),
            "annealing.cold": hot / COOLING,
            "annealing.hot": hot,
        }

    def _learn(self, loss: float) -> None:
        """Choose what the next round is like by what this one made of the best loss."""
        better = self.guide.loss < NO_BETTER * loss
        self._heat = self._heat * COOLER if not better and self._heat * COOLER >= COLDEST else 1.0
        self._steps *= 1.0 if better else LONGER

    def _leaders(self) -> Population:
        """Return the best assembly and, by turns, one of the others that are kept."""
        elites, k = self.guide.elites, self._rounds
        return elites.take(np.unique([0, 1 + k % max(1, elites.size - 1)])[: elites.size])
