"""Host: what a sweep runs, as a TOML file describes it."""

import itertools
import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxsolve.errors import UsageError, no_such
from jaxsolve.experiment.search import SETTINGS as DECIDING, JointConfig
from jaxsolve.records import flat_table, is_count
from jaxsolve.search import stages_named

SETTINGS = {*DECIDING} - {"options"}
Grid = list[tuple[dict[str, Any], JointConfig]]
"""Runs: the values of a grid that are a run's own, and all its settings."""


@dataclass(frozen=True)
class Plan:
    """The runs of a sweep."""

    runs: Grid
    best: int = 0
    """Number of the best different answers that are gone on from."""
    then: Grid = field(default_factory=list)
    """What each of them is gone on from with."""


def read_plan(path: Path, *, most_runs: int = 100_000, most_bytes: int = 1 << 16) -> Plan:
    """Return the runs that a file describes.

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
    after = table.pop("then", None)
    runs = _grid_of(table, str(path), most_runs)
    if after is None:
        return Plan(runs)
    where = f"{path}, [then]"
    if not isinstance(after, dict):
        raise UsageError(f"{where}: expected a table of settings")
    best = after.pop("best", 5)
    if not (is_count(best) and best > 0):
        raise UsageError(f"{where}: best is {best!r}; expected a whole number, at least 1")
    return Plan(runs, best, _grid_of(after, where, most_runs // best))


def _grid_of(table: dict[str, Any], where: str, most_runs: int) -> Grid:
    """Return the runs of a table with a grid; errors name `where` it stands."""
    grid, options = table.pop("grid", {}), table.pop("options", {})
    if not isinstance(grid, dict) or not isinstance(options, dict):
        raise UsageError(f"{where}: grid and options are tables, [grid] and [options]")
    if unknown := set(table) - SETTINGS:
        raise UsageError(f"{where}: {no_such('setting', min(unknown), sorted(SETTINGS), 'there are')}")
    try:
        grid = {key: values if isinstance(values, list) else [values] for key, values in flat_table(grid).items()}
        base = {**table, "options": flat_table(options)}
    except RecursionError as error:
        raise UsageError(f"{where}: tables in tables in tables; expected options of methods") from error
    count = math.prod(map(len, grid.values()))
    if not 0 < count <= most_runs:
        raise UsageError(f"{where}: the grid has {count} combinations; expected 1 to {most_runs}")
    runs = []
    for values in itertools.product(*grid.values()):
        setting = dict(zip(grid, values, strict=True))
        own = {key: value for key, value in setting.items() if key in SETTINGS}
        chosen = {key: value for key, value in setting.items() if key not in SETTINGS}
        try:
            config = JointConfig(**{**base, **own, "options": base["options"] | chosen})
            stages_named(config.method, config.options)
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from error
        except (TypeError, AttributeError, ValueError, OverflowError, RecursionError) as error:
            raise UsageError(f"{where}: a setting has a value of the wrong kind ({error})") from error
        runs.append((setting, config))
    return runs
