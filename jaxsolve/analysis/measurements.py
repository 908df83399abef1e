"""Host: everything that is measured, by name."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxsolve.analysis.forward import forward
from jaxsolve.analysis.isometry import isometry
from jaxsolve.analysis.norms import norms, rescaling
from jaxsolve.analysis.pair_scores import pair_scores
from jaxsolve.analysis.products import products
from jaxsolve.analysis.residuals import residuals
from jaxsolve.analysis.seeds import seeds
from jaxsolve.analysis.subject import Subject
from jaxsolve.analysis.summary import NotMeasuredError
from jaxsolve.analysis.transitivity import transitivity
from jaxsolve.errors import UsageError, no_such

MEASUREMENTS: dict[str, Callable[..., Any]] = {
    "norms": norms,
    "rescaling": rescaling,
    "residuals": residuals,
    "pair_scores": pair_scores,
    "products": products,
    "forward": forward,
    "isometry": isometry,
    "transitivity": transitivity,
    "seeds": seeds,
}
"""Each is given the subject, and the results of those that it `NEEDS`."""

NEEDS = {"isometry": ("forward",)}


@dataclass(frozen=True, eq=False)
class Analysis:
    """What was measured of a puzzle, by the names of `MEASUREMENTS`."""

    subject: Subject
    results: dict[str, Any]
    skipped: dict[str, str]
    """Why others could not be measured."""


def checked(names: Sequence[str]) -> list[str]:
    """Return names of measurements; `UsageError` if there is none of such a name."""
    for name in names:
        if name not in MEASUREMENTS:
            raise UsageError(no_such("measurement", name, MEASUREMENTS))
    return [name for name in MEASUREMENTS if name in names]


def analyze(
    subject: Subject,
    names: Sequence[str] = tuple(MEASUREMENTS),
    watch: Callable[[str], None] = lambda name: None,
    **parameters: Mapping[str, float],
) -> Analysis:
    """Measure what can be measured; `watch` hears of each measurement before it is begun.

    `parameters` are those of measurements, by their names: ``seeds={"rows": 500}``.

    Raises
    ------
    UsageError
        There is no measurement of some name.
    """
    done, skipped = {}, {}
    for name in MEASUREMENTS:
        if name not in _with_needed(checked(names)):
            continue
        if missing := [needed for needed in NEEDS.get(name, ()) if needed not in done]:
            skipped[name] = skipped[missing[0]]
            continue
        watch(name)
        try:
            needed = [done[other] for other in NEEDS.get(name, ())]
            with np.errstate(over="ignore", invalid="ignore"):  # what overflows is infinite, and is said to be
                done[name] = MEASUREMENTS[name](subject, *needed, **parameters.get(name, {}))
        except NotMeasuredError as error:
            skipped[name] = str(error)
    return Analysis(
        subject,
        {name: found for name, found in done.items() if name in names},
        {name: why for name, why in skipped.items() if name in names},
    )


def _with_needed(names: Collection[str]) -> set[str]:
    return {*names, *(needed for name in names for needed in NEEDS.get(name, ()))}
