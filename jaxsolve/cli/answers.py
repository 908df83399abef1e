"""Host: where answers are kept. Nothing that exists is overwritten."""

import os
import time
from itertools import count
from pathlib import Path
from typing import Any

from jaxsolve.cli.terminal import to_json
from jaxsolve.errors import OutputError
from jaxsolve.puzzle.write import write_new


class AnswerFolder:
    """The folder a user named, or else one of the user's own for data of this program.

    Raises
    ------
    OutputError
        The named folder cannot be written: said before the search and not after it.
    """

    def __init__(self, named: Path | None) -> None:
        self._named = named
        if named is not None:
            try:
                named.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise OutputError(f"{named}: cannot be a folder for answers ({error.strerror or error})") from error
            if not os.access(named, os.W_OK | os.X_OK):
                raise OutputError(f"{named}: this folder cannot be written; choose another for --out")

    def save(self, report: dict[str, Any], name: str) -> str:
        """Write a report under the first free name, and say where, or why not: an answer is shown all the same."""
        try:
            folder = self._named or _data_folder() / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
            taken = (folder / f"answer{'' if k == 1 else f'-{k}'}.json" for k in count(1))
            path = next(path for path in taken if not path.exists())
            write_new(path, f"{to_json(report)}\n".encode())
        except (OutputError, OSError, RuntimeError) as error:  # RuntimeError: a user without a home
            return f"not saved: {error}"
        return f"saved {path}"


def _data_folder() -> Path:
    """Return the user's folder for data of this program (XDG base directories; LOCALAPPDATA on Windows)."""
    base = os.environ.get("XDG_DATA_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".local" / "share"
    return Path(base) / "jaxsolve"
