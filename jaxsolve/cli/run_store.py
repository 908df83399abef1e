"""Host: what commands keep of their runs: a record as it goes, and the answer. Nothing that exists is overwritten."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxsolve.cli import terminal
from jaxsolve.cli.version import versions
from jaxsolve.errors import OutputError
from jaxsolve.files import LOCK, FolderLock, write_new
from jaxsolve.formats.source import PIECES
from jaxsolve.puzzle import Assembly
from jaxsolve.puzzle.padding import padded
from jaxsolve.records import Recorder, data_folder, new_folder, numbered, opened, to_json
from jaxsolve.run.observer import Observer

if TYPE_CHECKING:
    from jaxsolve.certificate import Certificate
    from jaxsolve.puzzle import Puzzle
    from jaxsolve.run import Run

TROUBLE = (OutputError, OSError, RuntimeError)
"""What keeps a folder from being written; `RuntimeError` of a user without a home."""


def check_folder(folder: Path, option: str) -> None:
    """Make a folder if it is not there; `OutputError`, before any work is done, if it cannot be written."""
    if folder.is_file():
        raise OutputError(f"{folder}: cannot be a folder for {option}, as it is a file; name another")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be a folder for {option} ({error.strerror or error})") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{folder}: this folder cannot be written; choose another for {option}")


def check_apart(puzzle: str, path: Path | None, option: str) -> None:
    """Refuse to write among the files that a puzzle is read from; a folder of one's own beside them is not."""
    given = Path(puzzle).resolve()
    if path is None or not given.is_dir():
        return
    homes = [given / PIECES, *given.glob(f"*/{PIECES}")]
    amid = any(path.resolve().is_relative_to(home.resolve()) for home in homes)
    if amid or (path.suffix == ".safetensors" and path.resolve().parent in {home.resolve().parent for home in homes}):
        raise OutputError(f"{path}: this is among the files of the puzzle; choose another place for {option}")


class Best(Observer):
    """Knows the best assembly of a run, whether it is recorded or not."""

    known: tuple[float, Assembly] | None = None

    def found(self, assembly: Assembly, loss: float) -> None:
        """Keep it if it is better."""
        if self.known is None or loss < self.known[0]:
            self.known = loss, assembly


class RunStore:
    """Keeps a run in the folder a user named, or else in one of its own in the user's folder for such data.

    Raises
    ------
    OutputError
        The named folder cannot be written, or another run is at work in it: said before the search and not after it.
    """

    def __init__(self, command: str, named: Path | None, *, record: bool = True, alone: bool = True) -> None:
        self._command, self._named, self._record, self._alone = command, named, record, alone
        self._made: Path | None = None
        self._recorder: Recorder | None = None
        self._puzzle: Puzzle | None = None
        self._lock: FolderLock | None = None
        self._best = Best()
        self._lacking = ""
        """What could not be kept."""
        if named is not None:
            check_folder(named, "--out")
            try:
                self._take(named)
            except OSError as error:
                raise OutputError(f"{named}: this folder cannot be written ({error.strerror or error})") from error

    def __enter__(self) -> "RunStore":
        """Keep the folder to itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let others have it."""
        if self._lock is not None:
            self._lock.release()

    @property
    def named(self) -> bool:
        """Whether the user has named the folder."""
        return self._named is not None

    @property
    def keeps_record(self) -> bool:
        """Whether a record is to be kept, of runs that have begun or will."""
        return self._record

    @property
    def recorded(self) -> bool:
        """Whether a record of the run is kept."""
        return self._recorder is not None

    def folder(self, puzzle: str = "") -> Path:
        """Return the folder of a run, made if need be and named after the puzzle; `OSError` if that fails."""
        puzzle = puzzle or (self._puzzle.name if self._puzzle else "")
        if self._named is not None:
            return self._named
        if self._made is None:
            plain = "".join(c if c.isalnum() or c in "._-" else "-" for c in puzzle)[:80]
            self._made = new_folder(data_folder(), f"{self._command}-{plain}-{time.strftime('%Y%m%d-%H%M%S')}")
            self._take(self._made)
        return self._made

    @contextmanager
    def recording(
        self,
        run: "Run",
        puzzle: "Puzzle",
        path: str,
        settings: Mapping[str, Any],
        seed: int | None,
        devices: list[str],
        *,
        resumed: bool = False,
    ) -> Iterator[None]:
        """Record what a run does inside. A run that fails before it has found anything leaves nothing behind.

        Raises
        ------
        OutputError
            The folder that the user named cannot be written; with one of its own, a run goes on without a record.
        """
        self._puzzle = puzzle
        run.observers.append(self._best)
        if not self._record:
            yield
            return
        try:
            about: dict[str, Any] = {"command": self._command, "path": path, "settings": settings, "seed": seed}
            record = opened(puzzle, devices=devices, versions=versions(), resumed=resumed, **about)
            self._recorder = recorder = Recorder(self.folder(puzzle.name), puzzle, record)
        except TROUBLE as error:
            if self._named is not None:
                raise OutputError(f"{self._named}: the run cannot be recorded here ({why(error)})") from error
            terminal.note(f"note: this run is not recorded ({why(error)})")
            yield
            return
        run.observers.append(recorder)
        try:
            yield
        except BaseException as error:
            self._failed(recorder, error)
            raise
        finally:
            run.observers.remove(recorder)

    def save(self, report: dict[str, Any], puzzle: str) -> str:
        """Write a report under the first free name, and say where, or why not: an answer is shown all the same."""
        try:
            folder, first = self.folder(puzzle), 1 if self._recorder is None else self._recorder.number
            taken = (folder / numbered("answer.json", k) for k in count(first))
            path = next(path for path in taken if not path.exists())
            write_new(path, f"{to_json(report)}\n".encode())
        except TROUBLE as error:
            self._lacking = f"not saved: {why(error)}"
            return self._lacking
        return f"saved {path}"

    def conclude(self, saved: str | None = None) -> None:
        """Say what `save` said, once the answer is printed.

        Raises
        ------
        OutputError
            The answer or the record is not, or not all, in the folder that the user named.
        """
        if self._lacking and self.named:
            raise OutputError(self._lacking)
        for text in (saved, None if saved == self._lacking else self._lacking):
            if text:
                terminal.note(text)

    def finish(
        self,
        status: str,
        report: dict[str, Any],
        certificate: "Certificate | None" = None,
        answer: tuple[list[int], float] | None = None,
    ) -> None:
        """Put what came of the run into its record: the certificate of its answer, or that and its error alone."""
        if self._recorder is None:
            return
        known = None
        if certificate is not None:
            known = asdict(replace(certificate, evidence=None))
            answer = certificate.permutation, certificate.mse
        self._recorder.finish(status, report, answer, known)
        if self._recorder.trouble:
            self._lacking = f"the record of this run is not complete ({self._recorder.trouble})"

    def leave(self, *, json: bool) -> None:
        """Save and print, from another thread, what is known of a run that does not come to its end in time."""
        if self._recorder is not None:
            self._recorder.leave("interrupted", 0.2)  # seconds, for a record that is being written
        if self._best.known is None or self._puzzle is None:
            terminal.note("interrupted, before there was an answer")
            return
        (loss, best), puzzle = self._best.known, self._puzzle
        ids = padded(puzzle, len(best.ins) - puzzle.blocks).permutation(best)
        message = f"Interrupted; best so far, not judged yet: MSE {loss:.6g} on the rows that were compared."
        known = {"status": "interrupted", "message": message, "permutation": ids, "mse": None, "loss": loss}
        saved = self.save(known, puzzle.name)
        terminal.result_json(known) if json else terminal.result(f"{message}\nanswer  {','.join(map(str, ids))}")
        terminal.note(saved)

    def _take(self, folder: Path) -> None:
        if self._alone:
            self._lock = FolderLock(folder)

    def _failed(self, recorder: Recorder, error: BaseException) -> None:
        if recorder.anything:
            status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            recorder.finish(status, error=terminal.one_line(f"{type(error).__name__}: {error}"))
            return
        recorder.discard()
        if self._made is not None and [path.name for path in self._made.iterdir()] in ([], [LOCK]):
            (self._made / LOCK).unlink(missing_ok=True)
            self._made.rmdir()


def why(error: Exception) -> str:
    """Return in a few words what kept a folder from being written."""
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
    return str(error)
