"""Host: what was done to one assembly to make it another, in words."""

from collections.abc import Sequence
from typing import NamedTuple

Block = tuple[int, int]


class Step(NamedTuple):
    """A move as people would describe it. Positions count from 0."""

    kind: str
    """``swap``, ``insertion``, ``reversal``, ``partners``, ``several``, ``grown``, ``other`` or ``same``."""
    sentence: str
    moved: list[int]
    """Positions, afterwards, of the blocks that it was about."""


def blocks_of(permutation: Sequence[int]) -> list[Block]:
    """Return the two pieces of each block of an answer, by position."""
    return [*zip(permutation[:-1:2], permutation[1::2], strict=False)]


def move_between(before: Sequence[Block], after: Sequence[Block]) -> Step:
    """Return the simplest move that makes one assembly of another."""
    if len(before) != len(after):
        more = len(after) - len(before)
        return Step("other", f"{abs(more)} blocks {'more' if more > 0 else 'fewer'} than before", [])
    changed = [t for t, (one, other) in enumerate(zip(before, after, strict=True)) if one != other]
    if not changed:
        return Step("same", "nothing moved", [])
    if {*before} != {*after}:
        kind = "partners" if {i for i, _ in before} == {i for i, _ in after} else "other"
        text = "have other partners" if kind == "partners" else "are others"
        return Step(kind, f"{len(changed)} blocks {text} or other places", changed)
    first, last = changed[0], changed[-1]
    if len(changed) == 2:
        return Step("swap", f"blocks at {first} and {last} swapped", changed)
    old, new = [*before[first : last + 1]], [*after[first : last + 1]]
    k = old.index(new[0])
    if old[k:] + old[:k] == new:
        return _insertion(first, last, k)
    if old[::-1] == new:
        return Step("reversal", f"blocks {first} to {last} reversed", changed)
    return Step("several", f"{len(changed)} blocks changed places", changed)


def _insertion(first: int, last: int, k: int) -> Step:
    """Return the insertion that brings what began k places behind the first changed position to the front."""
    size = last + 1 - first
    if size - k <= k:  # the shorter part is the one that was taken out
        moved, source, target = size - k, first + k, first
    else:
        moved, source, target = k, first, last + 1 - k
    what = "block" if moved == 1 else f"{moved} blocks"
    return Step("insertion", f"{what} moved from {source} to {target}", [*range(target, target + moved)])
