"""Host: what a relaxation of everything says of a puzzle that is read in some way."""

from collections.abc import Sequence
from dataclasses import replace

from jaxsolve import engine
from jaxsolve.architecture import bare, form_of, respelled, unusual
from jaxsolve.pairing import Pairing
from jaxsolve.puzzle import Assembly, Puzzle, read_as
from jaxsolve.puzzle.padding import distinct_forms
from jaxsolve.puzzle.units import AffineFit, rescaled
from jaxsolve.run import Run
from jaxsolve.search import begin
from jaxsolve.search.open_relaxation import Opened, OpenRelaxation
from jaxsolve.solver.attempt import Attempt
from jaxsolve.solver.config import AUTO, Config
from jaxsolve.solver.scales import Scaled, fitted, scaled_form

OPENED = "open_relaxation"
"""Where an assembly comes from that is from nothing."""


def opened(puzzle: Puzzle, config: Config, run: Run, *, quick: bool = False) -> Opened | None:
    """Return what a relaxation of everything comes to, a `quick` one in one round; None: there are too many blocks."""
    search = config.given("open_relaxation", OpenRelaxation())
    if quick:
        search = replace(search, rounds=1)
    if not search.affordable(puzzle) or puzzle.blocks < 2:
        return None
    whole = engine.to_device(puzzle, min(search.most_rows, puzzle.rows), config.devices)
    with run.phase("search"):
        return search.assembly(puzzle, whole, run, seed=config.seed, scaled=not puzzle.activation_given)


def from_nothing(
    puzzle: Puzzle,
    pairing: Pairing,
    problem: "engine.Problem",
    config: Config,
    run: Run,
    most: float,
    *,
    fits: float = 0.1,
) -> Attempt | None:
    """Return an attempt from where a relaxation of everything comes to, in the scale that it finds; None: see `opened`.

    Parameters
    ----------
    puzzle, pairing
        The puzzle, and what attempts have for its pairs.
    problem
        The same on devices, on the rows that are searched on.
    config, run
        How to search, and what counts.
    most
        Evaluations of the search from there at most.
    fits
        Share of the variance that an answer of another scale leaves at most where it is read so.
    """
    relaxed = opened(puzzle, config, run)
    if relaxed is None:
        return None
    if relaxed.scale != 1.0:
        form = respelled(puzzle.activation, scale=relaxed.scale * form_of(puzzle.activation).scale)
        scaled = fitted(puzzle.first_rows(problem.rows), Scaled(form, relaxed.found, relaxed.loss))
        if scaled.form != puzzle.activation and scaled.loss < fits * puzzle.variance:
            puzzle = read_as(puzzle, scaled.form)
            problem = engine.to_device(puzzle, problem.rows, config.devices)
    with run.phase("seed"):
        descent = begin(problem, relaxed.found, run)
    search = "joint_shortlisted" if config.search == AUTO else config.search
    attempt = Attempt(puzzle, pairing, OPENED, search, problem, descent, descent.assembly, descent.loss, most)
    return replace(attempt, relaxed_loss=relaxed.error)


def sounded(puzzle: Puzzle, config: Config, run: Run) -> float | None:
    """Return the error that it leaves in a short round; None: there are too many blocks."""
    found = opened(puzzle, config, run, quick=True)
    return None if found is None else min(found.error, found.loss)


def form_in_given_units(
    puzzle: Puzzle,
    units: AffineFit,
    orders: Sequence[Assembly],
    config: Config,
    run: Run,
    *,
    fits: float = 0.1,
    clearly: float = 0.5,
) -> str | None:
    """Return a form under which predictions need no other units; None: they are to be read in these.

    Blocks that see norms, or add less than others, make states of another size than the usual ones, which look as if
    predictions were in other units. Scales are tried first, on first orders; where none fits, activations, and norms
    with one of these, for norms can be told without knowing it, on mixtures, in which what multiplies all blocks is
    free.

    Parameters
    ----------
    puzzle, units
        The puzzle in the units of its table, read in a form that nobody has said, and the units that it seems to have.
    orders
        First orders.
    config, run
        How to search, and what counts.
    fits
        Share of the variance that a scale leaves at most where it is believed, and no norms are tried.
    clearly
        Share of the lowest error so far below which a form is taken for better.
    """
    scaled = scaled_form(puzzle, orders, config, run, clearly=clearly, most=1.0)
    if scaled is not None and scaled.loss < min(fits * puzzle.variance, clearly * units.mse):
        return scaled.form
    own = rescaled(puzzle, units)
    error = None if puzzle.activation_given else sounded(own, config, run)
    if error is None:
        return None
    lowest, best = error / own.variance, None
    norms = [name for name in unusual(embeds=puzzle.first is not None) if bare(name) == "gelu" and "norm" in name]
    for name in (*distinct_forms(puzzle), *norms):
        if best is not None and name in norms and lowest < fits:
            break
        error = sounded(read_as(puzzle, name), config, run)
        assert error is not None
        if error < clearly * lowest * puzzle.variance:
            lowest, best = error / puzzle.variance, name
    return best
