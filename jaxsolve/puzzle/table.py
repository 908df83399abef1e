"""Host: the table of inputs and original predictions (`historical_data.csv`)."""

import csv
import io
import re
import warnings
from collections import Counter
from typing import NamedTuple

import numpy as np

from jaxsolve.errors import PuzzleError
from jaxsolve.puzzle.limits import Limits
from jaxsolve.puzzle.types import Floats

TARGET, LABEL = "pred", "true"
MEASUREMENT = re.compile(r"measurement_(\d{1,15})")
OUTPUT = re.compile(r"pred_(\d{1,9})")


class Table(NamedTuple):
    """Rows of data."""

    x: Floats
    """`[R, D]` inputs."""
    y: Floats
    """`[R]` what the network answered; `[R, K]` where the columns are ``pred_0``, ``pred_1`` and so on."""
    label: Floats | None
    """`[R]` what it was trained on, if given."""


def read_table(data: bytes, file: str, limits: Limits | None = None, *, chunk_cells: int = 1 << 20) -> Table:
    """Parse the CSV table.

    Predictions are ``pred`` or, of several outputs, ``pred_0…`` by number. Inputs are the columns ``measurement_0…``
    by number or, if there are none, all numeric columns other than those and ``true`` in the order of the file.
    `limits` say how many columns there may be. At most `chunk_cells` are held as text at a time.

    Raises
    ------
    PuzzleError
        The file is empty, is not such a table, or holds a value that is no finite number.
    """
    limits = limits or Limits()
    header = _header(data, file, limits)
    _check_rows(data, header, file, limits)
    table = _read_plain(data, len(header))
    columns = _read_any(data, header, file, chunk_cells) if table is None else dict(zip(header, table.T, strict=True))
    inputs, targets = _input_columns(header, columns, file), _targets(header, file)
    for name in (*inputs, *targets):
        _require_numbers(columns[name], name, file)
    label = columns.get(LABEL)
    x = np.stack([columns[name] for name in inputs], axis=1)
    known = label is not None and np.isfinite(label).all()
    y = columns[TARGET].copy() if targets == [TARGET] else np.stack([columns[name] for name in targets], axis=1)
    return Table(np.ascontiguousarray(x), y, label if known else None)


def names_in(line: bytes, file: object, limits: Limits) -> list[str]:
    """Return the names of columns in the first line of a table; `PuzzleError` if it is no text or has too many."""
    if line.count(b",") >= limits.columns:
        raise PuzzleError(f"{file}: {line.count(b',') + 1} columns; at most {limits.columns} are read")
    try:
        return [name.strip() for name in next(csv.reader([line.removeprefix(b"\xef\xbb\xbf").decode()]), [])]
    except (UnicodeDecodeError, csv.Error) as error:
        raise PuzzleError(f"{file}: not a CSV text file ({error})") from error


def _header(data: bytes, file: str, limits: Limits) -> list[str]:
    if not data or data.isspace():
        raise PuzzleError(f"{file}: empty file; expected a header line and rows of numbers")
    end = data.find(b"\n") if b"\n" in data else len(data)
    header = names_in(data[:end], file, limits)
    twice = [name for name, count in Counter(header).items() if name and count > 1]
    if twice:
        raise PuzzleError(f"{file}: column {twice[0]!r} appears twice")
    if not _targets(header, file):
        shown = (", ".join(header[:4]) + (", …" if len(header) > 4 else ""))[:200]
        hint = "; expected columns separated by commas" if len(header) < 2 else ""
        raise PuzzleError(f"{file}: no column {TARGET!r} with the network's predictions, but {shown!r}{hint}")
    if not re.compile(rb"\S").search(data, end):
        raise PuzzleError(f"{file}: a header but no rows of data")
    return header


def _check_rows(data: bytes, header: list[str], file: str, limits: Limits) -> None:
    """Refuse rows that parsers would fill up: all where the first is longer than the header, and far too short ones."""
    if len(header) * data.count(b"\n") > 2 * len(data) + limits.spare_cells:  # a cell takes a byte, were it empty
        raise PuzzleError(f"{file}: not a table of {len(header)} columns (most rows are shorter)")
    lines = io.TextIOWrapper(io.BytesIO(data), "utf-8", errors="replace", newline="")
    lines.readline()
    try:
        fields = next((len(row) for row in csv.reader(lines, skipinitialspace=True) if row), 0)
    except csv.Error as error:
        raise PuzzleError(f"{file}: not a table of {len(header)} columns ({error})") from error
    if fields > len(header):
        raise PuzzleError(f"{file}: not a table of {len(header)} columns (the first row has {fields})")


def _read_plain(data: bytes, columns: int) -> Floats | None:
    """Return an all-numeric table, or nothing if it is not quite that: pandas, slower to load, then has a look."""
    try:
        lines = io.TextIOWrapper(io.BytesIO(data), "utf-8", newline="\n")
        lines.readline()
        table = np.loadtxt(lines, delimiter=",", comments=None, ndmin=2)
    except ValueError:
        return None
    return table if table.shape[1] == columns else None


def _read_any(data: bytes, header: list[str], file: str, chunk_cells: int = 1 << 20) -> dict[str, Floats]:
    """Return the numeric columns of a table that has text, quotes, gaps or damage in it.

    It is gone through in parts, for text takes many times the memory that its numbers do.
    """
    import pandas as pd

    measured = any(MEASUREMENT.fullmatch(name) for name in header)
    targets = _targets(header, file)
    wanted = [bool(MEASUREMENT.fullmatch(name)) or name in targets for name in header]
    parts: dict[int, list[Floats]] = {
        k: [] for k, name in enumerate(header) if wanted[k] or name == LABEL or (name and not measured)
    }
    gaps: dict[int, int] = {}
    filled: set[int] = set()
    start = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frames = pd.read_csv(
                io.BytesIO(data), header=None, skiprows=1, names=range(len(header)), index_col=False,
                skipinitialspace=True, low_memory=False, chunksize=max(1, chunk_cells // len(header)),
            )  # fmt: skip
            for frame in frames:
                for k in [*parts]:
                    if not (wanted[k] or header[k] == LABEL or pd.api.types.is_numeric_dtype(frame[k])):
                        del parts[k]
                        continue
                    part = np.asarray(pd.to_numeric(frame[k], errors="coerce"), dtype=np.float64)
                    missing = np.isnan(part)
                    if wanted[k] and missing.any():
                        row = int(missing.argmax())
                        cell = "an empty cell" if pd.isna(frame[k].iloc[row]) else repr(str(frame[k].iloc[row])[:80])
                        raise _not_a_number(file, start + row, header[k], cell)
                    if not missing.all():
                        filled.add(k)
                    if missing.any() and header[k] != LABEL:  # refused in the end, or no column of numbers at all
                        gaps.setdefault(k, start + int(missing.argmax()))
                        parts[k].clear()
                    if k not in gaps:
                        parts[k].append(part)
                start += len(frame)
    except (ValueError, pd.errors.ParserWarning, OverflowError) as error:
        raise PuzzleError(f"{file}: not a table of {len(header)} columns ({error})") from error
    if not start:
        raise PuzzleError(f"{file}: a header but no rows of data")
    for k, row in gaps.items():
        if k in parts and k in filled:
            raise _not_a_number(file, row, header[k], "an empty cell")
    return {header[k]: np.concatenate(part) for k, part in parts.items() if k not in gaps}


def _not_a_number(file: str, row: int, name: str, cell: str) -> PuzzleError:
    return PuzzleError(f"{file}: data row {row + 1}, column {name!r}: {cell}; expected a number")


def _targets(header: list[str], file: str) -> list[str]:
    """Return the columns of predictions, those of several outputs by number."""
    return [TARGET] if TARGET in header else _numbered(header, OUTPUT, "pred_", file)


def _numbered(header: list[str], pattern: re.Pattern[str], prefix: str, file: str) -> list[str]:
    """Return the columns with such names by their numbers, which have to be all from 0 on."""
    numbers: dict[int, str] = {}
    for name in header:
        if match := pattern.fullmatch(name):
            if int(match[1]) in numbers:
                raise PuzzleError(f"{file}: column {numbers[int(match[1])]!r} appears twice, also as {name!r}")
            numbers[int(match[1])] = name
    absent = next((k for k in range(len(numbers)) if k not in numbers), None)
    if absent is not None:
        raise PuzzleError(f"{file}: column {prefix}{absent} is missing")
    return [numbers[k] for k in range(len(numbers))]


def _input_columns(header: list[str], columns: dict[str, Floats], file: str) -> list[str]:
    if measured := _numbered(header, MEASUREMENT, "measurement_", file):
        return measured
    others = {TARGET, LABEL, *_targets(header, file)}
    inputs = [name for name in header if name and name in columns and name not in others]
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
