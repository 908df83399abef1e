"""Host: restarts: joint searches from nothing, each slower than the one before, where the weights say nothing."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxsolve import engine
from jaxsolve.search import MOST_SEED, Info, Pipeline, Population, Setting, stages_named
from jaxsolve.search.pipeline import Stage
from jaxsolve.search.probe_beam import ProbeBeam
from jaxsolve.search.storing import Arrays, flattened, restored


@dataclass(frozen=True)
class Restarts:
    """Numbers of joint searches that need no start, of which every round does twice as much as the one before.

    Beams that are scored by probes come first. Networks are grown as they cool, an iterated search goes on from the
    best of them, and chains that begin anywhere find what is small enough for them.
    """

    beam_rows: int = 2000
    """Rows that probes are fitted on in the first round, four times as many in each later one.

    Few of them do for nets that training has moved far; others are lost on few.
    """
    beam_width: int = 32
    """States of the two beams of the first round."""
    beam_flops: float = 2e13
    """Operations of each of them at most; wide blocks get narrower ones."""
    growing_rows: int = 4000
    """Rows on which networks are grown: moves are decided on few of them, and should not learn those by heart."""
    growing_work: float = 6000.0
    """Work of each chain that grows in the first round, in evaluations of a whole network."""
    iterated_rows: int = 1000
    """Rows on which partners and orders are refined."""
    iterated_steps: int = 40
    """Steps of the iterated search in the first round."""
    annealing_rows: int = 300
    """Rows on which chains decide that begin anywhere."""
    annealing_steps: int = 20_000
    """Moves of each of these chains in the first round."""
    hot: float = 0.03
    """Temperature of these chains at the start, in units of the variance of the predictions."""
    cold: float = 1e-5
    """Temperature at the end, likewise."""

    def design(self, k: int, variance: float) -> tuple[str, int, dict[str, Any]]:
        """Return the stages of the k-th search, the rows that it compares candidates on, and its options."""
        more, unit = 2 ** (k // 4), max(variance, 1e-12)
        beam = {"width": self.beam_width * more, "rows": self.beam_rows * more**2, "rounds": 2}
        annealed = {"steps": self.annealing_steps * more, "hot": self.hot * unit, "cold": self.cold * unit, "chains": 2}
        return (
            ("probe_beam", self.beam_rows, {f"probe_beam.{name}": own for name, own in beam.items()}),
            ("grand_canonical,descent", self.growing_rows, {"grand_canonical.forwards": self.growing_work * more}),
            ("iterated,descent", self.iterated_rows, {"iterated.steps": self.iterated_steps * more}),
            ("annealing,descent", self.annealing_rows, {f"annealing.{name}": own for name, own in annealed.items()}),
        )[k % 4]


class RestartsArm:
    """An arm of a portfolio whose method is one joint search after the other."""

    def __init__(self, setting: Setting, numbers: Restarts) -> None:
        self._setting, self._numbers = setting, numbers
        self._k = 0
        """Searches that have come to their end."""
        self._last: Population | None = None
        """What the last of them has found: the next iterated one goes on from there."""
        self._pipeline: Pipeline | None = None
        self.name = ""
        """The method that works."""

    def advance(self) -> Info:
        """Do one step of the search that is under way."""
        pipeline = self._pipeline = self._pipeline or self._begun()
        if not pipeline.finished:
            self.name = pipeline.stages[pipeline.at].name
            pipeline.advance()
        if not pipeline.finished:
            return Info(None)
        self._pipeline, self._k = None, self._k + 1
        if pipeline.elites is None:
            return Info(None)
        self._last = _best(pipeline.elites)
        return Info(self._last)

    def unfinished(self) -> Population | None:
        """Return what the search that is under way has found so far."""
        elites = None if self._pipeline is None else self._pipeline.elites
        return None if elites is None else _best(elites)

    def _begun(self) -> Pipeline:
        puzzle, own = self._setting.puzzle, self._setting
        assert puzzle is not None
        stages, rows, options = self._numbers.design(self._k, puzzle.variance)
        starts = self._last if stages.startswith("iterated") else None
        seed = (own.seed + 100 * (self._k // 4)) % MOST_SEED
        problem = engine.to_device(puzzle, rows, len(own.problem.over.local_devices))
        setting = Setting(problem, own.run, seed, starts, own.whole, puzzle=puzzle, floor=own.floor)
        return Pipeline(tuple(self._affordable(stage, setting) for stage in stages_named(stages, options)), setting)

    def _affordable(self, stage: Stage, setting: Setting) -> Stage:
        """Return a beam as wide as memory and time allow; other stages as they are."""
        name, method = stage
        if not isinstance(method, ProbeBeam):
            return stage
        most = self._numbers.beam_flops * 2 ** (self._k // 4)
        return Stage(name, replace(method, width=max(1, method.affordable(setting, most))))

    def stored(self) -> tuple[dict[str, Any], Arrays]:
        """Return what `restore` takes."""
        meta, arrays = (None, {}) if self._pipeline is None else self._pipeline.stored()
        own = {f"pipeline.{name}": array for name, array in arrays.items()}
        return {"searches": self._k, "pipeline": meta, "name": self.name}, own | flattened(self._last, "last.")

    def restore(self, meta: dict[str, Any], arrays: Arrays) -> None:
        """Go back to where an arm was stored."""
        self._k, self.name, blocks = int(meta["searches"]), str(meta["name"]), self._setting.blocks
        if "last.ins" in arrays:
            self._last = restored(Population, arrays, "last.", blocks, whole=True)
        if meta["pipeline"] is not None:
            self._pipeline = self._begun()
            own = {name.removeprefix("pipeline."): one for name, one in arrays.items() if name.startswith("pipeline.")}
            self._pipeline.restore(meta["pipeline"], own)


def _best(elites: Population) -> Population:
    """Return the best few of some assemblies, none much worse than the first."""
    near: NDArray[np.intp] = np.flatnonzero(elites.losses <= np.nanmin(elites.losses) * 1.5)
    return elites.take(near[:6])
