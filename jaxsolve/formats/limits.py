"""Host: how much is read of files that strangers may have made; what is beyond is refused before it is read."""

import os
from dataclasses import dataclass, fields
from typing import Self

from jaxsolve.errors import UsageError

VARIABLE = "JAXSOLVE_LIMITS"


@dataclass(frozen=True)
class Limits:
    """The most of everything; the environment may set others: ``JAXSOLVE_LIMITS=columns=20000,inflation=300``."""

    file_bytes: int = 2 << 30
    """Of one file, unpacked."""
    total_bytes: int = 8 << 30
    """Of all files in an archive, unpacked, archives in it included."""
    inflation: int = 100
    """Unpacked over packed size of a puzzle that unpacks to more than `free_bytes` (tables reach about 10)."""
    free_bytes: int = 64 << 20
    """Of a puzzle, unpacked, that is not judged by how much larger it becomes."""
    entries: int = 100_000
    """Of an archive, with those of archives stored in it."""
    columns: int = 4000
    """Of a table."""
    spare_cells: int = 1 << 20
    """Of a table's rows that end too early, or are empty lines."""
    pth_entries: int = 4096
    """Of a .pth file: those of 500 blocks, each tensor in one of its own."""
    pickle_bytes: int = 1 << 20
    """Of the pickle in a .pth file."""
    opcodes: int = 100_000
    """Of that pickle."""
    pickle_depth: int = 64
    """Of what that pickle nests."""
    pickle_name: int = 1000
    """Characters of a name in it."""
    answer_bytes: int = 16 << 20
    """Of a file with an answer; what is behind them is not read."""

    @classmethod
    def from_environment(cls) -> Self:
        """Return the limits that the environment leaves or sets; `UsageError` if it sets none that there are."""
        known, chosen = [field.name for field in fields(cls)], dict[str, int]()
        for word in filter(None, os.environ.get(VARIABLE, "").replace(" ", "").split(",")):
            name, _, value = word.partition("=")
            if name not in known or not value.isdecimal() or len(value) > 18:
                raise UsageError(f"{VARIABLE} has {word!r}; expected NAME=NUMBER, NAME one of {', '.join(known)}")
            chosen[name] = int(value)
        return cls(**chosen)
