"""Host: the recipe. Read `solve` and you know how a puzzle is solved."""

from dataclasses import dataclass
from functools import partial

from jaxsolve import engine
from jaxsolve.attempts import AUTO, NONE, Attempt, Config, Start, attempts, first_start
from jaxsolve.certificate import Certificate, tolerance, with_neighbour
from jaxsolve.puzzle import Puzzle, mean_squared_error
from jaxsolve.run import OutOfTime, Run
from jaxsolve.search import Round, descend

__all__ = ["AUTO", "NONE", "Attempt", "Config", "Solution", "Start", "first_start", "solve"]


@dataclass(frozen=True, eq=False)
class Solution:
    """The best answer found, the evidence for it, and the way there."""

    status: str
    """``solved``, ``unsolved``, ``interrupted``, or ``lost`` where another process of the run has died."""
    attempt: Attempt
    """The attempt that led to the answer."""
    certificate: Certificate
    run: Run

    @property
    def rounds(self) -> list[Round]:
        """What the search did, round by round."""
        return self.attempt.descent.rounds

    @property
    def exchanged(self) -> int:
        """Blocks whose halves the search paired otherwise than the weights did."""
        ins, outs = self.attempt.descent.assembly
        return int((outs != self.attempt.pairing.partner[ins]).sum())

    @property
    def message(self) -> str:
        """What was found and what is proven, in one sentence."""
        if self.status == "solved":
            return f"Solved: {self.certificate.sentence}."
        seconds = f"{self.run.elapsed:.1f} s and {self.run.evaluations} evaluations"
        if self.status == "interrupted":
            return f"Interrupted after {seconds}; best so far: {self.certificate.sentence}."
        if self.status == "lost":
            return f"Another process of this run is gone after {seconds}; best so far: {self.certificate.sentence}."
        if self.run.elapsed > self.run.budget:
            return f"Not solved in the budget of {self.run.budget:g} s; best so far: {self.certificate.sentence}."
        return f"Not solved: every way allowed was tried in {seconds}; best: {self.certificate.sentence}."


def solve(puzzle: Puzzle, config: Config | None = None, run: Run | None = None, start: Start | None = None) -> Solution:
    """Reassemble a dropped network and prove the answer.

    Pairs come from the weights, first orders from seeds; the attempts with the best evidence are searched
    first, and each is judged in float64 over all rows, until one is the answer, the budget is spent or
    every way that the configuration allows has been tried.

    Parameters
    ----------
    puzzle
        The puzzle.
    config
        Methods, rows, budget and seed.
    run
        Counts and times the run; give one to watch it.
    start
        What `first_start` gives for this puzzle and configuration, if it is there already.

    Raises
    ------
    UsageError
        The configuration names a method that does not exist.
    KeyboardInterrupt
        Interrupted before there was a first answer.
    """
    config = config or Config()
    run = run or Run(budget=config.budget, memory=config.memory)
    run.measure = partial(mean_squared_error, puzzle) if config.trace else None
    tried: list[Attempt] = []
    status = "unsolved"
    try:
        for attempt in attempts(puzzle, config, run, tried, start):
            tried.append(attempt)
            if _search(puzzle, attempt, config, run):
                status = "solved"
                break
    except OutOfTime:
        pass
    except KeyboardInterrupt:
        if not tried:
            raise
        status = "interrupted"
    except engine.ProcessLost:
        if not tried:
            raise
        status = "lost"
    if tried[-1].certificate is None and tried[-1].judge(puzzle, config.sha256, run).solved:
        status = "solved"
    best = min(tried, key=lambda attempt: (not _is_solved(attempt), attempt.mse))
    certificate = best.certificate or best.judge(puzzle, config.sha256, run)
    if not run.stopped and (status == "solved" or (status == "unsolved" and run.elapsed < run.budget)):
        with run.phase("certify"):
            certificate = with_neighbour(puzzle, certificate)
    return Solution(status, best, certificate, run)


def _search(puzzle: Puzzle, attempt: Attempt, config: Config, run: Run) -> bool:
    """Search from one start; whether that solved the puzzle."""
    floor = tolerance(puzzle, attempt.descent.assembly)
    for stop in (floor, 0.0):
        with run.phase("search"):
            descend(attempt.problem, attempt.descent, attempt.search, run, floor=stop)
        if attempt.judge(puzzle, config.sha256, run).solved:
            return True
        if attempt.descent.loss > floor:
            return False
    return False


def _is_solved(attempt: Attempt) -> bool:
    return attempt.certificate is not None and attempt.certificate.solved
