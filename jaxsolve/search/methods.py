"""Host: the joint searches by name, and pipelines of them from names and options."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import cache
from itertools import starmap
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from jaxsolve.errors import UsageError, nearest, no_such
from jaxsolve.search.annealing import Annealing, Tempering
from jaxsolve.search.backward import BackwardBeam
from jaxsolve.search.beam import Beam
from jaxsolve.search.descending import Descending
from jaxsolve.search.elimination import Elimination
from jaxsolve.search.exchange_regression import ExchangeRegression
from jaxsolve.search.grand_canonical import GrandCanonical
from jaxsolve.search.iterated import Iterated
from jaxsolve.search.method import Method
from jaxsolve.search.pipeline import Stage
from jaxsolve.search.probe_beam import ProbeBeam
from jaxsolve.search.reannealing import Reannealing
from jaxsolve.search.relaxation import Relaxation
from jaxsolve.search.rollout_beam import RolloutBeam

D = TypeVar("D")
"""A frozen dataclass."""

METHODS: dict[str, Callable[[], Method]] = {
    "beam": Beam,
    "stochastic_beam": lambda: Beam(width=50, noise=0.001),
    "probe_beam": ProbeBeam,
    "rollout_beam": RolloutBeam,
    "backward_beam": BackwardBeam,
    "annealing": Annealing,
    "tempering": Tempering,
    "grand_canonical": GrandCanonical,
    "iterated": Iterated,
    "descent": Descending,
    "relaxation": Relaxation,
    "reannealing": Reannealing,
    "exchange_regression": ExchangeRegression,
    "elimination": Elimination,
}
SOLVING = "relaxation,reannealing"
"""Methods that are used where nobody says which: those of which `solve` makes its turns.

From first orders of likely pairs they come to the answer of the embedded and of the famous puzzle (7 and 13 s on two
cores), where beams of the same budget end at an R² of 0.09 and 0.05.
"""


def options_of(method: Any) -> dict[str, type]:
    """Return the options of a method, or of another frozen dataclass, with their types, ``None`` left out."""
    return dict(_options_of(type(method)))


@cache
def _options_of(kind: type) -> Mapping[str, type]:
    hints = get_type_hints(kind)
    return {
        field.name: next((one for one in get_args(hints[field.name]) if one is not NoneType), hints[field.name])
        for field in fields(kind)  # pyright: ignore[reportArgumentType]
    }


def stages_named(names: str | Sequence[str], options: Mapping[str, Any] | None = None) -> tuple[Stage, ...]:
    """Return stages by the names of their methods, and their options.

    Parameters
    ----------
    names
        Names, or one text with commas between them.
    options
        Values by the names of options: of all stages that have one of that name, or with the stage's name and a dot
        before it, of that stage alone.

    Raises
    ------
    UsageError
        A method or an option does not exist, or has a value that cannot be used.
    """
    listed = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    for name in listed:
        if name not in METHODS:
            raise UsageError(no_such("method", name, METHODS, "choose one or several, joined by commas, of"))
    return tuple(starmap(Stage, with_options([(name, METHODS[name]()) for name in listed], options or {})))


def with_options(named: Sequence[tuple[str, D]], options: Mapping[str, Any]) -> list[tuple[str, D]]:
    """Return dataclasses with options changed, which `stages_named` describes; `UsageError` as there."""
    changes: list[dict[str, Any]] = [{} for _ in named]
    for key, value in options.items():
        owner, _, option = key.rpartition(".")
        meant = [k for k, (name, one) in enumerate(named) if owner in ("", name) and option in options_of(one)]
        if not meant:
            every = [(name, option) for name, one in named for option in options_of(one)]
            has = sorted({option for _, option in every})
            names = " and ".join(distinct := list(dict.fromkeys(name for name, _ in named)))
            one, have = ("it has", "has") if len(distinct) == 1 else ("they have", "have")
            told = nearest(key, [*has, *map(".".join, every)], f"{one} {', '.join(has)}")
            raise UsageError(f"{names} {have} no option {key!r}{told}")
        for k in meant:
            changes[k][option] = _value(key, value, options_of(named[k][1])[option])
    return [(name, replace(one, **changed)) for (name, one), changed in zip(named, changes, strict=True)]  # pyright: ignore[reportArgumentType]


def _value(key: str, value: Any, kind: type) -> Any:
    """Return the value of an option as its type, from a number or a text."""
    try:
        if value is None or (isinstance(value, str) and value == "none"):
            return None
        if kind is bool:
            return {"true": True, "false": False, "1": True, "0": False}[str(value).lower()]
        if kind is str:
            return str(value)
        number = float(value)
        if kind is int:
            if not number.is_integer():
                raise ValueError
            return int(number)
        return number
    except (KeyError, TypeError, ValueError, OverflowError):
        wanted = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        raise UsageError(f"{key} is {value!r}; expected {wanted}") from None
