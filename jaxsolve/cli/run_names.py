"""Host: which run is meant by what users type, the same in all commands; and answers that may be those of runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jaxsolve.cli import terminal
from jaxsolve.errors import AnswerError, UsageError
from jaxsolve.puzzle import read_whole_answer
from jaxsolve.records import data_folder, find_run, read_record
from jaxsolve.records.folders import RECORD

if TYPE_CHECKING:
    from jaxsolve.puzzle import Answer

HELP = "a run: its name or the start of it, 'last', or the path of its folder or of a file in it"
Folder = Annotated[
    Path | None, typer.Option("--in", metavar="DIR", help="Folder of the runs. Default: the one in your data folder.")
]
Run = Annotated[str, typer.Argument(metavar="RUN", help=f"{HELP[0].upper()}{HELP[1:]}.")]


def base_of(folder: Path | None = None) -> Path:
    """Return the folder of runs that is meant; `UsageError` of a user who has none."""
    try:
        return folder or data_folder()
    except RuntimeError as error:
        raise UsageError(f"there is no data folder ({error}); name one with --in") from error


def record_of(text: str, folder: Path | None = None) -> Path:
    """Return the record of the run that is meant; of several, the newest, and say so.

    Raises
    ------
    UsageError
        There is no such run.
    """
    return find_run(text, base_of(folder), lambda told: terminal.note(f"note: {told}"))


def resumed(text: str | None, command: str) -> Path | None:
    """Return the folder of a run that is to go on; None where none is.

    What would be written to has to be named for certain: a folder, ``last``, or the start of one name alone.

    Raises
    ------
    UsageError
        There is no such run, several begin so, or it is of another command than `command`.
    """
    if text is None:
        return None
    path = Path(text)
    if path.is_file():
        if any(RECORD.fullmatch(one.name) for one in path.parent.iterdir()):
            return path.parent
        raise UsageError(f"{text}: this is a file; --resume takes the name of a run, or its folder")
    if path.exists() or len(path.parts) > 1:
        return path
    record = find_run(text, base_of())
    begun = read_record(record).fields["command"]
    if begun != command:
        raise UsageError(f"{record.parent.name} is a run of {begun}, which {command} cannot go on with")
    return record.parent


def read_named(text: str) -> "Answer":
    """Return an answer that is given as piece ids, as a file of them, or as the run that has found it.

    Raises
    ------
    JaxsolveError
        There is no such answer.
    """
    try:
        return read_whole_answer(text)
    except AnswerError as error:
        path = Path(text)
        if not text.strip() or path.is_file():
            raise
        try:
            record = record_of(text)
        except UsageError:
            if (path / "answer.json").is_file():
                return read_whole_answer(str(path / "answer.json"))
            raise AnswerError(f"{error}, or a run") from error
    found = read_record(record)
    if found.fields["permutation"] is None:
        raise UsageError(f"run {found.name} ({found.status}) has found no order of the pieces")
    return read_whole_answer(str(record))
