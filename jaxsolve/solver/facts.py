"""Host: what a run tells of itself at its end, for what is to be done next."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jaxsolve.certificate import Certificate, information
from jaxsolve.puzzle import Puzzle
from jaxsolve.puzzle.units import hints
from jaxsolve.run import Run

OPTION = re.compile(r",? (--link \w+|--standardise-inputs)$")
"""What a remark on a table ends with: the option that is meant for it."""


@dataclass(frozen=True)
class Facts:
    """What is known at the end of a run. Shares are squared errors over the variance of the predictions."""

    status: str
    """As of a `Solution`."""
    command: str = "solve"
    """``solve``, ``search``, ``sweep`` or ``verify``."""
    puzzle: str = "PUZZLE"
    """Where the puzzle is."""
    config: str | None = None
    """What describes a sweep."""
    said: tuple[tuple[str, ...], ...] = ()
    """Options that were said, each with its values, as ``("--link", "sigmoid")``."""
    share: float | None = None
    """What the best answer leaves, over all rows; None: there is none."""
    neighbour: float | None = None
    """What the closest answer to it leaves that a single move leads to; None: not known."""
    compared: float | None = None
    """What it leaves on the rows that candidates were compared on; None: not known."""
    rows: int = 0
    """How many those are."""
    table_rows: int = 0
    falls: tuple[tuple[float, float], ...] = ()
    """Seconds and share of each answer that was better than those before."""
    began: float = 0.0
    """Seconds at which it began, or went on."""
    seconds: float = 0.0
    """Those at which it ended."""
    budget: float = math.inf
    ended: bool = False
    """Whether it has come to an end by itself, so that more time would not help."""
    resume: str | None = None
    """The run, as ``--resume`` takes it; None: it cannot be gone on with."""
    answer: str | None = None
    """The best answer, as ``--start`` takes it; None: it is not kept."""
    activation: str = "relu"
    activation_given: bool = False
    readings: Mapping[str, float] = field(default_factory=dict)
    """Lowest share that was left under each activation that was tried."""
    hints: tuple[tuple[str, str], ...] = ()
    """What the numbers of the table look like, and the option that is meant for it."""
    needed_rows: int | None = None
    """Rows that tell all answers apart, where the table has fewer."""
    missing: tuple[str, ...] = ()
    """Sentences on halves whose partner is missing."""
    other_hash: bool = False
    """Whether every prediction is reproduced, and the hash is another than the one that is expected."""
    superfluous: int = 0
    """Blocks that the answer is much better without."""
    spare: int = 0
    """Null halves there were for them."""
    fixed: tuple[tuple[str, ...], ...] = ()
    """Of the options that were said, those that kept the run from trying anything else."""
    left: int = 0
    """Runs of a sweep that were not begun."""
    seed: int = 0


def facts_of(
    status: str, puzzle: Puzzle, certificate: Certificate | None, run: Run | None = None, /, **known: Any
) -> Facts:
    """Return the facts that speak for a next step.

    Parameters
    ----------
    status
        How the run has ended.
    puzzle, certificate
        The puzzle that the answer was certified on, and its certificate.
    run
        What has counted and timed the run; None: there was none.
    known
        Other facts, by the names of the fields of `Facts`; squared errors among them as shares of the variance.
    """
    found: dict[str, Any] = {"table_rows": puzzle.rows, "hints": _hints(puzzle)}
    found |= {"activation": puzzle.activation, "activation_given": puzzle.activation_given}
    if certificate is not None:
        found["share"] = share_of(certificate.mse, puzzle)
        if certificate.neighbour is not None:
            found["neighbour"] = share_of(certificate.neighbour.mse, puzzle)
        found["other_hash"] = certificate.exact and certificate.as_expected is False
    if status == "unidentifiable" or (certificate is not None and certificate.lacking is not None):
        told = information(puzzle)
        found["needed_rows"] = told.needed if told.needed > puzzle.rows else None
    if run is not None:
        falls = tuple((seconds, share_of(loss, puzzle)) for seconds, loss in run.falls)
        found |= {"falls": falls, "began": run.resumed_at, "seconds": run.elapsed, "budget": run.budget}
        found["ended"] = run.elapsed < run.budget and not run.stopped
    return Facts(status, **found | known)


def share_of(mse: float, puzzle: Puzzle) -> float:
    """Return a mean squared error over the variance of the predictions; infinite where they do not vary."""
    return mse / puzzle.variance if puzzle.variance > 0 else math.inf


def shares_of(errors: Mapping[str, float], puzzle: Puzzle) -> dict[str, float]:
    """Return mean squared errors by name over the variance of the predictions."""
    return {name: share_of(mse, puzzle) for name, mse in errors.items()}


def _hints(puzzle: Puzzle) -> tuple[tuple[str, str], ...]:
    told = [(text, match) for text in hints(puzzle) if (match := OPTION.search(text))]
    return tuple((text[: match.start()], match[1]) for text, match in told)
