"""Host: a folder or a zip file as a flat set of named bytes, with limits against archive bombs.

Nothing is ever unpacked to disk. Names are relative to the folder that holds the puzzle, which may be
the folder or archive itself or one enclosing folder inside it, as the famous puzzle was published. It is told by
what it holds: pieces, or a table.
"""

import os
import re
import stat
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO

from jaxsolve.errors import PuzzleError, first_of
from jaxsolve.formats.limits import Limits

TABLE = "historical_data.csv"
"""The table of a puzzle as it was published; others are read, too."""
PIECES = "pieces"
TABLES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".parquet", ".pq")
"""What the names of tables end with."""

ENTRY = b"PK\1\2"
"""What every entry in the directory of an archive begins with."""

ADVICE = f"point jaxsolve at the folder or zip that holds {PIECES}/ and {TABLE}"
DEPTH = 3
"""Names have at most so many parts below the folder that holds the puzzle: pieces/layer_3/weight.npy."""


class Source(ABC):
    """Named bytes: what a puzzle is read from. It counts what is unpacked of it, archives in archives included."""

    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        """Title of the puzzle: the stem of the folder or archive."""
        self.limits = limits
        self._packed = self._unpacked = 0

    @abstractmethod
    def names(self) -> list[str]:
        """Return the relative names of all files that could belong, sorted; `PuzzleError` if it cannot."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Return the contents of one file; `PuzzleError` if it cannot be read."""

    @abstractmethod
    def head(self, name: str, size: int) -> bytes:
        """Return what a file begins with; `PuzzleError` if it cannot be read."""

    def unpacking(self, infos: Sequence[zipfile.ZipInfo], where: object) -> None:
        """Refuse an archive by what its directory says, before anything of it is unpacked."""
        largest, limits = max((info.file_size for info in infos), default=0), self.limits
        if largest > limits.file_bytes:
            raise PuzzleError(f"{where}: holds an entry of {largest} bytes; at most {limits.file_bytes} are read")
        self._unpacked += sum(info.file_size for info in infos)
        if self._unpacked > limits.total_bytes:
            raise PuzzleError(f"{where}: {self._unpacked} bytes unpacked; at most {limits.total_bytes} are read")
        if self._unpacked > max(limits.free_bytes, limits.inflation * self._packed):
            sizes = f"{self._packed} bytes unpack to {self._unpacked}"
            raise PuzzleError(f"{where}: {sizes} or more: taken for an archive bomb and not read")


def open_source(path: Path, limits: Limits) -> Source:
    """Open a folder or a zip file.

    Raises
    ------
    PuzzleError
        There is nothing at `path`, it is neither a folder nor a zip file, or no puzzle is inside.
    """
    try:
        if path.is_dir():
            return _Folder(path, limits)
        if not path.exists():
            raise PuzzleError(f"{path}: no such file or folder; {ADVICE}")
        if not path.is_file():
            raise PuzzleError(f"{path}: neither a folder nor a regular file; {ADVICE}")
        path.open("rb").close()  # so that a forbidden file is not called a file of another kind
        if not zipfile.is_zipfile(path):
            raise PuzzleError(f"{path}: neither a folder nor a zip file; {ADVICE}")
        return _Zip(path, limits)
    except OSError as error:
        raise PuzzleError(f"{path}: cannot be opened ({error.strerror or error})") from error


def is_junk(name: str) -> bool:
    """Whether a file is what operating systems leave in folders and archives."""
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def is_table(name: str) -> bool:
    """Whether a file is called as tables are."""
    return name.lower().endswith(TABLES)


def _base_of(names: Iterable[str], where: object) -> str:
    """Return the prefix of the folder that holds the puzzle: empty, or one enclosing folder and a slash."""
    sure, likely = set[str](), set[str]()
    for name in names:
        parts = PurePosixPath(name).parts
        for depth in (0, 1):
            rest, base = parts[depth:], "".join(f"{part}/" for part in parts[:depth])
            if rest == (TABLE,) or rest[:1] == (PIECES,):
                sure.add(base)
            elif len(rest) == 1 and is_table(rest[0]):
                likely.add(base)
    bases = sure or likely
    if not bases:
        raise PuzzleError(f"{where}: holds neither {PIECES}/ nor {TABLE} nor another table; {ADVICE}")
    if "" in bases:
        return ""
    if len(bases) > 1:
        raise PuzzleError(f"{where}: holds {len(bases)} puzzles ({first_of(sorted(bases))}); name one of them")
    return bases.pop()


class _Folder(Source):
    def __init__(self, path: Path, limits: Limits) -> None:
        super().__init__(title(path.resolve().name), limits)
        self._root = path
        self._root = path / _base_of((name for name, _ in self._below(2)), path)

    def names(self) -> list[str]:
        return self._names

    @cached_property
    def _names(self) -> list[str]:
        piece = re.compile(r"piece_\d+\..*")  # what is called so and is a folder is said to be none
        return sorted(name for name, folder in self._below(DEPTH) if not folder or piece.fullmatch(Path(name).name))

    def _below(self, depth: int) -> Iterator[tuple[str, bool]]:
        """Yield the names of what is in the root, down to some depth, and whether each is a folder."""
        todo, found = [(self._root, depth)], 0
        while todo:
            here, left = todo.pop()
            try:
                entries = [(Path(entry.path), entry.is_dir()) for entry in os.scandir(here)]
            except OSError as error:
                if here != self._root:  # somebody else's, beside the puzzle
                    continue
                raise PuzzleError(f"{self.name}: cannot be listed ({error.strerror or error})") from error
            found += len(entries)
            if found > self.limits.entries:
                raise PuzzleError(f"{self._root}: more than {self.limits.entries} files; {ADVICE}")
            for path, folder in entries:
                if not is_junk(path.name):
                    yield path.relative_to(self._root).as_posix(), folder
                    todo += [(path, left - 1)] if folder and left > 1 else []

    def read(self, name: str) -> bytes:
        try:
            data = read_file(self._root / name, name, self.limits)
        except OSError as error:
            raise PuzzleError(f"{name}: cannot be read ({error.strerror or error})") from error
        self._packed += len(data)
        return data

    def head(self, name: str, size: int) -> bytes:
        try:
            with open_regular(self._root / name, name) as file:
                return file.read(size)
        except OSError as error:
            raise PuzzleError(f"{name}: cannot be read ({error.strerror or error})") from error


class _Zip(Source):
    def __init__(self, path: Path, limits: Limits) -> None:
        super().__init__(title(path.stem), limits)
        with path.open("rb") as file:
            check_entries(file, limits.entries, path)
            self._packed = file.tell()
        try:
            self._archive = zipfile.ZipFile(path)
            infos = self._archive.infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeDecodeError) as error:
            raise PuzzleError(f"{path}: a damaged zip file ({error})") from error
        files = [(info.filename.removeprefix("./"), info) for info in infos if info.filename and not info.is_dir()]
        files = [(name, info) for name, info in files if not is_junk(name)]
        self.unpacking([info for _, info in files], path)
        base = _base_of((name for name, _ in files), path)
        self._infos: dict[str, zipfile.ZipInfo] = {}
        for name, info in files:
            if name.startswith(base):
                relative = name.removeprefix(base)
                if relative in self._infos:
                    raise PuzzleError(f"{path}: holds {info.filename} twice")
                self._infos[relative] = info

    def names(self) -> list[str]:
        return sorted(self._infos)

    def read(self, name: str) -> bytes:
        return self._part(name, -1)

    def head(self, name: str, size: int) -> bytes:
        return self._part(name, size)

    def _part(self, name: str, size: int) -> bytes:
        """Return what a file begins with; -1: all of it."""
        info = self._infos[name]
        if info.flag_bits & 0x1:
            raise PuzzleError(f"{name}: encrypted; unpack the archive and point jaxsolve at the folder")
        try:
            with self._archive.open(info) as file:
                return file.read(size)
        except Exception as error:  # zlib, lzma, bz2 and zipfile each raise kinds of their own on damage
            raise PuzzleError(f"{name}: damaged inside the zip file ({error})") from error


def title(name: str) -> str:
    """Return a file name as text that can be printed and encoded anywhere."""
    return "".join(c if c.isprintable() else "?" for c in name)


def read_file(path: Path, name: object, limits: Limits) -> bytes:
    """Return the contents of a file; `PuzzleError` if it is no regular file or too long, `OSError` if that fails."""
    with open_regular(path, name) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limits.file_bytes:
            raise PuzzleError(f"{name}: {size} bytes; at most {limits.file_bytes} are read")
        return file.read(size)


def open_regular(path: Path, name: object) -> IO[bytes]:
    """Open a file to be read; `PuzzleError` if it is no regular one, `OSError` if that fails."""
    if stat.S_ISDIR(path.stat().st_mode):
        raise PuzzleError(f"{name}: not a regular file")
    file = open(path, "rb", opener=_at_once)  # noqa: SIM115  (whoever called closes it)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # a pipe would be waited for, a device has no end
        file.close()
        raise PuzzleError(f"{name}: not a regular file")
    return file


def _at_once(path: str, flags: int) -> int:
    """Open a file without waiting for whoever writes to it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def check_entries(file: IO[bytes], most: int, where: object) -> None:
    """Refuse an archive of more entries than that, before its directory takes memory, and read it to its end.

    Entries are counted by the marks that each has to have, for what an archive says of their number may be a lie.
    """
    found, before = 0, b""
    while chunk := file.read(1 << 20):
        found += (before + chunk).count(ENTRY)
        before = chunk[1 - len(ENTRY) :]
        if found > most:
            raise PuzzleError(f"{where}: more than {most} entries; at most so many are read")
