"""Host: the recipe. Read `solve` and you know how a puzzle is solved."""

from bisect import bisect_left
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from jaxsolve import backend
from jaxsolve.activation import Reading, equally_good, puzzle_of, readings
from jaxsolve.attempts import Attempt
from jaxsolve.certificate import Certificate, Gap, information
from jaxsolve.config import AUTO, NONE, Config
from jaxsolve.errors import OutOfMemoryError
from jaxsolve.judging import SINGLED_OUT, Judge, accepted, concluded_in_time, gaps, outcome_words, status_of
from jaxsolve.pairing import Pairing
from jaxsolve.puzzle import Puzzle, conditioned, mean_squared_error, unused
from jaxsolve.puzzle.units import rescaled
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
    """``solved``, ``identified``, ``accepted`` (as good as the user asked for, and not proven), ``unidentifiable``,
    ``unsolved``, ``out_of_memory``, ``interrupted``, or ``lost`` where another process of the run has died."""
    attempt: Attempt | None
    """The attempt that led to the answer; None: there is no answer."""
    certificate: Certificate | None
    """None: there is no answer, for a run that ended before there was a whole network, or with no use in one."""
    run: Run
    puzzle: Puzzle
    """The puzzle as it was read in the end: with which activation, in which units, and how many null halves."""
    missing: tuple[Gap, ...] = ()
    """Of an answer that does not solve the puzzle: where blocks of the halves left over would explain most."""
    readings: dict[str, float] = field(default_factory=dict)
    """Lowest mean squared error over all rows under each activation that was tried."""
    alike_activations: dict[str, float] = field(default_factory=dict)
    """Other activations under which the answer fits about as well, with their errors; where nobody said which it is."""
    lacking: str | None = None
    """Why the data cannot tell answers apart, in words; None: they can."""
    pairing: Pairing | None = None
    """The pairs that a run without an answer has come to, if it has come to any."""
    config: Config = field(default_factory=Config)

    def __repr__(self) -> str:
        """Return status, puzzle and certificate, a line each."""
        return f"Solution({self.status},\n  {self.puzzle!r},\n  {self.certificate!r})"

    @property
    def rounds(self) -> list[Round]:
        """What the search did, round by round."""
        return self.attempt.descent.rounds if self.attempt else []

    @property
    def exchanged(self) -> int:
        """Blocks of the answer whose halves the search paired otherwise than the score did."""
        if self.attempt is None or self.certificate is None:
            return 0
        ins, outs = self.puzzle.halves(self.certificate.permutation)
        return int((outs != self.attempt.pairing.partner[ins]).sum())

    @property
    def moved(self) -> int:
        """Blocks of the answer that the search put elsewhere: those not in the longest series that kept its order."""
        if self.attempt is None or self.certificate is None:
            return 0
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
        return [] if self.certificate is None else unused(self.puzzle, self.certificate.permutation)

    @property
    def unfilled(self) -> tuple[Gap, ...]:
        """Of the gaps, those where a block would explain most of what the answer leaves."""
        return tuple(gap for gap in self.missing if gap.gains.max() >= TELLING)

    @property
    def message(self) -> str:
        """What was found and what is proven, in one sentence."""
        if self.lacking is not None and self.status in ("unidentifiable", "unsolved"):
            return f"Unidentifiable: {self.lacking}."
        left = f"; {_pieces(self.unused)} to no block" if self.unused else ""
        if self.certificate is not None:
            told = f"{self.certificate.sentence}{left}."
            if self.status == "solved":
                return f"Solved: {told}"
            if self.status in ("identified", "accepted"):
                return f"{outcome_words(self.status, self.certificate, self.config)}: {told}"
        seconds = f"{self.run.elapsed:.1f} s and {self.run.evaluations} evaluations"
        begun = {
            "out_of_memory": f"Not solved in the memory there is (fewer rows take less), after {seconds}",
            "interrupted": f"Interrupted after {seconds}",
            "lost": f"Another process of this run is gone after {seconds}",
        }.get(self.status)
        if begun is None:
            spent = self.run.elapsed > self.run.budget
            begun = f"Not solved: every way allowed was tried in {seconds}"
            begun = f"Not solved in the budget of {self.run.budget:g} s" if spent else begun
        if self.certificate is None:
            have = "" if self.pairing is None else f"; {self.pairing.sentence}, but no order"
            return f"{begun}, before there was a whole network{have}."
        holes = "".join(f"; {gap.sentence}" for gap in self.unfilled)
        partial = "; this is the best answer without what is missing" if holes else ""
        return f"{begun}; best so far: {self.certificate.sentence}{holes}{partial}."


def solve(puzzle: Puzzle, config: Config | None = None, run: Run | None = None, start: Start | None = None) -> Solution:
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
        Counts and times the run; give one to watch it.
    start
        What `first_start` gives for this puzzle and configuration, if it is there already.

    Raises
    ------
    UsageError
        The configuration names a method that does not exist, or less memory than one row takes.
    OutOfMemoryError
        Memory ran out before there was an answer.
    """
    config = config or Config()
    run = run or Run(budget=config.budget, memory=config.memory)
    puzzle = conditioned(puzzle)
    lacking = information(puzzle).lacking
    if lacking is not None and (config.sha256 or puzzle.expected_sha256) is None:
        return Solution("unidentifiable", None, None, run, puzzle, lacking=lacking, config=config)
    judge, status = Judge(config, run, []), "unsolved"
    try:
        with backend.watched():
            status = _search(puzzle, config, run, start, judge)
    except OutOfTime:
        pass
    except OutOfMemoryError:
        if not judge.found:
            raise
        status = "out_of_memory"
    except KeyboardInterrupt:
        status = "interrupted"
    except backend.ProcessLost:
        status = "lost"
    return _concluded(puzzle, config, run, judge, status)


def _search(puzzle: Puzzle, config: Config, run: Run, start: Start | None, judge: Judge) -> str:
    """Make attempts until one settles the puzzle, each time anew where its units turn out to be others."""
    begin_with = None
    with run.phase("pair"):
        start = start or first_start(puzzle, config)
    if start.units is not None:
        puzzle = rescaled(puzzle, start.units)
    while True:
        for reading, attempt in readings(puzzle, config, run, start, judge.made, begin_with=begin_with):
            reading.tried.append(attempt)
            if judge.settles(reading, attempt):
                break
        else:
            return "unsolved"
        if judge.refit is None:
            return "solved"
        puzzle, begin_with, start = rescaled(reading.puzzle, judge.refit), judge.begin, None
        judge.begin_anew()


def _concluded(puzzle: Puzzle, config: Config, run: Run, judge: Judge, status: str) -> Solution:
    """Judge the best attempt, and say what came of the run."""
    made = judge.made
    best = _best(made, config, run)
    if best is None:
        blank = next((attempt for reading in made for attempt in reading.tried), None)
        return Solution(status, None, None, run, puzzle, pairing=blank and blank.pairing, config=config)
    reading, attempt = best
    own, certificate = puzzle_of(reading, attempt), attempt.certificate
    assert certificate is not None
    close = certificate.mse <= SINGLED_OUT * float(np.var(own.y))
    in_time = (run.elapsed < run.budget or certificate.settled or close) and not run.stopped
    with run.phase("certify"):
        certificate = concluded_in_time(own, certificate, run, in_time=in_time)
        settled = certificate.settled or accepted(certificate, config.tolerance)
        missing = gaps(own, certificate) if status == "unsolved" and not (settled or run.stopped) else ()
        fits = equally_good(own, certificate)
    if status in ("solved", "unsolved", "out_of_memory"):
        status = status_of(certificate, config, status)
    run.measure = partial(mean_squared_error, own) if config.trace else None
    losses = {one.puzzle.activation: one.best.mse for one in made if one.tried}
    return Solution(status, attempt, certificate, run, own, missing, losses, fits, certificate.lacking, config=config)


def _best(made: list[Reading], config: Config, run: Run) -> tuple[Reading, Attempt] | None:
    """Return the best attempt; None: there is no whole network.

    Before, the best of those of a reading is judged that were not, unless one is known.
    """
    real = lambda reading: [attempt for attempt in reading.tried if attempt.order_seed != NONE]
    solved = any(_is_settled(attempt) for reading in made for attempt in reading.tried)
    for reading in made:
        unjudged = [attempt for attempt in real(reading) if attempt.certificate is None]
        best = min(unjudged, key=lambda attempt: np.nan_to_num(attempt.descent.loss, nan=np.inf), default=None)
        needed = len(unjudged) == len(real(reading))
        if best and (needed or (not solved and np.isfinite(best.descent.loss))):
            best.judge(puzzle_of(reading, best), config.sha256, run)
    every = [(reading, attempt) for reading in made for attempt in real(reading)]
    known = [(reading, attempt) for reading, attempt in every if attempt.certificate is not None]
    return min(known, key=lambda one: (not _is_settled(one[1]), one[1].mse), default=None)


def _is_settled(attempt: Attempt) -> bool:
    return attempt.certificate is not None and attempt.certificate.settled


def _pieces(ids: list[int]) -> str:
    return f"piece{'' if len(ids) == 1 else 's'} {', '.join(map(str, ids))} belong{'s' if len(ids) == 1 else ''}"
