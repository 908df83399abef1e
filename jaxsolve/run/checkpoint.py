"""Host: the state of a search on disk, so that one that is killed at any moment can be resumed.

A checkpoint is one NumPy archive without pickles: the arrays, and what describes them as JSON. The one before is kept,
for a disk that lies about what it has written. The checksums of the archive tell a damaged one.
"""

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxsolve.errors import OutputError, UsageError
from jaxsolve.files import replace
from jaxsolve.formats.npz import read_npz

VERSION = 1
"""Version of the format; what an older program has written stays readable."""
NEWEST, BEFORE = "checkpoint.npz", "checkpoint-before.npz"
DAMAGED = "checkpoint-damaged.npz"
"""Where a damaged one is put, out of the way of the next."""
META = "meta"


def save_checkpoint(folder: Path, meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    """Write a checkpoint, keeping the one before; `OutputError` if that is not possible."""
    buffer = io.BytesIO()
    text = json.dumps({"version": VERSION, **meta}).encode()
    everything: dict[str, Any] = {META: np.frombuffer(text, np.uint8), **arrays}
    np.savez(buffer, **everything)
    try:
        replace(folder / NEWEST, buffer.getbuffer(), folder / BEFORE)
    except OSError as error:
        raise OutputError(f"{folder}: the search cannot be kept here ({error.strerror or error})") from error


def load_checkpoint(
    folder: Path, note: Callable[[str], None] | None = None, *, most_bytes: int = 1 << 30
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the newest checkpoint of a folder that is whole; `note` is told why that is not the last one.

    A damaged one is put out of the way where somebody is told, and left where nobody is. One of more than `most_bytes`
    is taken for damaged.

    Raises
    ------
    UsageError
        There is none, or none that this version can read.
    """
    problems = []
    for name in (NEWEST, BEFORE):
        try:
            found = _read(folder / name, most_bytes)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, RecursionError) as error:
            problems.append(f"{name} is damaged ({' '.join(str(error).split())[:100] or type(error).__name__})")
            continue
        if problems and note is not None:
            with suppress(OSError):
                (folder / NEWEST).replace(folder / DAMAGED)
            note(f"{folder}: {problems[0]}; going on from the one before, {name}")
        return found
    why = "; ".join(problems) or f"no {NEWEST} in it"
    raise UsageError(f"{folder}: nothing to resume from: {why}")


def _read(path: Path, most_bytes: int) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    def check(entries: Sequence[zipfile.ZipInfo]) -> None:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("compressed entries, which checkpoints do not have")
        if sum(entry.file_size for entry in entries) > most_bytes:
            raise ValueError(f"more than {most_bytes >> 20} MiB")

    arrays = read_npz(path, check)
    meta = json.loads(bytes(arrays.pop(META)))
    if not isinstance(meta, dict) or not isinstance(meta.get("version"), int):
        raise ValueError("no description in it")
    if meta["version"] > VERSION:
        raise ValueError(f"format {meta['version']} of a newer jaxsolve; this one reads up to {VERSION}")
    return meta, arrays
