"""Host: states as flat tables of arrays, and back, for files that nobody has to be trusted with."""

import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from jaxsolve.errors import UsageError
from jaxsolve.search.method import Amount, Count

T = TypeVar("T")
Arrays = dict[str, NDArray[Any]]


def flattened(state: Any, prefix: str) -> Arrays:
    """Return the arrays of a state by their names behind a prefix; states in it add their names. None: none."""
    if state is None:
        return {}
    found: Arrays = {}
    for name, part in state._asdict().items():
        if part is None or hasattr(part, "_asdict"):
            found |= flattened(part, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = np.asarray(part)
    return found


def restored(kind: type[T], arrays: Arrays, prefix: str, blocks: int, *, whole: bool = False) -> T:
    """Return a state from its arrays, checked.

    Parameters
    ----------
    kind
        The named tuple that it is.
    arrays, prefix
        What `flattened` has returned, perhaps among others.
    blocks
        N: halves are numbered from 0 to N - 1, each at most once in a row.
    whole
        Whether rows of halves are all of them.

    Raises
    ------
    ValueError, KeyError, TypeError
        The arrays are not those of such a state.
    """
    hints, parts = get_type_hints(kind), {}
    for name in kind._fields:  # pyright: ignore[reportAttributeAccessIssue]
        inner = _inner(hints[name])
        if inner is None:
            parts[name] = arrays[f"{prefix}{name}"]
            continue
        there = any(key.startswith(f"{prefix}{name}.") for key in arrays)
        parts[name] = (
            restored(inner, arrays, f"{prefix}{name}.", blocks) if there or not _optional(hints[name]) else None
        )
    _check(hints, parts, blocks, whole=whole)
    return kind(**parts)


@contextmanager
def blamed_on_storage(read: bool) -> Iterator[None]:
    """Take what fails with a state that was just `read` for damage of it; `UsageError`."""
    try:
        yield
    except (ValueError, TypeError, IndexError, KeyError, OverflowError, ZeroDivisionError) as error:
        if not read:
            raise
        raise UsageError(f"this is no stored search ({type(error).__name__}: {error})") from error


def _inner(hint: Any) -> Any:
    """Return the named tuple that a field is, or may be; None: it is an array."""
    kinds = get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return next((kind for kind in kinds if hasattr(kind, "_fields")), None)


def _optional(hint: Any) -> bool:
    return types.NoneType in get_args(hint)


def _check(hints: dict[str, Any], parts: dict[str, Any], blocks: int, *, whole: bool) -> None:
    """Refuse what cannot be a state, above all halves, `[B, L]`, not each once in a row: all where it is `whole`."""
    for name, rows in parts.items():
        if not isinstance(rows, np.ndarray):
            continue
        if hints[name] in (Count, Amount) and (rows.ndim or rows.dtype.kind not in "iuf"):
            raise ValueError(f"{name} of shape {rows.shape} and type {rows.dtype}")
        if name.split("_")[-1] in ("ins", "outs"):
            alike = rows.shape == parts[name.replace("outs", "ins")].shape
            of_all = not whole or (rows.ndim == 2 and rows.shape[1] == blocks)
            if rows.ndim != 2 or not len(rows) or rows.dtype != np.int32 or not (alike and of_all):
                raise ValueError(f"{name} of shape {rows.shape} and type {rows.dtype}")
            ordered = np.sort(rows, axis=1)
            if rows.size and (ordered[:, 0].min() < 0 or ordered[:, -1].max() >= blocks):
                raise ValueError(f"{name} with halves that there are not")
            if (np.diff(ordered, axis=1) == 0).any():
                raise ValueError(f"{name} with the same half twice")
        elif name.endswith(("losses", "sums")) and (rows.shape != parts["ins"].shape[:1] or rows.dtype.kind != "f"):
            raise ValueError(f"{name} of shape {rows.shape} and type {rows.dtype}")
