"""Host: records read again, of this version or an older one, of a run that has ended, still goes on or was killed."""

from collections.abc import Iterator
from dataclasses import dataclass
from json import JSONDecodeError
from pathlib import Path
from types import NoneType
from typing import Any, TypeGuard

from jaxsolve.certificate.certify import r2_words
from jaxsolve.errors import UsageError
from jaxsolve.files import unsealed
from jaxsolve.records.files import is_open
from jaxsolve.records.folders import name_of
from jaxsolve.records.formats import Json, upgraded, upgraded_event

NUMBER = (int, float, NoneType)
FIELDS: dict[str, tuple[type, ...]] = {
    "command": (str,),
    "status": (str,),
    "error": (str, NoneType),
    "started": (str,),
    "puzzle": (dict,),
    "settings": (dict,),
    "seed": (int, NoneType),
    "devices": (list,),
    "versions": (dict,),
    "machine": (dict,),
    "resumed": (bool,),
    "trace": (str,),
    "permutation": (list, NoneType),
    "loss": NUMBER,
    "mse": NUMBER,
    "evaluations": (int,),
    "seconds": (int, float),
    "attempts": (int,),
    "certificate": (dict, NoneType),
    "report": (dict, NoneType),
}
"""What a record of the current format has to have, and of which type."""


def is_count(value: object) -> TypeGuard[int]:
    """Whether something that was read is a whole number that counts."""
    return type(value) is int and 0 <= value < 1 << 62


def is_amount(value: object) -> TypeGuard[float]:
    """Whether something that was read is a number that measures."""
    # what is not below is damage
    return type(value) in (int, float) and 0 <= value < 1e300  # pyright: ignore[reportOperatorIssue]


def is_answer(value: object) -> TypeGuard[list[int]]:
    """Whether something that was read is piece ids: two of each block, and the readout."""
    return isinstance(value, list) and len(value) % 2 == 1 and all(type(piece) is int for piece in value)


@dataclass(frozen=True, eq=False)
class Record:
    """What is known of a run."""

    path: Path
    """The file ``record.json``, or whatever number it has."""
    name: str
    fields: Json
    """As `jaxsolve.records.formats` describes them, in the format of this version."""
    format: int
    """The format that it was written in."""

    @property
    def status(self) -> str:
        """As it is written; ``unfinished`` where the run was killed before it could say how it ended."""
        status = self.fields["status"]
        return (
            "unfinished" if status == "running" and not is_open(self.path.with_name(self.fields["trace"])) else status
        )

    @property
    def fit(self) -> float:
        """Mean squared error over all rows where it is known, else on the rows of the search; infinite before.

        It is in the units of the table where the answer was judged, otherwise in those of the search.
        """
        known: list[Any] = [(self.fields["report"] or {}).get("mse"), self.fields["mse"], self.fields["loss"]]
        return next((float(value) for value in known if is_amount(value)), float("inf"))

    @property
    def r2(self) -> float | None:
        """Share of the variance of the predictions that the best answer accounts for, on the rows of `fit`.

        None where there is no answer, or the predictions do not vary.
        """
        told: Any = (self.fields["report"] or {}).get("r2")
        if type(told) in (int, float):
            return float(told)
        known: list[Any] = [self.fields["mse"], self.fields["loss"]]
        return self.share_of(next((float(value) for value in known if is_amount(value)), None))

    def share_of(self, mse: float | None) -> float | None:
        """Return R² of an error that the search has seen; None where that or the variance is not known.

        Where the units of the table were fitted on the way, errors before and after cannot be told as shares of one
        variance.
        """
        certificate = self.fields["certificate"] or {}
        units = certificate.get("units")
        fitted = isinstance(units, dict) and units.get("link") == "affine"
        variance = certificate.get("variance") or self.fields.get("variance")
        if mse is None or fitted or not is_amount(variance) or not variance > 0:
            return None
        return 1 - mse / variance

    def events(self, most_bytes: int = 64 << 20) -> Iterator[Json]:
        """Yield the lines of the trace in the format of this version; what was cut off or is damaged is left out.

        So is what is behind `most_bytes`, which runs of days write.
        """
        try:
            with self.path.with_name(self.fields["trace"]).open(encoding="utf-8", errors="replace") as lines:
                left = most_bytes
                while line := lines.readline(left):
                    left -= len(line)
                    try:
                        event = unsealed(line)
                    except ValueError:
                        continue
                    if isinstance(event, dict) and "event" in event:
                        event = upgraded_event(event, self.format)
                        if event is not None:
                            yield event
        except OSError:
            return  # without its trace a record still says what came of the run


def read_record(path: Path, most_bytes: int = 64 << 20) -> Record:
    """Return a record, whatever version up to this one has written it; of more than `most_bytes`, it is cut off.

    Raises
    ------
    UsageError
        It cannot be read, is damaged, or is of a newer version.
    """
    try:
        if path.exists() and not path.is_file():
            raise UsageError("no regular file")
        with path.open("rb") as file:
            found = unsealed(file.read(most_bytes).decode())
        if not isinstance(found, dict):
            raise UsageError("no object in it")
        version, fields = found.get("format"), upgraded(found)
        for key, kinds in FIELDS.items():
            if not isinstance(fields.get(key, ...), kinds):
                raise UsageError(f"no usable {key!r} in it")
        if Path(fields["trace"]).name != fields["trace"] or not fields["trace"] or not fields["trace"].isprintable():
            raise UsageError("its trace is not beside it")
    except OSError as error:
        raise UsageError(f"{path}: this record cannot be read ({error.strerror or error})") from error
    except (ValueError, UsageError) as error:
        plain = isinstance(error, UnicodeDecodeError | JSONDecodeError)
        why = "no JSON in it" if plain else error
        raise UsageError(f"{path}: this record cannot be read ({why})") from error
    return Record(path, name_of(path), fields, int(version or 0))


def share_words(r2: float | None) -> str:
    """Return R² as people read it; a dash where it is not known."""
    return "-" if r2 is None else r2_words(1 - r2)


def summary(record: Record) -> dict[str, Any]:
    """Return what lists show of a run."""
    fields = record.fields
    return {
        "run": record.name,
        "command": fields["command"],
        "puzzle": fields["puzzle"].get("name"),
        "fingerprint": fields["puzzle"].get("fingerprint"),
        "status": record.status,
        "mse": record.fit,
        "r2": record.r2,
        "evaluations": fields["evaluations"],
        "seconds": fields["seconds"],
        "seed": fields["seed"],
        "started": fields["started"],
    }
