"""Host: everything that a generated puzzle follows from."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from jaxsolve.architecture import canonical
from jaxsolve.engine import OPTIMISERS
from jaxsolve.errors import UsageError
from jaxsolve.generation.data import DATA
from jaxsolve.generation.initial import INITIAL

MOST = {
    "blocks": 100_000,
    "features": 100_000,
    "hidden": 100_000,
    "train_rows": 100_000_000,
    "table_rows": 100_000_000,
    "batch": 100_000_000,
}


@dataclass(frozen=True)
class Recipe:
    """How a network is made, trained and dropped. Refuses what cannot be with `UsageError`, in one line."""

    drawn_features: ClassVar[int] = 24
    """Features of data that is drawn, where nobody says how many."""
    hidden_share: ClassVar[int] = 2
    """Hidden units for each feature, likewise."""
    drawn_rows: ClassVar[int] = 10_000
    """Rows that are drawn, likewise."""
    shown_rows: ClassVar[int] = 10_000
    """Rows of the puzzle's table at most, likewise."""

    blocks: int = 16
    features: int | None = None
    """None: `drawn_features`, or as many as the CSV file has inputs."""
    hidden: int | None = None
    """None: `hidden_share` times the features."""
    activation: str = "relu"
    data: str = "votes"
    """A name of `DATA`, or the path of a CSV file."""
    target: str | None = None
    """Column of the CSV file with the labels; None: ``true``, ``pred`` or the last one."""
    train_rows: int | None = None
    """None: `drawn_rows`, or all of the CSV file."""
    table_rows: int | None = None
    """How many of them, from the first, are in the puzzle's table; None: all, up to `shown_rows`."""
    initial: str = "pytorch"
    optimiser: str = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    batch: int = 100
    epochs: tuple[int, ...] = (20,)
    """After which a snapshot is dropped, ascending; the last ends the training. 0 is the untrained network."""
    noise: float = 0.0
    """Standard deviation of what is added to the predictions; labels have one of 1."""
    decimals: int | None = None
    """The predictions are rounded to so many."""
    decoy_ins: int = 0
    decoy_outs: int = 0
    """First and second halves among the pieces that are of another network."""
    missing_ins: int = 0
    missing_outs: int = 0
    """First and second halves that are not among the pieces."""
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "activation", canonical(self.activation))
        self._check_names()
        self._check_sizes()
        self._check_numbers()
        self._check_epochs()
        for option, count in (("--missing-ins", self.missing_ins), ("--missing-outs", self.missing_outs)):
            if not 0 <= count < self.blocks:
                raise UsageError(f"{option} is {count}; expected 0 to {self.blocks - 1}, so that one half is left")
        for option, count in (("--decoy-ins", self.decoy_ins), ("--decoy-outs", self.decoy_outs)):
            if not 0 <= count <= self.blocks:
                raise UsageError(f"{option} is {count}; expected 0 to {self.blocks}: one other network has no more")

    @property
    def is_csv(self) -> bool:
        """Whether rows are read and not drawn."""
        return self.data not in DATA

    def as_json(self) -> dict[str, Any]:
        """Return the fields; of a CSV file its name alone, for where it lies is nobody's business."""
        fields = asdict(self) | {"epochs": list(self.epochs)}
        return fields | ({"data": Path(self.data).name} if self.is_csv else {})

    def _check_names(self) -> None:
        named = (
            ("--initial", self.initial, INITIAL),
            ("--optimiser", self.optimiser, OPTIMISERS),
        )
        for option, name, names in named:
            if name not in names:
                raise UsageError(f"{option}: there is no {name!r}; choose one of {', '.join(names)}")
        if self.is_csv and not Path(self.data).is_file():
            raise UsageError(f"--data: no kind and no CSV file {self.data!r}; choose one of {', '.join(DATA)}")
        if self.target is not None and not self.is_csv:
            raise UsageError(f"--target {self.target!r} is a column of a CSV file; --data {self.data} is drawn")

    def _check_sizes(self) -> None:
        for name, most in MOST.items():
            value = getattr(self, name)
            if value is not None and not 1 <= value <= most:
                raise UsageError(f"--{name.replace('_', '-')} is {value}; expected 1 to {most}")
        if self.hidden is not None and self.hidden in (1, self.features):
            raise UsageError(
                f"--hidden is {self.hidden} with {self.features or 'any number of'} features: halves would have the "
                "shape of each other or of the readout, and no puzzle is read like that; choose another"
            )
        rows = self.train_rows or (None if self.is_csv else self.drawn_rows)
        if rows is not None and self.table_rows is not None and self.table_rows > rows:
            raise UsageError(f"--table-rows is {self.table_rows}, of {rows} trained on; ask for fewer")
        if rows is not None and rows < 2:
            raise UsageError("--train-rows is 1; expected at least 2, or all labels are the same")

    def _check_numbers(self) -> None:
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise UsageError(f"--learning-rate is {self.learning_rate}; expected a number above 0")
        for option, value in (("--weight-decay", self.weight_decay), ("--noise", self.noise)):
            if not (math.isfinite(value) and value >= 0):
                raise UsageError(f"{option} is {value}; expected 0 or more")
        if self.decimals is not None and not 0 <= self.decimals <= 30:
            raise UsageError(f"--decimals is {self.decimals}; expected 0 to 30")
        if self.seed < 0:
            raise UsageError(f"--seed is {self.seed}; expected 0 or more")

    def _check_epochs(self) -> None:
        shown = ",".join(map(str, self.epochs))[:100]
        if not self.epochs or any(b <= a for a, b in zip(self.epochs, self.epochs[1:], strict=False)):
            raise UsageError(f"--epochs is {shown!r}; expected rising numbers such as 1,5,20")
        if self.epochs[0] < 0 or self.epochs[-1] > 1_000_000:
            raise UsageError(f"--epochs is {shown!r}; expected numbers from 0 to 1000000")
