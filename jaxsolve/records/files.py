"""Host: the names of the files of a record, how they are written down, and whether somebody still writes them."""

import json
import math
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


def to_json(value: Any) -> str:
    """Return JSON text; infinite and undefined numbers become null."""

    def plain(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: plain(entry) for key, entry in item.items()}
        if isinstance(item, list | tuple):
            return [plain(entry) for entry in item]
        return None if isinstance(item, float) and not math.isfinite(item) else item

    return json.dumps(plain(value), allow_nan=False)


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
