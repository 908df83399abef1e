"""Host: a joint search from a puzzle to a judged answer: what ``jaxsolve search`` and ``jaxsolve sweep`` run."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxsolve import engine
from jaxsolve.certificate import Certificate, certify, information, reachable
from jaxsolve.errors import UsageError, no_such
from jaxsolve.pairing import PAIRINGS, pair
from jaxsolve.puzzle import Assembly, Puzzle, check_sha256, conditioned, mean_squared_error, padded, read_as
from jaxsolve.puzzle.units import affine_fit, rescaled
from jaxsolve.run import Run
from jaxsolve.search import MOST_SEED, SOLVING, STATISTICS_ROWS, Pipeline, Population, Setting, stages_named, unjudged
from jaxsolve.search.elimination import Elimination, superfluous_blocks
from jaxsolve.solver.acceptance import ODD, SINGLED_OUT, concluded_in_time, outcome_words, status_of
from jaxsolve.solver.config import Config, check_budget, check_tolerance
from jaxsolve.solver.facts import Facts, facts_of, share_of
from jaxsolve.solver.guess import guess_activation
from jaxsolve.solver.initial import Initial, first_start
from jaxsolve.solver.next_step import NextStep, next_step
from jaxsolve.solver.notebook import card

ENDS = ("solved", "identified", "accepted")
"""Statuses of an answer that ends a search."""


@dataclass(frozen=True)
class JointConfig:
    """What to search with. Everything here but the budget decides what is found, and is stored with it."""

    method: str = SOLVING
    """Names of methods, joined by commas: each begins where the one before has ended."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the methods, as `stages_named` takes them."""
    rows: int | None = 1000
    """Compare candidates on the first so many rows; None: on all."""
    seed: int = 0
    """Start of all randomness."""
    pairing: str | None = None
    """Score that gives the pairs, so that only the order is searched; None: pairs are searched as well."""
    prior: str | None = None
    """Score whose pairs are preferred."""
    spare: int = 0
    """Null halves of either kind beyond those that a puzzle has: so many blocks may be left out."""
    sha256: str | None = None
    """The published hash of the answer, if known."""
    exact: bool = False
    """As `Config.exact`."""
    tolerance: float | None = None
    """As `Config.tolerance`."""
    budget: float = math.inf
    """As `Config.budget`; infinite: until all methods have come to their end."""

    def __post_init__(self) -> None:
        """Refuse what cannot be searched with; `UsageError` names the option."""
        if not isinstance(self.method, str):
            raise UsageError(f"method is {self.method!r}; expected names of methods, joined by commas")
        if self.rows is not None and not (isinstance(self.rows, int) and 1 <= self.rows < 1 << 63):
            raise UsageError(f"rows is {self.rows!r}; expected a whole number, at least 1")
        if not (isinstance(self.seed, int) and 0 <= self.seed <= MOST_SEED):
            raise UsageError(f"seed is {self.seed!r}; expected a whole number from 0 to {MOST_SEED}")
        if not (isinstance(self.spare, int) and 0 <= self.spare <= 10_000):
            raise UsageError(f"spare is {self.spare!r}; expected a whole number from 0 to 10000")
        for name in ("pairing", "prior"):
            if getattr(self, name) not in (None, *PAIRINGS):
                raise UsageError(no_such(name, getattr(self, name), PAIRINGS))
        check_tolerance(self.tolerance)
        check_budget(self.budget)
        if self.sha256 is not None:
            object.__setattr__(self, "sha256", check_sha256(self.sha256, "sha256"))

    @property
    def deciding(self) -> dict[str, Any]:
        """What decides what is found, as plain values: all but the budget."""
        own = {name: getattr(self, name) for name in SETTINGS}
        return own | {"options": dict(self.options)}


SETTINGS = tuple(one.name for one in fields(JointConfig) if one.name != "budget")
"""Names of what decides what is found."""


@dataclass(frozen=True, eq=False)
class JointSolution:
    """The best assembly that a joint search has found, judged on all rows."""

    status: str
    """As of a `Solution`; ``unsolved``: all stages came to their end; or ``out_of_time``."""
    certificate: Certificate | None
    """None: there was no whole network before the end."""
    pipeline: Pipeline
    config: JointConfig
    run: Run
    puzzle: Puzzle
    """As it was read in the end."""
    guessed: bool = False
    """Whether it was found while the activation was found out, before the search."""

    def __repr__(self) -> str:
        """Return status, puzzle and certificate, a line each."""
        return f"JointSolution({self.status} by {self.config.method},\n  {self.puzzle!r},\n  {self.certificate!r})"

    def _repr_html_(self) -> str:
        """Return what notebooks show: verdict, error, the curve of the search and the order."""
        curve = [(point.evaluations, point.loss) for point in self.pipeline.curve]
        return card(self.status, self.message, self.certificate, curve, self.run.work)

    @property
    def message(self) -> str:
        """What was found and what is proven, in one sentence."""
        certificate = self.certificate
        if self.status == "unidentifiable":
            lacking = information(self.puzzle).lacking if certificate is None else certificate.sentence
            return f"Unidentifiable: {lacking}."
        if certificate is not None and self.status == "solved":
            return f"Solved{self._by_guess}: {certificate.sentence}."
        if certificate is not None and self.status in ("identified", "accepted"):
            return f"{outcome_words(self.status, certificate, self.config)}{self._by_guess}: {certificate.sentence}."
        begun = {
            "unsolved": f"Not solved by {self.config.method}",
            "out_of_time": f"Not solved in {self.run.budget:g} s",
            "out_of_memory": "Not solved in the memory there is (fewer rows take less)",
            "interrupted": "Interrupted",
            "lost": "Another process of this run is gone",
        }[self.status]
        if certificate is None:
            return f"{begun}, before there was a whole network."
        return f"{begun}; best so far: {certificate.sentence}."

    def facts(self, **known: Any) -> Facts:
        """Return what speaks for a next step; `known` are other facts, by the names of the fields of `Facts`."""
        found: dict[str, Any] = {"command": "search", "rows": self.pipeline.setting.problem.rows}
        found |= {"spare": self.config.spare, "seed": self.config.seed}
        elites = self.pipeline.elites
        if self.certificate is not None and elites is not None:
            found["compared"] = share_of(self.pipeline.loss, self.puzzle)
            if self.status == "unsolved":
                rows, share = 256, Elimination().share  # a few rows say what a block is worth
                own = self.puzzle.assembly(self.certificate.permutation)
                found["superfluous"] = superfluous_blocks(self.puzzle, own, self.certificate.mse, rows, share)
        return facts_of(self.status, self.puzzle, self.certificate, self.run, **found | known)

    @property
    def next_step(self) -> NextStep | None:
        """What is most likely to help, by what the run has seen; None: it has ended well."""
        return next_step(self.facts(puzzle=self.puzzle.name))

    @property
    def _by_guess(self) -> str:
        return " while the activation was guessed" if self.guessed else ""


Stored = tuple[dict[str, Any], dict[str, NDArray[Any]]]


def joint_search(
    puzzle: Puzzle,
    config: JointConfig | None = None,
    run: Run | None = None,
    *,
    start: Assembly | None = None,
    resume: Stored | None = None,
    keep: Callable[[Stored], None] | None = None,
    devices: int | None = None,
) -> JointSolution:
    """Search for pairs and order together.

    Parameters
    ----------
    puzzle, config, run
        The puzzle, with the activation that it is read with; what to search with; and what counts, times and watches:
        a run without a budget has that of the configuration.
    start
        An assembly to begin from; None: each method has a beginning of its own.
    resume
        What `keep` was given: go on from there.
    keep
        Is given at first and after each step what the search can be resumed from.
    devices
        Devices of each process that candidates are spread over; None: all. What is found does not depend on it.

    Raises
    ------
    UsageError
        The configuration names something that does not exist, or `resume` is of something else.
    OutOfMemoryError
        Memory runs out before there is a whole network.
    """
    config, run = config or JointConfig(), run or Run()
    run.allow(config.budget)
    stages, fingerprint = stages_named(config.method, config.options), puzzle.fingerprint
    puzzle = _in_units(puzzle, config)
    if config.spare:
        puzzle, start = _with_spare(puzzle, config.spare, start)
    problem = engine.to_device(puzzle, config.rows, devices)
    engine.check_memory(problem, run.memory)
    partner = None if config.pairing is None else pair(puzzle, config.pairing).partner.astype(np.int32)
    prior = None if config.prior is None else -pair(puzzle, config.prior).standardised
    starts = None if start is None else unjudged([start])
    whole = engine.to_device(puzzle, STATISTICS_ROWS, devices)
    stay = np.arange(puzzle.blocks, dtype=np.int32)
    known = {"puzzle": puzzle, "floor": reachable(puzzle, Assembly(stay, stay))}
    pipeline = Pipeline(stages, Setting(problem, run, config.seed, starts, whole, partner, prior, **known))
    if _lacking(puzzle, config) is not None:
        return JointSolution("unidentifiable", None, pipeline, config, run, puzzle)
    begun = None if start is None else puzzle.permutation(start)
    asked = {"puzzle": fingerprint, "config": config.deciding, "start": begun}
    if resume is not None:
        stored, arrays = resume
        if stored.get("puzzle") != asked["puzzle"]:
            raise UsageError(f"what is to be resumed belongs to another puzzle than {puzzle.name}, or other rows of it")
        pipeline.restore(stored, arrays)

    def watch(pipeline: Pipeline) -> None:
        if keep is not None:
            meta, arrays = pipeline.stored()
            keep((asked | meta, arrays))

    if resume is None:
        watch(pipeline)
    with run.stoppable() as outcome:
        pipeline.drive(watch)
    if outcome.error is not None and pipeline.elites is None:
        raise outcome.error
    status = outcome.status or "unsolved"
    if pipeline.elites is None:
        return JointSolution(status, None, pipeline, config, run, puzzle)
    with run.phase("certify"):
        certificate = _judged(puzzle, pipeline.elites, config.sha256)
        puzzle, certificate = _concluded(puzzle, certificate, config, run)
    status = status_of(certificate, config, status)
    return JointSolution(status, certificate, pipeline, config, run, puzzle)


def guessed(
    puzzle: Puzzle, config: JointConfig, run: Run, devices: int | None = None
) -> tuple[Puzzle, JointSolution | None, list[tuple[str, float]]]:
    """Find out the activation of a puzzle, where nobody has said it, before a search, which has to keep to it.

    Returns
    -------
    The puzzle, read with the activation that lets the error fall; the solution, if the guess has found one, or if there
    is none to be found; and all activations that were tried with the errors that they came to, the lowest first.
    """
    stages = stages_named(config.method, config.options)

    def at_once(status: str, certificate: Certificate | None, puzzle: Puzzle) -> JointSolution:
        pipeline = Pipeline(stages, Setting(engine.to_device(puzzle, config.rows, devices), run, config.seed))
        return JointSolution(status, certificate, pipeline, config, run, puzzle, guessed=certificate is not None)

    if _lacking(puzzle, config) is not None:
        return puzzle, at_once("unidentifiable", None, conditioned(puzzle)), []
    if puzzle.activation_given:
        return puzzle, None, []
    searched = _in_units(puzzle, config)
    # a quarter of the budget and a minute at most: the search is what was asked for
    budget = min(run.budget, run.elapsed + min((run.budget - run.elapsed) / 4, 60.0))
    own = Run(budget, run.memory, started=run.started)
    own.watch = lambda progress: own.stop() if run.stopped else None
    with run.phase("search"):
        found = guess_activation(searched, own, devices)
    run.evaluations += own.evaluations
    best, ranked = found[0], [(one.activation, one.loss) for one in found]
    read = read_as(puzzle, best.activation)
    if best.assembly is None:
        return read, None, ranked
    whole = read_as(searched, best.activation)
    with run.phase("certify"):
        certificate = certify(whole, best.assembly, expected_sha256=config.sha256)
        if not certificate.exact and certificate.mse > SINGLED_OUT * certificate.variance:
            return read, None, ranked
        whole, certificate = _concluded(whole, certificate, config, run)
    status = status_of(certificate, config, "unsolved")
    if status not in ENDS:
        return read, None, ranked
    run.found(best.assembly, best.loss)
    return read, at_once(status, certificate, whole), ranked


def _lacking(puzzle: Puzzle, config: JointConfig) -> str | None:
    """Return why the data cannot tell answers apart, unless a hash can."""
    return None if config.sha256 or puzzle.expected_sha256 else information(puzzle).lacking


def _in_units(puzzle: Puzzle, config: JointConfig) -> Puzzle:
    """Return a puzzle in the units to search in: those of a first order, where an affine map is to be fitted."""
    puzzle = conditioned(puzzle)
    if puzzle.units.link != "affine":
        return puzzle
    fit = first_start(puzzle, Config(seed=config.seed)).units
    return puzzle if fit is None else rescaled(puzzle, fit)


def _concluded(puzzle: Puzzle, certificate: Certificate, config: JointConfig, run: Run) -> tuple[Puzzle, Certificate]:
    """Return the certificate of an answer with all that is worth knowing of it, in the units that it fits best."""
    in_time = not run.stopped
    known = puzzle.units.link == "affine"
    if not certificate.exact and (known or not puzzle.link_given):
        assembly = puzzle.assembly(certificate.permutation)
        fit = affine_fit(puzzle, assembly)
        odd = known or certificate.mse > ODD * certificate.variance
        if (
            odd
            and fit is not None
            and fit.mse < min(Initial().other_units * certificate.mse, ODD * certificate.variance)
        ):
            puzzle = rescaled(puzzle, fit)
            certificate = certify(puzzle, assembly, expected_sha256=config.sha256)
    return puzzle, concluded_in_time(puzzle, certificate, run, in_time=in_time)


def _with_spare(puzzle: Puzzle, spare: int, start: Assembly | None) -> tuple[Puzzle, Assembly | None]:
    """Return a puzzle with null halves more, and what to begin with there."""
    wide = padded(puzzle, spare)
    return wide, None if start is None else wide.assembly(puzzle.permutation(start))


def _judged(puzzle: Puzzle, elites: Population, sha256: str | None) -> Certificate:
    """Return the certificate of the assembly that is best on all rows, of the best few on those of the search."""
    few = [Assembly(*halves) for halves in zip(elites.ins[:8], elites.outs[:8], strict=True)]
    losses = [mean_squared_error(puzzle, assembly, np.float32) for assembly in few] if len(few) > 1 else [0.0]
    return certify(puzzle, few[int(np.nanargmin(losses)) if np.isfinite(losses).any() else 0], expected_sha256=sha256)
