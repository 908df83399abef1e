"""Host: the puzzle as it was given, and the assembly of its pieces that answers it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from jaxsolve.errors import AnswerError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Assembly(NamedTuple):
    """A candidate answer: two permutations. Position t runs first half `ins[t]`, then second half `outs[t]`.

    Arrays are NumPy's on the host and JAX's on the device, and may have leading axes for many candidates.
    """

    ins: Any
    """`[*B, N]` int32, rows of `Puzzle.w_in`."""
    outs: Any
    """`[*B, N]` int32, rows of `Puzzle.w_out`."""


@dataclass(frozen=True, eq=False)
class Puzzle:
    """The pieces of a dropped residual network, stacked by piece id, and what it once answered.

    The network runs ``h ← h + w_out[j]·act(w_in[i]·h + b_in[i]) + b_out[j]`` for N pairs (i, j), then
    ``w_last·h + b_last``. Axes: N blocks, D features, H hidden units, R rows.
    """

    name: str
    w_in: Floats
    """`[N, H, D]` expanding halves, in the order of `in_ids`."""
    b_in: Floats
    """`[N, H]`"""
    w_out: Floats
    """`[N, D, H]` contracting halves, in the order of `out_ids`."""
    b_out: Floats
    """`[N, D]`"""
    w_last: Floats
    """`[D]` readout."""
    b_last: float
    in_ids: Integers
    """`[N]` piece ids of the expanding halves, ascending."""
    out_ids: Integers
    """`[N]` piece ids of the contracting halves, ascending."""
    last_id: int
    x: Floats
    """`[R, D]` inputs."""
    y: Floats
    """`[R]` what the network answered: the target."""
    label: Floats | None = None
    """`[R]` what the network was trained on, where known; never a target."""
    activation: str = "relu"
    expected_sha256: str | None = None
    dtype: str = "float32"
    """Widest storage type among the pieces."""
    notes: tuple[str, ...] = ()
    """Oddities that do not stop a search but that the user should hear of."""

    @property
    def blocks(self) -> int:
        """Number of residual blocks, N."""
        return self.w_in.shape[0]

    @property
    def hidden(self) -> int:
        """Hidden units of a block, H."""
        return self.w_in.shape[1]

    @property
    def features(self) -> int:
        """Width of the residual stream, D."""
        return self.w_in.shape[2]

    @property
    def rows(self) -> int:
        """Rows of data, R."""
        return len(self.y)

    def replace(self, **changes: object) -> Self:
        """Return a copy with some fields changed."""
        return replace(self, **changes)  # pyright: ignore[reportArgumentType]

    def first_rows(self, rows: int | None) -> Self:
        """Return the puzzle on its first rows alone; None: all."""
        label = None if self.label is None else self.label[:rows]
        return self.replace(x=self.x[:rows], y=self.y[:rows], label=label)

    @property
    def fingerprint(self) -> str:
        """A hash of the pieces, the rows and the activation: what a stored search belongs to."""
        digest = hashlib.sha256(self.activation.encode())
        for table in (self.w_in, self.b_in, self.w_out, self.b_out, self.w_last, [self.b_last], self.x, self.y):
            digest.update(np.ascontiguousarray(table, np.float64).tobytes())
        return digest.hexdigest()[:32]

    def permutation(self, assembly: Assembly) -> list[int]:
        """Return the piece ids in the order they ran: in, out, in, out, …, readout."""
        interleaved = np.stack([self.in_ids[assembly.ins], self.out_ids[assembly.outs]], axis=1).ravel()
        return [*map(int, interleaved), self.last_id]

    def assembly(self, permutation: Sequence[int]) -> Assembly:
        """Return the assembly that a permutation of piece ids describes.

        Raises
        ------
        AnswerError
            The ids are not every piece exactly once, in the pattern in, out, …, readout.
        """
        expected = 2 * self.blocks + 1
        if len(permutation) != expected:
            raise AnswerError(f"the answer has {len(permutation)} piece ids; this puzzle has {expected} pieces")
        known = {*self.in_ids.tolist(), *self.out_ids.tolist(), self.last_id}
        for piece in permutation:
            if piece not in known:
                raise AnswerError(f"the answer names piece {piece}, which this puzzle does not have")
        if len(set(permutation)) != expected:
            twice = next(p for p in permutation if list(permutation).count(p) > 1)
            raise AnswerError(f"the answer names piece {twice} more than once")
        if permutation[-1] != self.last_id:
            raise AnswerError(f"the answer ends with piece {permutation[-1]}; the readout is piece {self.last_id}")
        ins = _rows(permutation[0:-1:2], self.in_ids, "first half of a block (W_in)")
        return Assembly(ins, _rows(permutation[1:-1:2], self.out_ids, "second half of a block (W_out)"))


def _rows(pieces: Sequence[int], ids: Integers, role: str) -> NDArray[np.int32]:
    row = {int(piece): k for k, piece in enumerate(ids)}
    for piece in pieces:
        if piece not in row:
            raise AnswerError(f"the answer has piece {piece} as a {role}, which its shape does not fit")
    return np.array([row[piece] for piece in pieces], dtype=np.int32)


def sha256_of(permutation: Sequence[int]) -> str:
    """Return the published check: SHA-256 of the piece ids joined by commas, without spaces."""
    return hashlib.sha256(",".join(map(str, permutation)).encode()).hexdigest()
