"""Host: one joint search after the other, with every combination of some settings, and what they agree on."""

import itertools
import json
import math
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from jaxsolve.errors import OutputError, UsageError, no_such
from jaxsolve.experiment.search import SETTINGS as DECIDING, JointConfig, Stored, joint_search
from jaxsolve.files import append, sealed, unsealed
from jaxsolve.puzzle import Puzzle
from jaxsolve.records import flat_table, is_amount, is_answer, is_count
from jaxsolve.run import Label, Run
from jaxsolve.search import stages_named

RESULTS = "runs.jsonl"
SETTINGS = {*DECIDING} - {"options"}


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


def configurations(
    path: Path, *, most_runs: int = 100_000, most_bytes: int = 1 << 16
) -> list[tuple[dict[str, Any], JointConfig]]:
    """Return the runs that a file describes: the values of the grid, and all settings.

    Files have at most `most_bytes`: keys of very many parts take the square of their number.

    Raises
    ------
    UsageError
        The file cannot be read, or describes no searches; the message names the setting.
    """
    try:
        with path.open("rb") as file:
            text = file.read(most_bytes + 1)
        if len(text) > most_bytes:
            raise ValueError(f"more than {most_bytes >> 10} KiB")
        table = tomllib.loads(text.decode())
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path}: no readable TOML ({reason})") from error
    grid, options = table.pop("grid", {}), table.pop("options", {})
    if not isinstance(grid, dict) or not isinstance(options, dict):
        raise UsageError(f"{path}: grid and options are tables, [grid] and [options]")
    if unknown := set(table) - SETTINGS:
        raise UsageError(f"{path}: {no_such('setting', min(unknown), sorted(SETTINGS), 'there are')}")
    try:
        grid = {key: values if isinstance(values, list) else [values] for key, values in flat_table(grid).items()}
        base = {**table, "options": flat_table(options)}
    except RecursionError as error:
        raise UsageError(f"{path}: tables in tables in tables; expected options of methods") from error
    count = 1
    for values in grid.values():
        count *= len(values)
    if not 0 < count <= most_runs:
        raise UsageError(f"{path}: the grid has {count} combinations; expected 1 to {most_runs}")
    runs = []
    for values in itertools.product(*grid.values()):
        setting = dict(zip(grid, values, strict=True))
        own = {key: value for key, value in setting.items() if key in SETTINGS}
        chosen = {key: value for key, value in setting.items() if key not in SETTINGS}
        try:
            config = JointConfig(**{**base, **own, "options": base["options"] | chosen})
            stages_named(config.method, config.options)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from error
        except (TypeError, AttributeError, ValueError, OverflowError, RecursionError) as error:
            raise UsageError(f"{path}: a setting has a value of the wrong kind ({error})") from error
        runs.append((setting, config))
    return runs


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


def run_sweep(
    puzzle: Puzzle,
    todo: list[tuple[dict[str, Any], JointConfig]],
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
    fingerprint, known = puzzle.fingerprint, [one.config for one in done]
    for setting, config in todo:
        described = json.loads(json.dumps(config.deciding))
        if described in known:
            continue
        if run.stopped or run.elapsed > run.budget:
            return
        own = replace(run, seconds=dict(run.seconds), evaluations=0, loss=float("inf"), best=None, stopped=False)
        began = run.elapsed
        own.watch = lambda progress, own=own: own.stop() if run.stopped else None
        run.begin(Label(config.method, config.pairing or "", rows=config.rows or puzzle.rows, setting=setting))
        going_on = None
        if stored is not None and (stored[0].get("config"), stored[0].get("puzzle")) == (described, fingerprint):
            going_on = stored[0] | {"seconds": run.elapsed}, stored[1]
        solution = joint_search(puzzle, config, own, resume=going_on, keep=keep, devices=devices)
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
