"""Host: what is assumed of a puzzle, the candidates that follow from it, and what has come of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np

from jaxsolve import backend, engine
from jaxsolve.certificate import reachable
from jaxsolve.ordering import LINES, likely_order
from jaxsolve.pairing import Pairing
from jaxsolve.puzzle import Assembly, Puzzle, padded
from jaxsolve.run import Evaluator, Run
from jaxsolve.search import (
    MOST_SEED,
    STATISTICS_ROWS,
    Descent,
    Method,
    Population,
    Setting,
    begin,
    search_named,
    unjudged,
)
from jaxsolve.search.elimination import Elimination, superfluous_blocks
from jaxsolve.search.reannealing import Reannealing
from jaxsolve.search.relaxation import Relaxation
from jaxsolve.search.storing import Arrays
from jaxsolve.solver.arm import Arm, TurnsArm
from jaxsolve.solver.attempt import Attempt
from jaxsolve.solver.config import AUTO, NONE, Config
from jaxsolve.solver.initial import Start, first_orders, initial_of, paired_by, ranked_pairings
from jaxsolve.solver.restarts import Restarts, RestartsArm

GIVEN = "given"
"""Where an assembly comes from that was given."""


@dataclass(frozen=True)
class Attempts:
    """Numbers by which candidates become attempts."""

    first_evaluations: int = 1500
    """Evaluations that a first local search takes at most where methods may follow: what a good order needs."""
    arrived: float = 0.2
    """Loss of an attempt over that of first orders by the weights, at most, where methods begin with it as well.

    Above, its basin is a wrong one, which they would not leave.
    """
    pairings: int = 3
    """Pairings that methods begin with at most; first orders of the best supported are searched from before."""


class Hypothesis:
    """A puzzle read with one activation, and the attempts at it: initial candidates, then what arms find by turns.

    Parameters
    ----------
    puzzle, config, run
        The puzzle as it is read, the configuration, and what counts.
    start
        What `first_start` gives for it, if it is there already.
    given
        An assembly to begin with.
    """

    def __init__(
        self, puzzle: Puzzle, config: Config, run: Run, start: Start | None = None, given: Assembly | None = None
    ) -> None:
        self.puzzle, self.config, self.run = puzzle, config, run
        self.attempts: list[Attempt] = []
        self.evaluations = 0
        """What they took."""
        self.pairing: Pairing | None = None
        """The pairs that first orders follow, once they are known."""
        self._numbers = config.given("attempts", Attempts())
        self._start, self._given = start, given
        self._candidates = self._initial()
        self.taken = 0
        """Initial candidates so far."""
        self.exhausted = False
        """Whether there are no more of them."""
        self.sites: dict[str, Site] = {}
        """Arms by what is assumed of superfluous blocks: ``all`` run, or ``fewer`` do."""
        self.turn = 0
        """Turns of arms so far."""

    @property
    def best(self) -> Attempt | None:
        """The attempt with the lowest error over all rows."""
        return min(self.attempts, key=lambda attempt: attempt.mse, default=None)

    @property
    def mse(self) -> float:
        """The lowest error over all rows."""
        return min((attempt.mse for attempt in self.attempts), default=np.inf)

    @property
    def promise(self) -> float:
        """The lowest error that an attempt or a mixture has come to."""
        return min((attempt.promise for attempt in self.attempts), default=np.inf)

    @property
    def _has_arms(self) -> bool:
        return self.puzzle.blocks > 1 and (self.config.pairing == NONE or self._by_turns)

    @property
    def _by_turns(self) -> bool:
        return self.puzzle.blocks > 1 and AUTO in (self.config.order_seed, self.config.search)

    def advance(self) -> Attempt | None:
        """Return the next attempt, which is not searched from yet; None: there is none any more."""
        attempt = next(self._candidates, None)
        if attempt is not None:
            self.taken += 1
        else:
            self.exhausted = True
        if attempt is None and self._has_arms:
            attempt = self._next_of_arms()
        if attempt is not None:
            self.attempts.append(attempt)
        return attempt

    def unfinished(self) -> Iterator[Attempt]:
        """Yield as attempts what arms have found on the way."""
        for site in self.sites.values():
            found = site.arm.unfinished()
            if found is not None:
                yield self._attempt(site, Descent(found.best, float(found.losses[0])), NONE)

    def skip(self, taken: int, exhausted: bool) -> dict[str, Pairing]:
        """Go on behind so many initial candidates, perhaps all, which are made anew; return their pairings by name."""
        attempts = list(islice(self._candidates, taken))
        self.taken, self.exhausted = taken, exhausted
        if exhausted:  # what follows the last of them was done as well
            next(self._candidates, None)
        return {one.pairing.name: one.pairing for one in attempts}

    def reopen(self, key: str, meta: dict[str, Any], arrays: Arrays) -> None:
        """Go back to where the arm of a site was stored."""
        puzzle = padded(self.puzzle, int(meta["blocks"]) - self.puzzle.blocks)
        setting = self._setting(puzzle, int(meta["rows"]), None, float(meta["floor"]))
        if key == "all" and self.config.pairing == NONE:
            site = self._restarting(setting, str(meta["search"]), float(meta["most"]))
        else:
            site = self._by_methods(setting, tuple(meta["opening"]), meta["assumed"])
        site.arm.restore(meta["arm"], arrays)
        self.sites[key] = site

    def placed(self, puzzle: Puzzle, rows: int) -> "engine.Problem":
        """Return a puzzle on the devices, on its first rows."""
        return engine.to_device(puzzle, rows, self.config.devices)

    # initial candidates

    def _initial(self) -> Iterator[Attempt]:
        """Yield attempts from the given assembly and from first orders, the best supported first."""
        config, run, by_turns = self.config, self.run, self._by_turns
        if config.search != AUTO:
            search_named(config.search)
        problem = self._first_problem()
        pairings = self._pairings = ranked_pairings(self.puzzle, config, run, self._start)
        search = config.search if config.search != AUTO else "shortlisted"
        for pairing in islice(pairings, 1) if by_turns else pairings:
            paired = paired_by(self.puzzle, pairing, config, run)
            paired.placed = problem
            self.pairing = self.pairing or pairing
            if self._given is not None:
                with run.phase("seed"):
                    descent = begin(problem, self._given, run)
                given, self._given = self._given, None
                yield Attempt(self.puzzle, pairing, GIVEN, "joint_shortlisted", problem, descent, given, descent.loss)
            known = self._start.orders if self._start and pairing is self._start.pairing else {}
            for name, order in first_orders(paired, config, known):
                with run.phase("seed"):
                    descent = begin(problem, paired.assembly(order), run)
                start, most = descent.assembly, np.inf
                if by_turns and config.search == AUTO:
                    most = self._numbers.first_evaluations
                yield Attempt(self.puzzle, pairing, name, search, problem, descent, start, descent.loss, most)

    def _first_problem(self) -> "engine.Problem":
        """Return the problem of initial candidates; what evaluates it is compiled while the host pairs."""
        run = self.run
        problem = self.placed(self.puzzle, self.config.rows or initial_of(self.config).rows)
        engine.check_memory(problem, run.memory)
        if backend.processes() == 1:  # several have to do all things in the same order
            stay, memory = np.arange(self.puzzle.blocks, dtype=np.int32), run.memory_on(problem)
            backend.compile_ahead(lambda: Evaluator(problem, Assembly(stay, stay), Run(memory=memory)).loss())
        return problem

    # arms

    def _next_of_arms(self) -> Attempt:
        """Return the next attempt that an arm has found; arms take turns whenever one of them is ripe.

        Neither is given up before the budget.
        """
        while True:
            key = ("all", "fewer")[self.turn % 2]
            site = self.sites.get(key) or self._opened(key)
            if site is None:
                self.turn += 1
                continue
            with self.run.phase("search"):
                info = site.arm.advance()
            if info.candidates is None:
                continue
            self.turn += info.ripe
            with self.run.phase("seed"):
                descent = begin(site.problem, info.candidates.best, self.run)
            attempt = self._attempt(site, descent, site.search if info.ripe else NONE)
            return replace(attempt, relaxed_loss=info.relaxed_loss, improving=info.improving)

    def _attempt(self, site: "Site", descent: Descent, search: str) -> Attempt:
        assert self.pairing is not None
        start = descent.assembly
        return Attempt(
            site.puzzle, self.pairing, site.arm.name, search, site.problem, descent, start, descent.loss, site.most
        )

    def _opened(self, key: str) -> "Site | None":
        """Return an arm that begins, and where it works; None: it is not worth it."""
        if self.config.pairing == NONE:
            site = self._restarts() if key == "all" else None
        else:
            site = self._all_blocks() if key == "all" else self._fewer_blocks()
        if site is not None:
            self.sites[key] = site
        return site

    def _restarts(self) -> "Site":
        """Return joint searches from nothing."""
        last = self._own[-1]
        floor = reachable(self.puzzle, last.descent.assembly)
        setting = self._setting(self.puzzle, last.problem.rows, None, floor)
        return self._restarting(setting, last.search, last.most)

    def _restarting(self, setting: Setting, search: str, most: float) -> "Site":
        return Site(setting, RestartsArm(setting, self.config.given("restarts", Restarts())), search, most)

    def _all_blocks(self) -> "Site":
        """Return methods that begin with the likely orders of the best supported pairings, and take turns."""
        best, numbers = min(self._own, key=lambda attempt: attempt.mse), self._numbers
        starts, losses, lines = list[Assembly](), list[float](), list[bool]()
        for pairing in dict.fromkeys((best.pairing, *islice(self._pairings, numbers.pairings - 1))):
            paired = replace(paired_by(self.puzzle, pairing, self.config, self.run), placed=best.problem)
            with self.run.phase("seed"):
                begun = likely_order(paired, **initial_of(self.config).line)
            losses.append(begun.loss)
            starts.append(paired.assembly(begun.order))
            lines.append(begun.seed in LINES)
        if not best.descent.loss > numbers.arrived * min(losses):
            starts.append(best.descent.assembly)
        floor = reachable(self.puzzle, best.descent.assembly)
        setting = self._setting(self.puzzle, best.problem.rows, unjudged(starts), floor)
        return self._by_methods(setting, (), {"known_pairs": self._known_pairs, "from_line": lines[0]})

    def _fewer_blocks(self) -> "Site | None":
        """Return the same without the blocks that the best answer is much better without, and with room for one."""
        best = min(self._own, key=lambda attempt: attempt.mse)
        share, answer = self.config.given("elimination", Elimination()).share, best.descent.assembly
        gone = superfluous_blocks(self.puzzle, answer, best.descent.loss, best.problem.rows, share)
        spare = max(gone, 0 if self._known_pairs else 1)
        if not spare:
            return None
        wide = padded(self.puzzle, spare)
        start = unjudged([wide.assembly(self.puzzle.permutation(answer))])
        setting = self._setting(wide, best.problem.rows, start, reachable(self.puzzle, answer))
        return self._by_methods(setting, ("elimination",) if gone else (), {})

    @property
    def _own(self) -> list[Attempt]:
        """Attempts that run the puzzle's own blocks: one that was read anew may have null halves that it has not."""
        return [attempt for attempt in self.attempts if attempt.puzzle.blocks == self.puzzle.blocks]

    @property
    def _known_pairs(self) -> bool:
        return self.pairing is not None and self.pairing.certain == self.puzzle.blocks

    def _by_methods(self, setting: Setting, opening: tuple[str, ...], assumed: dict[str, bool]) -> "Site":
        """Return methods that take turns at a setting."""
        config = self.config
        methods: dict[str, Method] = {
            "elimination": config.given("elimination", Elimination()),
            "relaxation": config.given("relaxation", Relaxation(cycles=None, **assumed)),
            "reannealing": config.given("reannealing", Reannealing(rounds=None)),
        }
        arm = TurnsArm(setting, methods, ("relaxation", "relaxation", "reannealing"), opening)
        search = config.search if config.search != AUTO else "joint_shortlisted"
        return Site(setting, arm, search, opening=opening, assumed=assumed)

    def _setting(self, puzzle: Puzzle, rows: int, starts: Population | None, floor: float) -> Setting:
        problem, whole = (self.placed(puzzle, many) for many in (rows, STATISTICS_ROWS))
        return Setting(problem, self.run, self.config.seed % MOST_SEED, starts, whole, puzzle=puzzle, floor=floor)


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
    assumed: dict[str, bool] = field(default_factory=dict)
    """What relaxation is told of its start."""

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
        """Return what `Hypothesis.reopen` takes."""
        meta, arrays = self.arm.stored()
        about = {"blocks": self.puzzle.blocks, "rows": self.problem.rows, "floor": self.setting.floor, "arm": meta}
        how = {"search": self.search, "most": self.most, "opening": list(self.opening), "assumed": self.assumed}
        return about | how, arrays
