"""Host: which beam grows networks where no first order leads to the answer."""

from dataclasses import dataclass
from typing import Any

from jaxsolve.search import Setting
from jaxsolve.search.probe_beam import ProbeBeam
from jaxsolve.search.rollout_beam import RolloutBeam


@dataclass(frozen=True)
class Beams:
    """Numbers of beams that grow networks where no first order leads to the answer."""

    after: int = 2
    """Turns of each other arm before the first of them: most nets whose weights know some pairs need no more."""
    rows: int = 10_000
    """Rows that probes are fitted on: they decide more than the width does."""
    orders: int = 8
    """Most states that run the same blocks."""
    width: int = 32
    """States of a beam."""
    paired_width: int = 512
    """States of a beam over the orders of pairs that the weights know."""
    known: float = 0.9
    """Share of the pairs that have to be certain for that."""
    least_width: int = 4
    """States below which a beam is not worth its time."""
    flops: float = 4e13
    """Operations of a beam at most; wide blocks get narrower ones."""
    units: int = 512
    """Hidden units that probes read as well where errors alone rank: more pairs are right with them."""
    line_rows: int = 3000
    """Rows of a beam along the line of pairs that the weights know."""
    line_width: int = 64
    """States of such a beam at most."""
    line_rounds: int = 2
    """Such beams in a row."""

    def chosen(self, setting: Setting, *, known: bool, along: bool, ranks: str) -> tuple[str, dict[str, Any]] | None:
        """Return a beam by its name, and its options; None: there is no time for a wide enough one.

        Parameters
        ----------
        setting
            Where it works: its first start has the pairs, and the line.
        known
            Whether those pairs are kept.
        along
            Whether that start is a line as well, which the beam follows.
        ranks
            How it ranks where it follows none.
        """
        own: dict[str, Any]
        if along:
            own = {"rows": self.line_rows, "rounds": self.line_rounds, "widening": 1, "refine": None}
            name, beam = "rollout_beam", RolloutBeam(self.line_width, **own)
        else:
            own = {"rows": self.rows, "orders": self.orders, "paired": known, "ranks": ranks}
            own |= {"rounds": 1, "refine": None, "units": 0 if "action" in ranks else self.units}
            name, beam = "probe_beam", ProbeBeam(self.paired_width if known else self.width, **own)
        width = beam.affordable(setting, self.flops)
        return None if width < self.least_width else (name, own | {"width": width})
