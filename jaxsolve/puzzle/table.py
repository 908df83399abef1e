"""Host: the table of inputs and original predictions (`historical_data.csv`)."""

import csv
import io
import re
import warnings
from typing import NamedTuple

import numpy as np

from jaxsolve.errors import PuzzleError
from jaxsolve.puzzle.types import Floats

TARGET, LABEL = "pred", "true"
MEASUREMENT = re.compile(r"measurement_(\d+)")


class Table(NamedTuple):
    """Rows of data."""

    x: Floats
    """`[R, D]` inputs."""
    y: Floats
    """`[R]` what the network answered."""
    label: Floats | None
    """`[R]` what it was trained on, if given."""


def read_table(data: bytes, file: str) -> Table:
    """Parse the CSV table.

    Inputs are the columns ``measurement_0…`` by number or, if there are none, all numeric columns other
    than ``pred`` and ``true`` in the order of the file.

    Raises
    ------
    PuzzleError
        The file is empty, is not such a table, or holds a value that is no finite number.
    """
    header = _header(data, file)
    table = _read_plain(data, len(header))
    columns = dict(zip(header, table.T, strict=True)) if table is not None else _read_any(data, header, file)
    inputs = _input_columns(header, columns, file)
    for name in (*inputs, *({TARGET, LABEL} & columns.keys())):
        _require_finite(columns[name], name, file)
    x = np.stack([columns[name] for name in inputs], axis=1)
    return Table(np.ascontiguousarray(x), columns[TARGET].copy(), columns.get(LABEL))


def _header(data: bytes, file: str) -> list[str]:
    if not data.strip():
        raise PuzzleError(f"{file}: empty file; expected a header line and rows of numbers")
    line, _, body = data.removeprefix(b"\xef\xbb\xbf").partition(b"\n")
    try:
        header = [name.strip() for name in next(csv.reader([line.decode()]), [])]
    except (UnicodeDecodeError, csv.Error) as error:
        raise PuzzleError(f"{file}: not a CSV text file ({error})") from error
    named = [name for name in header if name]
    if len(set(named)) != len(named):
        raise PuzzleError(f"{file}: column {next(n for n in named if named.count(n) > 1)!r} appears twice")
    if TARGET not in header:
        shown = ", ".join(header[:4]) + (", …" if len(header) > 4 else "")
        raise PuzzleError(f"{file}: no column {TARGET!r} with the network's predictions; the columns are {shown[:200]}")
    if not body.strip():
        raise PuzzleError(f"{file}: a header but no rows of data")
    return header


def _read_plain(data: bytes, columns: int) -> Floats | None:
    """Return an all-numeric table, or nothing if it is not quite that: pandas, slower to load, then has a look."""
    try:
        body = data.partition(b"\n")[2].decode()
        table = np.loadtxt(io.StringIO(body), delimiter=",", comments=None, ndmin=2)
    except ValueError:
        return None
    return table if table.shape[1] == columns else None


def _read_any(data: bytes, header: list[str], file: str) -> dict[str, Floats]:
    """Return the numeric columns of a table that has text, quotes, gaps or damage in it."""
    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                io.BytesIO(data), header=None, skiprows=1, names=range(len(header)), index_col=False,
                skipinitialspace=True, low_memory=False,
            )  # fmt: skip
    except (ValueError, pd.errors.ParserWarning, OverflowError) as error:
        raise PuzzleError(f"{file}: not a table of {len(header)} columns ({error})") from error
    if frame.empty:
        raise PuzzleError(f"{file}: a header but no rows of data")
    columns: dict[str, Floats] = {}
    for k, name in enumerate(header):
        wanted = name in (TARGET, LABEL) or MEASUREMENT.fullmatch(name)
        values = np.asarray(pd.to_numeric(frame[k], errors="coerce"), dtype=np.float64)
        if wanted or pd.api.types.is_numeric_dtype(frame[k]):
            bad = np.flatnonzero(np.isnan(values))
            if bad.size:
                cell = frame[k].iloc[bad[0]]
                raise PuzzleError(f"{file}: data row {bad[0] + 1}, column {name!r}: {cell!r}; expected a number")
            columns[name] = values
    return columns


def _input_columns(header: list[str], columns: dict[str, Floats], file: str) -> list[str]:
    measured = {int(match[1]): name for name in header if (match := MEASUREMENT.fullmatch(name))}
    if measured:
        absent = [k for k in range(max(measured) + 1) if k not in measured] if max(measured) < 1 << 20 else ["many"]
        if absent:
            raise PuzzleError(f"{file}: column measurement_{absent[0]} is missing")
        return [measured[k] for k in sorted(measured)]
    inputs = [name for name in header if name and name in columns and name not in (TARGET, LABEL)]
    if not inputs:
        raise PuzzleError(f"{file}: no numeric input columns beside {TARGET!r} and {LABEL!r}")
    return inputs


def _require_finite(values: Floats, name: str, file: str) -> None:
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise PuzzleError(f"{file}: data row {bad[0] + 1}, column {name!r}: {values[bad[0]]}; expected a finite number")
