"""Host: one joint search after the other, with every combination of some settings, and what they agree on."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from jaxsolve.errors import OutputError, UsageError
from jaxsolve.experiment.plan import Plan
from jaxsolve.experiment.search import JointConfig, Stored, joint_search
from jaxsolve.files import append, sealed, unsealed
from jaxsolve.puzzle import Puzzle
from jaxsolve.records import is_amount, is_answer, is_count
from jaxsolve.run import Label, Run

RESULTS = "runs.jsonl"
START = "start"
"""Key of the answer that a run has begun with."""


@dataclass(frozen=True)
class Outcome:
    """What one run of a sweep came to."""

    setting: dict[str, Any]
    """The values of the grid that are its own."""
    config: dict[str, Any]
    """All that it was run with."""
    status: str
    mse: float
    """Over all rows."""
    loss: float
    """Over the rows of the search."""
    evaluations: int
    seconds: float
    permutation: list[int]
    puzzle: str
    """Fingerprint of the puzzle."""


def read_outcomes(folder: Path, puzzle: Puzzle, *, most_bytes: int = 1 << 25) -> list[Outcome]:
    """Return the runs of a puzzle that are in a folder already; lines that were cut off or altered are not.

    Raises
    ------
    UsageError
        There are more than `most_bytes` of them, which nobody would go on with.
    """
    found, path = [], folder / RESULTS
    try:
        if path.stat().st_size > most_bytes:
            raise UsageError(f"{path}: results of more than {most_bytes >> 20} MiB; choose another folder for --out")
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    for line in lines:
        try:
            told = unsealed(line)
            # infinite errors, of runs that have found no whole network, are none in JSON
            one = Outcome(**told | {key: math.inf for key in ("mse", "loss") if told[key] is None})
        except (ValueError, TypeError, KeyError):
            continue
        if one.puzzle == puzzle.fingerprint and _usable(one):
            found.append(one)
    return found


def _usable(one: Outcome) -> bool:
    """Whether an outcome that was read is as one is written."""
    tables = (
        isinstance(one.setting, dict) and isinstance(one.config, dict) and isinstance(one.config.get("method"), str)
    )
    figures = (
        all(error == math.inf or is_amount(error) for error in (one.mse, one.loss))
        and is_count(one.evaluations)
        and is_amount(one.seconds)
    )
    return tables and figures and isinstance(one.status, str) and is_answer(one.permutation)


def _planned(plan: Plan, done: list[Outcome]) -> Iterator[tuple[dict[str, Any], JointConfig, list[int] | None]]:
    """Yield the runs of a plan, and then those from the best answers of them that are `done` by then.

    Each is the values that are its own, its settings, and the answer that it begins with.
    """
    yield from ((setting, config, None) for setting, config in plan.runs)
    different: dict[tuple[int, ...], Outcome] = {}
    for one in sorted((one for one in done if START not in one.config), key=lambda one: one.mse):
        if one.permutation:
            different.setdefault(tuple(one.permutation), one)
    for one in [*different.values()][: plan.best]:
        for setting, config in plan.then:
            own = {"then": config.method} | {f"then.{key}": value for key, value in setting.items()}
            yield one.setting | own, config, one.permutation


def _described(config: JointConfig, start: list[int] | None = None) -> dict[str, Any]:
    """Return all that a run is made with, as it is read again."""
    return json.loads(json.dumps(config.deciding)) | ({} if start is None else {START: start})


def runs_left(plan: Plan, done: list[Outcome]) -> int:
    """Return how many runs of a plan are not `done`; of those from the best answers, at most so many."""
    spelled = lambda described: json.dumps(described, sort_keys=True)  # found at once among very many
    known = {spelled(one.config) for one in done}
    first = sum(spelled(_described(config)) not in known for _, config in plan.runs)
    if first:
        return first + plan.best * len(plan.then)
    return sum(spelled(_described(config, start)) not in known for _, config, start in _planned(plan, done))


def run_sweep(
    puzzle: Puzzle,
    plan: Plan,
    run: Run,
    folder: Path,
    done: list[Outcome],
    devices: int | None = None,
    stored: Stored | None = None,
    keep: Callable[[Stored], None] | None = None,
) -> Iterator[Outcome]:
    """Run what is not `done` yet, append it to `done` and to the folder, and yield it.

    Ends early, without the run that was under way, when the budget of `run` is spent or the user asks for an end.
    `keep` is given after each step what a run can be resumed from, and `stored` is what it was given last, if that is
    known: the run that it is of goes on from there.
    """
    fingerprint = puzzle.fingerprint
    for setting, config, start in _planned(plan, done):
        described = _described(config, start)
        if described in (one.config for one in done):
            continue
        if run.stopped or run.elapsed > run.budget:
            return
        own = replace(run, seconds=dict(run.seconds), evaluations=0, loss=float("inf"), best=None, stopped=False)
        began = run.elapsed
        own.watch = lambda progress, own=own: own.stop() if run.stopped else None
        run.begin(Label(config.method, config.pairing or "", rows=config.rows or puzzle.rows, setting=setting))
        going_on, begun = None, None if start is None else puzzle.assembly(start)
        asked = {"config": _described(config), START: start, "puzzle": fingerprint}
        if stored is not None and {key: stored[0].get(key) for key in asked} == asked:
            going_on = stored[0] | {"seconds": run.elapsed}, stored[1]
        solution = joint_search(puzzle, config, own, start=begun, resume=going_on, keep=keep, devices=devices)
        run.slots = own.slots
        if solution.status in ("interrupted", "lost", "out_of_time"):
            return
        certificate = solution.certificate
        outcome = Outcome(
            setting, described, solution.status, math.inf if certificate is None else certificate.told(certificate.mse),
            solution.pipeline.loss, own.evaluations, round(run.elapsed - began, 3),
            [] if certificate is None else certificate.permutation, fingerprint,
        )  # fmt: skip
        done.append(outcome)
        try:
            append(folder / RESULTS, sealed(json.dumps(asdict(outcome))))
        except OSError as error:
            raise OutputError(f"{folder}: results cannot be written ({error.strerror or error})") from error
        yield outcome


def consensus(
    outcomes: list[Outcome], halves_of: Callable[[list[int]], list[int]] = lambda ids: ids[:-1]
) -> list[tuple[tuple[int, int], int]]:
    """Return in how many of some answers each pair of pieces appears, the most frequent first.

    `halves_of` is as `Puzzle` has it, for puzzles with more around their blocks than a readout.
    """
    counts: Counter[tuple[int, int]] = Counter()
    for one in outcomes:
        halves = halves_of(one.permutation)
        counts.update(zip(halves[::2], halves[1::2], strict=True))
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
