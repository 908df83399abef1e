"""Host: the table of inputs and original predictions (`historical_data.csv`)."""

import csv
import io
import re
import warnings
from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from jaxsolve.errors import PuzzleError
from jaxsolve.puzzle.limits import Limits
from jaxsolve.puzzle.types import Floats

TARGET, LABEL = "pred", "true"
MEASUREMENT = re.compile(r"measurement_(\d{1,15})")
CHUNK_CELLS = 1 << 20
"""Cells that are held as text at a time."""


class Table(NamedTuple):
    """Rows of data."""

    x: Floats
    """`[R, D]` inputs."""
    y: Floats
    """`[R]` what the network answered."""
    label: Floats | None
    """`[R]` what it was trained on, if given."""


def read_table(data: bytes, file: str, limits: Limits | None = None) -> Table:
    """Parse the CSV table.

    Inputs are the columns ``measurement_0…`` by number or, if there are none, all numeric columns other
    than ``pred`` and ``true`` in the order of the file. `limits` say how many columns there may be.

    Raises
    ------
    PuzzleError
        The file is empty, is not such a table, or holds a value that is no finite number.
    """
    header = _header(data, file, limits or Limits())
    table = _read_plain(data, len(header))
    columns = dict(zip(header, table.T, strict=True)) if table is not None else _read_any(data, header, file)
    inputs = _input_columns(header, columns, file)
    for name in (*inputs, TARGET):
        _require_numbers(columns[name], name, file)
    label = columns.get(LABEL)
    x = np.stack([columns[name] for name in inputs], axis=1)
    known = label is not None and np.isfinite(label).all()
    return Table(np.ascontiguousarray(x), columns[TARGET].copy(), label if known else None)


def _header(data: bytes, file: str, limits: Limits) -> list[str]:
    if not data or data.isspace():
        raise PuzzleError(f"{file}: empty file; expected a header line and rows of numbers")
    end = data.find(b"\n") if b"\n" in data else len(data)
    line = data[:end].removeprefix(b"\xef\xbb\xbf")
    if line.count(b",") >= limits.columns:
        raise PuzzleError(f"{file}: {line.count(b',') + 1} columns; at most {limits.columns} are read")
    try:
        header = [name.strip() for name in next(csv.reader([line.decode()]), [])]
    except (UnicodeDecodeError, csv.Error) as error:
        raise PuzzleError(f"{file}: not a CSV text file ({error})") from error
    twice = [name for name, count in Counter(header).items() if name and count > 1]
    if twice:
        raise PuzzleError(f"{file}: column {twice[0]!r} appears twice")
    if TARGET not in header:
        shown = (", ".join(header[:4]) + (", …" if len(header) > 4 else ""))[:200]
        hint = "; expected columns separated by commas" if len(header) < 2 else ""
        raise PuzzleError(f"{file}: no column {TARGET!r} with the network's predictions, but {shown!r}{hint}")
    if not re.compile(rb"\S").search(data, end):
        raise PuzzleError(f"{file}: a header but no rows of data")
    return header


def _read_plain(data: bytes, columns: int) -> Floats | None:
    """Return an all-numeric table, or nothing if it is not quite that: pandas, slower to load, then has a look."""
    try:
        lines = io.TextIOWrapper(io.BytesIO(data), "utf-8", newline="\n")
        lines.readline()
        table = np.loadtxt(lines, delimiter=",", comments=None, ndmin=2)
    except ValueError:
        return None
    return table if table.shape[1] == columns else None


def _read_any(data: bytes, header: list[str], file: str) -> dict[str, Floats]:
    """Return the numeric columns of a table that has text, quotes, gaps or damage in it.

    It is gone through in parts, for text takes many times the memory that its numbers do.
    """
    import pandas as pd

    measured = any(MEASUREMENT.fullmatch(name) for name in header)
    wanted = [bool(MEASUREMENT.fullmatch(name)) or name == TARGET for name in header]
    parts: dict[int, list[Floats]] = {
        k: [] for k, name in enumerate(header) if wanted[k] or name == LABEL or (name and not measured)
    }
    start = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frames = pd.read_csv(
                io.BytesIO(data), header=None, skiprows=1, names=range(len(header)), index_col=False,
                skipinitialspace=True, low_memory=False, chunksize=max(1, CHUNK_CELLS // len(header)),
            )  # fmt: skip
            for frame in frames:
                for k in [*parts]:
                    if not (wanted[k] or header[k] == LABEL or pd.api.types.is_numeric_dtype(frame[k])):
                        del parts[k]
                        continue
                    parts[k].append(np.asarray(pd.to_numeric(frame[k], errors="coerce"), dtype=np.float64))
                    if wanted[k]:
                        _require_all(parts[k][-1], header[k], file, start, frame[k])
                start += len(frame)
    except (ValueError, pd.errors.ParserWarning, OverflowError) as error:
        raise PuzzleError(f"{file}: not a table of {len(header)} columns ({error})") from error
    if not start:
        raise PuzzleError(f"{file}: a header but no rows of data")
    columns = {header[k]: np.concatenate(part) for k, part in parts.items()}
    columns = {name: column for name, column in columns.items() if name == LABEL or not np.isnan(column).all()}
    for name, column in columns.items():
        if name != LABEL:
            _require_all(column, name, file)
    return columns


def _require_all(column: Floats, name: str, file: str, start: int = 0, cells: Any = None) -> None:
    """Refuse a column with gaps, whose rows are counted from `start` on; `cells` are what it was made of."""
    gaps = np.isnan(column)
    if gaps.any():
        row = int(gaps.argmax())
        cell = "an empty cell"
        if cells is not None and cells.notna().iloc[row]:
            cell = repr(str(cells.iloc[row])[:80])
        raise PuzzleError(f"{file}: data row {start + row + 1}, column {name!r}: {cell}; expected a number")


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
