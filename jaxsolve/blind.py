"""Host: what to try when neither the weights nor a first look at the data have settled the pairs."""

from collections.abc import Iterator
from itertools import count

import numpy as np
from numpy.typing import NDArray

from jaxsolve import engine
from jaxsolve.puzzle import Puzzle
from jaxsolve.run import Run
from jaxsolve.search import MOST_SEED, STATISTICS_ROWS, Pipeline, Population, Setting, stages_named

GROWING_ROWS = 4000
"""Rows on which networks are grown: moves are decided on few of them, and should not learn those by heart."""
REFINING_ROWS = 1000
"""Rows on which partners and orders are refined."""
FEW_ROWS = 300
"""Rows on which chains decide that begin anywhere."""
FORWARDS = 6000.0
"""Work of a chain in the first round, in evaluations of a whole network; every round takes twice as much."""
ROUNDS = 40
"""Steps of the iterated search in the first round, likewise."""
MOVES = 20_000
"""Moves of each chain in the first round, likewise."""
HOT, COLD = 0.03, 1e-5
"""Temperatures of chains that begin anywhere, in units of the variance of the predictions."""

Design = tuple[str, int, dict[str, float]]
"""Stages, the rows they compare candidates on, and options whose values every round doubles."""
FROM_NOTHING: tuple[Design, ...] = (
    ("grand_canonical,descent", GROWING_ROWS, {"grand_canonical.forwards": FORWARDS}),
    ("iterated,descent", REFINING_ROWS, {"iterated.steps": ROUNDS}),
    ("annealing,descent", FEW_ROWS, {"annealing.steps": MOVES}),
)
"""Designs that need no start. Networks are grown as they cool, an iterated search goes on from the best of them, and
chains that begin anywhere find what is small enough for them."""
FROM_THE_BEST: tuple[Design, ...] = (
    ("iterated", REFINING_ROWS, {"iterated.steps": ROUNDS / 20}),
    ("annealing", FEW_ROWS, {"annealing.steps": MOVES / 4}),
)
"""Those worth their time beside a start that the weights give, about as long as a round near the best answer."""


def joint_starts(
    puzzle: Puzzle,
    run: Run,
    seed: int,
    devices: int | None,
    found: list[Population],
    floor: float,
    designs: tuple[Design, ...] = FROM_NOTHING,
    prior: NDArray[np.float64] | None = None,
) -> Iterator[Population]:
    """Yield the best assemblies of one joint search after the other, each slower than the last, without end.

    What was `found` is also there when the budget is spent in the middle; an iterated search begins with the last of
    it. `prior` is as a `Setting` has it.
    """
    whole, unit = engine.place(puzzle, STATISTICS_ROWS, devices), max(float(puzzle.y.var()), 1e-12)
    for k in count():
        for stages, rows, work in designs:
            options: dict[str, float] = {key: value * 2**k for key, value in work.items()}
            if stages.startswith("annealing"):
                options |= {"annealing.hot": HOT * unit, "annealing.cold": COLD * unit, "annealing.chains": 2}
            starts = found[-1] if found and stages.startswith("iterated") else None
            setting = Setting(
                engine.place(puzzle, rows, devices), run, (seed + 100 * k) % MOST_SEED, starts, whole, prior=prior
            )
            pipeline = Pipeline(stages_named(stages, options), setting)
            try:
                pipeline.drive(floor=floor)
            finally:
                if pipeline.elites is not None:
                    best = pipeline.elites.losses <= np.nanmin(pipeline.elites.losses) * 1.5
                    found.append(pipeline.elites.take(np.flatnonzero(best)[:6]))
            if pipeline.elites is not None:
                yield found[-1]
