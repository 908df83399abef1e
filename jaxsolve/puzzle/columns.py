"""Host: which columns of a table are predictions, inputs and labels, by their names."""

import re

import numpy as np

from jaxsolve.errors import PuzzleError
from jaxsolve.formats.natural import natural
from jaxsolve.puzzle.types import Floats

TARGET, LABEL = "pred", "true"
TARGETS = (
    TARGET, "prediction", "predictions", "y_pred", "ypred", "y_hat", "yhat", "predicted", "model_output", "output",
    "outputs",
)  # fmt: skip
"""What the column of predictions may be called, capital or small; those of several outputs with numbers behind it."""
LABELS = ("y_true", "label", "labels", "target", "targets", "ground_truth")
"""What columns are called that are labels more often than inputs."""
COUNTERS = ("id", "idx", "index", "row", "unnamed: 0", "__index_level_0__")
"""What columns are called that number the rows."""
MEASUREMENT = re.compile(r"measurement_(\d{1,15})", re.IGNORECASE)


def is_wanted(name: str, targets: list[str]) -> bool:
    """Return whether a column has to hold numbers."""
    return bool(MEASUREMENT.fullmatch(name)) or name in targets


def is_doubtful(name: str, column: Floats) -> bool:
    """Return whether a column may be no input by its name or, as it numbers the rows, by its values."""
    counts = len(column) > 2 and bool((np.diff(column) == 1).all())
    return name.lower() in (*LABELS, *COUNTERS) or counts


def targets_in(header: list[str], file: str) -> list[str]:
    """Return the columns of predictions, those of several outputs by number."""
    small = {name.lower(): name for name in header[::-1]}
    for target in TARGETS:
        if target in small:
            return [small[target]]
        if found := _numbered(header, re.compile(rf"{target}_?(\d{{1,9}})", re.IGNORECASE), f"{target}_", file):
            return found
    return []


def _numbered(header: list[str], pattern: re.Pattern[str], prefix: str, file: str) -> list[str]:
    """Return the columns with such names by their numbers, which have to be all from 0 or 1 on."""
    numbers: dict[int, str] = {}
    for name in header:
        if match := pattern.fullmatch(name):
            if int(match[1]) in numbers:
                raise PuzzleError(f"{file}: column {numbers[int(match[1])]!r} appears twice, also as {name!r}")
            numbers[int(match[1])] = name
    first = 0 if 0 in numbers else 1
    absent = next((k for k in range(first, first + len(numbers)) if k not in numbers), None)
    if absent is not None:
        raise PuzzleError(f"{file}: column {prefix}{absent} is missing")
    return [numbers[k] for k in sorted(numbers)]


def inputs_in(
    header: list[str], columns: dict[str, Floats], targets: list[str], file: str, notes: list[str]
) -> list[str]:
    """Return the columns of inputs in their order, and add to `notes` if that is not the file's."""
    if measured := _numbered(header, MEASUREMENT, "measurement_", file):
        return measured
    inputs = [
        name
        for name in header
        if name and name in columns and name not in targets and name.lower() not in (TARGET, LABEL)
    ]
    if not inputs:
        raise PuzzleError(f"{file}: no numeric input columns beside {TARGET!r} and {LABEL!r}")
    return in_order(inputs, notes)


def in_order(inputs: list[str], notes: list[str]) -> list[str]:
    """Return inputs by their numbers where they are alike but for these; `notes` take it if that is another order."""
    numbered = sorted(inputs, key=lambda name: natural(name.lower()))
    if len({re.sub(r"\d+", "#", name.lower()) for name in inputs}) == 1 and numbered != inputs:
        k = next(k for k, pair in enumerate(zip(inputs, numbered, strict=True)) if pair[0] != pair[1])
        said = f"inputs are taken by their numbers, {numbered[k]!r} before {inputs[k]!r}, not as the file has them"
        notes.append(said)
        return numbered
    return inputs
