"""Host: where records are, and which one is meant by a name."""

import os
import re
from collections.abc import Callable
from itertools import count
from pathlib import Path

from jaxsolve.errors import UsageError

RECORD = re.compile(r"record(?:-([2-9]|[1-9]\d+))?\.json")
OTHER = re.compile(r"(?:trace|answer)(-\d+)?\.jsonl?|checkpoint(?:-\w+)?\.npz")
"""Other files of runs, with the number of the run where it is not the first; a search of several runs is the last's."""


def data_folder() -> Path:
    """Return the user's folder for data of this program (XDG base directories; LOCALAPPDATA on Windows).

    `RuntimeError` of a user without a home.
    """
    base = os.environ.get("XDG_DATA_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".local" / "share"
    return Path(base) / "jaxsolve"


def new_folder(base: Path, name: str) -> Path:
    """Make a folder of a name, or with a number behind it, that only the user can look into; `OSError` if it fails."""
    base.mkdir(parents=True, exist_ok=True, mode=0o700)
    for number in count(1):
        folder = base / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return folder
    raise AssertionError("there are always more numbers")


def records_in(folder: Path) -> list[Path]:
    """Return the records in a folder and in the folders in it, that written to last at the end.

    Raises
    ------
    UsageError
        The folder cannot be looked into.
    """
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        raise UsageError(f"{folder}: no folder of runs ({error.strerror or error})") from error
    found = [path for path in inside if RECORD.fullmatch(path.name)]
    for one in inside:
        if one.is_dir() and os.access(one, os.R_OK | os.X_OK):
            found += [path for path in sorted(one.iterdir()) if RECORD.fullmatch(path.name)]
    return sorted(found, key=lambda path: (path.stat().st_mtime, path.parent.name, number_of(path)))


def number_of(path: Path) -> int:
    """Return which run in its folder a record is of."""
    match = RECORD.fullmatch(path.name)
    return int(match[1] or 1) if match else 1


def name_of(path: Path) -> str:
    """Return the name of a run: that of its folder, and which one in it where it is not the first."""
    number = number_of(path)
    folder = path.parent.resolve().name
    return folder if number == 1 else f"{folder}:{number}"


def find_run(text: str, base: Path, note: Callable[[str], None] | None = None) -> Path:
    """Return the record that is meant by a path, by a name in `base` or the start of it, or by ``last``.

    A path is that of a record, of another file of its run, or of the folder. Of a folder with several runs the last
    one is meant; ``NAME:K`` is its run number K. ``last`` is the newest run of all. Where a text begins the names of
    several runs, the newest of them is meant if there is a `note`, which is told so.

    Raises
    ------
    UsageError
        There is no such run, or several that begin so and no `note`.
    """
    path = Path(text)
    if text and path.is_file():
        return _record_beside(path)
    if text and path.is_dir() and (own := _records_of(path)):
        return max(own, key=number_of)
    known = records_in(base) if base.is_dir() else []
    if text == "last" and known:
        return known[-1]
    exact = [one for one in known if text in (name_of(one), f"{one.parent.name}:{number_of(one)}")]
    if not exact:
        exact = [one for one in known if text and name_of(one).startswith(text)]
    folders = {one.parent for one in exact}
    if len(folders) == 1:
        return max(exact, key=number_of)
    if not folders:
        raise UsageError(f"no run {text!r} in {base}; 'jaxsolve runs' lists them, and a path does as well")
    names = sorted(folder.name for folder in folders)
    most = 6  # as many as a line holds
    more = f" and {len(names) - most} more" if len(names) > most else ""
    told = f"{text!r} begins the names of {len(names)} runs: {', '.join(names[:most])}{more}"
    if note is None:
        raise UsageError(f"{told}; give more of the name")
    note(f"{told}; taking the newest, {name_of(exact[-1])}")
    return exact[-1]


def _records_of(folder: Path) -> list[Path]:
    """Return the records in a folder itself."""
    return [one for one in records_in(folder) if one.parent == folder]


def _record_beside(path: Path) -> Path:
    """Return the record of a run that a file is of; the file itself where it is no other file of a run."""
    if not (match := OTHER.fullmatch(path.name)):
        return path
    own = _records_of(path.parent)
    named = path.with_name(f"record{match[1] or ''}.json")
    if named in own and path.suffix != ".npz":
        return named
    return max(own, key=number_of) if own else path
