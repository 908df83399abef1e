"""Host: inputs and labels to train on: drawn at random by one of several rules, or read from a CSV file."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxsolve.errors import PuzzleError, UsageError
from jaxsolve.formats.dialects import as_text
from jaxsolve.formats.limits import Limits
from jaxsolve.formats.source import read_file
from jaxsolve.puzzle.columns import LABEL, TARGET
from jaxsolve.puzzle.table import names_in, read_table
from jaxsolve.puzzle.types import Floats

Draw = Callable[[np.random.Generator, int, int], tuple[Floats, Floats]]
"""From a generator, rows R and features D to inputs `[R, D]` and labels `[R]`."""


class Rows(NamedTuple):
    """What a network is trained on; every number is one that float32 holds."""

    x: Floats
    """`[R, D]`"""
    label: Floats
    """`[R]`, of mean 0 and standard deviation 1; `[R, K]` for several outputs."""


def _votes(rng: np.random.Generator, rows: int, features: int) -> tuple[Floats, Floats]:
    """Draw noisy bits, and a smooth count of the bits in disguise."""
    bits = rng.random((rows, features)) < 0.5
    x = np.where(bits, 1.0, -1.0) + rng.normal(scale=0.4, size=bits.shape)
    votes = bits.astype(float) @ rng.choice([-1.0, 1.0], features)
    return x, np.sin(votes) + 0.2 * votes


def _teacher(rng: np.random.Generator, rows: int, features: int) -> tuple[Floats, Floats]:
    """Draw independent normal inputs, and what a random network of one tanh layer answers."""
    x = rng.normal(size=(rows, features))
    return x, _taught(rng, x)


def _correlated(rng: np.random.Generator, rows: int, features: int) -> tuple[Floats, Floats]:
    """Mix a hidden factor for every four features, with variances that fall off, and let such a network answer."""
    factors = max(1, features // 4)
    mixing = rng.normal(size=(factors, features)) / np.sqrt(np.arange(1, factors + 1))[:, None]
    x = rng.normal(size=(rows, factors)) @ mixing + rng.normal(scale=0.1, size=(rows, features))
    x /= x.std(axis=0)
    return x, _taught(rng, x)


def _waves(rng: np.random.Generator, rows: int, features: int) -> tuple[Floats, Floats]:
    """Draw uniform inputs, and a sum of sines of them and of their products with the next."""
    x = rng.uniform(-1.0, 1.0, (rows, features))
    phase, pace = rng.uniform(0, 2 * np.pi, features), rng.uniform(1.0, 4.0, features)
    return x, np.sin(pace * x * (1 + np.roll(x, 1, axis=1)) + phase).sum(axis=1) / np.sqrt(features)


def _taught(rng: np.random.Generator, x: Floats) -> Floats:
    units = 32
    inward = rng.normal(scale=2 / np.sqrt(x.shape[1]), size=(x.shape[1], units))
    return np.tanh(x @ inward + rng.normal(size=units)) @ rng.normal(size=units) / units**0.5


DATA: dict[str, Draw] = {"votes": _votes, "teacher": _teacher, "correlated": _correlated, "waves": _waves}


def draw_rows(
    kind: str, rng: np.random.Generator, rows: int, features: int, *, outputs: int = 1, label_noise: float = 0.1
) -> Rows:
    """Return rows of a kind of `DATA`; labels beyond the first of several `outputs` are those of random networks.

    `label_noise` is the standard deviation of what is added to labels before they are standardised; those are about 1
    in size.
    """
    x, clean = DATA[kind](rng, rows, features)
    label = _standardised(clean + rng.normal(scale=label_noise, size=rows))
    if outputs == 1:
        return _single(x, label)
    more = [_standardised(_taught(rng, x) + rng.normal(scale=label_noise, size=rows)) for _ in range(outputs - 1)]
    return _single(x, np.stack([label, *more], axis=1))


def read_rows(path: Path, target: str | None, rng: np.random.Generator, rows: int | None) -> Rows:
    """Return so many rows of a CSV file, or all, drawn at random; inputs and labels are standardised.

    Labels are the column `target`; by default ``true``, ``pred`` or the last one, whichever there is first. Inputs are
    ``measurement_0…`` or, if there are none, all other numeric columns.

    Raises
    ------
    PuzzleError
        The file cannot be read, or holds a value that is no finite number.
    UsageError
        It has no such column, or fewer rows, or labels that are all the same.
    """
    limits = Limits.from_environment()
    try:
        line, _, body = as_text(read_file(path, path, limits), str(path), limits).partition(b"\n")
    except OSError as error:
        raise PuzzleError(f"{path}: cannot be read ({error.strerror or error})") from error
    header, delimiter = names_in(line, path, limits)
    named = [name for name in header if name]
    labels = target or next((name for name in (LABEL, TARGET) if name in named), named[-1] if named else "")
    if labels not in named:
        raise UsageError(f"--target: {path} has no column {labels!r}; it has {', '.join(named)[:200] or 'none'}")
    # read as a table whose predictions are the labels; what else is called so is none of its inputs
    ours = [TARGET if name == labels else "" if name in (LABEL, TARGET) else name for name in header]
    try:
        table = read_table(_csv_line(ours, delimiter) + b"\n" + body, str(path), limits)
    except PuzzleError as error:
        raise PuzzleError(str(error).replace(repr(TARGET), repr(labels))) from error
    have = len(table.y)
    if rows is not None and rows > have:
        raise UsageError(f"--train-rows is {rows}; {path} has {have}: ask for fewer")
    chosen = rng.permutation(have)[:rows]
    x, label = table.x[chosen], table.y[chosen]
    if not np.ptp(label) > 0:
        raise UsageError(f"--target: the labels in column {labels!r} are all the same; name another column")
    return _single(_standardised(x), _standardised(label))


def _csv_line(names: list[str], delimiter: str) -> bytes:
    return delimiter.join('"' + name.replace('"', '""') + '"' for name in names).encode()


def _standardised(values: Floats) -> Floats:
    """Return columns of mean 0 and standard deviation 1; constant ones become 0."""
    centred = values - values.mean(axis=0)
    spread = centred.std(axis=0)
    return centred / np.where(spread > 0, spread, 1.0)


def _single(x: Floats, label: Floats) -> Rows:
    return Rows(*(table.astype(np.float32).astype(np.float64) for table in (x, label)))
