"""Host: files that are whole at any moment, lines that tell whether they are, and folders that one process has."""

import errno
import json
import math
import os
import re
import shutil
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from jaxsolve.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

LOCK = ".lock"
"""File in a folder of runs that its process holds a lock on; the lock goes with the process, however that ends."""
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EACCES)
"""How file systems without hard links refuse them."""
SEAL = re.compile(r', "check": "([0-9a-f]{8})"}\s*\Z')
LEFT_BEHIND = re.compile(r"(?:checkpoint\.npz|(?:record|answer)(?:-\d+)?\.json)\.\d+\.new")
"""What a process that was killed leaves of the files of a run."""


def replace(path: Path, data: bytes | memoryview, before: Path | None = None) -> None:
    """Write a file beside itself, have it on the disk, and rename it; `OSError` leaves what was there.

    Whenever the process or the machine dies, there is the old file or the new one, whole. Where `before` is given, the
    old one is kept under that name.
    """

    def renamed(beside: Path) -> None:
        if before is not None and path.exists():
            path.replace(before)
        beside.replace(path)

    _written(path, data, renamed)


def create(path: Path, data: bytes) -> None:
    """Write a file that does not exist yet, likewise; `OSError`, such as `FileExistsError`, leaves what was there."""

    def named(beside: Path) -> None:
        if os.name == "nt":  # where renaming does not overwrite
            beside.rename(path)
            return
        try:
            os.link(beside, path)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            path.open("xb").close()
            beside.replace(path)
        else:
            beside.unlink()

    if path.exists() or path.is_symlink():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    _written(path, data, named)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that does not exist yet; `OutputError` if it does or cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        create(path, data)
    except FileExistsError:
        raise OutputError(f"{path}: exists already and is not overwritten; choose another name") from None
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error


def write_over(path: Path, data: bytes) -> None:
    """Write a file, whether there is one or not; `OutputError` if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, data)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files, by their paths in a folder: all of them or, where there is no such folder yet, none.

    Raises
    ------
    OutputError
        One of them exists or cannot be written.
    """
    if folder.exists():
        for name, data in files.items():
            write_new(folder / name, data)
        return
    beside = folder.with_name(f"{folder.name}.{os.getpid()}.new")
    try:
        for name, data in files.items():
            write_new(beside / name, data)
        for inside in {(beside / name).parent for name in files}:
            sync_folder(inside)
        beside.rename(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Have the names of files in a folder on the disk, where systems can be asked for that."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY)
        try:
            with suppress(OSError):  # file systems that cannot: what is renamed is renamed
                os.fsync(handle)
        finally:
            os.close(handle)


def _written(path: Path, data: bytes | memoryview, name: Callable[[Path], None]) -> None:
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        name(beside)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
    sync_folder(path.parent)


def append(path: Path, line: str) -> None:
    """Write a line at the end of a file, and have it on the disk: on a line of its own where the last was cut off.

    `OSError` leaves the file as it was.
    """
    with path.open("ab+", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            line = line if file.read(1) == b"\n" else f"\n{line}"
        data = f"{line}\n".encode()
        try:
            if file.write(data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                file.truncate(size)
            raise


def sealed(text: str) -> str:
    """Return the JSON text of an object, which is not empty, with a checksum of itself as its last entry."""
    return f'{text[:-1]}, "check": "{zlib.crc32(text.encode()):08x}"}}'


def from_json(text: str | bytes, *, depth: int = 40) -> Any:
    """Return what JSON text says, numbers beyond those that programs calculate with as null.

    `ValueError` if it is none, or has lists and objects in each other deeper than `depth`, as nothing written here has.
    """

    def whole(digits: str) -> int | None:
        return int(digits) if len(digits) < 19 else None  # as int64 holds

    def real(digits: str) -> float | None:
        return number if math.isfinite(number := float(digits)) else None

    def shallow(value: Any, most: int) -> bool:
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return not inside or (most > 0 and all(shallow(part, most - 1) for part in inside))

    try:
        found = json.loads(text, parse_int=whole, parse_float=real, parse_constant=lambda name: None)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not shallow(found, depth):
        raise ValueError("nested too deeply")
    return found


def unsealed(text: str) -> Any:
    """Return what JSON text holds; `ValueError` if it is none, or does not match the checksum that it may have."""
    seal = SEAL.search(text)
    if seal is not None:
        text = f"{text[: seal.start()]}}}"
        if zlib.crc32(text.encode()) != int(seal[1], 16):
            raise ValueError("damaged: its checksum is that of something else")
    return from_json(text)


class FolderLock:
    """A folder that this process has for itself till it lets go of it or ends, in whatever way.

    On file systems without locks, nobody is kept out.

    Raises
    ------
    OutputError
        Another process has it.
    OSError
        Nothing can be written there.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / LOCK
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        try:
            _lock(self._handle)
        except OSError as error:
            taken = isinstance(error, BlockingIOError | PermissionError)
            who = os.read(self._handle, 20).decode(errors="replace").strip() if taken else ""
            if taken:
                self.release()
                named = f" (process {who})" if who.isdigit() else ""
                raise OutputError(
                    f"{folder}: another run{named} is at work in this folder; wait for its end, or choose another"
                ) from None
        with suppress(OSError):  # a full disk: others are kept out all the same
            os.ftruncate(self._handle, 0)
            os.write(self._handle, f"{os.getpid()}\n".encode())
        for left in folder.glob("*.new"):
            if LEFT_BEHIND.fullmatch(left.name):
                left.unlink(missing_ok=True)

    def release(self) -> None:
        """Let others have the folder."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def _lock(handle: int) -> None:
    if fcntl is not None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    os.lseek(handle, 1 << 30, os.SEEK_SET)  # beyond what the file holds, for nobody can read a byte that is locked
    try:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # pyright: ignore
    finally:
        os.lseek(handle, 0, os.SEEK_SET)
