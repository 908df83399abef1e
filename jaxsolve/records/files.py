"""Host: the two files of a record as they are written: one beside itself and renamed, one line by line."""

import json
import math
import os
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


MOST_DIGITS = 19
DEEPEST = 40
"""Lists and objects in each other."""


def to_json(value: Any) -> str:
    """Return JSON text; infinite and undefined numbers become null."""

    def plain(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: plain(entry) for key, entry in item.items()}
        if isinstance(item, list | tuple):
            return [plain(entry) for entry in item]
        return None if isinstance(item, float) and not math.isfinite(item) else item

    return json.dumps(plain(value), allow_nan=False)


def from_json(text: str | bytes) -> Any:
    """Return what JSON text says, numbers beyond those that programs calculate with as null.

    `ValueError` if it is none, or is nested deeper than anything that is written here.
    """

    def whole(digits: str) -> int | None:
        return int(digits) if len(digits) < MOST_DIGITS else None

    def real(digits: str) -> float | None:
        return number if math.isfinite(number := float(digits)) else None

    def shallow(value: Any, most: int) -> bool:
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return not inside or (most > 0 and all(shallow(part, most - 1) for part in inside))

    try:
        found = json.loads(text, parse_int=whole, parse_float=real, parse_constant=lambda name: None)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not shallow(found, DEEPEST):
        raise ValueError("nested too deeply")
    return found


def numbered(name: str, number: int) -> str:
    """Return the name of a file of the first run in a folder, ``record.json``, or of a further, ``record-2.json``."""
    stem, _, suffix = name.partition(".")
    return name if number == 1 else f"{stem}-{number}.{suffix}"


def open_trace(folder: Path, taken: Callable[[int], bool]) -> tuple[int, IO[bytes]]:
    """Return the first number that is not taken in a folder, and the trace of that number, for this process alone.

    As long as it is open it is locked, which tells others that the run goes on. `OSError` if that is not possible.
    """
    for number in count(1):
        if taken(number):
            continue
        with suppress(FileExistsError):  # somebody has just begun the same number
            file = (folder / numbered("trace.jsonl", number)).open("xb", buffering=0)
            if fcntl is not None:
                with suppress(OSError):  # a file system without locks
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return number, file
    raise AssertionError("there are always more numbers")


def is_open(path: Path) -> bool:
    """Return whether the process that writes a trace still runs; False where that cannot be told."""
    if fcntl is None:
        return False
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def replace_json(path: Path, value: Any, *, sync: bool = False) -> None:
    """Write a JSON file beside itself and rename it, so that it is whole at any moment; `OSError` if it cannot be."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(f"{to_json(value)}\n")
            if sync:
                file.flush()
                os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
