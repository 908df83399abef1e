"""Host: rounds of annealing near the best answer so far, guided by what it says of pairs and of depths.

A hot chain forgets what the weights know, a cold one does not get out of its basin. So every round anneals the order of
the best assemblies, no hotter than what is left of the error calls for, and beside the error it pays for blocks that
lie far from where their weights belong (`ordering.expected_places`), which is learned anew from each better answer.

An order bends around wrong pairs: exchanging partners alone no longer lowers the error, and only once the order has
followed it shows which pairs were better. So pairs are raced: assemblies whose pairs are drawn by what is known of
them (`pairing.learned`) anneal side by side from the same order, which makes up for few exchanges itself, and the best
of each pairing go on.
"""

import numpy as np
from numpy.typing import NDArray

from jaxsolve.guided.guide import Guide
from jaxsolve.joint import MOST_SEED
from jaxsolve.pairing import drawn
from jaxsolve.puzzle import Assembly
from jaxsolve.search import Pipeline, Population, Setting, stages_named
from jaxsolve.search.annealing import CHUNK_STEPS

STEPS = 16
"""Moves of each chain in the first round, in units of `CHUNK_STEPS`."""
RACERS = 8
"""Assemblies that race, the best so far with its own pairs among them."""
RACE = 0.5
"""Moves of each, in units of those of a chain that does not race."""
STAYS = 0.85
"""Share of the best loss so far below which a round of one kind is followed by another of the same kind."""
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
PARTNER = 0.1
"""Share of moves of racers that exchange partners, paid for by their log odds."""
DRAWS = 30
"""Most times that pairs are drawn for a racer until nobody has raced with them before."""
SHARP = 5.0
"""How seriously log odds are taken at first: likely pairs are raced before others."""
FLATTER = 0.9
"""By which log odds are taken less seriously each time."""
ANNEALING = {
    "annealing.swap": 0.4,
    "annealing.insertion": 0.5,
    "annealing.reversal": 0.1,
    "annealing.reach": 2.0,
    "annealing.prior": 1.0,
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
    held
        Whether the pairs are known, so that only the order is searched.
    floor
        Loss at which there is nothing left to search.
    """

    def __init__(self, guide: Guide, seed: int, found: list[Population], *, held: bool, floor: float) -> None:
        self.guide, self.held = guide, held
        self._seed, self._found, self._floor = seed, found, floor
        self._rounds, self._steps, self._heat, self._racing = 0, float(STEPS), 1.0, False
        self._raced: set[bytes] = set()

    def round(self) -> Population:
        """Anneal once from the best assemblies so far; return the best then."""
        guide, loss = self.guide, self.guide.loss
        setting = Setting(guide.problem, guide.run, whole=guide.whole)
        setting.seed = (self._seed + 2 * self._rounds) % MOST_SEED
        first = self._leaders()
        setting.starts, setting.prior = self.racers(first, setting.rng(self._rounds)) if self._racing else (first, None)
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
        warm = WARM * self.guide.loss * (1.0 if self._racing else self._heat)
        hot = max(min(HOTTEST * float(self.guide.puzzle.y.var()), warm), 1e-12)
        return ANNEALING | {
            "annealing.chains": RACERS if self._racing else 2,
            "annealing.partner": PARTNER if self._racing else 0.0,
            "annealing.steps": CHUNK_STEPS * round(self._steps * (RACE if self._racing else 1)),
            "annealing.cold": hot / COOLING,
            "annealing.hot": hot,
        }

    def _learn(self, loss: float) -> None:
        """Choose what the next round is like by what this one made of the best loss."""
        better = self.guide.loss < NO_BETTER * loss
        if better or not self._racing:
            self._heat = self._heat * COOLER if not better and self._heat * COOLER >= COLDEST else 1.0
            self._steps *= 1.0 if better else LONGER
        self._racing = not self.held and self._racing == bool(self.guide.loss < STAYS * loss)

    def _leaders(self) -> Population:
        """Return the best assembly and, by turns, one of the others that are kept."""
        elites, k = self.guide.elites, self._rounds
        return elites.take(np.unique([0, 1 + k % max(1, elites.size - 1)])[: elites.size])

    def racers(self, best: Population, rng: np.random.Generator) -> tuple[Population, NDArray[np.float64]]:
        """Return assemblies to race, and costs of pairs, `[N, N]`, by the first.

        They are some that lead, and their orders with other pairs, drawn by what is known.
        """
        odds = [self.guide.pairs(Assembly(*halves)) for halves in zip(best.ins, best.outs, strict=True)]
        ins = best.ins[np.arange(RACERS) % best.size]
        outs = best.outs[np.arange(RACERS) % best.size]
        for k in range(best.size, RACERS):
            outs[k] = self._new_pairs(odds[k % best.size], rng)[ins[k]]
        return Population(ins, outs, np.full(RACERS, np.inf)), -odds[0]

    def _new_pairs(self, odds: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Return partners of first halves, `[N]`, that nobody has raced with before, if some are found."""
        odds = SHARP * odds
        partner = drawn(odds, rng)
        for _ in range(DRAWS):
            if partner.tobytes() not in self._raced:
                break
            odds = odds * FLATTER
            partner = drawn(odds, rng)
        self._raced.add(partner.tobytes())
        return partner
