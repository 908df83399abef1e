"""Host: NumPy arrays, alone and in archives, that may be hostile: no pickles, no memory for what is not there."""

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from jaxsolve.errors import JaxsolveError

HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_npz(
    file: Path | IO[bytes], check: Callable[[Sequence[zipfile.ZipInfo]], None]
) -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays of an archive, after `check` has seen its directory and raised what it has against it.

    Raises
    ------
    ValueError
        It is damaged, holds something that is no array of numbers, or claims more than it has.
    OSError
        It cannot be read.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if len({entry.filename for entry in entries}) != len(entries):
                raise ValueError("the same entry twice")
            check(entries)
            return {entry.filename.removesuffix(".npy"): _array(archive, entry) for entry in entries}
    except (JaxsolveError, OSError):
        raise
    except Exception as error:  # numpy, zipfile and zlib each raise kinds of their own on damage
        raise ValueError(error) from error


def read_npy(data: bytes) -> np.ndarray[Any, Any]:
    """Return the array of a file; `ValueError` if it is damaged, no array of numbers, or claims more than it has."""
    try:
        _check_claim(io.BytesIO(data), len(data), "it")
        return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except Exception as error:  # numpy raises many kinds on damage
        raise ValueError(error) from error


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray[Any, Any]:
    with archive.open(entry) as stream:
        _check_claim(stream, entry.file_size, entry.filename)
    with archive.open(entry) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _check_claim(stream: IO[bytes], size: int, name: str) -> None:
    """Refuse an array whose header claims another size than its bytes have, before memory is taken for it."""
    version = np.lib.format.read_magic(stream)
    if version not in HEADERS:
        raise ValueError(f"{name} has version {version} of NumPy's format")
    shape, _, dtype = HEADERS[version](stream)
    claimed = stream.tell() + int(np.prod(shape, dtype=object)) * dtype.itemsize
    if claimed != size:
        raise ValueError(f"{name} has {size} bytes; its header says {claimed}")
