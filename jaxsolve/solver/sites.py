"""Host: where arms work, and how they are begun and taken up again."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from jaxsolve import engine
from jaxsolve.puzzle import Puzzle, padded
from jaxsolve.run import Run
from jaxsolve.search import MOST_SEED, STATISTICS_ROWS, Method, Population, Setting
from jaxsolve.search.elimination import Elimination
from jaxsolve.search.exchange_regression import ExchangeRegression
from jaxsolve.search.probe_beam import ProbeBeam
from jaxsolve.search.reannealing import Reannealing
from jaxsolve.search.relaxation import Relaxation
from jaxsolve.search.rollout_beam import RolloutBeam
from jaxsolve.search.storing import Arrays
from jaxsolve.solver.arm import Arm, TurnsArm
from jaxsolve.solver.attempt import Attempts
from jaxsolve.solver.config import AUTO, Config
from jaxsolve.solver.restarts import Restarts, RestartsArm


@dataclass(frozen=True, eq=False)
class Site:
    """An arm, and how attempts are made of what it finds."""

    setting: Setting
    arm: Arm
    search: str
    most: float = float("inf")
    """As of an `Attempt`."""
    opening: tuple[str, ...] = ()
    """Methods that go before those that take turns."""
    turns: tuple[str, ...] = ()
    """Methods that take turns."""
    options: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    """Options of methods that depend on what is known here, by their names."""

    @property
    def puzzle(self) -> Puzzle:
        """The puzzle, perhaps with more null halves."""
        assert self.setting.puzzle is not None
        return self.setting.puzzle

    @property
    def problem(self) -> "engine.Problem":
        """The problem that attempts compare candidates on."""
        return self.setting.problem

    def stored(self) -> tuple[dict[str, Any], Arrays]:
        """Return what `Sites.reopened` takes."""
        meta, arrays = self.arm.stored()
        about = {"blocks": self.puzzle.blocks, "rows": self.problem.rows, "floor": self.setting.floor, "arm": meta}
        kind = "restarts" if isinstance(self.arm, RestartsArm) else "turns"
        how = {"search": self.search, "most": self.most, "opening": list(self.opening), "options": dict(self.options)}
        return about | how | {"kind": kind, "turns": list(self.turns)}, arrays


@dataclass(frozen=True, eq=False)
class Sites:
    """Opens the arms of a puzzle as it is read."""

    puzzle: Puzzle
    config: Config
    run: Run

    def placed(self, puzzle: Puzzle, rows: int) -> "engine.Problem":
        """Return a puzzle on the devices, on its first rows."""
        return engine.to_device(puzzle, rows, self.config.devices)

    def setting(self, puzzle: Puzzle, rows: int, starts: Population | None, floor: float) -> Setting:
        """Return a setting for a puzzle, perhaps with more null halves."""
        problem, whole = (self.placed(puzzle, many) for many in (rows, STATISTICS_ROWS))
        seed = self.config.seed % MOST_SEED
        return Setting(problem, self.run, seed, starts, whole, puzzle=puzzle, floor=floor)

    def restarting(self, setting: Setting, search: str, most: float) -> Site:
        """Return joint searches from nothing."""
        return Site(setting, RestartsArm(setting, self.config.given("restarts", Restarts())), search, most)

    def taking_turns(
        self,
        setting: Setting,
        options: Mapping[str, dict[str, Any]],
        opening: tuple[str, ...] = (),
        turns: tuple[str, ...] | None = None,
    ) -> Site:
        """Return methods that take turns, with options that depend on what is known here, after some that open.

        Exchanges go first in deep nets, where all else takes minutes, and after a round of mixtures in others.
        """
        config = self.config
        if turns is None:
            deep = setting.blocks >= config.given("attempts", Attempts()).deep
            first = ("exchange_regression", "relaxation") if deep else ("relaxation", "exchange_regression")
            turns = *first, "relaxation", "reannealing"
        own: dict[str, Method] = {
            "elimination": Elimination(),
            "probe_beam": ProbeBeam(),
            "rollout_beam": RolloutBeam(),
            "relaxation": Relaxation(cycles=None),
            "exchange_regression": ExchangeRegression(turns=None),
            "reannealing": Reannealing(rounds=None),
        }
        methods = {name: config.given(name, replace(one, **options.get(name, {}))) for name, one in own.items()}
        arm = TurnsArm(setting, methods, turns, opening)
        search = config.search if config.search != AUTO else "joint_shortlisted"
        return Site(setting, arm, search, opening=opening, turns=turns, options=options)

    def reopened(self, meta: dict[str, Any], arrays: Arrays) -> Site:
        """Return a site that was stored."""
        puzzle = padded(self.puzzle, int(meta["blocks"]) - self.puzzle.blocks)
        setting = self.setting(puzzle, int(meta["rows"]), None, float(meta["floor"]))
        if meta["kind"] == "restarts":
            site = self.restarting(setting, str(meta["search"]), float(meta["most"]))
        else:
            site = self.taking_turns(setting, meta["options"], tuple(meta["opening"]), tuple(meta["turns"]))
        site.arm.restore(meta["arm"], arrays)
        return site
