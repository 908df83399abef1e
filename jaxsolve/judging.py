"""Host: whether an attempt has led to the answer: an exact one, or one that leaves nothing but noise."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from jaxsolve import engine
from jaxsolve.activation import Reading, in_doubt, puzzle_of, reread
from jaxsolve.attempts import Attempt
from jaxsolve.certificate import (
    Certificate,
    Evidence,
    Gap,
    Rival,
    find_gap,
    promising,
    reachable,
    twins,
    with_evidence,
    with_neighbour,
)
from jaxsolve.config import NONE, Config
from jaxsolve.puzzle import Assembly, Puzzle, mean_squared_error, running, unused
from jaxsolve.run import Run
from jaxsolve.search import begin, descend
from jaxsolve.telling import tell

FURTHER = 0.5
"""Share of the lowest error weighed so far below which another answer is weighed at once."""
CLOSE = 1e-3
"""Share of the variance of the predictions from which on a search is worth more evaluations than it was given."""
FOLLOWED = 2
"""Times that a rival which turns out to be better is followed, where the search itself gets no further."""
GAPS = 4
"""Halves without a partner whose places are looked for."""
GAP_ROWS = 800
"""Rows on which that is done: the time it takes grows as their third power."""


@dataclass(eq=False)
class Judge:
    """Searches from the starts of attempts, and judges where they end."""

    config: Config
    run: Run
    made: list[Reading]
    """All readings of the puzzle."""
    weighed: float = float("inf")
    """Lowest error of the answers weighed so far."""

    def settles(self, reading: Reading, attempt: Attempt) -> bool:
        """Search from one start, if it is to be searched from, and judge; return whether that solved the puzzle."""
        if attempt.search == NONE:
            tell(self.run, puzzle_of(reading, attempt), attempt)
            return False
        if self._search(puzzle_of(reading, attempt), attempt):
            return True
        while attempt.mse <= reading.best.mse:
            other = reread(reading, attempt, self.config, self.run, self.made)
            if other is None:
                break
            reading, attempt = other, other.tried[-1]
            if self._search(puzzle_of(reading, attempt), attempt):
                return True
        return self._leaves_noise(reading, attempt)

    def _search(self, puzzle: Puzzle, attempt: Attempt) -> bool:
        floor = reachable(puzzle, attempt.descent.assembly)
        tell(self.run, puzzle, attempt)
        self.run.measure = partial(mean_squared_error, puzzle) if self.config.trace else None
        for stop in (floor, 0.0):
            with self.run.phase("search"):
                descend(
                    attempt.problem,
                    attempt.descent,
                    attempt.search,
                    self.run,
                    floor=stop,
                    most=attempt.most,
                    near=CLOSE * float(puzzle.y.var()),
                )
            certificate = attempt.judge(puzzle, self.config.sha256, self.run)
            self.run.judged(certificate.mse, certificate.solved)
            if certificate.solved or attempt.descent.loss > floor:
                break
            rounded = certificate.tolerance < certificate.mse <= floor
            if rounded and self._weigh(puzzle, attempt).is_noise:
                break
        return attempt.certificate is not None and attempt.certificate.solved

    def _leaves_noise(self, reading: Reading, attempt: Attempt) -> bool:
        """Weigh the best answer so far; return whether noise is all that is left.

        That takes longer than to search, so that it is done where an answer is much better than the last one weighed,
        and where an attempt has found no better one; then better rivals are followed. It takes longer than a round,
        too: first orders wait for the rounds, those for the next as long as their error may fall, and what fits badly
        for other activations.
        """
        best = reading.best
        stuck = best is not attempt
        falling = np.isfinite(attempt.promise) and attempt.falls is not False
        if np.isfinite(attempt.most) or (falling and not stuck) or in_doubt(self.made):
            return False
        puzzle = puzzle_of(reading, best)
        for _ in range(1 + FOLLOWED * stuck):
            if not best.mse < min((1.0 if stuck else FURTHER) * self.weighed, promising(puzzle)):
                return False
            if np.isfinite(best.most):  # its search was cut short
                best.most = np.inf
                if self._search(puzzle, best):
                    return True
            rival = _better(self._weigh(puzzle, best))
            if best.certificate is not None and best.certificate.solved:
                return True
            if rival is None or not stuck:
                return False
            best = self._followed(puzzle, best, rival)
            reading.tried.append(best)
            if self._search(puzzle, best):
                return True
        return False

    def _weigh(self, puzzle: Puzzle, attempt: Attempt) -> Evidence:
        """Return the evidence for where an attempt has come to, and add it to its certificate."""
        check = partial(self.run.spend, 0)
        check()
        certificate = attempt.certificate or attempt.judge(puzzle, self.config.sha256, self.run)
        if certificate.evidence is None:
            with self.run.phase("certify"):
                certificate = with_evidence(puzzle, certificate, check)
        attempt.certificate = certificate
        self.weighed = min(self.weighed, certificate.mse)
        assert certificate.evidence is not None
        return certificate.evidence

    def _followed(self, puzzle: Puzzle, attempt: Attempt, rival: Rival) -> Attempt:
        """Return an attempt that begins from a rival, on more rows where those of the search do not prefer it."""
        problem, before = attempt.problem, attempt.descent
        with self.run.phase("seed"):
            descent = begin(problem, rival.assembly, self.run, before.rounds)
            if not descent.loss < before.loss and problem.rows < puzzle.rows:
                problem = engine.place(puzzle, 4 * problem.rows, self.config.devices)
                descent = begin(problem, rival.assembly, self.run, before.rounds)
        search = "joint_shortlisted" if self.config.search == "auto" else attempt.search
        return replace(attempt, problem=problem, descent=descent, search=search, certificate=None)


def concluded(puzzle: Puzzle, certificate: Certificate, *, in_time: bool) -> Certificate:
    """Return a certificate with what is worth knowing of it: the closest neighbour, and equally good answers.

    Without time, what an answer leaves is looked at only where that costs nothing: because it is far too much.
    """
    certificate = with_neighbour(puzzle, certificate) if in_time else certificate
    if certificate.evidence is not None:
        return certificate
    alone, _ = running(puzzle, certificate.permutation)
    rival = certificate.neighbour
    tied = rival is not None and rival.mse <= max(certificate.tolerance, certificate.mse)
    far = not certificate.mse <= promising(puzzle)
    if far or (in_time and certificate.solved and (tied or twins(alone))):
        return with_evidence(puzzle, certificate)
    return certificate


def gaps(puzzle: Puzzle, certificate: Certificate) -> tuple[Gap, ...]:
    """Return where blocks of which one half is left over would explain most of what the best answer leaves."""
    left = unused(puzzle, certificate.permutation)
    ins, outs = puzzle.halves(certificate.permutation)
    sample = puzzle.first_rows(GAP_ROWS)
    found = []
    for piece in left[:GAPS]:
        kind = "in" if piece in puzzle.in_ids else "out"
        row = int(np.flatnonzero((puzzle.in_ids if kind == "in" else puzzle.out_ids) == piece)[0])
        found.append(find_gap(sample, Assembly(ins, outs), kind, row))
    return tuple(found)


def _better(evidence: Evidence) -> Rival | None:
    rival = evidence.best_rival
    return rival if rival is not None and rival.difference < -evidence.rounding else None
