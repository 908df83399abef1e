"""Host: where a search stands, kept while it goes on."""

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from jaxsolve.cli import terminal
from jaxsolve.cli.run_store import TROUBLE, RunStore, why
from jaxsolve.errors import OutputError

if TYPE_CHECKING:
    from jaxsolve.experiment.search import Stored


class Checkpoints:
    """Keeps a search after each step; where the user has named no folder for it, it goes on without, if need be.

    At most `share` of its time is spent on that: steps are kept one by one where they take long enough. `command` is
    what is typed to go on with it, but for ``--resume``.
    """

    def __init__(self, store: RunStore, kept: Path | None = None, *, command: str = "", share: float = 0.02) -> None:
        self._share, self._keeper, self._lock = share, store, threading.Lock()
        self._next, self._waiting, self._broken, self._command = 0.0, None, False, command
        self.kept = kept
        """Where a search can be resumed from."""

    def keep(self, stored: "Stored") -> None:
        """Keep a search, at once or together with the next."""
        self._waiting = stored
        if time.monotonic() >= self._next:
            self.finish()

    def finish(self) -> None:
        """Keep what was not kept yet.

        Raises
        ------
        OutputError
            The folder that the user named cannot be written.
        """
        from jaxsolve.run import save_checkpoint

        with self._lock:
            if self._waiting is None or self._broken:
                return
            stored, self._waiting, began = self._waiting, None, time.monotonic()
            try:
                folder = self._keeper.folder()
                save_checkpoint(folder, *stored)
            except TROUBLE as error:
                self._broken = True
                if self._keeper.named:
                    out = (
                        f"; the last state is whole: --resume {self.kept} when there is room"
                        if self.kept and self.kept.is_dir()
                        else ""
                    )
                    raise OutputError(f"{error}{out}") from error
                terminal.note(f"note: this search cannot be resumed from where it is ({why(error)})")
                return
            self.kept = folder
            now = time.monotonic()
            self._next = now + (now - began) / self._share

    def go_on(self) -> None:
        """Say how to go on, if there is something to go on with."""
        if self.kept:
            terminal.note(f"go on with: {self._command} --resume {self.kept}")

    def leave(self) -> None:
        """Keep, from another thread, what was not kept yet, if nothing is in the way."""
        if self._lock.acquire(timeout=0.2):  # seconds; there is no time to wait
            self._lock.release()
            try:
                self.finish()
            except TROUBLE as error:
                terminal.note(f"error: {error}")
