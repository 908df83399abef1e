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
MEASUREMENT = re.compile(r"measurement_(\d{1,15})")


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
    for name in (*inputs, TARGET):
        _require_numbers(columns[name], name, file)
    label = columns.get(LABEL)
    x = np.stack([columns[name] for name in inputs], axis=1)
    known = label is not None and np.isfinite(label).all()
    return Table(np.ascontiguousarray(x), columns[TARGET].copy(), label if known else None)


def _header(data: bytes, file: str) -> list[str]:
    if not data or data.isspace():
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
        shown = (", ".join(header[:4]) + (", …" if len(header) > 4 else ""))[:200]
        hint = "; expected columns separated by commas" if len(header) < 2 else ""
        raise PuzzleError(f"{file}: no column {TARGET!r} with the network's predictions, but {shown!r}{hint}")
    if not body or body.isspace():
        raise PuzzleError(f"{file}: a header but no rows of data")
    return header


def _read_plain(data: bytes, columns: int) -> Floats | None:
    """Return an all-numeric table, or nothing if it is not quite that: pandas, slower to load, then has a look."""
    try:
        body = io.TextIOWrapper(io.BytesIO(data), "utf-8", newline="\n")  # by lines: text takes four times the bytes
        table = np.loadtxt(body, delimiter=",", comments=None, ndmin=2, skiprows=1)
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
    measured = any(MEASUREMENT.fullmatch(name) for name in header)
    columns: dict[str, Floats] = {}
    for k, name in enumerate(header):
        wanted = MEASUREMENT.fullmatch(name) or name == TARGET
        numeric = not measured and pd.api.types.is_numeric_dtype(frame[k]) and bool(frame[k].notna().any())
        if wanted or numeric or name == LABEL:
            columns[name] = np.asarray(pd.to_numeric(frame[k], errors="coerce"), dtype=np.float64)
        if (wanted or numeric) and np.isnan(columns[name]).any():
            row = int(np.isnan(columns[name]).argmax())
            cell = "an empty cell" if pd.isna(frame[k].iloc[row]) else repr(str(frame[k].iloc[row])[:80])
            raise PuzzleError(f"{file}: data row {row + 1}, column {name!r}: {cell}; expected a number")
    return columns


def _input_columns(header: list[str], columns: dict[str, Floats], file: str) -> list[str]:
    numbers: dict[int, str] = {}
    for name in header:
        if match := MEASUREMENT.fullmatch(name):
            if int(match[1]) in numbers:
                raise PuzzleError(f"{file}: column {numbers[int(match[1])]!r} appears twice, also as {name!r}")
            numbers[int(match[1])] = name
    if numbers:
        absent = next((k for k in range(len(numbers)) if k not in numbers), None)
        if absent is not None:
            raise PuzzleError(f"{file}: column measurement_{absent} is missing")
        return [numbers[k] for k in range(len(numbers))]
    inputs = [name for name in header if name and name in columns and name not in (TARGET, LABEL)]
    if not inputs:
        raise PuzzleError(f"{file}: no numeric input columns beside {TARGET!r} and {LABEL!r}")
    return inputs


def _require_numbers(values: Floats, name: str, file: str) -> None:
    good = np.abs(values) <= np.finfo(np.float32).max  # false for NaN
    if not good.all():
        row = int((~good).argmax())
        raise PuzzleError(
            f"{file}: data row {row + 1}, column {name!r}: {values[row]}; expected a finite number in float32's range"
        )
