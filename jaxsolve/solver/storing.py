"""Host: where a portfolio stands, as plain values and arrays, so that a run that was killed goes on from there."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from jaxsolve import engine
from jaxsolve.errors import UsageError
from jaxsolve.pairing import Pairing, pair, replaced
from jaxsolve.puzzle import Assembly, Puzzle, padded, read_as
from jaxsolve.puzzle.units import AffineFit, rescaled
from jaxsolve.search import Descent, Round
from jaxsolve.search.storing import Arrays
from jaxsolve.solver.acceptance import Judge
from jaxsolve.solver.attempt import Attempt
from jaxsolve.solver.config import Config
from jaxsolve.solver.hypothesis import Hypothesis

Stored = tuple[dict[str, Any], Arrays]
OWN = ("budget", "trace", "devices", "memory")
"""Of a configuration, what may be another when a run goes on."""


@dataclass(eq=False)
class Reading:
    """A puzzle, in the units that it is read in by now."""

    fingerprint: str
    """Of the puzzle as it was given."""
    puzzle: Puzzle
    start: Assembly | None = None
    """An assembly to begin with."""
    fits: list[tuple[str, AffineFit]] = field(default_factory=list)
    """Affine maps that were undone, one after the other, and the activations that they were fitted with."""

    def __post_init__(self) -> None:
        """Keep the puzzle as it was given."""
        self._given = self.puzzle

    def refit(self, puzzle: Puzzle, fit: AffineFit, start: Assembly | None) -> None:
        """Read the predictions of a puzzle as an affine map of its outputs, and begin there with an assembly."""
        self.fits.append((puzzle.activation, fit))
        self.puzzle, self.start = rescaled(puzzle, fit), start

    def exchanged(self, attempt: Attempt, *, near: float = 0.5) -> bool:
        """Exchange the norms of a puzzle where that makes the end of an attempt better, and begin there.

        `near` is the share of the variance that it leaves at most, to be looked at.
        """
        puzzle, read = self.puzzle, attempt.puzzle
        if puzzle.given.normed is None or (read.blocks, read.activation) != (puzzle.blocks, puzzle.activation):
            return False
        if not attempt.descent.loss <= near * puzzle.variance:
            return False
        better = replaced(self.puzzle, attempt.descent.assembly)
        if better is None:
            return False
        self.puzzle, self.start = better, attempt.descent.assembly
        return True

    def follow(self, fits: list[tuple[str, AffineFit]], start: Assembly | None) -> None:
        """Read the puzzle as it was given through some maps, and begin with an assembly."""
        self.puzzle, self.fits = self._given, []
        for activation, fit in fits:
            self.refit(read_as(self.puzzle, activation), fit, None)
        self.start = start


def told(config: Config) -> dict[str, Any]:
    """Return what decides what is found, as plain values."""
    values = asdict(config) | {"options": dict(config.options)}
    return {name: value for name, value in values.items() if name not in OWN}


def stored(reading: Reading, judge: Judge) -> Stored:
    """Return what `restored` takes."""
    arrays = dict[str, Any]()
    hypotheses = [_hypothesis(one, f"hypotheses.{k}.", arrays) for k, one in enumerate(judge.portfolio.hypotheses)]
    if reading.start is not None:
        arrays |= _assembly("start", reading.start)
    return judge.run.stored() | {
        "puzzle": reading.fingerprint,
        "solver": told(judge.config),
        "fits": [[activation, *fit] for activation, fit in reading.fits],
        "refits": judge.refits,
        "weighed": judge.weighed,
        "portfolio": judge.portfolio.stored(),
        "hypotheses": hypotheses,
    }, arrays


def restored(of: Stored, reading: Reading, judge: Judge, begun: Callable[[], Judge]) -> Judge:
    """Go back to where a run of the same puzzle and configuration was stored.

    Parameters
    ----------
    of
        What `stored` has returned.
    reading, judge
        The puzzle as it was begun with, and its judge.
    begun
        Makes another judge, where the units have turned out to be others, or an assembly was begun with.

    Raises
    ------
    UsageError
        The puzzle or the configuration is another, or this is no stored run.
    """
    meta, arrays = of
    if meta.get("puzzle") != reading.fingerprint:
        raise UsageError(f"what is to be resumed belongs to another puzzle than {reading.puzzle.name}, or other rows")
    asked = told(judge.config)
    before = meta.get("solver")
    if not isinstance(before, dict):
        raise UsageError("this is no stored run of the solver")
    for name, value in asked.items():
        if before.get(name) != value:
            raise UsageError(f"{name} is {value!r}; the run was begun with {before.get(name)!r}: leave it out")
    try:
        fits = [(str(activation), AffineFit(*map(float, fit))) for activation, *fit in meta["fits"]]
        start = _assembly_of(arrays, "start", reading.puzzle.blocks) if "start.ins" in arrays else None
        if fits != reading.fits or (start is None) != (reading.start is None):
            reading.follow(fits, start)
            judge = begun()
        judge.run.restore(meta)
        judge.refits, judge.weighed = int(meta["refits"]), float(meta["weighed"])
        for name, halves in meta["portfolio"].get("starts", {}).items():
            own = {
                f"start.{part}": np.array(half, np.int32) for part, half in zip(("ins", "outs"), halves, strict=True)
            }
            judge.portfolio.starts[str(name)] = _assembly_of(own, "start", reading.puzzle.blocks)
        for one in meta["hypotheses"][1:]:
            judge.portfolio.add(str(one["activation"]))
        for k, one in enumerate(judge.portfolio.hypotheses):
            _restore(one, meta["hypotheses"][k], f"hypotheses.{k}.", arrays)
        judge.portfolio.restore(meta["portfolio"])
        judge.run.evaluations = int(meta["evaluations"])  # what was made anew has been counted before
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise UsageError(f"this is no stored run ({type(error).__name__}: {error})") from error
    return judge


def _hypothesis(of: Hypothesis, prefix: str, arrays: Arrays) -> dict[str, Any]:
    """Return the plain values of a hypothesis, and put its arrays among others."""
    sites = {}
    for key, site in of.sites.items():
        sites[key], own = site.stored()
        arrays |= {f"{prefix}sites.{key}.{name}": table for name, table in own.items()}
    attempts = [_attempt(one, f"{prefix}attempts.{k}.", arrays) for k, one in enumerate(of.attempts)]
    about = {
        "activation": of.puzzle.activation,
        "taken": of.taken,
        "exhausted": of.exhausted,
        "turn": of.turn,
        "evaluations": of.evaluations,
    }
    return about | {"sites": sites, "attempts": attempts}


def _restore(of: Hypothesis, meta: dict[str, Any], prefix: str, arrays: Arrays) -> None:
    """Go back to where a hypothesis was stored."""
    if of.puzzle.activation != meta["activation"]:
        raise ValueError(f"the activation {meta['activation']} of a hypothesis read as {of.puzzle.activation}")
    pairings = of.skip(int(meta["taken"]), bool(meta["exhausted"]))
    of.turn, of.evaluations = int(meta["turn"]), int(meta["evaluations"])
    for key, site in meta["sites"].items():
        begins = f"{prefix}sites.{key}."
        own = {name.removeprefix(begins): table for name, table in arrays.items() if name.startswith(begins)}
        of.reopen(key, site, own)
    places = {(site.puzzle.blocks, site.problem.rows): (site.puzzle, site.problem) for site in of.sites.values()}
    for k, one in enumerate(meta["attempts"]):
        where = int(one["blocks"]), int(one["rows"])
        if where not in places:
            puzzle = padded(of.puzzle, where[0] - of.puzzle.blocks)
            places[where] = puzzle, of.available.placed(puzzle, where[1])
        name = str(one["pairing"])
        pairing = pairings.get(name) or pair(of.puzzle, name)
        of.attempts.append(_attempt_of(one, pairing, *places[where], f"{prefix}attempts.{k}.", arrays))
    if of.attempts and of.pairing is None:
        of.pairing = of.attempts[-1].pairing


def _attempt(one: Attempt, prefix: str, arrays: Arrays) -> dict[str, Any]:
    rounds = one.descent.rounds
    arrays |= _assembly(f"{prefix}end", one.descent.assembly) | _assembly(f"{prefix}start", one.start)
    for k, done in enumerate(rounds):
        arrays |= _assembly(f"{prefix}rounds.{k}", done.assembly)
    return {
        "pairing": one.pairing.name,
        "order_seed": one.order_seed,
        "search": one.search,
        "rows": one.problem.rows,
        "blocks": one.puzzle.blocks,
        "loss": one.descent.loss,
        "moves": one.descent.moves,
        "rounds": [[d.neighbourhood, d.moves, d.loss, d.evaluations, d.seconds, d.mse] for d in rounds],
        "start_loss": one.start_loss,
        "most": one.most,
        "mse": one.mse,
        "relaxed_loss": one.relaxed_loss,
        "improving": one.improving,
    }


def _attempt_of(
    meta: dict[str, Any], pairing: Pairing, puzzle: Puzzle, problem: "engine.Problem", prefix: str, arrays: Arrays
) -> Attempt:
    assembly = lambda name: _assembly_of(arrays, f"{prefix}{name}", puzzle.blocks)
    rounds = [
        Round(str(where), int(moves), assembly(f"rounds.{k}"), loss, int(count), seconds, mse)
        for k, (where, moves, loss, count, seconds, mse) in enumerate(meta["rounds"])
    ]
    descent = Descent(assembly("end"), float(meta["loss"]), int(meta["moves"]), rounds)
    loss, most, mse, relaxed_loss = (float(meta[name]) for name in ("start_loss", "most", "mse", "relaxed_loss"))
    names, start = (str(meta["order_seed"]), str(meta["search"])), assembly("start")
    return Attempt(
        puzzle, pairing, *names, problem, descent, start, loss, most, None, mse, relaxed_loss, meta["improving"]
    )


def _assembly(name: str, of: Assembly) -> Arrays:
    return {f"{name}.ins": np.asarray(of.ins), f"{name}.outs": np.asarray(of.outs)}


def _assembly_of(arrays: Arrays, name: str, blocks: int) -> Assembly:
    halves = arrays[f"{name}.ins"], arrays[f"{name}.outs"]
    for half in halves:
        if half.dtype != np.int32 or not np.array_equal(np.sort(half), np.arange(blocks)):
            raise ValueError(f"{name} of shape {half.shape} and type {half.dtype}")
    return Assembly(*halves)
