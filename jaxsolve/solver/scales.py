"""Host: blocks x + c·f(x) whose c nobody has said: it is fitted.

Where blocks add too much, no order leaves little, while some first order leaves much less under a smaller c. From there
an order is searched and c is fitted by turns: where most pairs are right, both come to the answer, or close to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve import engine
from jaxsolve.architecture import form_of, respelled
from jaxsolve.puzzle import Assembly, Puzzle, error_of, predict, read_as
from jaxsolve.puzzle.padding import distinct_forms, multiplied
from jaxsolve.run import Run
from jaxsolve.search import begin, descend
from jaxsolve.solver.config import Config


@dataclass(frozen=True)
class Scales:
    """Numbers by which scales are found."""

    telling_rows: int = 100
    """Rows on which first orders are compared under each scale."""
    coarse: float = 2.0
    """Between scales that tell whether another one than that of the form is worth a look."""
    fine: float = 1.4
    """Between scales of which the best is then searched from."""
    rows: int = 512
    """Rows on which an order is searched and the scale fitted by turns."""
    evaluations: int = 1500
    """Evaluations of a turn at most."""
    likely: float = 1.5
    """Error of an activation over the lowest at most where it is searched, too: first orders hardly tell them apart."""
    certain: float = 1e-6
    """Share of the variance that they leave at most where no other is searched."""
    turns: int = 8
    """Turns at most, of the best of them."""
    further: float = 0.9
    """Share of the error of the last turn that one leaves at most where another follows."""


class Scaled(NamedTuple):
    """A form, and what an assembly leaves under it."""

    form: str
    assembly: Assembly
    loss: float
    """Mean squared error on some rows."""


def scaled_form(
    puzzle: Puzzle,
    assemblies: Sequence[Assembly],
    config: Config,
    run: Run,
    *,
    clearly: float,
    most: float,
    thorough: bool = False,
) -> Scaled | None:
    """Return a usual form of another scale, and where searching it comes to; None: it was given, or none is likely.

    Parameters
    ----------
    puzzle, assemblies
        The puzzle, and some first orders.
    config, run
        How to search, and what counts.
    clearly
        Share of what they leave under the scale of the puzzle that they leave under a smaller one at most.
    most
        Share of the variance that they leave under it at most.
    thorough
        Whether that is asked under all usual activations, and not under that of the puzzle alone.

    Raises
    ------
    OutOfTime
        The run has ended before there was an answer.
    """
    if puzzle.activation_given or not assemblies:
        return None
    numbers = config.given("scales", Scales())
    few = puzzle.first_rows(numbers.telling_rows)
    usual = distinct_forms(puzzle)
    asked = usual if thorough else [puzzle.activation]
    told = _compared(few, assemblies, asked, numbers.fine if thorough else numbers.coarse)
    if told[0].loss > most * puzzle.variance:
        return None
    if not told[0].loss < clearly * _compared(few, assemblies, asked, np.inf)[0].loss:
        return None
    told = told if thorough else _compared(few, assemblies, usual, numbers.fine)
    likely = [one for one in told if one.loss <= numbers.likely * told[0].loss]
    rows = puzzle.first_rows(numbers.rows)
    best = told[0]._replace(loss=np.inf)
    for one in likely:
        best = min(best, _searched(rows, one, config, run, numbers), key=lambda one: one.loss)
        if best.loss < numbers.certain * puzzle.variance:
            return best
    for _ in range(numbers.turns):
        found = _searched(rows, best, config, run, numbers)
        further, best = found.loss < numbers.further * best.loss, min(best, found, key=lambda one: one.loss)
        if not further:
            break
    return best


def _compared(few: Puzzle, assemblies: Sequence[Assembly], names: Sequence[str], ratio: float) -> list[Scaled]:
    """Return what leaves least under each form, of scales down to half of one over the number of blocks, best first."""
    scale, found = form_of(few.activation).scale, list[Scaled]()
    count = int(np.log(2 * few.blocks) / np.log(ratio))
    for name in names:
        forms = [respelled(name, scale=scale * ratio**-k if k else scale) for k in range(1 + count)]
        read = {form: read_as(few, form) for form in forms}
        every = (Scaled(form, one, error_of(own, one)) for form, own in read.items() for one in assemblies)
        found.append(min(every, key=lambda one: one.loss))
    return sorted(found, key=lambda one: one.loss)


def _searched(few: Puzzle, begun: Scaled, config: Config, run: Run, numbers: Scales) -> Scaled:
    """Return where a search of the order comes to, between two fits of the scale."""
    begun = fitted(few, begun)
    problem = engine.to_device(read_as(few, begun.form), devices=config.devices)
    with run.phase("search"):
        descent = begin(problem, begun.assembly, run)
        descend(problem, descent, "joint_shortlisted", run, most=numbers.evaluations)
    return fitted(few, begun._replace(assembly=descent.assembly))


def fitted(few: Puzzle, found: Scaled, *, digits: int = 8) -> Scaled:
    """Return an assembly with the scale under which it leaves least, in as few digits as that takes, or so many."""
    from scipy.optimize import least_squares  # slow to import, and few puzzles come here

    read, begun = read_as(few, found.form), form_of(found.form).scale
    loss = lambda scale: float(np.mean(_errors(read, found.assembly, scale / begun) ** 2))
    fit = least_squares(lambda by: _errors(read, found.assembly, by[0]), [1.0], xtol=1e-12, ftol=1e-12)
    scale = begun * float(fit.x[0])
    if not (scale > 0 and loss(scale) < loss(begun)):
        return found._replace(loss=loss(begun))
    shorter = (float(f"{scale:.{count}g}") for count in range(1, digits + 1))
    scale = next((one for one in shorter if loss(one) <= 1.1 * loss(scale)), scale)
    return Scaled(respelled(found.form, scale=scale), found.assembly, loss(scale))


def _errors(puzzle: Puzzle, assembly: Assembly, by: float) -> NDArray[np.float64]:
    """Return the errors of all predictions where all blocks add so many times as much; large ones if undefined."""
    with np.errstate(over="ignore", invalid="ignore"):
        errors = (predict(multiplied(puzzle, by), assembly) - puzzle.y).ravel()
    return np.nan_to_num(errors, nan=1e30, posinf=1e30, neginf=-1e30)
