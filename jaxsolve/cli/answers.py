"""Host: where answers are kept. Nothing that exists is overwritten."""

import os
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxsolve.cli.terminal import to_json
from jaxsolve.errors import OutputError
from jaxsolve.puzzle.padding import unused
from jaxsolve.puzzle.write import write_new

if TYPE_CHECKING:
    from jaxsolve.certificate import Certificate
    from jaxsolve.puzzle import Puzzle

CHECKPOINT_SECONDS = 2.0


def check_folder(folder: Path, option: str) -> None:
    """Make a folder if it is not there; `OutputError`, before any work is done, if it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be a folder for {option} ({error.strerror or error})") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{folder}: this folder cannot be written; choose another for {option}")


def answer_of(puzzle: "Puzzle", certificate: "Certificate") -> dict[str, Any]:
    """Return what reports say of an answer, whatever found it; the puzzle is the one it was certified on."""
    ids, evidence = certificate.permutation, certificate.evidence
    alike = evidence.alike if evidence else ()
    return {
        "permutation": ids,
        "sha256": certificate.sha256,
        "mse": certificate.mse,
        "pairs": [list(pair) for pair in zip(ids[:-1:2], ids[1::2], strict=True)],
        "activation": puzzle.activation,
        "activation_given": puzzle.activation_given,
        "exact": certificate.exact,
        "noise": noise_of(certificate),
        "evidence": evidence and evidence.sentence,
        "unused": unused(puzzle, ids),
        "alike": [
            {
                "kind": rival.kind,
                "positions": list(rival.positions),
                "difference": rival.difference,
                "permutation": puzzle.permutation(rival.assembly),
            }
            for rival in alike
        ],
    }


def noise_of(certificate: "Certificate") -> dict[str, Any] | None:
    """Return the noise in the predictions that an answer has shown; None: it shows none.

    An answer that is known by its hash need not have been weighed; all that it leaves is noise then.
    """
    if certificate.exact or not certificate.solved:
        return None
    evidence, grid = certificate.evidence, certificate.evidence and certificate.evidence.quantum
    return {
        "sd": evidence.noise if evidence else certificate.mse**0.5,
        "mse": certificate.mse,
        "explained_z": evidence and evidence.explained,
        "quantum": grid and str(grid),
        "step": evidence.step if evidence and grid else None,
        "rounded": evidence.rounded if evidence else None,
    }


class AnswerFolder:
    """The folder a user named, or else one of the user's own for data of this program.

    Raises
    ------
    OutputError
        The named folder cannot be written: said before the search and not after it.
    """

    def __init__(self, named: Path | None) -> None:
        self._named = named
        self._started = time.strftime("%Y%m%d-%H%M%S")
        self._checkpoint: Path | None = None
        self._kept_at = 0.0
        if named is not None:
            check_folder(named, "--out")

    def save(self, report: dict[str, Any], name: str) -> str:
        """Write a report under the first free name, and say where, or why not: an answer is shown all the same."""
        try:
            folder = self._folder(name)
            taken = (folder / f"answer{'' if k == 1 else f'-{k}'}.json" for k in count(1))
            path = next(path for path in taken if not path.exists())
            write_new(path, f"{to_json(report)}\n".encode())
        except (OutputError, OSError, RuntimeError) as error:  # RuntimeError: a user without a home
            return f"not saved: {error}"
        return f"saved {path}"

    def keep(self, permutation: list[int], name: str) -> None:
        """Keep the best answer so far on disk, replacing the one before, at most every few seconds."""
        if time.monotonic() - self._kept_at < CHECKPOINT_SECONDS:
            return
        self._kept_at = time.monotonic()
        with suppress(OSError, RuntimeError):  # it will be said when the answer is saved
            folder = self._folder(name)
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"best-so-far-{os.getpid()}.json"
            beside = path.with_suffix(".new")
            beside.write_text(f"{to_json({'permutation': permutation})}\n")
            beside.replace(path)
            self._checkpoint = path

    def forget(self) -> None:
        """Delete what `keep` kept: the answer itself is known now."""
        if self._checkpoint is not None:
            with suppress(OSError):
                self._checkpoint.unlink()
                self._checkpoint.parent.rmdir()  # if nothing else is in it

    def _folder(self, name: str) -> Path:
        return self._named or data_folder() / f"{name}-{self._started}"


def data_folder() -> Path:
    """Return the user's folder for data of this program (XDG base directories; LOCALAPPDATA on Windows)."""
    base = os.environ.get("XDG_DATA_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".local" / "share"
    return Path(base) / "jaxsolve"
