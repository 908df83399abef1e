"""Host: the architectures of blocks, one entry a line: what their pieces are, told by shapes.

An architecture returns the pieces of a pile as those of a plain stack, first halves `[H, D]` and second halves
`[D, H]`, which `jaxsolve.architecture.roles` sorts; what else a first half has goes along with it. A new entry is read,
searched, reported and named by ``--architecture``; what its blocks compute besides is said by their form.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from jaxsolve.architecture.pieces import Piece
from jaxsolve.errors import UsageError, no_such

AUTO = "auto"
"""The first architecture that a pile makes."""


@dataclass(frozen=True)
class Architecture:
    """How the pieces of blocks are told."""

    words: str
    """What a block computes of a state x."""
    as_stack: Callable[[Sequence[Piece], int], list[Piece] | None]
    """Returns pieces, given with the number of features D, as those of a plain stack; None: they are none of these."""


def _as_they_are(pieces: Sequence[Piece], features: int) -> list[Piece] | None:
    return list(pieces)


def _gates_apart(pieces: Sequence[Piece], features: int) -> list[Piece] | None:
    """Take every other first half for the gate of one: which are which, shapes do not tell."""
    firsts, seconds = _widths(pieces, features)
    both = [width for width in seconds if width in firsts and width != features]
    if not both or any(firsts[width] != 2 * seconds[width] for width in both):
        return None
    kept = [piece for piece in pieces if piece.shape[1] != features or piece.shape[0] not in both]
    for width in both:
        some = sorted((piece for piece in pieces if piece.shape == (width, features)), key=lambda piece: piece.id)
        gates, own = some[: len(some) // 2], some[len(some) // 2 :]
        kept += [replace(piece, gate=gate) for piece, gate in zip(own, gates, strict=True)]
    return kept


def _gates_in_front(pieces: Sequence[Piece], features: int) -> list[Piece] | None:
    """Cut first halves of twice as many rows as second halves have columns into gates and first halves."""
    firsts, seconds = _widths(pieces, features)
    both = [width for width in seconds if firsts[2 * width] == seconds[width] and not firsts[width]]
    if not both:
        return None
    cut = lambda piece, rows: replace(piece, weight=piece.weight[rows], bias=piece.bias[rows])

    def parted(piece: Piece) -> Piece:
        width, odd = divmod(piece.shape[0], 2)
        if odd or piece.shape[1] != features or width not in both:
            return piece
        return replace(cut(piece, slice(width, None)), gate=cut(piece, slice(width)))

    return [parted(piece) for piece in pieces]


def _widths(pieces: Sequence[Piece], features: int) -> tuple[Counter[int], Counter[int]]:
    """Return how many pieces read the states, by their rows, and how many write to them, by their columns."""
    firsts = Counter(piece.shape[0] for piece in pieces if piece.shape[1] == features)
    return firsts, Counter(piece.shape[1] for piece in pieces if piece.shape[0] == features)


ARCHITECTURES: dict[str, Architecture] = {
    "residual": Architecture("x + W_out·act(W_in·x), two pieces a block", _as_they_are),
    "gated": Architecture("x + W_out·(act(W_gate·x)·(W_in·x)), three pieces a block", _gates_apart),
    "packed": Architecture("x + W_out·(act(W_gate·x)·(W_in·x)), gate and W_in in one piece", _gates_in_front),
}


def architectures(name: str) -> dict[str, Architecture]:
    """Return the architectures that a name stands for, ``auto`` for all; `UsageError` if there is none."""
    if name == AUTO:
        return ARCHITECTURES
    if name not in ARCHITECTURES:
        raise UsageError(no_such("architecture", name, [AUTO, *ARCHITECTURES]))
    return {name: ARCHITECTURES[name]}
