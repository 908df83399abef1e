"""Host: whether an attempt has led to the answer: an exact one, one that leaves noise, or one that is identified."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np

from jaxsolve import engine
from jaxsolve.activation import Reading, in_doubt, puzzle_of, reread
from jaxsolve.attempts import Attempt
from jaxsolve.certificate import (
    Certificate,
    Evidence,
    Gap,
    Rival,
    concluded,
    find_gap,
    promising,
    reachable,
    with_evidence,
)
from jaxsolve.config import NONE, Config
from jaxsolve.puzzle import Assembly, Puzzle, mean_squared_error, unused
from jaxsolve.puzzle.units import AffineFit, affine_fit, matched
from jaxsolve.run import OutOfTime, Run
from jaxsolve.search import begin, descend
from jaxsolve.starts import CORRELATED, OTHER_UNITS
from jaxsolve.telling import tell

FURTHER = 0.5
"""Share of the lowest error weighed so far below which another answer is weighed at once."""
CLOSE = 1e-3
"""Share of the variance of the predictions from which on a search is worth more evaluations than it was given."""
SINGLED_OUT = 0.02
"""Share of the variance of the predictions up to which an answer is weighed at once: it may be identified."""
FOLLOWED = 2
"""Times that a rival which turns out to be better is followed, where the search itself gets no further."""
REFITS = 12
"""Times at most that the units of a table are fitted anew: each time they are nearer."""
REFITTED = 0.9
"""Share of an answer's error below which an affine map that is known to be there is fitted anew."""
ODD = 0.01
"""Share of the variance of the predictions that an answer leaves at least where its units are asked about: what leaves
less has the right ones, whatever else is wrong."""
GAPS = 4
"""Halves without a partner whose places are looked for."""
GAP_ROWS = 800
"""Rows on which that is done: the time it takes grows as their third power."""


class Asked(Protocol):
    """What a user asks of an answer."""

    @property
    def exact(self) -> bool:
        """As `Config.exact`."""
        ...

    @property
    def tolerance(self) -> float | None:
        """As `Config.tolerance`."""
        ...


@dataclass(eq=False)
class Judge:
    """Searches from the starts of attempts, and judges where they end."""

    config: Config
    run: Run
    made: list[Reading]
    """All readings of the puzzle."""
    weighed: float = float("inf")
    """Lowest error of the answers weighed so far."""
    refit: AffineFit | None = None
    """Affine map under which the last answer fits much better than as it is: the units are others."""
    refits: int = 0
    """Times that the units have turned out to be others."""
    begin: Assembly | None = None
    """That answer, to begin with in those units."""

    @property
    def found(self) -> bool:
        """Whether there is anything to show: pairs at least."""
        return any(reading.tried for reading in self.made)

    def begin_anew(self) -> None:
        """Forget all readings of the puzzle: its units are others."""
        self.made.clear()
        self.refits += 1
        self.weighed, self.refit, self.begin = np.inf, None, None

    def settles(self, reading: Reading, attempt: Attempt) -> bool:
        """Search from one start, if it is to be searched from, and judge; return whether that solved the puzzle."""
        if attempt.search == NONE:
            tell(self.run, puzzle_of(reading, attempt), attempt)
            return False
        puzzle = puzzle_of(reading, attempt)
        if self._search(puzzle, attempt) or self._other_units(puzzle, attempt):
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
            self.run.judged(certificate.told(certificate.mse), certificate.solved)
            if self._enough(certificate) or attempt.descent.loss > floor:
                break
            rounded = certificate.tolerance < certificate.mse <= floor
            if rounded and self._weigh(puzzle, attempt).reproduced:
                break
        return attempt.certificate is not None and self._enough(attempt.certificate)

    def _enough(self, certificate: Certificate) -> bool:
        """Return whether there is nothing better to be looked for: it is settled, or as good as the user asked for."""
        return certificate.settled or accepted(certificate, self.config.tolerance)

    def _other_units(self, puzzle: Puzzle, attempt: Attempt) -> bool:
        """Return whether an answer, not yet known to be right, fits an affine map of its outputs much better."""
        if puzzle.link_given and puzzle.units.link != "affine":
            return False
        if self.refits >= REFITS:
            return False
        assembly, variance = attempt.descent.assembly, float(np.var(puzzle.y))
        fit, known = affine_fit(puzzle, assembly), puzzle.units.link == "affine"
        if fit is None or fit.mse > CORRELATED * variance:
            return False
        if fit.mse < (REFITTED if known else OTHER_UNITS) * attempt.mse and (known or attempt.mse > ODD * variance):
            self.refit = fit if fit.mse < ODD * variance else matched(puzzle, assembly)[0]
            self.begin = assembly
        return self.refit is not None

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
        puzzle = puzzle_of(reading, best)
        close = best.mse <= SINGLED_OUT * float(np.var(puzzle.y))
        if not close and (np.isfinite(attempt.most) or (falling and not stuck) or in_doubt(self.made)):
            return False
        for _ in range(1 + FOLLOWED * stuck):
            if not best.mse < min((1.0 if stuck else FURTHER) * self.weighed, promising(puzzle)):
                return False
            if np.isfinite(best.most):  # its search was cut short
                best.most = np.inf
                if self._search(puzzle, best):
                    return True
            rival = _better(self._weigh(puzzle, best))
            if best.certificate is not None and self._enough(best.certificate):
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


def accepted(certificate: Certificate, tolerance: float | None) -> bool:
    """Return whether an answer accounts for as much of the variance as a user calls good enough."""
    return tolerance is not None and certificate.lacking is None and certificate.r2 >= tolerance


def concluded_in_time(puzzle: Puzzle, certificate: Certificate, run: Run, *, in_time: bool) -> Certificate:
    """Return what `concluded` does, or, where that takes longer than a run may, what it does without time."""
    try:
        return concluded(puzzle, certificate, in_time=in_time, check=run.overtime)
    except OutOfTime:
        return concluded(puzzle, certificate, in_time=False)


def outcome_words(status: str, certificate: Certificate, asked: Asked) -> str:
    """Return how a message begins that tells of an answer which is not proven to be the network itself."""
    if status == "accepted":
        return f"Accepted with R² {certificate.r2:.6g}, {asked.tolerance:g} being good enough, and not proven"
    exact = " (--exact asks for float32 reproduction, which this is not)" if asked.exact else ""
    return f"Identified: this order and none near it, though not every prediction is reproduced{exact}"


def status_of(certificate: Certificate, asked: Asked, otherwise: str) -> str:
    """Return the status that an answer gives a run; `otherwise` where it settles nothing."""
    if certificate.verdict == "solved":
        proven = certificate.exact or certificate.as_expected or not asked.exact
        return "solved" if proven else "identified"
    if certificate.verdict in ("identified", "unidentifiable"):
        return certificate.verdict
    if accepted(certificate, asked.tolerance):
        return "accepted"
    return "unsolved" if otherwise == "solved" else otherwise


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
