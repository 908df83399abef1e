"""Host: what a relaxation of everything says of a puzzle that is read in some way."""

from dataclasses import replace

import numpy as np

from jaxsolve import engine
from jaxsolve.architecture import bare, respelled, unusual
from jaxsolve.puzzle import Puzzle, read_as
from jaxsolve.puzzle.units import AffineFit, rescaled
from jaxsolve.run import Run
from jaxsolve.search.open_relaxation import Opened, OpenRelaxation
from jaxsolve.solver.activations import usual_scales
from jaxsolve.solver.config import Config


def opened(puzzle: Puzzle, config: Config, run: Run, *, quick: bool = False) -> Opened | None:
    """Return what a relaxation of everything comes to, a `quick` one in one round; None: there are too many blocks."""
    search = config.given("open_relaxation", OpenRelaxation())
    if quick:
        search = replace(search, rounds=1, steps=12)
    if not search.affordable(puzzle) or puzzle.blocks < 2:
        return None
    whole = engine.to_device(puzzle, min(search.most_rows, puzzle.rows), config.devices)
    with run.phase("search"):
        return search.assembly(puzzle, whole, run, seed=config.seed)


def sounded(puzzle: Puzzle, config: Config, run: Run) -> float | None:
    """Return the error that it leaves in a short round; None: there are too many blocks."""
    found = opened(puzzle, config, run, quick=True)
    return None if found is None else min(found.error, found.loss)


def form_in_given_units(
    puzzle: Puzzle, units: AffineFit, config: Config, run: Run, *, fits: float = 0.1, clearly: float = 0.5
) -> str | None:
    """Return a form under which predictions need no other units; None: they are to be read in these.

    Blocks that see norms, or add less than others, make states of another size than the usual ones, which look as if
    predictions were in other units. Scales are tried first, for all of them take one program; norms, where nothing fits
    by then, with one activation, for norms can be told without knowing it.

    Parameters
    ----------
    puzzle, units
        The puzzle in the units of its table, read in a form that nobody has said, and the units that it seems to have.
    config, run
        How to search, and what counts.
    fits
        Share of the variance that is left at most where no norms are tried.
    clearly
        Share of the lowest error so far below which a form is taken for better.
    """
    own = rescaled(puzzle, units)
    error = None if puzzle.activation_given else sounded(own, config, run)
    if error is None:
        return None
    lowest, best = error / own.variance, None
    scales = usual_scales(puzzle.blocks)[:4]
    norms = [name for name in unusual(embeds=puzzle.first is not None) if bare(name) == "gelu" and "norm" in name]
    for names in ([puzzle.activation, *(respelled(puzzle.activation, scale=scale) for scale in scales)], norms):
        nearest = np.inf
        for name in names:
            error = sounded(read_as(puzzle, name), config, run)
            assert error is not None
            nearest = min(nearest, error)
            if error < clearly * lowest * puzzle.variance:
                lowest, best = error / puzzle.variance, name
        if lowest < fits or nearest > puzzle.variance:  # those units are far away
            break
    return best
