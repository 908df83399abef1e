"""Host: which hypothesis gets the next attempt: the policy that shares the time of a run.

An algorithm portfolio (Gomes & Selman 2001, https://doi.org/10.1016/S0004-3702(00)00081-3) whose arms are hypotheses:
activations, where nobody has said which it is. It is said in five sentences. The puzzle as it is read comes first, as
long as it gets further, or has a line to follow. Then the hypothesis that fits best, if another one does. Then each
other activation is sounded, those first that fit the first orders best. From then on the next attempt is made under the
one whose error fell furthest for what it took: of mixtures, for single assemblies are bad under the right one, too, as
long as they are wrong. Norms and blocks that begin with an activation are sounded after some of these, if none fits;
before anything else where first orders fit them far better.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from jaxsolve.architecture import bare, same, unusual
from jaxsolve.ordering import LINES
from jaxsolve.puzzle import Assembly, Puzzle, read_as
from jaxsolve.puzzle.padding import distinct_forms
from jaxsolve.run import Run
from jaxsolve.solver.activations import akin, rank_activations, telling_forms
from jaxsolve.solver.attempt import Attempt
from jaxsolve.solver.config import AUTO, NONE, Config
from jaxsolve.solver.hypothesis import SCALED, Hypothesis
from jaxsolve.solver.initial import Start
from jaxsolve.solver.scales import Scaled, scaled_form
from jaxsolve.solver.sounding import OPENED, sounded


@dataclass(frozen=True)
class Policy:
    """Numbers by which hypotheses share the time."""

    patience: int = 2
    """Attempts that get no further under the first hypothesis before others are tried.

    Two are made under each of those: first orders, and a round that tells what may come of more of them.
    """
    further: float = 0.7
    """Share of the lowest error so far below which an attempt gets further."""
    fitting: float = 0.02
    """Share of the variance that mixtures leave at most where they are believed to the end of their cycle.

    Under another activation than the right one they hardly come to that.
    """
    certain: float = 1e-3
    """Share of the variance that they leave at most where they are believed beyond it."""
    clearly: float = 0.5
    """Share of the lowest error under all others below which a hypothesis goes on."""
    close: float = 0.1
    """Share of the variance that first orders leave at most where another activation is tried at once."""
    usual_attempts: int = 5
    """Attempts under the best hypothesis of all usual ones before norms are tried, if none of them fits by then."""
    activations: int = 4
    """Activations that norms are tried with: those under which the error is lowest without them."""
    nearly: float = 0.95
    """Share of what first orders leave that they leave under another scale at most where that is searched later on."""
    rows: int = 400
    """Rows that tell which activation to try first."""
    telling_rows: int = 100
    """Rows that tell whether first orders fit an unusual form."""
    bad: float = 0.5
    """Share of the variance that they leave under usual forms at least where that is asked, and under it at most."""
    telling: float = 0.25
    """Share of the lowest error under usual forms that they leave under it at most."""
    told: int = 2
    """Unusual forms that are tried before anything else, at most."""
    exponent: float = 4.0
    """Power of the ratio of errors by which evaluations are shared in the end.

    A hypothesis whose error is k times as high gets one for k⁴ of the best.
    """


@dataclass
class Visit:
    """Attempts under one hypothesis, as long as they get further."""

    hypothesis: int
    patience: float
    lowest: float = np.inf
    """Error of its best attempt before the last one."""
    before: float = np.inf
    """Lowest promise of the other hypotheses when it began to be sounded."""
    attempts: int = 0
    elsewhere: bool = False
    """Whether the last attempt fits another activation clearly better."""


@dataclass(eq=False)
class Portfolio:
    """Hypotheses, and whose turn it is."""

    policy: Policy
    opened: Callable[[Puzzle, Assembly | None], Hypothesis]
    """Makes a hypothesis that begins with an assembly, if there is one."""
    hypotheses: list[Hypothesis]
    """The first is the puzzle as it is read."""
    first_orders: list[Assembly] = field(default_factory=list)
    """By which other activations are ranked."""
    stage: str = "first"
    """``told``, ``first``, ``best``, ``others`` or ``all``: the sentence of the policy that holds."""
    visit: Visit | None = None
    waiting: list[str] = field(default_factory=list)
    """Activations to be sounded, the likeliest first."""
    farther: bool = False
    """Whether unusual forms were waiting, too."""
    done: bool = False
    """Whether there is nothing left to try."""
    sound: Callable[[Puzzle], float | None] = lambda puzzle: None
    """Returns what a mixture of everything leaves of a puzzle; None: it has too many blocks for one."""
    scaled: Callable[..., Scaled | None] = lambda puzzle, assemblies, **bounds: None
    """Returns a form of another scale for which some assemblies speak, as `scaled_form` does."""
    starts: dict[str, Assembly] = field(default_factory=dict)
    """Assemblies that were found under forms to be tried."""
    refused: list[str] = field(default_factory=list)
    """Activations that sounded worse than others: they are tried after all."""

    def __post_init__(self) -> None:
        """Begin with the first hypothesis."""
        if self.stage == "first":
            self.visit = self.visit or Visit(0, self.policy.patience)

    @classmethod
    def begun(
        cls, policy: Policy, puzzle: Puzzle, config: Config, run: Run, first: Start, start: Assembly | None = None
    ) -> "Portfolio":
        """Return the portfolio of one hypothesis: a puzzle as it is read, with its first start, and an assembly."""
        opened = lambda puzzle, start: Hypothesis(puzzle, config, run, given=start, named=SCALED)
        orders = first.assemblies
        found = cls(policy, opened, [Hypothesis(puzzle, config, run, first, start)], orders)
        if AUTO in (config.order_seed, config.search):
            found.sound = lambda puzzle: sounded(puzzle, config, run)
            found.scaled = lambda puzzle, orders, **bounds: scaled_form(puzzle, orders, config, run, **bounds)
        if policy.patience and puzzle.blocks > 1:
            bounds = {"rows": policy.telling_rows, "bad": policy.bad, "clearly": policy.telling, "most": policy.told}
            forms = telling_forms(puzzle, orders, **bounds)
            found.waiting = [name for name, _ in forms]
            lowest = min((loss / puzzle.variance for _, loss in forms), default=policy.bad)
            found.add_scale(policy.bad, clearly=policy.clearly, most=lowest)
        if found.waiting:
            found.stage, found.visit = "told", None
        return found

    def select(self) -> Hypothesis | None:
        """Return the hypothesis that gets the next attempt; None: every way was tried."""
        if self.stage == "all" and self._looks_farther():
            self.stage, self.waiting, self.farther = "others", [*self._unusual(), *self.refused], True
        while self.visit is None and self.stage != "all":
            self._next_visit()
        if self.done:
            return None
        if self.visit is not None:
            return self.hypotheses[self.visit.hypothesis]
        share = lambda one: self.policy.exponent * np.log(one.promise) + np.log(1 + one.evaluations)
        with np.errstate(divide="ignore"):
            return min(self.hypotheses, key=share)

    @property
    def _first(self) -> Puzzle:
        return self.hypotheses[0].puzzle

    def _unusual(self) -> list[str]:
        """Return what is sounded where no usual form fits."""
        best = sorted(self.hypotheses, key=lambda one: one.promise)
        likely = list(dict.fromkeys(bare(one.puzzle.activation) for one in best))[: self.policy.activations]
        named = unusual(embeds=self._first.first is not None)
        each = [[name for name in named if bare(name) == one] for one in likely]
        by_kind = zip(*(names for names in each if names), strict=True)  # of some, none are usual
        return [name for some in by_kind for name in some]

    def add_scale(self, below: float, **asked: Any) -> None:
        """Let a form of another scale wait before all others, if there is one.

        Parameters
        ----------
        below
            Share of the variance that a short search leaves under it at most.
        asked
            What first orders have to leave under it, as `scaled_form` takes it.
        """
        found = self.scaled(self._first, self._whole_starts(), **asked)
        if found is None or found.loss > below * self._first.variance:
            return
        if found.form not in (one.puzzle.activation for one in self.hypotheses):
            self.waiting.insert(0, found.form)
            self.starts[found.form] = found.assembly

    def _whole_starts(self) -> list[Assembly]:
        """Return where attempts began that run all blocks: where blocks were left out there are null halves."""
        first = self.hypotheses[0]
        return [*self.first_orders, *(one.start for one in first.attempts if one.puzzle.blocks == first.puzzle.blocks)]

    def _looks_farther(self) -> bool:
        """Return whether it is time for norms, and for blocks that begin with an activation: nothing else fits."""
        if self.farther or self._first.activation_given:
            return False
        best = min(self.hypotheses, key=lambda one: one.promise)
        # a mixture of everything that has become no answer says which form is better, and not that one fits
        errors = [
            one.mse if one.order_seed == OPENED else one.promise for two in self.hypotheses for one in two.attempts
        ]
        lost = min(errors, default=np.inf) > self.policy.fitting * self._first.variance
        return lost and len(best.attempts) >= self.policy.usual_attempts

    def exhausted(self) -> None:
        """Hear that the hypothesis that was selected has no more attempts."""
        self.done = self.visit is None
        self.visit = None

    def prepare(self, hypothesis: Hypothesis, attempt: Attempt) -> None:
        """Take an attempt for one that is not worth a local search, where another activation is to be tried first."""
        visit = self.visit
        if visit is None:
            return
        visit.elsewhere = self._elsewhere(hypothesis, attempt)
        first = self.stage == "others" and not visit.attempts and hypothesis.config.search == AUTO
        if visit.elsewhere or first:
            attempt.search = NONE

    def update(self, hypothesis: Hypothesis, attempt: Attempt) -> None:
        """Hear what has come of an attempt."""
        if self.visit is not None and not self._goes_on(self.visit, hypothesis, attempt):
            self.visit = None

    def _goes_on(self, visit: Visit, hypothesis: Hypothesis, attempt: Attempt) -> bool:
        """Return whether the visit goes on after an attempt."""
        policy, promise = self.policy, hypothesis.promise
        visit.attempts += 1
        if self.stage == "first":
            lowest = min(one.promise for one in self.hypotheses)
            if visit.elsewhere or lowest < policy.clearly * promise:
                return False
        if self.stage == "others":
            sounded = not policy.patience or np.isfinite(attempt.relaxed_loss)
            if sounded and not promise < policy.clearly * visit.before:
                return False
        last, mse = hypothesis.attempts[-1], hypothesis.mse
        # of one round of mixtures it is not known whether they get further
        further = last.improving
        if further is None:
            further = last.search == NONE or mse < policy.further * visit.lowest
        share = policy.fitting if last.search == NONE else policy.certain
        fits = promise <= share * hypothesis.puzzle.variance
        visit.patience -= not (further or fits or last.order_seed in LINES)
        visit.lowest = mse
        return visit.patience > 0 or (self.stage == "first" and hypothesis.follows)

    def _next_visit(self) -> None:
        """Go on to the next visit, or the next stage."""
        first, policy, patience = self.hypotheses[0], self.policy, self.policy.patience
        if self.stage == "told":
            if self.waiting:
                self.add(self.waiting.pop(0))
                self.visit = Visit(len(self.hypotheses) - 1, patience)
            else:
                self.stage, self.visit = "first", Visit(0, patience)
        elif self.stage == "first":
            self.stage = "best"
            best = int(np.argmin([one.promise for one in self.hypotheses]))
            if best:  # an answer fits better under another activation, and is read with that
                self.visit = Visit(best, patience)
        elif self.stage == "best":
            self.stage = "others"
            if not first.puzzle.activation_given and first.attempts:
                ranked = rank_activations(first.puzzle, self._whole_starts(), self.policy.rows)
                self.waiting = [name for name, _ in ranked if same(name) == name]
                promise = min(one.promise for one in self.hypotheses) / first.puzzle.variance
                self.add_scale(policy.clearly * promise, clearly=policy.nearly, most=1.0, thorough=True)
        elif self.waiting:
            name = self.waiting.pop(0)
            before = min(one.promise for one in self.hypotheses)
            if name not in (one.puzzle.activation for one in self.hypotheses) and self._sounds(name, before):
                self.add(name)
                self.visit = Visit(len(self.hypotheses) - 1, 1 + patience, before=before)
        else:
            self.stage = "all"

    def _sounds(self, name: str, before: float) -> bool:
        """Return whether a mixture of everything fits a form clearly better than all others; or none is affordable."""
        error = None if name in (*self.refused, *self.starts) else self.sound(read_as(self._first, name))
        if error is None or error < self.policy.clearly * before:
            return True
        self.refused.append(name)
        return False

    def add(self, activation: str) -> Hypothesis:
        """Return a new hypothesis: the first one's puzzle read with another activation."""
        self.hypotheses.append(self.opened(read_as(self._first, activation), self.starts.get(activation)))
        return self.hypotheses[-1]

    def _elsewhere(self, hypothesis: Hypothesis, attempt: Attempt) -> bool:
        """Return whether an order from seriation, which follows no activation, fits another one clearly better."""
        puzzle = hypothesis.puzzle
        if self.stage != "first" or puzzle.activation_given or attempt.order_seed not in LINES:
            return False
        ranked = rank_activations(puzzle, [attempt.start], self.policy.rows)
        (name, lowest), own = ranked[0], dict(ranked)[puzzle.activation]
        least = min(self.policy.clearly * own, self.policy.close * puzzle.variance)
        return not akin(name, puzzle.activation) and lowest < least

    def in_doubt(self) -> bool:
        """Return whether the best answer may be bad for no other reason than its activation: others were not tried."""
        puzzle, best = self.hypotheses[0].puzzle, min(one.mse for one in self.hypotheses)
        heard = {one.puzzle.activation for one in self.hypotheses} | {*self.refused}
        left = {*distinct_forms(puzzle)} - heard
        return bool(left) and not puzzle.activation_given and best > self.policy.fitting * puzzle.variance

    def stored(self) -> dict[str, Any]:
        """Return what `restore` takes, the hypotheses apart, as plain values."""
        visit = None if self.visit is None else asdict(self.visit)
        lists = {"waiting": self.waiting, "refused": self.refused}
        lists |= {"starts": {name: [half.tolist() for half in one] for name, one in self.starts.items()}}
        return {"stage": self.stage, "visit": visit, "farther": self.farther} | lists

    def restore(self, meta: dict[str, Any]) -> None:
        """Go back to where a portfolio of the same hypotheses was stored."""
        self.stage, self.waiting = str(meta["stage"]), [str(name) for name in meta["waiting"]]
        self.visit = None if meta["visit"] is None else Visit(**meta["visit"])
        self.farther = bool(meta.get("farther", False))
        self.refused = [str(name) for name in meta.get("refused", [])]
