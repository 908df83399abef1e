"""Host: how to solve: what a user may choose."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from jaxsolve.errors import UsageError
from jaxsolve.puzzle import check_sha256
from jaxsolve.search import with_options

AUTO = "auto"
NONE = "none"
"""Pairs that come from no weights; no search."""
D = TypeVar("D")
"""A frozen dataclass of numbers."""


@dataclass(frozen=True)
class Config:
    """How to solve: the names of registered methods, or ``auto`` to let the evidence choose."""

    pairing: str = AUTO
    """A score of `PAIRINGS`, or ``none``: pairs from the data alone, searched together with the order."""
    order_seed: str = AUTO
    search: str = AUTO
    rows: int | None = None
    """Compare candidates on the first so many rows. None begins with a few and takes more where they mislead."""
    budget: float = 300.0
    """Seconds from the beginning of the run, where that has no budget of its own."""
    seed: int = 0
    """Start of all randomness."""
    sha256: str | None = None
    """The published hash of the answer, if known."""
    exact: bool = False
    """Whether only an answer counts that reproduces every prediction to float32 rounding, or has the expected hash."""
    tolerance: float | None = None
    """Share of the variance of the predictions, R², from which on an answer is good enough; None: proof is needed."""
    trace: bool = False
    """Judge every round on all rows."""
    devices: int | None = None
    """Devices of each process that candidates are spread over; None: all."""
    memory: float | None = None
    """Bytes that evaluations may take, where `solve` is not given a run; None: half of what is free."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Numbers of methods and of the solver's parts (`OWNERS`) by ``owner.name``, instead of their own defaults."""

    def __post_init__(self) -> None:
        """Refuse what no search could be run with; `UsageError` names the option."""
        if self.rows is not None and (not isinstance(self.rows, int) or self.rows < 1):
            raise UsageError(f"rows is {self.rows}; expected a whole number, at least 1")
        check_budget(self.budget)
        if self.memory is not None and not self.memory > 0:
            raise UsageError(f"memory is {self.memory}; expected more than 0 bytes")
        check_tolerance(self.tolerance)
        if self.seed < 0:
            raise UsageError(f"seed is {self.seed}; expected 0 or more")
        if self.sha256 is not None:
            object.__setattr__(self, "sha256", check_sha256(self.sha256, "sha256"))

    def given(self, owner: str, numbers: D) -> D:
        """Return the numbers of an owner with those of the options that are its own; `UsageError` if it has none such.

        Parameters
        ----------
        owner
            The name before the dot.
        numbers
            A frozen dataclass with the owner's defaults.
        """
        own = {key: value for key, value in self.options.items() if key.partition(".")[0] == owner}
        return with_options([(owner, numbers)], own)[0][1] if own else numbers


def check_budget(seconds: float) -> None:
    """Refuse a budget that no time is as long as; `UsageError`."""
    if not seconds > 0:
        raise UsageError(f"budget is {seconds}; expected more than 0 seconds")


def check_tolerance(r2: float | None) -> None:
    """Refuse an R² that no answer can have, or that all have; `UsageError`."""
    if r2 is not None and not 0 < r2 <= 1:
        raise UsageError(f"tolerance is {r2}; expected an R² above 0 and at most 1, as 0.99")
