"""Host: what is most likely to help after a run that has not solved its puzzle, by the evidence of that very run.

`next_step` is a pure function of a few facts. The first of its rules that the facts speak for is the answer; they stand
in the order of what their evidence is worth: what nothing but other data can mend, what has stopped the run, what it
has seen of its own answer, and at last what it was not allowed to try.
"""

import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

from jaxsolve.solver.facts import Facts

SHARED = (
    "--activation", "--link", "--standardise-inputs", "--architecture", "--sha256", "--exact", "--tolerance",
    "--devices", "--memory", "--seed", "--budget",
)  # fmt: skip
"""Options that mean the same to all commands that search."""


@dataclass(frozen=True)
class NextStep:
    """What is to be done next."""

    why: str
    """What speaks for it."""
    command: str
    """How to do it; nothing where no command can."""

    def __str__(self) -> str:
        """Return both in one line."""
        return f"{self.why}: {self.command}" if self.command else self.why


@dataclass(frozen=True)
class Weights:
    """Numbers by which facts are weighed."""

    steep: float = 0.5
    """Share of its error that a run has lost in the last third of its time, from which on nothing helps like more."""
    falling: float = 0.1
    """The same, from which on more time helps if nothing else speaks."""
    better: float = 0.9
    """Share of what an answer leaves that one next to it leaves at most where it is worth going there."""
    overfitted: float = 0.5
    """Share of the error over all rows that is left on those compared at most where they are too few."""
    alike: float = 1.5
    """Factor of the lowest error within which another activation fits nearly as well."""
    fits: float = 0.5
    """Share of the variance that an answer leaves at most where it says something of its activation."""
    near: float = 0.1
    """Share of the variance that an answer leaves at most from which a search is worth beginning, and where its units
    are right, whatever they look like."""
    nothing: float = 0.9
    """Share of the variance that an answer leaves at least that is next to none."""
    usual: float = 300.0
    """Seconds that most puzzles which are solved at all take at most."""
    times: int = 3
    """Factor by which a budget is raised."""


def next_step(facts: Facts, weights: Weights = Weights()) -> NextStep | None:
    """Return what is most likely to help; None: the run has ended well, so that nothing is to be done."""
    if facts.status in ("solved", "identified", "accepted"):
        return None
    return next(found for rule in RULES if (found := rule(facts, weights)) is not None)


def fall(facts: Facts) -> float:
    """Return the share of its error that a run has lost in the last third of its time; 1 if there was no answer before.

    That of a run which has ended by itself is 0.
    """
    if not facts.falls or facts.ended:
        return 0.0
    last, third = facts.falls[-1][1], facts.began + 2 / 3 * (facts.seconds - facts.began)
    before = [share for seconds, share in facts.falls if seconds <= third]
    return 1 - last / before[-1] if before and before[-1] > 0 else float(not before)


def _spelled(facts: Facts, command: str, *added: tuple[str, ...], without: Sequence[str] = ()) -> str:
    """Return a command to be pasted: with the options that were said, as far as it has them, and with others.

    Parameters
    ----------
    command
        What is to be run.
    added
        Options with their values; they take the place of what was said.
    without
        Names of options that are not said again.
    """
    gone = {*without, "--resume", *(option[0] for option in added)}
    gone |= {"--budget"} if facts.budget < Weights.usual else set()  # it was too short, and is longer if nobody says it
    kept = (one for one in facts.said if one[0] not in gone and (command == facts.command or one[0] in SHARED))
    behind = {"verify": facts.answer, "sweep": facts.config}.get(command)
    return shlex.join(["jaxsolve", command, facts.puzzle, *([behind] if behind else []), *chain(*kept, *added)])


def _resumed(facts: Facts, run: str, *added: tuple[str, ...]) -> str:
    """Return the command that goes on with a run, which knows what was said."""
    return shlex.join(["jaxsolve", facts.command, facts.puzzle, "--resume", run, *chain(*added)])


def _longer(facts: Facts, weights: Weights, why: str) -> NextStep:
    budget = facts.budget if math.isfinite(facts.budget) else max(1.0, facts.seconds)
    more = "--budget", f"{max(weights.times * budget, weights.usual):g}"
    command = _spelled(facts, facts.command, more) if facts.resume is None else _resumed(facts, facts.resume, more)
    return NextStep(why, command)


def _from_answer(facts: Facts, command: str, *added: tuple[str, ...]) -> str:
    """Return a command that begins with the best answer, if it is kept."""
    start = () if facts.answer is None else (("--start", facts.answer),)
    return _spelled(facts, command, *start, *added)


def _too_few_rows(facts: Facts, weights: Weights) -> NextStep | None:
    if facts.needed_rows is None and facts.status != "unidentifiable":
        return None
    if facts.needed_rows is None:
        return NextStep("rows on which answers differ are needed, or the hash of the right one (--sha256)", "")
    have = f"{facts.table_rows} row{'' if facts.table_rows == 1 else 's'}"
    why = f"the table has {have}, and telling all answers apart takes {facts.needed_rows} different ones"
    return NextStep(f"{why}: add rows, or say the hash of the right one (--sha256)", "")


def _other_hash(facts: Facts, weights: Weights) -> NextStep | None:
    if not facts.other_hash:
        return None
    if all(option[0] != "--sha256" for option in facts.said):
        return NextStep("every prediction is reproduced: the expected_sha256 of the puzzle is of another answer", "")
    why = "every prediction is reproduced, and the hash is of another answer; without it this one counts"
    return NextStep(why, _spelled(facts, facts.command, without=["--sha256"]))


def _missing(facts: Facts, weights: Weights) -> NextStep | None:
    if not facts.missing:
        return None
    return NextStep(f"{facts.missing[0]}: add the piece that is missing and solve again", "")


def _stopped(facts: Facts, weights: Weights) -> NextStep | None:
    if facts.left:
        why = f"{facts.left} run{'' if facts.left == 1 else 's'} of the sweep {'is' if facts.left == 1 else 'are'} left"
        kept = () if facts.resume is None else (("--out", facts.resume),)
        return NextStep(why, _spelled(facts, facts.command, *kept))
    if facts.status == "out_of_memory":
        rows = (("--rows", str(facts.rows // 2)),) if facts.rows > 1 else ()
        return NextStep("memory ran out, and fewer rows take less", _spelled(facts, facts.command, *rows))
    if facts.status in ("interrupted", "lost") and facts.resume is not None:
        why = "the run was stopped, and goes on from where it was"
        return NextStep(why, _resumed(facts, facts.resume))
    return None


def _a_move_away(facts: Facts, weights: Weights) -> NextStep | None:
    if facts.share is None or facts.neighbour is None or not facts.neighbour <= weights.better * facts.share:
        return None
    why = f"a single move brings what the answer leaves from {facts.share:.2g} to {facts.neighbour:.2g} of the variance"
    return NextStep(why, _from_answer(facts, "solve"))


def _too_few_compared(facts: Facts, weights: Weights) -> NextStep | None:
    if facts.share is None or facts.compared is None or not 0 < facts.rows < facts.table_rows:
        return None
    if not facts.compared <= weights.overfitted * facts.share:
        return None
    why = f"the answer leaves {facts.compared:.2g} of the variance on the {facts.rows} rows that were compared, and "
    why += f"{facts.share:.2g} on all: they are too few"
    return NextStep(why, _from_answer(facts, _searching(facts), _more_rows(facts)))


def _steep(facts: Facts, weights: Weights) -> NextStep | None:
    return _falling(facts, weights, weights.steep)


def _falling(facts: Facts, weights: Weights, least: float | None = None) -> NextStep | None:
    lost = fall(facts)
    if lost < (weights.falling if least is None else least):
        return None
    if lost >= 1 and len(facts.falls) == 1:
        return _longer(facts, weights, "the first answer came in the last third of the time")
    return _longer(facts, weights, f"the error was still falling, by {lost:.0%} in the last third of the time")


def _other_activation(facts: Facts, weights: Weights) -> NextStep | None:
    known = {name: share for name, share in facts.readings.items() if math.isfinite(share)}
    own = known.pop(facts.activation, facts.share)
    if facts.activation_given or not known or own is None or own > weights.fits:
        return None
    name = min(known, key=lambda one: known[one])
    if known[name] > weights.alike * own:
        return None
    why = f"{name} fits nearly as well: it leaves {known[name]:.2g} of the variance, {facts.activation} {own:.2g}"
    return NextStep(why, _spelled(facts, _searching(facts), ("--activation", name)))


def _hint(facts: Facts, weights: Weights) -> NextStep | None:
    if not facts.hints or (facts.share is not None and facts.share <= weights.near):
        return None
    why, option = facts.hints[0]
    return NextStep(why, _spelled(facts, _searching(facts), tuple(option.split())))


def _decoys(facts: Facts, weights: Weights) -> NextStep | None:
    if not facts.superfluous:
        return None
    count = f"{facts.superfluous} block{'' if facts.superfluous == 1 else 's'}"
    why = f"the answer is better without {count}: some pieces may belong to no block"
    spare, method = str(facts.spare + facts.superfluous), "elimination,relaxation,reannealing"
    return NextStep(why, _from_answer(facts, "search", ("--spare", spare), ("--method", method)))


def _near(facts: Facts, weights: Weights) -> NextStep | None:
    if facts.share is None or not facts.share <= weights.near or facts.answer is None:
        return None
    why = f"the answer is near, and leaves {facts.share:.2g} of the variance"
    if facts.command == "solve":
        ways = ("--method", "reannealing,iterated"), ("--rows", "all")
        return NextStep(why, _from_answer(facts, "search", *ways))
    return NextStep(why, _from_answer(facts, "solve"))


def _freed(facts: Facts, weights: Weights) -> NextStep | None:
    if facts.fixed:
        why = f"{' and '.join(map(' '.join, facts.fixed))} kept the run from all other ways"
        return NextStep(why, _spelled(facts, "solve", without=[option[0] for option in facts.fixed]))
    return None


def _otherwise(facts: Facts, weights: Weights) -> NextStep | None:
    if facts.activation_given and facts.share is not None and facts.share > weights.fits:
        why = f"hardly anything fits as {facts.activation}, which was said"
        return NextStep(why, _spelled(facts, "solve", without=["--activation"]))
    if facts.command != "solve":
        return NextStep("solve chooses its ways by the evidence, and proves what it finds", _spelled(facts, "solve"))
    return None


def _short(facts: Facts, weights: Weights) -> NextStep | None:
    if facts.ended or not facts.budget < weights.usual:
        return None
    return _longer(facts, weights, f"{facts.budget:g} s are few: hard puzzles take some minutes")


def _unfit(facts: Facts, weights: Weights) -> NextStep | None:
    if facts.share is not None and facts.share < weights.nothing:
        return None
    why = "nothing that was tried fits any better than a constant" if facts.share is not None else "there is no answer"
    command = shlex.join(["jaxsolve", "inspect", facts.puzzle])
    return NextStep(f"{why}: see whether the pieces and the table are what they are taken for", command)


def _anew(facts: Facts, weights: Weights) -> NextStep:
    if 0 < facts.rows < facts.table_rows and facts.share is not None:
        why = f"{facts.rows} of {facts.table_rows} rows were compared, and the error was not falling any more"
        return NextStep(why, _from_answer(facts, _searching(facts), _more_rows(facts)))
    why = "the error was not falling any more: another beginning of all randomness"
    return NextStep(why, _spelled(facts, _searching(facts), ("--seed", str(facts.seed + 1))))


def _more_rows(facts: Facts) -> tuple[str, str]:
    return "--rows", str(min(facts.table_rows, 4 * facts.rows))


def _searching(facts: Facts) -> str:
    """Return the command that searches on: the same one, if it does."""
    return facts.command if facts.command in ("solve", "search") else "solve"


RULES: tuple[Callable[[Facts, Weights], NextStep | None], ...] = (
    _too_few_rows,
    _other_hash,
    _missing,
    _stopped,
    _a_move_away,
    _too_few_compared,
    _steep,
    _other_activation,
    _near,
    _falling,
    _hint,
    _decoys,
    _freed,
    _short,
    _otherwise,
    _unfit,
    _anew,
)
"""The first one that has something to say is right; the last one always has."""
