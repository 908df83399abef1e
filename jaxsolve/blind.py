"""Host: what to try when neither the weights nor a first look at the data have settled the pairs."""

from collections.abc import Iterator
from itertools import count

import numpy as np

from jaxsolve import engine
from jaxsolve.joint import STATISTICS_ROWS
from jaxsolve.puzzle import Puzzle
from jaxsolve.run import Run
from jaxsolve.search import Pipeline, Population, Setting, stages_named

GROWING_ROWS = 4000
"""Rows on which networks are grown: moves are decided on few of them, and should not learn those by heart."""
REFINING_ROWS = 1000
"""Rows on which partners and orders are refined."""
FORWARDS = 6000.0
"""Work of a chain in the first round, in evaluations of a whole network; every round takes twice as much."""
ROUNDS = 40
"""Steps of the iterated search in the first round, likewise."""


def joint_starts(
    puzzle: Puzzle, run: Run, seed: int, devices: int | None, found: list[Population], floor: float
) -> Iterator[Population]:
    """Yield the best assemblies of one joint search after the other, each slower than the last, without end.

    Networks are grown as they cool (`GrandCanonical`), by turns with an iterated search from the best of them.
    What was `found` is also there when the budget is spent in the middle.
    """
    whole = engine.place(puzzle, STATISTICS_ROWS, devices)
    for k in count():
        options = {"grand_canonical.forwards": FORWARDS * 2**k, "iterated.steps": ROUNDS * 2**k}
        for stages, rows in (("grand_canonical,descent", GROWING_ROWS), ("iterated,descent", REFINING_ROWS)):
            own = {key: value for key, value in options.items() if key.startswith(stages.split(",")[0])}
            starts = found[-1] if found and stages.startswith("iterated") else None
            setting = Setting(engine.place(puzzle, rows, devices), run, seed + 100 * k, starts, whole)
            pipeline = Pipeline(stages_named(stages, own), setting)
            try:
                pipeline.drive(floor=floor)
            finally:
                if pipeline.elites is not None:
                    best = pipeline.elites.losses <= np.nanmin(pipeline.elites.losses) * 1.5
                    found.append(pipeline.elites.take(np.flatnonzero(best)[:6]))
            if pipeline.elites is not None:
                yield found[-1]
