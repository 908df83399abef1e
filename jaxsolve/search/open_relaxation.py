"""Host: relaxation from nothing: every position begins with a share of every pair.

A mixture in which all positions run all pairs, all to the same share, has a gradient by each share, and Gauss-Newton
steps (`search.crystallisation`) of a few hundred rows single out the right pairs and positions, though there are many
more shares than rows: of nets of 10 to 32 blocks mostly in the first round, also of nets that were never trained,
whose weights say nothing. What the mixture leaves tells one form of blocks from another.

Where there are too many shares, each pair is in every second position, or every tenth: all are somewhere, and that is
enough.

What multiplies all blocks is free on the way: what is mixed adds less than blocks do. Where it is no part of the answer
it ends at one, or the answer is found before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve import engine
from jaxsolve.puzzle import Puzzle, error_of
from jaxsolve.puzzle.padding import multiplied
from jaxsolve.run import OutOfTime, Run
from jaxsolve.search.crystallisation import GaussNewton, rounded
from jaxsolve.search.soft_permutation import Candidates

Table = NDArray[np.float64]


class Answer(NamedTuple):
    """What a mixture has nearly become."""

    found: Any
    """An assembly, or what it is of some puzzle."""
    loss: float
    """Its mean squared error on the rows of the relaxation."""
    scale: float
    """What its blocks are multiplied by for that, besides what their form says."""
    place: Table
    """`[N]` where it has second halves"""
    shares: Table
    """`[V, N]` of all pairs, in the end"""


class Opened(NamedTuple):
    """Where the rounds have come to."""

    found: Any
    """Of the best answer."""
    loss: float
    error: float
    """Lowest mean squared error of a mixture, on rows that it has not seen."""
    scale: float = 1.0
    """What blocks are multiplied by for that answer, besides what their form says."""


@dataclass(frozen=True)
class OpenRelaxation(GaussNewton):
    """Rounds that begin with all pairs in all positions, and then with those around what the last one has found."""

    rounds: int = 4
    """Rounds at most."""
    most_rows: int = 4000
    """Rows that steps are drawn from."""
    most_shares: int = 40_000
    """Shares that the first round begins with: its time grows with them, and its memory, 4 bytes for each and row."""
    candidates: int = 8
    """Pairs that share positions in later rounds, in units of N."""
    width: float = 0.2
    """Spread of second halves over positions in the second round: a standard deviation, as a fraction of N."""
    narrowing: float = 0.6
    """Factor by which each round after it spreads them less."""
    near: float = 1e-3
    """Share of the variance below which a loss is that of nearly the right answer."""
    hopeless: float = 0.3
    """Share of the variance that the mixture of the first round leaves at least where no other follows."""
    least_share: float = 1e-7
    """Share below which a position does not run a pair any more."""

    def affordable(self, puzzle: Puzzle) -> bool:
        """Return whether every position may have a share of every pair."""
        return puzzle.blocks**3 <= self.most_shares

    def assembly(self, puzzle: Puzzle, whole: "engine.Problem", run: Run, *, seed: int, scaled: bool = False) -> Opened:
        """Return the best assembly of all rounds.

        Parameters
        ----------
        puzzle
            The puzzle.
        whole
            The same on devices, on as many rows as steps are drawn from.
        run
            What counts and times.
        seed
            Draws rows.
        scaled
            Whether blocks may be x + c·f(x), with a c that the form does not say.

        Raises
        ------
        OutOfTime
            The run has ended before there was an answer.
        """
        few, halves = puzzle.first_rows(whole.rows), np.arange(puzzle.blocks, dtype=np.float64)

        def read(some: Candidates, weights: Table, scale: float) -> Answer:
            found, of_pairs = rounded(some, weights, halves)
            errors = {one: error_of(multiplied(few, one), found) for one in ((1.0, scale) if scaled else (1.0,))}
            fits = min(errors, key=errors.__getitem__)
            place = np.empty(len(halves))
            place[found.outs] = halves
            return Answer(found, errors[fits], fits, place, of_pairs + 1e-3)

        return self.opened(run, whole, puzzle.possible.astype(np.float64), None, puzzle.variance or 1.0, seed, read)

    def opened(
        self,
        run: Run,
        whole: "engine.Problem",
        likelihood: Table,
        parts: NDArray[np.intp] | None,
        unit: float,
        seed: int,
        read: Callable[[Candidates, Table, float], Answer],
    ) -> Opened:
        """Return where rounds come to.

        Parameters
        ----------
        run, whole, seed
            As `assembly` takes them.
        likelihood
            `[V, N]` of pairs of first and second halves, at first.
        parts
            `[V, S]` of which pieces first halves are made; None: of themselves.
        unit
            The variance of the predictions, or 1.
        read
            Returns what a mixture has nearly become, whose blocks are multiplied by a scale.
        """
        best: Answer | None = None
        (some, weights), error, room, scale = self._all(likelihood, parts), np.inf, 0, 1.0
        for k in range(self.rounds):
            rng = np.random.default_rng([seed, k])
            fixed: dict[str, Any] = {"least": self.least_share, "room": room, "unit": unit}
            try:
                crystal = self.crystallised(run, whole, some, weights, rng, **fixed, scale=scale)
            except OutOfTime:
                if best is None:
                    raise
                break
            room, scale, error = crystal.room, crystal.scale, min(error, crystal.error)
            answer = read(some, crystal.weights, scale)
            best = answer if best is None or answer.loss < best.loss else best
            if best.loss <= self.near * unit or error > self.hopeless * unit:
                break
            likely = np.where(likelihood > 0, answer.shares, 0.0)
            some, weights = self._around(likely, answer.place, self.width * self.narrowing**k, parts)
        assert best is not None
        return Opened(best.found, best.loss, error, best.scale)

    def _all(self, likelihood: Table, parts: NDArray[np.intp] | None) -> tuple[Candidates, Table]:
        """Return all pairs that there may be, and their weights in all positions, or as many as there is room for."""
        blocks = likelihood.shape[1]
        some = _likeliest(likelihood, int((likelihood > 0).sum()), parts)
        apart = -(-len(some.ins) * blocks // self.most_shares)
        there = (np.arange(blocks)[:, None] + np.arange(len(some.ins))) % apart == 0
        return some, some.balanced(there * some.likelihood)

    def _around(
        self, likelihood: Table, place: Table, width: float, parts: NDArray[np.intp] | None
    ) -> tuple[Candidates, Table]:
        """Return the likeliest pairs, and their weights around the places of their second halves."""
        blocks = len(place)
        some = _likeliest(likelihood, self.candidates * blocks, parts)
        away = (np.arange(blocks)[:, None] - place[some.outs]) / max(1.0, width * blocks)
        return some, some.balanced(np.exp(-0.5 * away**2) * some.likelihood)


def _likeliest(likelihood: Table, most: int, parts: NDArray[np.intp] | None) -> Candidates:
    """Return so many pairs at most, the likeliest, and the likeliest of each half."""
    chosen = np.argsort(-likelihood, axis=None, kind="stable")[:most]
    firsts, seconds = np.unravel_index(chosen, likelihood.shape)
    if parts is None:
        rows, columns = np.arange(len(likelihood)), np.arange(likelihood.shape[1])
        firsts = np.concatenate([firsts, rows, likelihood.argmax(axis=0)])
        seconds = np.concatenate([seconds, likelihood.argmax(axis=1), columns])
        firsts, seconds = np.unravel_index(np.unique(firsts * len(columns) + seconds), likelihood.shape)
    return Candidates(firsts, seconds, likelihood[firsts, seconds], parts)
