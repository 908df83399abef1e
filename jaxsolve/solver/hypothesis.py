"""Host: what is assumed of a puzzle, the candidates that follow from it, and what has come of them."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from jaxsolve import backend, engine
from jaxsolve.certificate import reachable
from jaxsolve.ordering import LINES, Directed, likely_order
from jaxsolve.pairing import Pairing
from jaxsolve.puzzle import Assembly, Puzzle, padded
from jaxsolve.run import Evaluator, Run
from jaxsolve.search import Descent, begin, search_named, unjudged
from jaxsolve.search.elimination import Elimination, superfluous_blocks
from jaxsolve.search.storing import Arrays
from jaxsolve.solver.arm import TurnsArm
from jaxsolve.solver.attempt import Attempt, Attempts
from jaxsolve.solver.beams import Beams
from jaxsolve.solver.config import AUTO, NONE, Config
from jaxsolve.solver.initial import Start, first_orders, initial_of, paired_by, ranked_pairings
from jaxsolve.solver.sites import Site, Sites
from jaxsolve.solver.sounding import from_nothing

GIVEN, SCALED = "given", "scale"
"""Where an assembly comes from that was given, and one that was found with a scale of the blocks."""
FOLLOWING = "rollout_beam"
"""What follows a line."""
TURNS = "all", "fewer", "error", "error", "action", "action"
"""Turns of sites by what they assume: that all blocks run, that fewer do, or that no first order is right, so that
networks are grown by beams that rank in one way or the other. These have two in a row: one that keeps the pairs."""


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
    named
        Where it comes from.
    """

    def __init__(
        self,
        puzzle: Puzzle,
        config: Config,
        run: Run,
        start: Start | None = None,
        given: Assembly | None = None,
        named: str = GIVEN,
    ) -> None:
        self.puzzle, self.config, self.run = puzzle, config, run
        self.attempts: list[Attempt] = []
        self.evaluations = 0
        """What they took."""
        self.pairing: Pairing | None = None
        """The pairs that first orders follow, once they are known."""
        self.available = Sites(puzzle, config, run)
        """What opens sites."""
        self._numbers = config.given("attempts", Attempts())
        self._start, self._given, self._named = start, given, named
        self._candidates = self._initial()
        self.taken = 0
        """Initial candidates so far."""
        self.exhausted = False
        """Whether there are no more of them."""
        self.sites: dict[str, Site] = {}
        """Arms by what they assume (`TURNS`), those that were opened."""
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
    def follows(self) -> bool:
        """Whether a line is yet to be followed: that leads to the answer where mixtures do not fit."""
        arm = self.sites["all"].arm if "all" in self.sites else None
        return isinstance(arm, TurnsArm) and arm.awaits(FOLLOWING)

    @property
    def exchanges_wait(self) -> bool:
        """Whether all exchanges of a deep net are yet to be looked at together: that tells more than one by one."""
        return self._by_turns and not self.sites and self.puzzle.blocks >= self._numbers.deep

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
        self.sites[key] = self.available.reopened(meta, arrays)

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
                yield Attempt(
                    self.puzzle, pairing, self._named, "joint_shortlisted", problem, descent, given, descent.loss
                )
            known = self._start.orders if self._start and pairing is self._start.pairing else {}
            for name, order in first_orders(paired, config, known):
                with run.phase("seed"):
                    descent = begin(problem, paired.assembly(order), run)
                start, most = descent.assembly, np.inf
                if by_turns and config.search == AUTO:
                    most = self._numbers.first_evaluations
                yield Attempt(self.puzzle, pairing, name, search, problem, descent, start, descent.loss, most)
            if by_turns:
                opening = from_nothing(self.puzzle, pairing, problem, config, run, self._numbers.first_evaluations)
                if opening is not None:
                    yield opening

    def _first_problem(self) -> "engine.Problem":
        """Return the problem of initial candidates; what evaluates it is compiled while the host pairs."""
        run = self.run
        problem = self.available.placed(self.puzzle, self.config.rows or initial_of(self.config).rows)
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
            key = TURNS[self.turn % len(TURNS)]
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
            ripe = info.ripe or descent.loss <= self._numbers.right * self.puzzle.variance
            attempt = self._attempt(site, descent, site.search if ripe else NONE)
            return replace(attempt, relaxed_loss=info.relaxed_loss, improving=info.improving)

    def _attempt(self, site: Site, descent: Descent, search: str) -> Attempt:
        assert self.pairing is not None
        start = descent.assembly
        return Attempt(
            site.puzzle, self.pairing, site.arm.name, search, site.problem, descent, start, descent.loss, site.most
        )

    def _opened(self, key: str) -> Site | None:
        """Return an arm that begins, and where it works; None: it is not worth it."""
        if self.config.pairing == NONE:
            site = self._restarts() if key == "all" else None
        else:
            site = {"all": self._all_blocks, "fewer": self._fewer_blocks}.get(key, lambda: self._grown(key))()
        if site is not None:
            self.sites[key] = site
        return site

    def _restarts(self) -> Site:
        """Return joint searches from nothing."""
        last = self._own[-1]
        floor = reachable(self.puzzle, last.descent.assembly)
        setting = self.available.setting(self.puzzle, last.problem.rows, None, floor)
        return self.available.restarting(setting, last.search, last.most)

    def _all_blocks(self) -> Site:
        """Return methods that begin with the likely orders of the best supported pairings, and take turns."""
        best, numbers = min(self._own, key=lambda attempt: attempt.mse), self._numbers
        starts, losses, lines = list[Assembly](), list[float](), list[bool]()
        for pairing in dict.fromkeys((best.pairing, *islice(self._pairings, numbers.pairings - 1))):
            start, begun = self._likely(pairing, best.problem)
            losses.append(begun.loss)
            starts.append(start)
            lines.append(begun.seed in LINES)
        if not best.descent.loss > numbers.arrived * min(losses):
            starts.append(best.descent.assembly)
        floor = reachable(self.puzzle, best.descent.assembly)
        setting = self.available.setting(self.puzzle, best.problem.rows, unjudged(starts), floor)
        own: dict[str, Any] = {"known_pairs": self._known_pairs, "from_line": lines[0]}
        if not (lines[0] and self.puzzle.blocks >= numbers.deep and self._nearly_known(best)):
            return self.available.taking_turns(setting, {"relaxation": own})
        if not self._known_pairs:
            own |= {"known_pairs": True, "known_cycles": 1}
        if (along := self.config.given("beams", Beams()).along(setting)) is None:
            return self.available.taking_turns(setting, {"relaxation": own})
        turns = "exchange_regression", "relaxation", *[FOLLOWING] * along["rounds"], "relaxation", "reannealing"
        return self.available.taking_turns(setting, {"relaxation": own, FOLLOWING: along}, turns=turns)

    def _fewer_blocks(self) -> Site | None:
        """Return the same without the blocks that the best answer is much better without, and with room for one."""
        best = min(self._own, key=lambda attempt: attempt.mse)
        share, answer = self.config.given("elimination", Elimination()).share, best.descent.assembly
        gone = superfluous_blocks(self.puzzle, answer, best.descent.loss, best.problem.rows, share)
        spare = max(gone, 0 if self._known_pairs else 1)
        if not spare:
            return None
        wide = padded(self.puzzle, spare)
        start = unjudged([wide.assembly(self.puzzle.permutation(answer))])
        setting = self.available.setting(wide, best.problem.rows, start, reachable(self.puzzle, answer))
        return self.available.taking_turns(setting, {}, ("elimination",) if gone else ())

    def _grown(self, ranks: str) -> Site | None:
        """Return a beam that is scored by probes, and methods that go on from what it finds.

        It may have most of the pairs where the weights know none: they are kept for a cycle.
        """
        numbers = self.config.given("beams", Beams())
        if self.turn // len(TURNS) + 1 < numbers.after:
            return None
        best = min(self._own, key=lambda attempt: attempt.mse)
        partner = best.pairing.partner.astype(np.int32)
        start = Assembly(np.arange(len(partner), dtype=np.int32), partner)
        floor = reachable(self.puzzle, best.descent.assembly)
        setting = self.available.setting(self.puzzle, best.problem.rows, unjudged([start]), floor)
        if (own := numbers.grown(setting, known=self._nearly_known(best), ranks=ranks)) is None:
            return None
        options = {"probe_beam": own, "relaxation": {"known_pairs": True, "known_cycles": 1, "from_line": True}}
        return self.available.taking_turns(setting, options, ("probe_beam",))

    def _nearly_known(self, attempt: Attempt) -> bool:
        """Return whether enough pairs of an attempt are certain to keep all of them for a while."""
        return attempt.pairing.certain >= self.config.given("beams", Beams()).known * self.puzzle.blocks

    def _likely(self, pairing: Pairing, problem: "engine.Problem") -> tuple[Assembly, Directed]:
        """Return the likely order of some pairs, and where it comes from."""
        paired = replace(paired_by(self.puzzle, pairing, self.config, self.run), placed=problem)
        with self.run.phase("seed"):
            begun = likely_order(paired, **initial_of(self.config).line)
        return paired.assembly(begun.order), begun

    @property
    def _own(self) -> list[Attempt]:
        """Attempts that run the puzzle's own blocks: one that was read anew may have null halves that it has not."""
        return [attempt for attempt in self.attempts if attempt.puzzle.blocks == self.puzzle.blocks]

    @property
    def _known_pairs(self) -> bool:
        return self.pairing is not None and self.pairing.certain == self.puzzle.blocks
