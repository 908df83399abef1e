"""Host: a folder or a zip file as a flat set of named bytes, with limits against archive bombs.

Nothing is ever unpacked to disk. Names are relative to the folder that holds the puzzle, which may be
the folder or archive itself or one enclosing folder inside it, as the famous puzzle was published.
"""

import stat
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Protocol

from jaxsolve.errors import PuzzleError

TABLE = "historical_data.csv"
PIECES = "pieces"

MAX_ENTRIES = 100_000
MAX_ENTRY_BYTES = 2 << 30
MAX_TOTAL_BYTES = 8 << 30
MAX_INFLATION = 200
"""Unpacked over packed size above which an archive is taken for a bomb (tables reach about 10)."""
INFLATION_FREE_BYTES = 64 << 20
"""Archives that unpack to less than this are not judged by their inflation."""

ADVICE = f"point jaxsolve at the folder or zip that holds {PIECES}/ and {TABLE}"


class Source(Protocol):
    """Named bytes: what a puzzle is read from."""

    name: str
    """Title of the puzzle: the stem of the folder or archive."""

    def names(self) -> list[str]:
        """Return the relative names of all files that could belong, sorted; `PuzzleError` if it cannot."""
        ...

    def read(self, name: str) -> bytes:
        """Return the contents of one file; `PuzzleError` if it cannot be read."""
        ...


def open_source(path: Path) -> Source:
    """Open a folder or a zip file.

    Raises
    ------
    PuzzleError
        There is nothing at `path`, it is neither a folder nor a zip file, or no puzzle is inside.
    """
    try:
        if path.is_dir():
            return _Folder(path)
        if not path.exists():
            raise PuzzleError(f"{path}: no such file or folder; {ADVICE}")
        if not path.is_file():
            raise PuzzleError(f"{path}: neither a folder nor a regular file; {ADVICE}")
        path.open("rb").close()  # so that a forbidden file is not called a file of another kind
        if not zipfile.is_zipfile(path):
            raise PuzzleError(f"{path}: neither a folder nor a zip file; {ADVICE}")
        return _Zip(path)
    except OSError as error:
        raise PuzzleError(f"{path}: cannot be opened ({error.strerror or error})") from error


def is_junk(name: str) -> bool:
    """Whether a file is what operating systems leave in folders and archives."""
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _base_of(names: Iterable[str], where: object) -> str:
    """Return the prefix of the folder that holds the puzzle: empty, or one enclosing folder and a slash."""
    bases: set[str] = set()
    for name in names:
        parts = PurePosixPath(name).parts
        for depth in (0, 1):
            rest = parts[depth:]
            if rest == (TABLE,) or rest[:1] == (PIECES,):
                bases.add("".join(f"{part}/" for part in parts[:depth]))
    if not bases:
        raise PuzzleError(f"{where}: holds neither {PIECES}/ nor {TABLE}; {ADVICE}")
    if "" in bases:
        return ""
    if len(bases) > 1:
        shown = ", ".join(sorted(bases)[:3]) + ", …" * (len(bases) > 3)
        raise PuzzleError(f"{where}: holds {len(bases)} puzzles ({shown}); name one of them")
    return bases.pop()


class _Folder:
    def __init__(self, path: Path) -> None:
        found = [path.joinpath(part) for part in (TABLE, PIECES)]
        found += [file for part in (TABLE, PIECES) for file in path.glob(f"*/{part}")]
        names = (file.relative_to(path).as_posix() for file in found if file.exists())
        self._root = path / _base_of((name for name in names if not is_junk(name)), path)
        self.name = title(path.resolve().name)

    def names(self) -> list[str]:
        try:
            found = [*self._root.iterdir()]
            if (self._root / PIECES).is_dir():
                found += (self._root / PIECES).iterdir()
        except OSError as error:
            raise PuzzleError(f"{self.name}: cannot be listed ({error.strerror or error})") from error
        names = (file.relative_to(self._root).as_posix() for file in found)
        return sorted(name for name in names if not is_junk(name))

    def read(self, name: str) -> bytes:
        try:
            file = self._root / name
            facts = file.stat()
            if not stat.S_ISREG(facts.st_mode):
                raise PuzzleError(f"{name}: not a regular file")
            if facts.st_size > MAX_ENTRY_BYTES:
                raise PuzzleError(f"{name}: {facts.st_size} bytes; at most {MAX_ENTRY_BYTES} are read")
            return file.read_bytes()
        except OSError as error:
            raise PuzzleError(f"{name}: cannot be read ({error.strerror or error})") from error


class _Zip:
    def __init__(self, path: Path) -> None:
        self.name = title(path.stem)
        try:
            self._archive = zipfile.ZipFile(path)
            infos = self._archive.infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeDecodeError) as error:
            raise PuzzleError(f"{path}: a damaged zip file ({error})") from error
        files = [(info.filename.removeprefix("./"), info) for info in infos if not info.is_dir()]
        files = [(name, info) for name, info in files if not is_junk(name)]
        refuse_bombs([info for _, info in files], path)
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
        info = self._infos[name]
        if info.flag_bits & 0x1:
            raise PuzzleError(f"{name}: encrypted; unpack the archive and point jaxsolve at the folder")
        try:
            return self._archive.read(info)
        except Exception as error:  # zlib, lzma, bz2 and zipfile each raise kinds of their own on damage
            raise PuzzleError(f"{name}: damaged inside the zip file ({error})") from error


def title(name: str) -> str:
    """Return a file name as text that can be printed and encoded anywhere."""
    return "".join(c if c.isprintable() else "?" for c in name)


def refuse_bombs(infos: list[zipfile.ZipInfo], path: object) -> None:
    """Refuse an archive by what its directory says, before anything of it is unpacked."""
    if len(infos) > MAX_ENTRIES:
        raise PuzzleError(f"{path}: {len(infos)} entries; at most {MAX_ENTRIES} are read")
    unpacked = sum(info.file_size for info in infos)
    packed = sum(info.compress_size for info in infos)
    largest = max((info.file_size for info in infos), default=0)
    if largest > MAX_ENTRY_BYTES:
        raise PuzzleError(f"{path}: holds an entry of {largest} bytes; at most {MAX_ENTRY_BYTES} are read")
    if unpacked > MAX_TOTAL_BYTES:
        raise PuzzleError(f"{path}: unpacks to {unpacked} bytes; at most {MAX_TOTAL_BYTES} are read")
    if unpacked > INFLATION_FREE_BYTES and unpacked > MAX_INFLATION * max(packed, 1):
        raise PuzzleError(f"{path}: {packed} bytes unpack to {unpacked}: taken for an archive bomb and not read")
