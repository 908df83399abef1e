"""Host: the puzzle as it was given, and the assembly of its pieces that answers it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from jaxsolve.errors import AnswerError
from jaxsolve.puzzle.answers import halves, pieces_of
from jaxsolve.puzzle.assembly import Assembly
from jaxsolve.puzzle.given import AS_GIVEN, GIVEN_UNITS, Floats, Gates, Given, Layer, Units

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Puzzle:
    """The pieces of a dropped residual network, stacked by piece id, and what it once answered.

    The network runs ``h ← h + w_out[j]·act(w_in[i]·h + b_in[i]) + b_out[j]`` for N pairs (i, j), then
    ``w_last·h + b_last``. Axes: N blocks, D features, H hidden units, R rows, K outputs. Blocks and readout may see a
    norm of h, and a layer more may stand before the blocks, which is applied to `x` already, or before the readout.

    A puzzle may be *padded* (`jaxsolve.puzzle.padding`): then some halves are null, stand-ins with negative ids, of
    which every block adds exactly 0, and one of the H hidden units carries the second halves' biases.
    """

    name: str
    w_in: Floats
    """`[N, H, D]` expanding halves, in the order of `in_ids`."""
    b_in: Floats
    """`[N, H]`"""
    w_out: Floats
    """`[N, D, H]` contracting halves, in the order of `out_ids`, times what the form multiplies residuals by."""
    b_out: Floats
    """`[N, D]`"""
    w_last: Floats
    """`[D]` readout; `[K, D]` where there are several outputs."""
    b_last: float | Floats
    """One number, or `[K]`."""
    in_ids: Integers
    """`[N]` piece ids of the expanding halves, ascending; then the negative ones of null halves."""
    out_ids: Integers
    """`[N]` piece ids of the contracting halves, likewise."""
    last_id: int
    x: Floats
    """`[R, D]` inputs of the blocks."""
    y: Floats
    """`[R]` what the network answered: the target; `[R, K]` where there are several outputs."""
    label: Floats | None = None
    """`[R]` what the network was trained on, where known; never a target."""
    activation: str = "relu"
    """The activation of the blocks, or the whole form with norms (`jaxsolve.architecture.forms`)."""
    activation_given: bool = True
    """False where nobody said what the activation is: it is to be found out from the data."""
    units: Units = GIVEN_UNITS
    """How the predictions of the table follow from `y`."""
    link_given: bool = False
    """True where somebody said what was applied to the outputs; False where an affine map is to be found out."""
    steps: Floats | None = None
    """`[R]` distance of the numbers that the table could hold around each prediction, float32's, in the units of `y`;
    None: those around `y` itself."""
    expected_sha256: str | None = None
    dtype: str = "float32"
    """Widest storage type among the pieces."""
    notes: tuple[str, ...] = ()
    """Oddities that do not stop a search but that the user should hear of."""
    first: Layer | None = None
    """A layer before all blocks, `[D, I]`."""
    inputs: Floats | None = None
    """`[R, I]` what that is given; None: there is none, and `x` are the inputs."""
    head: Layer | None = None
    """A layer with the activation of the blocks before the readout, `[M, D]`, which then takes M units."""
    gates: Gates | None = None
    """Of gated blocks: hidden units are ``act(gate·h + bias)·(w_in·h + b_in)``."""
    given: Given = AS_GIVEN
    """How pieces were given where they differ from these arrays."""

    @staticmethod
    def from_arrays(pieces: Mapping[int, Any] | Iterable[Any], x: Any, y: Any, **options: Any) -> "Puzzle":
        """Return the puzzle of layers in memory: `jaxsolve.puzzle.build.from_arrays`."""
        from jaxsolve.puzzle.build import from_arrays

        return from_arrays(pieces, x, y, **options)

    @staticmethod
    def from_state_dict(tensors: Mapping[str, Any], x: Any, y: Any, **options: Any) -> "Puzzle":
        """Return the puzzle of the layers in a state dict: `jaxsolve.puzzle.build.from_state_dict`."""
        from jaxsolve.puzzle.build import from_state_dict

        return from_state_dict(tensors, x, y, **options)

    @staticmethod
    def from_modules(modules: Iterable[Any], x: Any, y: Any, **options: Any) -> "Puzzle":
        """Return the puzzle of modules of one layer each: `jaxsolve.puzzle.build.from_modules`."""
        from jaxsolve.puzzle.build import from_modules

        return from_modules(modules, x, y, **options)

    def __repr__(self) -> str:
        """Return name, sizes, activation and units, without the arrays."""
        shape = f"{self.blocks} blocks of {self.features}/{self.given_hidden}, {self.rows} rows"
        shape += f" of {self.outputs} outputs" * (self.outputs > 1)
        activation = self.activation if self.activation_given else f"{self.activation} (not given)"
        units = f", predictions {self.units.words}" if self.units.words else ""
        return f"Puzzle({self.name!r}: {shape}, {activation}{units})"

    @property
    def blocks(self) -> int:
        """Number of residual blocks, N, those with null halves among them."""
        return self.w_in.shape[0]

    @property
    def hidden(self) -> int:
        """Hidden units of a block, H, the one that carries biases among them."""
        return self.w_in.shape[1]

    @property
    def given_hidden(self) -> int:
        """Hidden units of the pieces as they were given."""
        return self.hidden - self.padded

    @property
    def null_ins(self) -> Flags:
        """`[N]` which first halves are null."""
        return self.in_ids < 0

    @property
    def null_outs(self) -> Flags:
        """`[N]` which second halves are null."""
        return self.out_ids < 0

    @property
    def padded(self) -> bool:
        """Whether some halves are null."""
        return bool(self.null_ins.any() or self.null_outs.any())

    @property
    def features(self) -> int:
        """Width of the residual stream, D."""
        return self.w_in.shape[2]

    @property
    def rows(self) -> int:
        """Rows of data, R."""
        return len(self.y)

    @property
    def outputs(self) -> int:
        """Outputs of the network, K; 1 where `y` has no such axis."""
        return self.y.shape[1] if self.y.ndim == 2 else 1

    @property
    def variance(self) -> float:
        """Variance of the predictions, the mean over the outputs."""
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.var(self.y) if self.y.ndim == 1 else np.var(self.y, axis=0).mean())

    def replace(self, **changes: object) -> Self:
        """Return a copy with some fields changed; the activation only where no biases are folded into it."""
        if self.padded and changes.get("activation", self.activation) != self.activation:
            raise ValueError("the activation of a padded puzzle cannot be replaced; pad it afterwards")
        return replace(self, **changes)  # pyright: ignore[reportArgumentType]

    def first_rows(self, rows: int | None) -> Self:
        """Return the puzzle on its first rows alone; None: all."""
        return self.take_rows(slice(rows))

    def take_rows(self, index: "slice | NDArray[np.integer]") -> Self:
        """Return the puzzle on some of its rows alone."""
        own = {name: getattr(self, name) for name in ("label", "steps", "inputs")}
        chosen = {name: None if table is None else table[index] for name, table in own.items()}
        return self.replace(x=self.x[index], y=self.y[index], **chosen)

    @property
    def reads(self) -> Floats:
        """Directions of the states that predictions are made of, `[K, D]`; through the weights of one layer more."""
        read = np.atleast_2d(self.w_last)
        return read if self.head is None else read @ self.head.weight

    def output(self, k: int) -> Self:
        """Return the puzzle of one of several outputs alone."""
        steps = None if self.steps is None else self.steps[:, k]
        assert isinstance(self.b_last, np.ndarray)
        return self.replace(y=self.y[:, k], steps=steps, w_last=self.w_last[k], b_last=float(self.b_last[k]))

    @property
    def fingerprint(self) -> str:
        """A hash of the pieces, the rows and the activation: what a stored search belongs to."""
        digest = hashlib.sha256(self.activation.encode())
        tables = self.w_in, self.b_in, self.w_out, self.b_out, self.w_last, self.b_last, self.x, self.y
        more = (() if self.head is None else self.head[1:]) + (self.gates or ())
        for table in (*tables, *more):
            digest.update(np.ascontiguousarray(table, np.float64).tobytes())
        return digest.hexdigest()[:32]

    def silent(self, assembly: Assembly) -> Flags:
        """Return which positions have a null half and add nothing, `[*B, N]`."""
        return self.null_ins[assembly.ins] | self.null_outs[assembly.outs]

    def permutation(self, assembly: Assembly) -> list[int]:
        """Return the piece ids in the order they ran: in, out, in, out, …, readout; those of silent blocks left out.

        A layer before all blocks comes first, one before the readout before that, and norms and gates before first
        halves. A block that is one piece has one id.
        """
        (begin, end), runs = self.around, ~self.silent(assembly)
        blocks = zip(self.in_ids[assembly.ins][runs].tolist(), self.out_ids[assembly.outs][runs].tolist(), strict=True)
        return [*begin, *(piece for i, j in blocks for piece in self.given.spelled(i, j)), *end]

    def halves_of(self, permutation: Sequence[int]) -> list[int]:
        """Return the ids of first and second halves in an answer, by turns: without norms, gates and outer layers."""
        begin, end = self.around
        return self.given.halves(permutation[len(begin) : len(permutation) - len(end)])

    @property
    def around(self) -> tuple[list[int], list[int]]:
        """The ids of the pieces that every answer begins with, and of those that it ends with."""
        end = [self.last_id] if self.head is None else [self.head.id, self.last_id]
        norm = self.given.norms.get(self.last_id)
        end = end if norm is None or norm in end else [norm, *end]
        return [] if self.first is None else [self.first.id], end

    def halves(self, permutation: Sequence[int]) -> tuple[Rows, Rows]:
        """Return the rows of `w_in` and of `w_out` that an answer runs, `[K]` each; it may leave pieces out.

        Raises
        ------
        AnswerError
            The ids are not pieces, each at most once, in the pattern in, out, …, readout.
        """
        return halves(self, permutation)

    def width_of(self, piece: int) -> int:
        """Return the hidden units of a half by its id, as it was given."""
        return self.given.widths.get(int(piece), self.given_hidden)

    @property
    def possible(self) -> Flags:
        """Which pairs could be, `[N, N]`: those of halves with as many hidden units; null halves go with any.

        Of whole blocks, only those are.
        """
        if self.given.whole:
            return self.in_ids[:, None] == self.out_ids
        if not self.given.widths:
            return np.ones((self.blocks, len(self.out_ids)), np.bool_)
        first, second = (np.array([self.width_of(k) for k in ids]) for ids in (self.in_ids, self.out_ids))
        null = (self.in_ids < 0)[:, None] | (self.out_ids < 0)
        return null | (first[:, None] == second)

    def assembly(self, permutation: Sequence[int]) -> Assembly:
        """Return the assembly that a permutation of piece ids describes.

        Of a padded puzzle the answer may leave pieces out: they end up in silent blocks, after all others.

        Raises
        ------
        AnswerError
            The ids are not every piece exactly once, in the pattern in, out, …, readout; or those left out of a
            padded puzzle are more than it has null halves for (`jaxsolve.puzzle.padding.fitting` adds some).
        """
        expected = len(pieces_of(self))
        if not self.padded and len(permutation) != expected:
            raise AnswerError(f"the answer has {len(permutation)} piece ids; this puzzle has {expected} pieces")
        ins, outs = self.halves(permutation)
        most = min(int(self.null_ins.sum()), int(self.null_outs.sum()))
        least = min(int((~self.null_ins).sum()), int((~self.null_outs).sum())) - most
        if len(ins) < least:
            raise AnswerError(
                f"the answer has {len(permutation)} piece ids; expected at least {2 * least + 1} of the {expected} "
                "pieces of this puzzle"
            )
        left_ins, left_outs = (np.setdiff1d(np.arange(self.blocks), rows) for rows in (ins, outs))
        # null halves come last: those of one side meet what is left of the other
        silent = left_ins, left_outs[::-1]
        return Assembly(*(np.concatenate([a, b]).astype(np.int32) for a, b in zip((ins, outs), silent, strict=True)))


def sha256_of(permutation: Sequence[int]) -> str:
    """Return the published check: SHA-256 of the piece ids joined by commas, without spaces."""
    return hashlib.sha256(",".join(map(str, permutation)).encode()).hexdigest()
