"""Host: what came of solving a puzzle, in data and in words."""

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from jaxsolve.certificate import Certificate, Gap
from jaxsolve.errors import AnswerError
from jaxsolve.pairing import Pairing
from jaxsolve.puzzle import Puzzle, predict, running, unused, write_network
from jaxsolve.puzzle.padding import embedded
from jaxsolve.puzzle.types import Floats
from jaxsolve.puzzle.units import of_table
from jaxsolve.puzzle.write import named_tensors
from jaxsolve.run import Run
from jaxsolve.search import Round
from jaxsolve.solver.acceptance import outcome_words
from jaxsolve.solver.attempt import Attempt
from jaxsolve.solver.config import Config
from jaxsolve.solver.facts import Facts, facts_of, share_of, shares_of
from jaxsolve.solver.next_step import NextStep, next_step
from jaxsolve.solver.notebook import card


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

    def _repr_html_(self) -> str:
        """Return what notebooks show: verdict, error, the curve of the last attempt, and the order."""
        attempt, curve = self.attempt, list[tuple[float, float]]()
        if attempt is not None:
            spent = accumulate(done.evaluations for done in self.rounds)
            losses = [done.loss for done in self.rounds]
            curve = [(0.0, attempt.start_loss), *zip(spent, losses, strict=True)]
        return card(self.status, self.message, self.certificate, curve, self.run.work)

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
        answers = self.puzzle.permutation(self.attempt.start), self.certificate.permutation
        ids = [self.puzzle.halves(answer)[0].tolist() for answer in answers]
        before = {piece: place for place, piece in enumerate(ids[0])}
        ends: list[int] = []
        for place in (before[piece] for piece in ids[1] if piece in before):
            at = bisect_left(ends, place)
            ends[at : at + 1] = [place]
        return len(ids[1]) - len(ends)

    def predict(self, x: Any) -> Floats:
        """Return what the reassembled network answers for other inputs `[R, I]`, as the table has it, `[R, *K]`.

        Raises
        ------
        AnswerError
            There is no answer.
        """
        puzzle, assembly = running(self.puzzle, self._permutation)
        rows = np.asarray(x, np.float64)
        inputs = None if puzzle.first is None else rows
        puzzle = embedded(puzzle.replace(x=rows, inputs=inputs))
        return of_table(puzzle.replace(y=predict(puzzle, assembly)))

    def state_dict(self) -> dict[str, Any]:
        """Return the tensors of the network by the names that `export` writes; `AnswerError` without an answer."""
        return named_tensors(self.puzzle, self._permutation)

    def export(self, path: Path | str) -> None:
        """Write the reassembled network as safetensors.

        Raises
        ------
        AnswerError
            There is no answer.
        OutputError
            `path` does not end in ``.safetensors``, exists or cannot be written.
        """
        write_network(self.puzzle, self._permutation, Path(path))

    @property
    def _permutation(self) -> list[int]:
        if self.certificate is None:
            raise AnswerError("there is no answer to look at: the run ended before there was a whole network")
        return self.certificate.permutation

    @property
    def unused(self) -> list[int]:
        """Ids of the pieces that the answer leaves out."""
        return [] if self.certificate is None else unused(self.puzzle, self.certificate.permutation)

    def facts(self, **known: Any) -> Facts:
        """Return what speaks for a next step; `known` are other facts, by the names of the fields of `Facts`."""
        found: dict[str, Any] = {"missing": tuple(gap.sentence for gap in self.unfilled), "seed": self.config.seed}
        found["readings"] = shares_of(self.readings, self.puzzle)
        if self.attempt is not None:
            found["rows"] = self.attempt.problem.rows
            found["compared"] = share_of(self.attempt.descent.loss, self.attempt.puzzle)
        return facts_of(self.status, self.puzzle, self.certificate, self.run, **found | known)

    @property
    def next_step(self) -> NextStep | None:
        """What is most likely to help, by what the run has seen; None: it has ended well."""
        return next_step(self.facts(puzzle=self.puzzle.name))

    @property
    def unfilled(self) -> tuple[Gap, ...]:
        """Of the gaps, those where a block would explain half of what the answer leaves, or more."""
        return tuple(gap for gap in self.missing if gap.gains.max() >= 0.5)

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
        seconds = self.run.work
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


def _pieces(ids: list[int]) -> str:
    return f"piece{'' if len(ids) == 1 else 's'} {', '.join(map(str, ids))} belong{'s' if len(ids) == 1 else ''}"
