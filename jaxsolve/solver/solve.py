"""Host: the recipe. Read `solve` and you know how a puzzle is solved."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from jaxsolve.certificate import information
from jaxsolve.ordering.norm_walk import assembly_along
from jaxsolve.puzzle import Assembly, Puzzle, conditioned, mean_squared_error, read_as
from jaxsolve.run import Outcome, Run
from jaxsolve.search.storing import blamed_on_storage
from jaxsolve.solver.acceptance import SINGLED_OUT, Judge, accepted, concluded_in_time, gaps, status_of
from jaxsolve.solver.activations import equally_good
from jaxsolve.solver.attempt import Attempt
from jaxsolve.solver.config import Config
from jaxsolve.solver.gates import gates_told
from jaxsolve.solver.initial import Start, first_start, told
from jaxsolve.solver.portfolio import Policy, Portfolio
from jaxsolve.solver.solution import Solution
from jaxsolve.solver.sounding import form_in_given_units
from jaxsolve.solver.storing import Reading, Stored, restored, stored


def solve(
    puzzle: Puzzle,
    config: Config | None = None,
    run: Run | None = None,
    first: Start | None = None,
    *,
    start: Assembly | None = None,
    resume: Stored | None = None,
    keep: Callable[[Stored], None] | None = None,
) -> Solution:
    """Reassemble a dropped network and prove the answer.

    Pairs come from the weights, first orders from seeds; the attempts with the best evidence are searched
    first, and each is judged in float64 over all rows, until one is the answer, the budget is spent or
    every way that the configuration allows has been tried. Where an answer fits the predictions much better in other
    units (an affine map of its outputs), they are taken for those, and it goes on from there.

    Parameters
    ----------
    puzzle
        The puzzle.
    config
        Methods, rows, budget and seed.
    run
        Counts and times the run; give one to watch it. One without a budget has that of the configuration.
    first
        What `first_start` gives for this puzzle and configuration, if it is there already.
    start
        An assembly to begin with; None: pairs and orders by the weights.
    resume
        What `keep` was given: go on from there, as if nothing had happened.
    keep
        Is given after each attempt what the run can be resumed from.

    Raises
    ------
    UsageError
        The configuration names a method that does not exist, or less memory than one row takes; or `resume` is of
        something else.
    OutOfMemoryError
        Memory ran out before there was an answer.
    """
    config = config or Config()
    run = run or Run(memory=config.memory)
    run.allow(config.budget)
    normed = puzzle.given.normed
    keep = keep if normed is None or normed.running else None  # norms that change places are not stored
    given, puzzle = puzzle.fingerprint if keep or resume else "", conditioned(puzzle)
    if not puzzle.given.gated and start is None:
        first, keep = None, None  # what others were made of gates as they come
        with run.stoppable() as outcome:
            puzzle, start, *_ = gates_told(puzzle, config, run)
        if outcome.status is not None:
            return _concluded(puzzle, config, run, None, outcome)
    puzzle = told(puzzle)
    if start is None and puzzle.given.normed is not None and puzzle.given.normed.walk:
        start = assembly_along(puzzle, puzzle.given.normed.walk)
    lacking = information(puzzle).lacking
    if lacking is not None and (config.sha256 or puzzle.expected_sha256) is None:
        return Solution("unidentifiable", None, None, run, puzzle, lacking=lacking, config=config)
    reading, judge = Reading(given, puzzle, start), None
    read = resume is not None
    with run.stoppable() as outcome:
        judge = _begun(reading, config, run, first)
        if resume is not None:
            judge = restored(resume, reading, judge, lambda: _begun(reading, config, run, None))
        while (hypothesis := judge.portfolio.select()) is not None:
            taken = run.evaluations
            with blamed_on_storage(read):
                attempt = hypothesis.advance()
            read = False
            if attempt is None:
                judge.portfolio.exhausted()
                continue
            judge.portfolio.prepare(hypothesis, attempt)
            settled = judge.settles(hypothesis, attempt)
            hypothesis.evaluations += run.evaluations - taken
            judge.portfolio.update(hypothesis, attempt)
            if judge.refit is not None:
                reading.refit(hypothesis.puzzle, judge.refit, judge.given)
                judge = _begun(reading, config, run, None, judge.refits + 1)
            elif not (attempt.certificate and attempt.certificate.solved) and reading.exchanged(attempt):
                judge = _begun(reading, config, run, None, judge.refits)
            elif settled:
                break
            if keep is not None:
                keep(stored(reading, judge))
    return _concluded(reading.puzzle, config, run, judge, outcome)


def _begun(reading: Reading, config: Config, run: Run, first: Start | None, refits: int = 0) -> Judge:
    """Return the judge of a portfolio of one hypothesis: the puzzle as it is read."""
    with run.phase("pair"):
        first = first or first_start(reading.puzzle, config)
    if first.units is not None and not reading.fits:
        form = form_in_given_units(reading.puzzle, first.units, first.assemblies, config, run)
        if form is None:
            reading.refit(reading.puzzle, first.units, reading.start)
        else:
            reading.puzzle = read_as(reading.puzzle, form)
            with run.phase("pair"):
                first = replace(first_start(reading.puzzle, config), units=None)
    policy = config.given("policy", Policy())
    return Judge(config, run, Portfolio.begun(policy, reading.puzzle, config, run, first, reading.start), refits=refits)


def _concluded(puzzle: Puzzle, config: Config, run: Run, judge: Judge | None, outcome: Outcome) -> Solution:
    """Judge the best attempt, and say what came of the run."""
    hypotheses = judge.portfolio.hypotheses if judge else []
    attempts = [attempt for one in hypotheses for attempt in one.attempts]
    known = next((one.pairing for one in hypotheses if one.pairing), None)
    if outcome.error is not None and known is None:
        raise outcome.error
    status = "unsolved" if outcome.status in (None, "out_of_time") else outcome.status
    if outcome.status is not None:
        attempts += [attempt for one in hypotheses for attempt in one.unfinished()]
    best = _best(attempts, config, run)
    if best is None:
        return Solution(status, None, None, run, puzzle, pairing=known, config=config)
    own, certificate = best.puzzle, best.certificate
    assert certificate is not None
    close = certificate.mse <= SINGLED_OUT * own.variance
    in_time = (run.elapsed < run.budget or certificate.settled or close) and not run.stopped
    with run.phase("certify"):
        certificate = concluded_in_time(own, certificate, run, in_time=in_time)
        settled = certificate.settled or accepted(certificate, config.tolerance)
        missing = gaps(own, certificate) if status == "unsolved" and not (settled or run.stopped) else ()
        fits = equally_good(own, certificate)
    if status in ("unsolved", "out_of_memory"):
        status = status_of(certificate, config, status)
    run.measure = partial(mean_squared_error, own) if config.trace else None
    losses = {one.puzzle.activation: one.mse for one in hypotheses if one.attempts}
    return Solution(status, best, certificate, run, own, missing, losses, fits, certificate.lacking, config=config)


def _best(attempts: list[Attempt], config: Config, run: Run) -> Attempt | None:
    """Return the best attempt, certified; None: there is none.

    Before, the best of those under each activation is judged that were not, unless an answer is known.
    """
    solved = any(attempt.settled for attempt in attempts)
    for activation in dict.fromkeys(attempt.puzzle.activation for attempt in attempts):
        own = [attempt for attempt in attempts if attempt.puzzle.activation == activation]
        waiting = [attempt for attempt in own if not attempt.judged]
        best = min(waiting, key=lambda attempt: np.nan_to_num(attempt.descent.loss, nan=np.inf), default=None)
        needed = len(waiting) == len(own)
        if best and (needed or (not solved and np.isfinite(best.descent.loss))):
            best.judge(config.sha256, run)
    known = [attempt for attempt in attempts if attempt.judged]
    best = min(known, key=lambda attempt: (not attempt.settled, attempt.mse), default=None)
    if best is not None and best.certificate is None:  # it was resumed
        best.judge(config.sha256, run)
    return best
