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
    """Turns of each other arm before the first that follows no line: most nets whose weights know pairs need none."""
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
    line_rounds: int = 6
    """Such beams in a row."""

    def grown(self, setting: Setting, *, known: bool, ranks: str) -> dict[str, Any] | None:
        """Return the options of a beam of partial networks; None: there is no time for a wide enough one.

        Parameters
        ----------
        setting
            Where it works: its first start has the pairs.
        known
            Whether those pairs are kept.
        ranks
            How it ranks.
        """
        own: dict[str, Any] = {"rows": self.rows, "orders": self.orders, "paired": known, "ranks": ranks}
        own |= {"rounds": 1, "refine": None, "units": 0 if "action" in ranks else self.units}
        return self._affordable(setting, ProbeBeam(self.paired_width if known else self.width, **own), own)

    def along(self, setting: Setting) -> dict[str, Any] | None:
        """Return the options of beams along the first start; None: there is no time for wide enough ones."""
        own: dict[str, Any] = {"rows": self.line_rows, "rounds": self.line_rounds, "widening": 1, "refine": None}
        return self._affordable(setting, RolloutBeam(self.line_width, **own), own)

    def _affordable(
        self, setting: Setting, beam: ProbeBeam | RolloutBeam, own: dict[str, Any]
    ) -> dict[str, Any] | None:
        width = beam.affordable(setting, self.flops)
        return None if width < self.least_width else own | {"width": width}
