"""Host: everything that a generated puzzle follows from."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from jaxsolve.architecture import canonical
from jaxsolve.engine import OPTIMISERS
from jaxsolve.errors import UsageError, no_such
from jaxsolve.generation.data import DATA
from jaxsolve.generation.initial import INITIAL

MOST = {
    "blocks": 100_000,
    "features": 100_000,
    "hidden": 100_000,
    "inputs": 100_000,
    "head": 100_000,
    "outputs": 1000,
    "train_rows": 100_000_000,
    "table_rows": 100_000_000,
    "batch": 100_000_000,
}
BIASES = "all", "outer", "none"
"""Which layers have biases: all, those before and behind the blocks alone, or none."""
GATES = "none", "pieces", "packed"
"""Whether blocks are gated, by gates that are pieces of their own, or are in front of first halves in one piece."""
BEYOND_PLAIN = "widths", "inputs", "head", "outputs", "biases", "gates"
"""What says how a network differs from a plain stack."""


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
    widths: tuple[int, ...] = ()
    """Hidden units of the blocks, by turns; none: all have `hidden`."""
    inputs: int | None = None
    """Inputs that a layer before the blocks makes features of; None: there is none."""
    head: int | None = None
    """Units of a layer before the readout; None: there is none."""
    outputs: int = 1
    """Labels beyond the first are what random networks of one tanh layer answer."""
    biases: str = "all"
    """A name of `BIASES`."""
    gates: str = "none"
    """A name of `GATES`."""
    activation: str = "relu"
    """Of the blocks, or the whole form with norms (`jaxsolve.architecture.forms`)."""
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

    @property
    def widths_of_blocks(self) -> list[int]:
        """Hidden units of every block."""
        assert self.hidden is not None
        widths = self.widths or (self.hidden,)
        return [widths[t % len(widths)] for t in range(self.blocks)]

    def as_json(self) -> dict[str, Any]:
        """Return the fields; of a CSV file its name alone, for where it lies is nobody's business.

        What a plain stack does not have is left out.
        """
        ours = asdict(self)
        plain = {name: value for name, value in asdict(Recipe()).items() if name in BEYOND_PLAIN}
        fields = {name: value for name, value in ours.items() if name not in plain or plain[name] != value}
        fields |= {"epochs": list(self.epochs)} | ({"widths": list(self.widths)} if self.widths else {})
        return fields | ({"data": Path(self.data).name} if self.is_csv else {})

    def _check_names(self) -> None:
        named = (
            ("initial", self.initial, INITIAL),
            ("optimiser", self.optimiser, OPTIMISERS),
            ("biases", self.biases, BIASES),
            ("gates", self.gates, GATES),
        )
        for option, name, names in named:
            if name not in names:
                raise UsageError(f"--{option}: {no_such(option, name, names)}")
        if self.is_csv and not Path(self.data).is_file():
            raise UsageError(f"--data: {no_such('kind and no CSV file', self.data, DATA)}")
        if self.target is not None and not self.is_csv:
            raise UsageError(f"--target {self.target!r} is a column of a CSV file; --data {self.data} is drawn")

    def _check_sizes(self) -> None:
        for name, most in MOST.items():
            value = getattr(self, name)
            if value is not None and not 1 <= value <= most:
                raise UsageError(f"--{name.replace('_', '-')} is {value}; expected 1 to {most}")
        if any(not 1 <= width <= MOST["hidden"] for width in self.widths):
            raise UsageError(
                f"--widths is {','.join(map(str, self.widths))}; expected numbers from 1 to {MOST['hidden']}"
            )
        if self.widths and self.hidden not in (None, max(self.widths)):
            raise UsageError(f"--hidden is {self.hidden} beside --widths, which say it for each block: leave it out")
        if self.inputs is None and "/" in self.activation:
            raise UsageError(f"--activation {self.activation!r} has a layer before the blocks; say its --inputs")
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
