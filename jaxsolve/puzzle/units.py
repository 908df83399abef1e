"""Host: the units of a table: how its predictions follow from the readout, and arithmetic that any of them suits.

A table may hold `link(slope·output + intercept)` where the network gave `output`: predictions turned back into the
units of the data, probabilities behind a sigmoid, targets that were standardised. Searches compare outputs, so the map
is undone before they begin (`in_units`). Then a large offset and a scale far from one are taken out of predictions and
readout alike (`conditioned`), for float32 keeps seven digits and no more.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from jaxsolve.errors import UsageError, no_such
from jaxsolve.puzzle.network import predict
from jaxsolve.puzzle.padding import embedded, inputs_of
from jaxsolve.puzzle.types import Assembly, Flags, Floats, Puzzle

AUTO = "auto"
"""The link of whoever does not know it: `identity`, or `affine` where the data say so."""


class Link(NamedTuple):
    """A function that was applied to the readout, and its inverse."""

    forward: Callable[[Floats], Floats]
    inverse: Callable[[Floats], Floats]
    slope: Callable[[Floats], Floats]
    """Of the inverse, at predictions of the table."""
    defined: Callable[[Floats], Flags]
    """Which predictions have one."""
    values: str
    """What those are, in words."""


LINKS: dict[str, Link | None] = {
    "identity": None,
    "affine": None,
    "sigmoid": Link(
        lambda o: 1 / (1 + np.exp(-o)),
        lambda y: np.log(y) - np.log1p(-y),
        lambda y: 1 / (y * (1 - y)),
        lambda y: (y > 0) & (y < 1),
        "between 0 and 1",
    ),
    "tanh": Link(np.tanh, np.arctanh, lambda y: 1 / (1 - y**2), lambda y: np.abs(y) < 1, "between -1 and 1"),
    "exp": Link(np.exp, np.log, lambda y: 1 / y, lambda y: y > 0, "above 0"),
    "softmax": Link(lambda o: _softmax(o), lambda y: _centred(np.log(y)), lambda y: 1 / y, lambda y: y > 0, "above 0"),
    "log_softmax": Link(lambda o: np.log(_softmax(o)), lambda y: _centred(y), np.ones_like, np.isfinite, "finite"),
}
"""Links by name; `affine` is fitted while one searches."""
SHIFTED = "softmax", "log_softmax"
"""Links of several outputs that lose what is added to all outputs of a row: then outputs count without their mean."""


def _softmax(outputs: Floats) -> Floats:
    shares = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def _centred(outputs: Floats) -> Floats:
    return outputs - outputs.mean(axis=-1, keepdims=True)


class AffineFit(NamedTuple):
    """The affine map of outputs that is closest to the predictions of a table."""

    slope: float
    intercept: float
    mse: float
    """What it leaves, in the units of `Puzzle.y`."""


def in_units(
    puzzle: Puzzle, *, link: str = AUTO, standardise_inputs: bool = False, ddof: int = 0, resolved: float = 1e-3
) -> Puzzle:
    """Return a puzzle whose targets are outputs of the readout, and whose inputs are those of the network.

    Parameters
    ----------
    puzzle
        A puzzle as it was read.
    link
        What was applied to the outputs: a name of `LINKS`, or ``auto``, which leaves an affine map to be found out.
    standardise_inputs
        Whether the network saw inputs of mean 0 and standard deviation 1 where the table has others. The statistics
        are those of the table.
    ddof
        What is subtracted from the number of rows in the standard deviation: 0 as scikit-learn has it, 1 as pandas.
    resolved
        Share of the spread of outputs that a row may be uncertain by, where a link is undone: beyond, it saturates.

    Raises
    ------
    UsageError
        There is no such link, or fewer than two of the predictions are in its range.
    """
    if link not in (AUTO, *LINKS):
        raise UsageError(no_such("link", link, [AUTO, *LINKS]))
    if standardise_inputs:
        given = inputs_of(puzzle)
        spread = given.std(axis=0, ddof=min(ddof, puzzle.rows - 1))
        x = (given - given.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        puzzle = puzzle.replace(x=x, inputs=None, units=replace(puzzle.units, ddof=ddof))
        puzzle = embedded(puzzle)
    undone = LINKS.get(link)
    if undone is None:
        named = "identity" if link == AUTO else link
        return puzzle.replace(link_given=link == "identity", units=replace(puzzle.units, link=named))
    if link in SHIFTED:
        if puzzle.outputs == 1:
            raise UsageError(f"--link {link}: it is of several outputs, and this table has one")
        w_last, b_last = puzzle.w_last, np.asarray(puzzle.b_last)
        puzzle = puzzle.replace(w_last=w_last - w_last.mean(axis=0), b_last=b_last - b_last.mean())
    defined = undone.defined(puzzle.y)
    if defined.sum() < 2:
        raise UsageError(f"--link {link}: its predictions are {undone.values}; {int(defined.sum())} of the table are")
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = stored_steps(puzzle) * undone.slope(puzzle.y)
        whole = defined.reshape(puzzle.rows, -1).all(axis=1)
        spread = float(np.std(undone.inverse(puzzle.y[whole]))) if whole.any() else 0.0
        defined &= steps <= max(resolved * spread, float(np.min(steps, where=defined, initial=np.inf)))
        defined = defined.reshape(puzzle.rows, -1).all(axis=1)
    kept = puzzle.take_rows(np.flatnonzero(defined))
    notes = puzzle.notes
    if lost := puzzle.rows - kept.rows:
        notes += (f"{lost} of {puzzle.rows} predictions saturate the link {link} and tell nothing: left out",)
    return kept.replace(
        y=undone.inverse(kept.y),
        steps=steps[defined],
        units=replace(puzzle.units, link=link),
        link_given=True,
        notes=notes,
    )


def stored_steps(puzzle: Puzzle) -> Floats:
    """Return the distance of the numbers that float32 has around each prediction, `[R]`, in the units of `y`."""
    if puzzle.steps is not None:
        return puzzle.steps
    with np.errstate(over="ignore", invalid="ignore"):
        return np.spacing(np.abs(puzzle.y).astype(np.float32)).astype(np.float64)


def of_table(puzzle: Puzzle) -> Floats:
    """Return the predictions as the table has them, `[R]`, up to a unit in the last place of a float64."""
    units, link = puzzle.units, LINKS.get(puzzle.units.link)
    with np.errstate(over="ignore", invalid="ignore"):
        given = units.slope * (units.scale * puzzle.y + units.offset) + units.intercept
        return given if link is None else link.forward(given)


def conditioned(puzzle: Puzzle) -> Puzzle:
    """Return a puzzle of the same answers, whose predictions have mean 0 and a size that float32 can square.

    Both are taken out of predictions and readout alike: the mean as it is, the scale by a power of two, which is
    exact, and only where the spread of the predictions is not between 1e-3 and 1e3, which float32 squares safely.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        steps, offset = stored_steps(puzzle), float(np.mean(puzzle.y))
        spread = float(np.std(puzzle.y - offset, axis=0).max(initial=0.0))
        spread = spread or float(np.max(np.abs(puzzle.w_last), initial=0.0))
    if not (math.isfinite(offset) and math.isfinite(spread)):
        return puzzle
    scale = 1.0 if 1e-3 <= spread <= 1e3 or not spread else 2.0 ** round(math.log2(spread))
    if not offset and scale == 1.0 and puzzle.steps is not None:
        return puzzle
    before = puzzle.units
    units = replace(before, scale=before.scale * scale, offset=before.scale * offset + before.offset)
    return puzzle.replace(
        y=(puzzle.y - offset) / scale,
        w_last=puzzle.w_last / scale,
        b_last=(puzzle.b_last - offset) / scale,
        steps=steps / scale,
        units=units,
    )


def affine_fit(puzzle: Puzzle, assembly: Assembly, rows: int | None = None) -> AffineFit | None:
    """Return the affine map of an assembly's outputs that fits the predictions best; None: it overflows or is constant.

    Several outputs have one map together. `rows` are the first so many that it is fitted to; None: all, in float64.
    """
    return _fitted(_outputs(puzzle, assembly, rows).ravel(), puzzle.y[:rows].ravel())


def _outputs(puzzle: Puzzle, assembly: Assembly, rows: int | None) -> Floats:
    return predict(puzzle, assembly, rows=rows, dtype=np.float64 if rows is None else np.float32)


def _fitted(output: Floats, y: Floats) -> AffineFit | None:
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        centred, target = output - output.mean(), y - y.mean()
        slope = float(centred @ target / (centred @ centred))
        left = target - slope * centred
        fit = AffineFit(slope, float(y.mean() - slope * output.mean()), float(np.mean(left**2)))
    return fit if all(map(math.isfinite, fit)) and slope else None


def rescaled(puzzle: Puzzle, fit: AffineFit) -> Puzzle:
    """Return a puzzle whose predictions are taken for an affine map of the outputs, which is undone; conditioned."""
    before, (slope, intercept, _) = puzzle.units, fit
    moved = before.scale * intercept + before.offset * (1 - slope)
    units = replace(
        before, link="affine", slope=before.slope * slope, intercept=before.slope * moved + before.intercept
    )
    steps = stored_steps(puzzle) / abs(slope)
    return conditioned(puzzle.replace(y=(puzzle.y - intercept) / slope, steps=steps, units=units))


def plainest(puzzle: Puzzle, fit: AffineFit, *, near: float = 0.25) -> AffineFit:
    """Return an affine map, or the one that leaves predictions as the table has them, where that is nearly the same.

    Of answers that are not yet right, the map that fits best is not the one of the right answer: those of a table
    that is as the network gave it are as likely to be met near 1 as anywhere, and 1 is what they then are.

    Parameters
    ----------
    puzzle
        The puzzle, in units that are not those of the table.
    fit
        Map of outputs to `Puzzle.y`.
    near
        Logarithm of the slope, and share of the predictions' spread, up to which the two are nearly the same.
    """
    before = puzzle.units
    told = rescaled(puzzle, fit).units
    spread = puzzle.variance**0.5 * before.size
    if before.slope == 1.0 or not told.slope > 0:
        return fit
    if abs(math.log(told.slope)) > near or abs(told.intercept) > near * spread:
        return fit
    slope = 1 / before.slope
    moved = -before.intercept / before.slope
    return AffineFit(slope, (moved - before.offset * (1 - slope)) / before.scale, fit.mse)


def hints(puzzle: Puzzle, *, unusual: float = 5.0) -> list[str]:
    """Return what a table shows that few networks see or say, each with the option that is meant for it.

    `unusual` is the standard deviation of an input, or its inverse, from which on it is asked whether the network saw
    it so.
    """
    found = []
    y = of_table(puzzle)
    if puzzle.rows > 1 and y.std() > 0 and puzzle.units.link == "identity":
        shares = puzzle.outputs > 1 and (y > 0).all() and np.abs(y.sum(axis=1) - 1).max() < 1e-4
        logs = puzzle.outputs > 1 and (y < 0).all() and np.abs(np.exp(y).sum(axis=1) - 1).max() < 1e-4
        if shares:
            found.append("the predictions of each row add up to 1: if the network ended in a softmax, --link softmax")
        elif logs:
            found.append("they are logarithms of shares: if the network ended in a log-softmax, --link log_softmax")
        elif (y > 0).all() and (y < 1).all():
            found.append("all predictions lie between 0 and 1: if the network ended in a sigmoid, --link sigmoid")
        elif (np.abs(y) < 1).all():
            found.append("all predictions lie between -1 and 1: if the network ended in a tanh, --link tanh")
        elif (y > 0).all():
            found.append("all predictions are above 0: if the network ended in an exponential, --link exp")
    if puzzle.rows > 1 and puzzle.units.ddof is None:
        x = inputs_of(puzzle)
        means, spreads = np.abs(x.mean(axis=0)), x.std(axis=0)
        away = (means > spreads) | (spreads > unusual) | ((spreads > 0) & (spreads < 1 / unusual))
        if away.any():
            k = int((means / np.where(spreads > 0, spreads, 1.0)).argmax())
            found.append(
                f"{int(away.sum())} of {x.shape[1]} inputs are not standardised (input {k} has mean "
                f"{x[:, k].mean():.3g} and standard deviation {spreads[k]:.3g}): if the network saw "
                "standardised ones, --standardise-inputs"
            )
    return found


def matched(
    puzzle: Puzzle, assembly: Assembly, rows: int | None = None, *, odd_scale: float = 2.0, odd_offset: float = 1.0
) -> tuple[AffineFit | None, bool]:
    """Return the affine map that gives outputs the mean and spread of the predictions; and whether that is far from 1.

    It is where the ratio of the spreads of predictions and outputs, or its inverse, is above `odd_scale`, or their
    means are farther apart than `odd_offset` such spreads: then the units of the table are others, perhaps.

    That is nearer the right one than `affine_fit` where an assembly is not yet right: what it does not explain lowers
    the slope of a regression, and not the spread of the outputs. Its `mse` is that of the regression.
    """
    output, y = _outputs(puzzle, assembly, rows).ravel(), puzzle.y[:rows].ravel()
    fit = _fitted(output, y)
    if fit is None:
        return None, False
    slope = float(np.std(y) / np.std(output)) * math.copysign(1.0, fit.slope)
    apart = abs(float(np.mean(output) - np.mean(y))) / (float(np.std(y)) or 1.0)
    odd = not 1 / odd_scale <= abs(slope) <= odd_scale or apart > odd_offset or slope < 0
    if not (math.isfinite(slope) and slope):
        return None, False
    return AffineFit(slope, float(np.mean(y) - slope * np.mean(output)), fit.mse), odd
