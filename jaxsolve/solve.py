"""Host: the recipe. Read `solve` and you know how a puzzle is solved."""

from bisect import bisect_left
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from jaxsolve import engine
from jaxsolve.activation import Reading, equally_good, puzzle_of, readings
from jaxsolve.attempts import Attempt
from jaxsolve.certificate import Certificate, Gap
from jaxsolve.config import AUTO, NONE, Config
from jaxsolve.errors import OutOfMemoryError
from jaxsolve.judging import Judge, concluded, gaps
from jaxsolve.puzzle import Puzzle, mean_squared_error, unused
from jaxsolve.run import OutOfTime, Run
from jaxsolve.search import Round
from jaxsolve.starts import Start, first_start

TELLING = 0.5
"""Share of what is left that a block has to explain for its place to be called a gap."""

__all__ = ["AUTO", "NONE", "Attempt", "Config", "Solution", "Start", "first_start", "solve"]


@dataclass(frozen=True, eq=False)
class Solution:
    """The best answer found, the evidence for it, and the way there."""

    status: str
    """``solved``, ``unsolved``, ``out_of_memory``, ``interrupted``, or ``lost`` where another process of the run has
    died."""
    attempt: Attempt
    """The attempt that led to the answer."""
    certificate: Certificate
    run: Run
    puzzle: Puzzle
    """The puzzle as it was read in the end: with which activation, and how many null halves."""
    missing: tuple[Gap, ...] = ()
    """Of an answer that does not solve the puzzle: where blocks of the halves left over would explain most."""
    readings: dict[str, float] = field(default_factory=dict)
    """Lowest mean squared error over all rows under each activation that was tried."""
    alike_activations: dict[str, float] = field(default_factory=dict)
    """Other activations under which the answer fits about as well, with their errors; where nobody said which it is."""

    @property
    def rounds(self) -> list[Round]:
        """What the search did, round by round."""
        return self.attempt.descent.rounds

    @property
    def exchanged(self) -> int:
        """Blocks of the answer whose halves the search paired otherwise than the score did."""
        ins, outs = self.puzzle.halves(self.certificate.permutation)
        return int((outs != self.attempt.pairing.partner[ins]).sum())

    @property
    def moved(self) -> int:
        """Blocks of the answer that the search put elsewhere: those not in the longest series that kept its order."""
        ids = [self.puzzle.permutation(self.attempt.start)[:-1:2], self.certificate.permutation[:-1:2]]
        before = {piece: place for place, piece in enumerate(ids[0])}
        ends: list[int] = []
        for place in (before[piece] for piece in ids[1] if piece in before):
            at = bisect_left(ends, place)
            ends[at : at + 1] = [place]
        return len(ids[1]) - len(ends)

    @property
    def unused(self) -> list[int]:
        """Ids of the pieces that the answer leaves out."""
        return unused(self.puzzle, self.certificate.permutation)

    @property
    def unfilled(self) -> tuple[Gap, ...]:
        """Of the gaps, those where a block would explain most of what the answer leaves."""
        return tuple(gap for gap in self.missing if gap.gains.max() >= TELLING)

    @property
    def message(self) -> str:
        """What was found and what is proven, in one sentence."""
        if self.status == "solved":
            left = f"; {_pieces(self.unused)} to no block" if self.unused else ""
            return f"Solved: {self.certificate.sentence}{left}."
        seconds = f"{self.run.elapsed:.1f} s and {self.run.evaluations} evaluations"
        begun = {
            "out_of_memory": f"Not solved in the memory there is (fewer rows take less), after {seconds}; best so far",
            "interrupted": f"Interrupted after {seconds}; best so far",
            "lost": f"Another process of this run is gone after {seconds}; best so far",
        }.get(self.status)
        if begun is None:
            spent = self.run.elapsed > self.run.budget
            begun = f"Not solved: every way allowed was tried in {seconds}; best"
            begun = f"Not solved in the budget of {self.run.budget:g} s; best so far" if spent else begun
        holes = "".join(f"; {gap.sentence}" for gap in self.unfilled)
        partial = "; this is the best answer without what is missing" if holes else ""
        return f"{begun}: {self.certificate.sentence}{holes}{partial}."


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
    OutOfMemoryError
        Memory ran out before there was one.
    """
    config = config or Config()
    run = run or Run(budget=config.budget, memory=config.memory)
    made: list[Reading] = []
    judge, status = Judge(config, run, made), "unsolved"
    try:
        with engine.watched():
            for reading, attempt in readings(puzzle, config, run, start, made):
                reading.tried.append(attempt)
                if judge.settles(reading, attempt):
                    status = "solved"
                    break
    except OutOfTime:
        pass
    except OutOfMemoryError:
        if not any(reading.tried for reading in made):
            raise
        status = "out_of_memory"
    except KeyboardInterrupt:
        if not any(reading.tried for reading in made):
            raise
        status = "interrupted"
    except engine.ProcessLost:
        if not any(reading.tried for reading in made):
            raise
        status = "lost"
    reading, best = _best(made, config, run)
    own, certificate = puzzle_of(reading, best), best.certificate
    assert certificate is not None
    in_time = run.elapsed < run.budget or status == "solved"
    with run.phase("certify"):
        certificate = concluded(own, certificate, in_time=in_time and not run.stopped)
        missing = gaps(own, certificate) if status == "unsolved" and not (certificate.solved or run.stopped) else ()
        fits = equally_good(own, certificate)
    if certificate.solved and status in ("unsolved", "out_of_memory"):
        status = "solved"
    run.measure = partial(mean_squared_error, own) if config.trace else None
    losses = {one.puzzle.activation: one.best.mse for one in made}
    return Solution(status, best, certificate, run, own, missing, losses, fits)


def _best(made: list[Reading], config: Config, run: Run) -> tuple[Reading, Attempt]:
    """Return the best attempt. Before, the best of those of a reading is judged that were not, unless one is known."""
    solved = any(_is_solved(attempt) for reading in made for attempt in reading.tried)
    for reading in made:
        unjudged = [attempt for attempt in reading.tried if attempt.certificate is None]
        best = min(unjudged, key=lambda attempt: np.nan_to_num(attempt.descent.loss, nan=np.inf), default=None)
        needed = len(unjudged) == len(reading.tried)
        if best and (needed or (not solved and np.isfinite(best.descent.loss))):
            best.judge(puzzle_of(reading, best), config.sha256, run)
    every = [(reading, attempt) for reading in made for attempt in reading.tried]
    known = [(reading, attempt) for reading, attempt in every if attempt.certificate is not None]
    return min(known, key=lambda one: (not _is_solved(one[1]), one[1].mse))


def _is_solved(attempt: Attempt) -> bool:
    return attempt.certificate is not None and attempt.certificate.solved


def _pieces(ids: list[int]) -> str:
    return f"piece{'' if len(ids) == 1 else 's'} {', '.join(map(str, ids))} belong{'s' if len(ids) == 1 else ''}"
