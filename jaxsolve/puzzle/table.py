"""Host: the table of inputs and original predictions."""

import csv
import io
import re
import warnings
from collections import Counter
from typing import NamedTuple

import numpy as np

from jaxsolve.errors import PuzzleError, first_of
from jaxsolve.formats import parquet
from jaxsolve.formats.dialects import as_text, delimiter_of, plain
from jaxsolve.formats.limits import Limits
from jaxsolve.puzzle.columns import (
    COUNTERS,
    LABEL,
    LABELS,
    MEASUREMENT,
    TARGET,
    in_order,
    inputs_in,
    is_doubtful,
    is_wanted,
    targets_in,
)
from jaxsolve.puzzle.types import Floats


class Table(NamedTuple):
    """Rows of data."""

    x: Floats
    """`[R, D]` inputs."""
    y: Floats
    """`[R]` what the network answered; `[R, K]` where the columns are ``pred_0``, ``pred_1`` and so on."""
    label: Floats | None
    """`[R]` what it was trained on, if given."""
    inputs: tuple[str, ...] = ()
    """Names of the columns of `x`."""
    doubtful: tuple[str, ...] = ()
    """Those among them that may be none: they are called as labels, or number the rows."""
    notes: tuple[str, ...] = ()
    """What was odd about it."""

    def without(self, names: tuple[str, ...]) -> "Table":
        """Return the table without some of its inputs."""
        notes = [*self.notes, f"left out of the inputs: {', '.join(map(repr, names))}"]
        inputs = in_order([name for name in self.inputs if name not in names], notes)
        x = np.ascontiguousarray(self.x[:, [self.inputs.index(name) for name in inputs]])
        doubtful = tuple(name for name in self.doubtful if name not in names)
        return self._replace(x=x, inputs=tuple(inputs), doubtful=doubtful, notes=tuple(notes))


def read_table(data: bytes, file: str, limits: Limits | None = None, *, chunk_cells: int = 1 << 20) -> Table:
    """Parse a table: text in any dialect, packed by gzip or not, or Parquet.

    Predictions are ``pred``, or what else they are called (`TARGETS`), or, of several outputs, ``pred_0…`` by number.
    Inputs are the columns ``measurement_0…`` by number or, if there are none, all numeric columns other than those and
    ``true``: by their numbers where they are alike but for these, or else in the order of the file. Rows without
    anything in them are left out. `limits` say how many columns there may be. At most `chunk_cells` are held as text at
    a time.

    Raises
    ------
    PuzzleError
        The file is empty, is not such a table, or holds a value that is no finite number.
    """
    limits = limits or Limits()
    notes = list[str]()
    if data.startswith(parquet.MAGIC):
        columns = _read_parquet(data, file, limits, notes)
        header = [*columns]
        columns = {name: column for name, column in columns.items() if column.size}
    else:
        header, columns = _read_text(as_text(data, file, limits), file, limits, chunk_cells, notes)
    targets = targets_in(header, file)
    inputs = inputs_in(header, columns, targets, file, notes)
    for name in (*inputs, *targets):
        _require_numbers(columns[name], name, file)
    label = next((columns[name] for name in header if name.lower() == LABEL and name in columns), None)
    x = np.stack([columns[name] for name in inputs], axis=1)
    known = label is not None and np.isfinite(label).all()
    single = len(targets) == 1
    y = columns[targets[0]].copy() if single else np.stack([columns[name] for name in targets], axis=1)
    if single and targets[0].lower() != TARGET:
        notes.append(f"predictions are the column {targets[0]!r}")
    generic = not MEASUREMENT.fullmatch(inputs[0])
    doubtful = tuple(name for name in inputs if generic and is_doubtful(name, columns[name]))
    if generic:
        text = [name for name in header if name and name not in columns and name.lower() not in (TARGET, LABEL)]
        if text:
            notes.append(f"no inputs, for they are not all numbers: {first_of([*map(repr, text)], 4)}")
    return Table(np.ascontiguousarray(x), y, label if known else None, tuple(inputs), doubtful, tuple(notes))


def _read_parquet(data: bytes, file: str, limits: Limits, notes: list[str]) -> dict[str, Floats]:
    """Return the columns of a Parquet table; those without numbers are empty."""
    columns = parquet.read_parquet(data, file, limits)
    header = [*columns]
    _require_targets(header, file)
    targets = targets_in(header, file)
    bad = next((name for name in header if is_wanted(name, targets) and not columns[name].size), None)
    if bad is not None:
        raise PuzzleError(f"{file}: column {bad!r} holds no numbers, or no rows")
    tables = [column for column in columns.values() if column.size]
    gone = np.isnan(np.stack(tables)).all(axis=0)
    _note_blank(int(gone.sum()), notes)
    return {name: column[~gone] if column.size and gone.any() else column for name, column in columns.items()}


def _read_text(
    data: bytes, file: str, limits: Limits, chunk_cells: int, notes: list[str]
) -> tuple[list[str], dict[str, Floats]]:
    """Return the header of a table, and its numeric columns by name."""
    header, delimiter = _header(data, file, limits)
    targets = targets_in(header, file)
    try:
        data = plain(data, delimiter, [k for k, name in enumerate(header) if is_wanted(name, targets)])
    except ValueError as error:
        raise PuzzleError(f"{file}: {error}") from error
    _check_rows(data, header, file, limits, delimiter)
    table = _read_plain(data, len(header), delimiter)
    if table is not None:
        gone = np.isnan(table).all(axis=1)
        _note_blank(int(gone.sum()), notes)
        return header, dict(zip(header, (table[~gone] if gone.any() else table).T, strict=True))
    return header, _read_any(data, header, file, chunk_cells, delimiter=delimiter, notes=notes)


def names_in(line: bytes, file: object, limits: Limits) -> tuple[list[str], str]:
    """Return the names of columns in the first line of a table, and what separates them.

    Raises
    ------
    PuzzleError
        It is no text or has too many.
    """
    delimiter = delimiter_of(line)
    count = line.count(delimiter.encode()) + 1
    if count > limits.columns:
        raise PuzzleError(f"{file}: {count} columns; at most {limits.columns} are read")
    try:
        cells = next(csv.reader([line.decode().removeprefix("# ")], delimiter=delimiter), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise PuzzleError(f"{file}: not a CSV text file ({error})") from error
    return [name.strip() for name in cells], delimiter


def _header(data: bytes, file: str, limits: Limits) -> tuple[list[str], str]:
    if not data or data.isspace():
        raise PuzzleError(f"{file}: empty file; expected a header line and rows of numbers")
    end = data.find(b"\n") if b"\n" in data else len(data)
    header, delimiter = names_in(data[:end], file, limits)
    twice = [name for name, count in Counter(header).items() if name and count > 1]
    if twice:
        raise PuzzleError(f"{file}: column {twice[0]!r} appears twice")
    _require_targets(header, file)
    if not re.compile(rb"\S").search(data, end):
        raise PuzzleError(f"{file}: a header but no rows of data")
    return header, delimiter


def _require_targets(header: list[str], file: str) -> None:
    if targets_in(header, file):
        return
    if header and all(re.fullmatch(r"[+-]?[\d.,]+(?:[eE][+-]?\d+)?", name) for name in header):
        raise PuzzleError(f"{file}: numbers in the first line; expected the names of columns, {TARGET!r} among them")
    shown = first_of(header, 4)[:200]
    hint = (
        "; expected columns separated by commas, semicolons or tabs"
        if len(header) < 2
        else f"; name the column of them {TARGET}"
    )
    raise PuzzleError(f"{file}: no column {TARGET!r} with the network's predictions, but {shown!r}{hint}")


def _check_rows(data: bytes, header: list[str], file: str, limits: Limits, delimiter: str) -> None:
    """Refuse rows that parsers would fill up: all where the first is longer than the header, and far too short ones."""
    if len(header) * data.count(b"\n") > 2 * len(data) + limits.spare_cells:  # a cell takes a byte, were it empty
        raise PuzzleError(f"{file}: not a table of {len(header)} columns (most rows are shorter)")
    lines = io.TextIOWrapper(io.BytesIO(data), "utf-8", errors="replace", newline="")
    lines.readline()
    try:
        fields = next((len(row) for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True) if row), 0)
    except csv.Error as error:
        raise PuzzleError(f"{file}: not a table of {len(header)} columns ({error})") from error
    if fields > len(header):
        raise PuzzleError(f"{file}: not a table of {len(header)} columns (the first row has {fields})")


def _read_plain(data: bytes, columns: int, delimiter: str) -> Floats | None:
    """Return an all-numeric table, or nothing if it is not quite that: pandas, slower to load, then has a look."""
    try:
        lines = io.TextIOWrapper(io.BytesIO(data), "utf-8", newline="\n")
        lines.readline()
        table = np.loadtxt(lines, delimiter=delimiter, comments=None, ndmin=2)
    except ValueError:
        return None
    return table if table.shape[1] == columns else None


def _read_any(
    data: bytes,
    header: list[str],
    file: str,
    chunk_cells: int = 1 << 20,
    *,
    delimiter: str = ",",
    notes: list[str],
) -> dict[str, Floats]:
    """Return the numeric columns of a table that has text, quotes, gaps or damage in it; `notes` take what is odd.

    It is gone through in parts, for text takes many times the memory that its numbers do.
    """
    import pandas as pd

    measured = any(MEASUREMENT.fullmatch(name) for name in header)
    targets = targets_in(header, file)
    wanted = [is_wanted(name, targets) for name in header]
    labels = [name.lower() == LABEL for name in header]
    parts: dict[int, list[Floats]] = {
        k: [] for k, name in enumerate(header) if wanted[k] or labels[k] or (name and not measured)
    }
    gaps: dict[int, int] = {}
    filled: set[int] = set()
    start = blank = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frames = pd.read_csv(
                io.BytesIO(data), sep=delimiter, header=None, skiprows=1, names=range(len(header)), index_col=False,
                skipinitialspace=True, low_memory=False, chunksize=max(1, chunk_cells // len(header)),
            )  # fmt: skip
            for whole in frames:
                rows = np.flatnonzero(~whole.isna().all(axis=1).to_numpy())
                frame = whole if len(rows) == len(whole) else whole.iloc[rows]
                blank += len(whole) - len(rows)
                for k in [*parts]:
                    if not (wanted[k] or labels[k] or pd.api.types.is_numeric_dtype(frame[k])):
                        numbers = ~np.isnan(np.asarray(pd.to_numeric(frame[k], errors="coerce"), np.float64))
                        good, seen = int(numbers.sum()) + sum(map(len, parts[k])), start + len(frame)
                        if 2 * good > seen and k not in gaps:  # numbers with a mistake among them, and no text
                            row = int((~numbers).argmax())
                            cell = repr(str(frame[k].iloc[row])[:80])
                            raise _not_a_number(file, start + int(rows[row]), header[k], cell)
                        del parts[k]
                        continue
                    part = np.asarray(pd.to_numeric(frame[k], errors="coerce"), dtype=np.float64)
                    missing = np.isnan(part)
                    if wanted[k] and missing.any():
                        row = int(missing.argmax())
                        cell = "an empty cell" if pd.isna(frame[k].iloc[row]) else repr(str(frame[k].iloc[row])[:80])
                        raise _not_a_number(file, start + int(rows[row]), header[k], cell)
                    if not missing.all():
                        filled.add(k)
                    if missing.any() and not labels[k]:  # refused in the end, or no column of numbers at all
                        gaps.setdefault(k, start + int(rows[int(missing.argmax())]))
                        parts[k].clear()
                    if k not in gaps:
                        parts[k].append(part)
                start += len(whole)
    except (ValueError, pd.errors.ParserWarning, OverflowError) as error:
        raise PuzzleError(f"{file}: not a table of {len(header)} columns ({error})") from error
    if start == blank:
        raise PuzzleError(f"{file}: a header but no rows of data")
    _note_blank(blank, notes)
    for k, row in gaps.items():
        if k in parts and k in filled and header[k].lower() not in (*LABELS, *COUNTERS):
            raise _not_a_number(file, row, header[k], "an empty cell")
    return {header[k]: np.concatenate(part) for k, part in parts.items() if k not in gaps}


def _note_blank(rows: int, notes: list[str]) -> None:
    """Say how many rows are empty, if any."""
    if rows:
        notes.append(f"{rows} rows of the table are" if rows > 1 else "a row of the table is")
        notes[-1] += " empty and left out"


def _not_a_number(file: str, row: int, name: str, cell: str) -> PuzzleError:
    return PuzzleError(f"{file}: data row {row + 1}, column {name!r}: {cell}; expected a number")


def _require_numbers(values: Floats, name: str, file: str) -> None:
    good = np.abs(values) <= np.finfo(np.float32).max  # false for NaN
    if not good.all():
        row = int((~good).argmax())
        raise PuzzleError(
            f"{file}: data row {row + 1}, column {name!r}: {values[row]}; expected a finite number in float32's range"
        )
