"""Host: rounds of annealing near the best answer so far, guided by what it says of pairs and of depths.

A hot chain forgets what the weights know, a cold one does not get out of its basin. So every round anneals from the
best assemblies, no hotter than what is left of the error calls for, and beside the error it pays for blocks that lie
far from where their weights belong (`ordering.expected_places`) and for pairs that have little in common with the
others (`pairing.learned`). Both are learned anew from each better answer. Pairs are held every other time: an order
gets better by itself, and bends around wrong pairs where it cannot.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from jaxsolve import engine
from jaxsolve.joint import MOST_SEED, STATISTICS_ROWS
from jaxsolve.ordering import expected_places, place_costs
from jaxsolve.pairing import learned, of_pairs, standardised, statistics
from jaxsolve.puzzle import Puzzle
from jaxsolve.run import Run
from jaxsolve.search import Pipeline, Population, Setting, population, stages_named
from jaxsolve.search.annealing import CHUNK_STEPS

ROWS = 256
"""Rows on which moves are decided; four times as many each time that they turn out to mislead."""
MISLEADING = 1.3
"""Loss on all rows over loss on the rows of a round above which more rows are taken."""
STEPS = 20
"""Moves of each chain in the first round, in units of `CHUNK_STEPS`."""
NO_BETTER = 0.97
"""Share of the best loss so far above which a round has found nothing that counts."""
LONGER = 1.15
"""By which a round that found nothing better makes the next ones longer."""
HOTTEST = 0.004
"""Highest temperature, in units of the variance of the predictions."""
WARM = 0.15
"""Temperature of a round at its start, in units of the best loss so far."""
HEATING = 1.7
"""By which a round that found nothing better makes the next ones hotter, until one does."""
MOST_HEATED = 12.0
"""Most that they are heated."""
COOLING = 100.0
"""By which it falls in a round."""
PARTNER = 0.2
"""Share of moves that exchange partners in every other round."""
KEPT = 4
"""Best assemblies that are kept; rounds begin with two of them."""
ANNEALING = {
    "annealing.chains": 2,
    "annealing.swap": 0.4,
    "annealing.insertion": 0.5,
    "annealing.reversal": 0.1,
    "annealing.prior": 3.0,
    "descent.best": 2,
}
"""What is the same in all rounds: mostly short insertions and swaps, and pair scores that weigh more than noise."""


@dataclass(eq=False)
class Guide:
    """What rounds have come to."""

    puzzle: Puzzle
    elites: Population
    """The best assemblies so far, with their losses on the rows of the rounds."""

    def __post_init__(self) -> None:
        """Look at the weights once."""
        self.known = statistics(self.puzzle)

    def costs(self, every: "engine.Problem") -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return costs of pairs, and of blocks at positions, by the best assembly, `[N, N]` each.

        What second halves would gain at their positions is one more statistic of pairs, on the rows of a problem.
        """
        ins, outs = self.elites.best
        with engine.watched():
            gains = np.asarray(engine.partner_gains(every, self.elites.best), np.float64)
        gains = np.where(np.isfinite(gains), gains, 0.0)
        known = self.known | {"gain": np.empty_like(gains)}
        known["gain"][ins] = of_pairs(gains)
        partner = np.empty(len(ins), np.int32)
        partner[ins] = outs
        places = place_costs(*expected_places(self.puzzle, partner, ins, self.known))
        return -standardised(learned(known, (ins, outs))), places


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
    rows, steps = min(ROWS, puzzle.rows), float(STEPS)
    setting = Setting(engine.place(puzzle, rows, devices), run, seed % MOST_SEED, whole=whole)
    guide, heat = Guide(puzzle, _judged(setting, start)), 1.0
    for k in count():
        loss = float(guide.elites.losses[0])
        joint = not held and k % 2 == 1
        hot = max(heat * min(HOTTEST * float(puzzle.y.var()), WARM * loss), 1e-12)
        options = ANNEALING | {
            "annealing.steps": CHUNK_STEPS * round(steps),
            "annealing.cold": hot / COOLING,
            "annealing.hot": hot,
            "annealing.partner": PARTNER if joint else 0.0,
            "descent.search": "joint_shortlisted" if joint else "shortlisted",
        }
        setting.starts, setting.seed = guide.elites.take(slice(2)), (seed + 2 * k) % MOST_SEED
        setting.prior, setting.places = guide.costs(whole)
        pipeline = Pipeline(stages_named("annealing,descent", options), setting)
        try:
            pipeline.drive(floor=floor)
        finally:
            if pipeline.elites is not None:
                found.append(pipeline.elites)
        if pipeline.elites is None:
            continue
        guide.elites = _judged(setting, guide.elites.with_more(pipeline.elites.take(slice(KEPT)))).take(slice(KEPT))
        best = guide.elites.take(slice(1))
        found_better = best.losses[0] < loss * NO_BETTER
        heat = 1.0 if found_better else min(heat * HEATING, MOST_HEATED)
        steps *= 1.0 if found_better else LONGER
        yield guide.elites
        everywhere = Setting(whole, run).losses(best.ins, best.outs)[0]
        if everywhere > MISLEADING * best.losses[0] and rows < whole.rows:
            rows = min(4 * rows, whole.rows)
            setting.problem = engine.place(puzzle, rows, devices)
            guide.elites = _judged(setting, guide.elites)


def _judged(setting: Setting, some: Population) -> Population:
    """Return assemblies with their losses on the rows of a setting, the best first, each once."""
    return population(some.ins, some.outs, setting.losses(some.ins, some.outs))
