"""Host: rounds of annealing near the best answer so far, guided by what it says of pairs and of depths.

A hot chain forgets what the weights know, a cold one does not get out of its basin. So every round anneals the order of
the best assemblies, no hotter than what is left of the error calls for, and beside the error it pays for blocks that
lie far from where their weights belong (`ordering.expected_places`), which is learned anew from each better answer.

An order bends around wrong pairs: exchanging partners alone no longer lowers the error, and only once the order has
followed it shows which pairs were better. So pairs are raced: assemblies whose pairs are drawn by what is known of
them (`pairing.learned`) anneal side by side from the same order, which makes up for few exchanges itself, and the best
of each pairing go on.
"""

from collections.abc import Iterator
from itertools import count

import numpy as np
from numpy.typing import NDArray

from jaxsolve import engine
from jaxsolve.joint import MOST_SEED, STATISTICS_ROWS
from jaxsolve.ordering import expected_places, place_costs
from jaxsolve.pairing import drawn, factors, learned, likeness, of_pairs, statistics
from jaxsolve.puzzle import Assembly, Puzzle
from jaxsolve.run import Run
from jaxsolve.search import Pipeline, Population, Setting, population, stages_named
from jaxsolve.search.annealing import CHUNK_STEPS, most_rows

ROWS = 1024
"""Rows on which moves are decided; four times as many each time that they turn out to mislead."""
JUDGED = 4
"""Times as many rows on which what rounds have found is compared."""
MISLEADING = 1.3
"""Loss on those rows over loss on the rows of a round above which more rows are taken."""
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
KEPT = 4
"""Best assemblies that are kept, each of other pairs; rounds begin with two of them, the best and another."""
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


class Guide:
    """What rounds have come to, and what that says."""

    def __init__(self, puzzle: Puzzle, every: "engine.Problem", elites: Population) -> None:
        self.puzzle = puzzle
        self.elites = elites
        """The best assemblies so far, with their losses on the rows that they are compared on."""
        self._every = every
        self._known = statistics(puzzle)
        self._compared = factors(puzzle)
        self._raced: set[bytes] = set()

    def places(self) -> NDArray[np.float64]:
        """Return costs of blocks at positions by the best assembly, `[N, N]`."""
        best = self.elites.best
        return place_costs(*expected_places(self.puzzle, best.partner, best.ins, self._known))

    def pairs(self, assembly: Assembly) -> NDArray[np.float64]:
        """Return log odds of all pairs by one assembly, `[N, N]`, up to a constant.

        To the statistics of pairs comes how like they are to those around them, and what second halves would gain at
        their positions, on as many rows as there are.
        """
        pairs = assembly.ins.astype(np.intp), assembly.outs.astype(np.intp)
        with engine.watched():
            gains = np.asarray(engine.partner_gains(self._every, assembly), np.float64)
        known = self._known | likeness(self._compared, pairs, np.arange(len(gains), dtype=np.float64))
        known["gain"] = np.empty_like(gains)
        known["gain"][assembly.ins] = of_pairs(np.where(np.isfinite(gains), gains, 0.0))
        return learned(known, pairs)

    def leaders(self, k: int) -> Population:
        """Return the best assembly and, by turns, one of the others that are kept."""
        return self.elites.take(np.unique([0, 1 + k % max(1, self.elites.size - 1)])[: self.elites.size])

    def racers(self, best: Population, rng: np.random.Generator) -> tuple[Population, NDArray[np.float64]]:
        """Return assemblies to race, and costs of pairs, `[N, N]`, by the first.

        They are some that lead, and their orders with other pairs, drawn by what is known.
        """
        odds = [self.pairs(Assembly(*halves)) for halves in zip(best.ins, best.outs, strict=True)]
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


def guided_rounds(
    puzzle: Puzzle,
    start: Population,
    run: Run,
    seed: int,
    devices: int | None,
    found: list[Population],
    *,
    held: bool,
    floor: float,
) -> Iterator[Population]:
    """Yield the best assemblies after each round, without end.

    Parameters
    ----------
    puzzle
        The puzzle; many of its rows tell whether those of a round mislead.
    start
        Assemblies to begin with; their losses are not looked at.
    run, seed, devices
        What counts, the start of all randomness, and the devices of each process to use.
    found
        Gets what every round has found, also one that the budget cuts off.
    held
        Whether the pairs are known, so that only the order is searched.
    floor
        Loss at which there is nothing left to search.

    Raises
    ------
    OutOfTime, KeyboardInterrupt, ProcessLost
        As `Run.spend` does.
    """
    whole = engine.place(puzzle, STATISTICS_ROWS, devices)
    setting = Setting(whole, run, whole=whole)
    most = min(whole.rows, most_rows(setting, RACERS))
    rows, steps, heat, racing = min(ROWS, most), float(STEPS), 1.0, False
    setting.problem, judging = (engine.place(puzzle, many, devices) for many in (rows, JUDGED * rows))
    guide = Guide(puzzle, whole, _judged(judging, run, start))
    for k in count():
        loss = float(guide.elites.losses[0])
        hot = max((1.0 if racing else heat) * min(HOTTEST * float(puzzle.y.var()), WARM * loss), 1e-12)
        setting.seed = (seed + 2 * k) % MOST_SEED
        first = guide.leaders(k)
        setting.starts, setting.prior = guide.racers(first, setting.rng(k)) if racing else (first, None)
        setting.places = guide.places()
        options = ANNEALING | {
            "annealing.chains": RACERS if racing else 2,
            "annealing.partner": PARTNER if racing else 0.0,
            "annealing.steps": CHUNK_STEPS * round(steps * (RACE if racing else 1)),
            "annealing.cold": hot / COOLING,
            "annealing.hot": hot,
        }
        pipeline = Pipeline(stages_named("annealing", options), setting)
        try:
            pipeline.drive(floor=floor)
        finally:
            if pipeline.elites is not None:
                found.append(pipeline.elites)
        if pipeline.elites is None:
            continue
        more = _of_each_pairing(pipeline.elites).take(slice(KEPT))
        both = _judged(judging, run, guide.elites.with_more(more))
        guide.elites = _of_each_pairing(both).take(slice(KEPT))
        best = guide.elites.take(slice(1))
        better = best.losses[0] < NO_BETTER * loss
        if better or not racing:
            heat = heat * COOLER if not better and heat * COOLER >= COLDEST else 1.0
            steps *= 1.0 if better else LONGER
        racing = not held and racing == bool(best.losses[0] < STAYS * loss)
        yield guide.elites
        if best.losses[0] > MISLEADING * setting.losses(best.ins, best.outs)[0] and rows < most:
            rows = min(4 * rows, most)
            setting.problem, judging = (engine.place(puzzle, many, devices) for many in (rows, JUDGED * rows))
            guide.elites = _judged(judging, run, guide.elites)


def _of_each_pairing(some: Population) -> Population:
    """Return the best assembly of each pairing: an order that follows other pairs is behind at first."""
    return some.take(np.sort(np.unique(Assembly(some.ins, some.outs).partner, axis=0, return_index=True)[1]))


def _judged(judging: "engine.Problem", run: Run, some: Population) -> Population:
    """Return assemblies with their losses on the rows of a problem, the best first, each once."""
    return population(some.ins, some.outs, Setting(judging, run).losses(some.ins, some.outs))
