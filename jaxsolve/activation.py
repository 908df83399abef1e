"""Host: the activation of the blocks where nobody has said it: the one under which the error falls."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from jaxsolve import engine
from jaxsolve.architecture import usual
from jaxsolve.attempts import Attempt, attempts
from jaxsolve.certificate import Certificate, reachable
from jaxsolve.config import AUTO, NONE, Config
from jaxsolve.puzzle import Assembly, Puzzle, mean_squared_error, read_as
from jaxsolve.run import OutOfTime, Run
from jaxsolve.search import begin, descend
from jaxsolve.starts import LINES, Start, first_start

FEW_ROWS = 400
"""Rows that tell which activation to try first."""
SAME = {"gelu_tanh": "gelu"}
"""Activations that differ so little from another that only the right answer tells them apart."""
AKIN = {*SAME, *SAME.values()}
CLOSE = 0.1
"""Share of the variance of the predictions that answers leave at most where such activations are told apart, and first
orders where another activation is tried at once."""
PATIENCE = 2
"""Attempts that get no further under the activation that a puzzle is read with, before others are tried. Two are made
under each of those: first orders, and a round that tells what may come of more of them."""
FALLING = 0.7
"""Share of the lowest error so far below which an attempt gets further."""
FITTING, CERTAIN = 0.02, 1e-3
"""Shares of the variance of the predictions that mixtures leave at most where they are believed to the end of their
cycle, and beyond it: under another activation than the right one they hardly come to that."""
CLEARLY = 0.5
"""Share of the lowest error under all others below which one goes on as long as that falls."""
GUESSING = "shortlisted"
"""Search by which activations are compared where nothing else is asked for."""
BETTER = 0.9
"""An answer is read with another activation where that leaves less than this share of its error."""


def rank_activations(
    puzzle: Puzzle, assemblies: Sequence[Assembly], rows: int | None = None
) -> list[tuple[str, float]]:
    """Return all activations with the mean squared error of the best of some assemblies under each, lowest first.

    Parameters
    ----------
    puzzle, assemblies
        The puzzle, whatever it is read as, and what to compare: the answer, or some first orders.
    rows
        Compare on the first so many rows; None: on all, in float64.
    """
    found, dtype = {}, np.float64 if rows is None else np.float32
    for name in usual(puzzle.activation):
        sample = read_as(puzzle, name).first_rows(rows)
        losses = [mean_squared_error(sample, assembly, dtype) for assembly in assemblies]
        found[name] = float(np.nan_to_num(losses, nan=np.inf).min(initial=np.inf))
    return sorted(found.items(), key=lambda item: item[1])


@dataclass(eq=False)
class Reading:
    """A puzzle read with one activation, and the attempts at it."""

    puzzle: Puzzle
    tried: list[Attempt] = field(default_factory=list)
    """Those made, the last perhaps cut off; the first is no attempt, but an answer to show in any case."""
    following: Iterator[Attempt] = field(default_factory=lambda: iter(()))
    evaluations: int = 0
    """What they took."""

    @property
    def best(self) -> Attempt:
        """The attempt with the lowest error over all rows."""
        return min(self.tried, key=lambda attempt: attempt.mse)

    @property
    def promise(self) -> float:
        """The lowest error that an attempt or a mixture has come to."""
        return min((min(attempt.mse, attempt.promise) for attempt in self.tried), default=np.inf)


def readings(
    puzzle: Puzzle,
    config: Config,
    run: Run,
    start: Start | None,
    made: list[Reading],
    patience: int = PATIENCE,
    begin_with: Assembly | None = None,
) -> Iterator[tuple[Reading, Attempt]]:
    """Yield the attempts at a puzzle, and under which activation each is made; `made` has all readings so far.

    Where the activation is not given, an attempt that gets no further is followed by some under each other activation,
    those first that fit the first orders best. What comes after that is made under the one whose error fell furthest:
    of mixtures, for single assemblies are bad under the right one, too, as long as they are wrong.

    `begin_with` is an assembly that the first attempt begins with. Whoever asks for the next attempt has put the one
    before into its reading's `tried`, searched and judged it.
    """
    for reading, attempt in _first(_reading(puzzle, config, run, start, made, begin_with), run, patience):
        elsewhere = not puzzle.activation_given and attempt.order_seed in LINES and _fits_another(puzzle, attempt)
        if elsewhere:
            attempt.search = NONE
        yield reading, attempt
        if elsewhere or min(one.promise for one in made) < CLEARLY * reading.promise:
            break
    ahead = min(made, key=lambda one: one.promise)
    if ahead is not made[0]:  # an answer fits better under another activation, and is read with that
        yield from _first(ahead, run, patience)
    if not puzzle.activation_given and made[0].tried:
        first = start or first_start(puzzle, config)
        starts = [Assembly(order, first.pairing.partner[order]) for order in first.orders.values()]
        starts += [attempt.start for attempt in made[0].tried[1:]]
        for name, _ in rank_activations(puzzle, starts, FEW_ROWS):
            if name not in (*SAME, *(reading.puzzle.activation for reading in made)):
                other = _reading(read_as(puzzle, name), config, run, None, made)
                before = min(reading.promise for reading in made[:-1])
                for k, (reading, attempt) in enumerate(_first(other, run, 1 + patience)):
                    if config.search == AUTO and k == 0:
                        attempt.search = NONE
                    yield reading, attempt
                    sounded = not patience or np.isfinite(attempt.promise)
                    if sounded and not other.promise < CLEARLY * before:
                        break
    # a reading whose error is k times as high gets one evaluation for k⁴ of the best
    while made and (yield from _next(min(made, key=lambda one: one.promise**4 * (1 + one.evaluations)), run)):
        pass


class Guess(NamedTuple):
    """How well an activation fits."""

    activation: str
    loss: float
    """Mean squared error of a descent under it, on a few hundred rows."""
    assembly: Assembly | None
    """Where that ended; None: it was not made."""


def guess_activation(puzzle: Puzzle, run: Run, devices: int | None = None) -> list[Guess]:
    """Return activations by the mean squared error of a descent under each, on a few hundred rows, lowest first.

    Those behind one that fits exactly are not tried, nor any after the budget of `run` is spent.
    """
    made: list[Reading] = []
    found: dict[str, Guess] = {}
    try:
        for reading, attempt in readings(puzzle, Config(search=GUESSING, devices=devices), run, None, made, 0):
            if reading.puzzle.activation in found:
                break
            reading.tried.append(attempt)
            floor = reachable(reading.puzzle, attempt.descent.assembly)
            with run.phase("search"):
                descend(attempt.problem, attempt.descent, GUESSING, run, floor=floor)
            end = attempt.descent.assembly
            akin = rank_activations(puzzle, [end], attempt.problem.rows)[0]
            for name, loss in ((reading.puzzle.activation, attempt.descent.loss), akin):
                if name not in found or loss < found[name].loss:
                    found[name] = Guess(name, loss, end)
            if min(one.loss for one in found.values()) <= floor:
                break
    except OutOfTime:
        pass
    return sorted(found.values(), key=lambda one: one.loss) or [Guess(puzzle.activation, np.inf, None)]


def reread(reading: Reading, attempt: Attempt, config: Config, run: Run, made: list[Reading]) -> "Reading | None":
    """Return the reading under which an answer fits better, if there is one: its last attempt begins from the answer.

    Activations that are nearly the same are exchanged only once an answer accounts for most of the predictions.
    """
    puzzle = puzzle_of(reading, attempt)
    if puzzle.activation_given:
        return None
    (name, mse), *_ = rank_activations(puzzle, [attempt.descent.assembly], FEW_ROWS)
    if name == puzzle.activation:
        return None
    (name, mse), *_ = rank_activations(puzzle, [attempt.descent.assembly])
    close = _akin(name, puzzle.activation) and attempt.mse <= CLOSE * float(np.var(puzzle.y))
    if name == puzzle.activation or not mse < attempt.mse * (1 if close else BETTER):
        return None
    other = next((one for one in made if one.puzzle.activation == name), None)
    if other is None:
        other = _reading(read_as(reading.puzzle, name), config, run, None, made)
        other.tried.append(replace(reading.tried[0], certificate=None))
    own = {"puzzle": read_as(puzzle, name)} if puzzle is not reading.puzzle else {}
    problem = engine.place(read_as(puzzle, name), attempt.problem.rows, config.devices)
    with run.phase("seed"):
        # a copy, so that what was measured of it under the other activation does not pass for this one's
        assembly = Assembly(*map(np.copy, attempt.descent.assembly))
        descent = begin(problem, assembly, run, attempt.descent.rounds)
    other.tried.append(replace(attempt, problem=problem, descent=descent, certificate=None, **own))
    return other


def equally_good(puzzle: Puzzle, certificate: Certificate) -> dict[str, float]:
    """Return the errors of an answer under other activations that fit it about as well, where none was given."""
    if puzzle.activation_given or not certificate.solved or (certificate.exact and puzzle.activation not in AKIN):
        return {}
    ranked = rank_activations(puzzle, [puzzle.assembly(certificate.permutation)])
    most = max(certificate.mse / BETTER, certificate.tolerance)
    return {name: mse for name, mse in ranked if name != puzzle.activation and mse <= most}


def in_doubt(made: Sequence[Reading]) -> bool:
    """Return whether the best answer may be bad for no other reason than its activation: others were not tried."""
    puzzle, best = made[0].puzzle, min(reading.best.mse for reading in made if reading.tried)
    left = {*usual(puzzle.activation)} - {*SAME} - {reading.puzzle.activation for reading in made}
    return bool(left) and not puzzle.activation_given and best > FITTING * float(np.var(puzzle.y))


def puzzle_of(reading: Reading, attempt: Attempt) -> Puzzle:
    """Return what an attempt's assemblies are of: the reading's puzzle, or one of its own with more null halves."""
    return attempt.puzzle or reading.puzzle


def _akin(a: str, b: str) -> bool:
    """Return whether two activations are the same, or differ so little that only the right answer tells them apart."""
    return SAME.get(a, a) == SAME.get(b, b)


def _fits_another(puzzle: Puzzle, attempt: Attempt) -> bool:
    """Return whether the start of an attempt, which follows no activation, fits another one clearly better."""
    ranked = rank_activations(puzzle, [attempt.start], FEW_ROWS)
    (name, lowest), own = ranked[0], dict(ranked)[puzzle.activation]
    return not _akin(name, puzzle.activation) and lowest < min(CLEARLY * own, CLOSE * float(np.var(puzzle.y)))


def _reading(
    puzzle: Puzzle,
    config: Config,
    run: Run,
    start: Start | None,
    made: list[Reading],
    begin_with: Assembly | None = None,
) -> Reading:
    reading = Reading(puzzle)
    reading.following = attempts(puzzle, config, run, reading.tried, start, begin_with)
    made.append(reading)
    return reading


def _first(reading: Reading, run: Run, patience: int) -> Iterator[tuple[Reading, Attempt]]:
    """Yield attempts until so many have not got further; one in any case."""
    lowest = np.inf
    while (yield from _next(reading, run)):
        last, best = reading.tried[-1], reading.best.mse
        sounded = last.search == NONE
        # of one round of mixtures it is not known whether they fall
        further = (sounded or best < FALLING * lowest) if last.falls is None else last.falls
        fits = reading.promise <= (FITTING if sounded else CERTAIN) * float(np.var(reading.puzzle.y))
        patience -= not (further or fits or last.order_seed in LINES)
        lowest = best
        if patience <= 0:
            return


def _next(reading: Reading, run: Run) -> Generator[tuple[Reading, Attempt], None, bool]:
    """Yield the next attempt of a reading, and count what it takes; return whether there was one."""
    before, attempt = run.evaluations, next(reading.following, None)
    if attempt is not None:
        yield reading, attempt
        reading.evaluations += run.evaluations - before
    return attempt is not None
