"""Host: whether an attempt has led to the answer: an exact one, one that leaves noise, or one that is identified."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np

from jaxsolve import engine
from jaxsolve.architecture import form_of
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
from jaxsolve.puzzle import Assembly, Puzzle, error_of, mean_squared_error, read_as, unused
from jaxsolve.puzzle.units import AffineFit, affine_fit, matched, plainest
from jaxsolve.run import OutOfTime, Run
from jaxsolve.search import begin, descend
from jaxsolve.solver.activations import better_activation
from jaxsolve.solver.attempt import Attempt
from jaxsolve.solver.config import NONE, Config
from jaxsolve.solver.hypothesis import Hypothesis
from jaxsolve.solver.initial import initial_of
from jaxsolve.solver.portfolio import Portfolio
from jaxsolve.solver.scales import Scaled, fitted

SINGLED_OUT = 0.02
"""Share of the variance of the predictions up to which an answer is weighed at once: it may be identified."""
ODD = 0.01
"""Share of the variance of the predictions that an answer leaves at least where its units are asked about: what leaves
less has the right ones, whatever else is wrong."""


@dataclass(frozen=True)
class Acceptance:
    """Numbers by which answers are weighed."""

    further: float = 0.5
    """Share of the lowest error weighed so far below which another answer is weighed at once."""
    falling: float = 0.5
    """Share to which its error has to fall in as many as it was given to be worth as many once more."""
    followed: int = 2
    """Times that a neighbour which turns out to be better is followed, where the search itself gets no further."""
    refits: int = 12
    """Times at most that the units of a table are fitted anew: each time they are nearer."""
    refitted: float = 0.9
    """Share of an answer's error below which an affine map that is known to be there is fitted anew."""
    near_units: float = 2.0
    """Slope of units that are near those of the table: a wrong activation may feign them, so that others are asked."""
    rows: int = 400
    """Rows that tell whether an answer may fit another activation better."""
    better: float = 0.9
    """Share of an answer's error that another activation leaves at most where it is read with that."""
    akin: float = 0.1
    """Share of the variance that answers leave at most where activations that are nearly the same are told apart, and
    scales of the blocks."""
    rescaled: float = 0.5
    """Share of an answer's error that another scale leaves at most where it is read with that."""
    feigned: float = 0.1
    """Distance from 1 up to which wrong orders feign a scale: some of 96 blocks seemed to be 1.02 times as large."""
    all_but: float = 0.01
    """Share of an answer's error that such a scale leaves at most where it is read with that instead of 1."""


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
    portfolio: Portfolio
    weighed: float = float("inf")
    """Lowest error of the answers weighed so far."""
    refits: int = 0
    """Times that the units have turned out to be others."""
    refit: AffineFit | None = None
    """Affine map under which the last answer fits much better than as it is: the units are others."""
    given: Assembly | None = None
    """That answer, to begin with in those units; None: it leaves blocks out."""

    def __post_init__(self) -> None:
        """Take the numbers of the configuration."""
        self.numbers = self.config.given("acceptance", Acceptance())

    def settles(self, hypothesis: Hypothesis, attempt: Attempt) -> bool:
        """Search from one start, if it is to be searched from, and judge; return whether that ends the search here."""
        hypothesis = self._owner(hypothesis, attempt)
        if attempt.search == NONE:
            attempt.announce(self.run)
            return False
        if self._search(attempt) or self._other_units(attempt):
            return True
        while attempt.mse <= hypothesis.mse:
            other = self._reread(hypothesis, attempt)
            if other is None:
                break
            hypothesis, attempt = other, other.attempts[-1]
            if self._search(attempt):
                return True
        return self._leaves_noise(hypothesis, attempt)

    def _search(self, attempt: Attempt) -> bool:
        puzzle = attempt.puzzle
        floor = reachable(puzzle, attempt.descent.assembly)
        attempt.announce(self.run)
        self.run.measure = partial(mean_squared_error, puzzle) if self.config.trace else None
        for stop in (floor, 0.0):
            with self.run.phase("search"):
                given = {"floor": stop, "most": attempt.most, "falling": self.numbers.falling}
                if descend(attempt.problem, attempt.descent, attempt.search, self.run, **given):
                    attempt.most = np.inf
            certificate = attempt.judge(self.config.sha256, self.run)
            self.run.judged(certificate.told(certificate.mse), certificate.solved)
            if self._enough(certificate) or attempt.descent.loss > floor:
                break
            rounded = certificate.tolerance < certificate.mse <= floor
            if rounded and self._weigh(attempt).reproduced:
                break
        return attempt.certificate is not None and self._enough(attempt.certificate)

    def _enough(self, certificate: Certificate) -> bool:
        """Return whether there is nothing better to be looked for: it is settled, or as good as the user asked for."""
        return certificate.settled or accepted(certificate, self.config.tolerance)

    def _other_units(self, attempt: Attempt) -> bool:
        """Return whether an answer, not yet known to be right, fits an affine map of its outputs much better."""
        puzzle, numbers = attempt.puzzle, initial_of(self.config)
        if (puzzle.link_given and puzzle.units.link != "affine") or self.refits >= self.numbers.refits:
            return False
        assembly, variance = attempt.descent.assembly, puzzle.variance
        fit, known = affine_fit(puzzle, assembly), puzzle.units.link == "affine"
        if fit is None or fit.mse > numbers.correlated * variance:
            return False
        near = 1 / self.numbers.near_units < fit.slope < self.numbers.near_units
        if near and not known and self.portfolio.in_doubt():
            return False
        share = self.numbers.refitted if known else numbers.other_units
        if fit.mse < share * attempt.mse and (known or attempt.mse > ODD * variance):
            self.refit = fit if fit.mse < ODD * variance else matched(puzzle, assembly)[0]
            if self.refit is not None and known:
                self.refit = plainest(puzzle, self.refit)
            whole = puzzle.blocks == self.portfolio.hypotheses[0].puzzle.blocks
            self.given = assembly if whole else None  # its null halves are not there
        return self.refit is not None

    def _reread(self, hypothesis: Hypothesis, attempt: Attempt) -> Hypothesis | None:
        """Return the hypothesis under which an answer fits better, if there is one: its last attempt begins from it."""
        puzzle, numbers = attempt.puzzle, self.numbers
        shares = {"better": numbers.better, "close": numbers.akin}
        name = better_activation(puzzle, attempt.descent.assembly, attempt.mse, rows=numbers.rows, **shares)
        if name is None:
            name = self._other_scale(attempt)
        if name is None:
            return None
        other = self._read_with(name, hypothesis)
        own = other.puzzle if puzzle is hypothesis.puzzle else read_as(puzzle, name)
        problem = engine.to_device(own, attempt.problem.rows, self.config.devices)
        with self.run.phase("seed"):
            # a copy, so that what was measured of it under the other activation does not pass for this one's
            assembly = Assembly(*map(np.copy, attempt.descent.assembly))
            descent = begin(problem, assembly, self.run, attempt.descent.rounds)
        anew = {"certificate": None, "mse": np.inf}
        other.attempts.append(replace(attempt, puzzle=own, problem=problem, descent=descent, **anew))
        return other

    def _read_with(self, activation: str, hypothesis: Hypothesis) -> Hypothesis:
        """Return the hypothesis of an activation, which has the pairs of another one if it has none."""
        opened = {one.puzzle.activation: one for one in self.portfolio.hypotheses}
        other = opened.get(activation) or self.portfolio.add(activation)
        other.pairing = other.pairing or hypothesis.pairing
        return other

    def _owner(self, hypothesis: Hypothesis, attempt: Attempt) -> Hypothesis:
        """Return the hypothesis of an attempt, which a relaxation of everything may have led to another scale."""
        if attempt.puzzle.activation == hypothesis.puzzle.activation:
            return hypothesis
        other = self._read_with(attempt.puzzle.activation, hypothesis)
        hypothesis.attempts.remove(attempt)
        other.attempts.append(attempt)
        return other

    def _other_scale(self, attempt: Attempt) -> str | None:
        """Return a form of another scale under which an answer that is nearly right fits much better."""
        puzzle, numbers = attempt.puzzle, self.numbers
        if puzzle.activation_given or attempt.mse > numbers.akin * puzzle.variance:
            return None
        if attempt.certificate is not None and attempt.certificate.exact:
            return None
        few, read = puzzle.first_rows(numbers.rows), Scaled(puzzle.activation, attempt.descent.assembly, attempt.mse)
        own, scaled = error_of(few, read.assembly), fitted(few, read)
        plain = form_of(puzzle.activation).scale == 1 and abs(form_of(scaled.form).scale - 1) < numbers.feigned
        return scaled.form if scaled.loss < (numbers.all_but if plain else numbers.rescaled) * own else None

    def _leaves_noise(self, hypothesis: Hypothesis, attempt: Attempt) -> bool:
        """Weigh the best answer so far; return whether noise is all that is left.

        That takes longer than to search, so that it is done where an answer is much better than the last one weighed,
        and where an attempt has found no better one; then better neighbours are followed. It takes longer than a
        round, too: first orders wait for the rounds, those for the next as long as their error may fall, and what fits
        badly for other activations.
        """
        best = hypothesis.best
        assert best is not None
        stuck = best is not attempt
        falling = np.isfinite(attempt.relaxed_loss) and attempt.improving is not False
        close, cut = best.mse <= SINGLED_OUT * best.puzzle.variance, np.isfinite(attempt.most)
        if cut and not stuck:  # methods get further sooner than the rest of its search
            return False
        if not close and (cut or (falling and not stuck) or self.portfolio.in_doubt()):
            return False
        for _ in range(1 + self.numbers.followed * stuck):
            least = (1.0 if stuck else self.numbers.further) * self.weighed
            if not best.mse < min(least, promising(best.puzzle)):
                return False
            if np.isfinite(best.most):  # its search was cut short
                best.most = np.inf
                if self._search(best):
                    return True
            rival = _better(self._weigh(best))
            if best.certificate is not None and self._enough(best.certificate):
                return True
            if rival is None or not stuck or hypothesis.exchanges_wait:
                return False
            best = self._followed(best, rival)
            hypothesis.attempts.append(best)
            if self._search(best):
                return True
        return False

    def _weigh(self, attempt: Attempt) -> Evidence:
        """Return the evidence for where an attempt has come to, and add it to its certificate."""
        check = partial(self.run.spend, 0)
        check()
        certificate = attempt.certificate or attempt.judge(self.config.sha256, self.run)
        if certificate.evidence is None:
            with self.run.phase("certify"):
                certificate = with_evidence(attempt.puzzle, certificate, check)
        attempt.conclude(certificate)
        self.weighed = min(self.weighed, certificate.mse)
        assert certificate.evidence is not None
        return certificate.evidence

    def _followed(self, attempt: Attempt, rival: Rival) -> Attempt:
        """Return an attempt that begins from a rival, on more rows where those of the search do not prefer it."""
        problem, before, puzzle = attempt.problem, attempt.descent, attempt.puzzle
        with self.run.phase("seed"):
            descent = begin(problem, rival.assembly, self.run, before.rounds)
            if not descent.loss < before.loss and problem.rows < puzzle.rows:
                problem = engine.to_device(puzzle, 4 * problem.rows, self.config.devices)
                descent = begin(problem, rival.assembly, self.run, before.rounds)
        search = "joint_shortlisted" if self.config.search == "auto" else attempt.search
        return replace(attempt, problem=problem, descent=descent, search=search, certificate=None, mse=np.inf)


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
    sample = puzzle.first_rows(800)  # the time it takes grows as their third power
    found = []
    for piece in left[:4]:  # of many, nobody would look at more
        kind = "in" if piece in puzzle.in_ids else "out"
        row = int(np.flatnonzero((puzzle.in_ids if kind == "in" else puzzle.out_ids) == piece)[0])
        found.append(find_gap(sample, Assembly(ins, outs), kind, row))
    return tuple(found)


def _better(evidence: Evidence) -> Rival | None:
    rival = evidence.best_rival
    return rival if rival is not None and rival.difference < -evidence.rounding else None
