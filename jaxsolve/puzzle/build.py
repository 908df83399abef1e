"""Host: from pieces and a table to a `Puzzle`, wherever they come from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from jaxsolve.architecture import canonical, form_of, respelled
from jaxsolve.architecture.pieces import BlockPiece, NormPiece, Piece, missing_ids
from jaxsolve.architecture.roles import Roles, assign_roles
from jaxsolve.errors import PuzzleError
from jaxsolve.formats.parameters import by_layer
from jaxsolve.puzzle.gate_pieces import behind
from jaxsolve.puzzle.given import Gates, Given, Layer, Normed
from jaxsolve.puzzle.norm_pieces import norm_of
from jaxsolve.puzzle.padding import embedded, padded, read_as
from jaxsolve.puzzle.pieces import FLOATS, piece_of
from jaxsolve.puzzle.telling import DataTelling
from jaxsolve.puzzle.transposing import settled
from jaxsolve.puzzle.types import Floats, Puzzle

AUTO = "auto"
"""The activation of whoever does not know it."""


def build_puzzle(
    pieces: Sequence[Piece | NormPiece | BlockPiece],
    x: Floats,
    y: Floats,
    *,
    name: str,
    activation: str,
    architecture: str = AUTO,
    activation_given: bool = True,
    label: Floats | None = None,
    expected_sha256: str | None = None,
    notes: Sequence[str] = (),
    names: Mapping[int, str] | None = None,
    columns: Sequence[str] = (),
) -> Puzzle:
    """Return the puzzle of some pieces and a table, padded where there are more halves of one kind than of the other.

    Parameters
    ----------
    pieces
        Ascending by their ids.
    architecture
        A name of `ARCHITECTURES`, or ``auto``.
    x, y, label
        Inputs `[R, I]`, predictions `[R]` or `[R, K]`, and labels `[R]`.
    name, activation, activation_given, expected_sha256
        As `Puzzle` has them.
    notes, names
        What was odd when they were read, and `Given.names`.
    columns
        What the inputs are called, for errors.

    Raises
    ------
    PuzzleError
        Pieces and table do not make a residual stack.
    """
    targets = y.reshape(len(y), -1)
    pieces, turned = settled(pieces, x.shape[1], targets.shape[1])
    blocks = [piece for piece in pieces if isinstance(piece, BlockPiece)]
    layers = [piece for piece in pieces if isinstance(piece, Piece)]
    layers += [one.halves[k] for k in range(2) for one in blocks]  # of square ones, the first half is taken for that
    norms = [piece for piece in pieces if isinstance(piece, NormPiece)]
    _check_features(layers, x.shape[1], targets.shape[1], columns)
    telling = DataTelling(x, targets)
    roles = assign_roles(layers, x.shape[1], targets.shape[1], telling, architecture=architecture)
    arrays = _arrays(roles, activation, single=y.ndim == 1)
    puzzle = Puzzle(
        name=name,
        **arrays,
        x=x,
        y=y,
        label=label,
        activation=activation,
        activation_given=activation_given,
        expected_sha256=expected_sha256,
        dtype=max((piece.dtype for piece in pieces), key=FLOATS.index),
        notes=(*turned, *notes, *_notes(pieces, len(roles.ins), len(roles.outs), gates=bool(arrays["given"].gates))),
        link_given=y.ndim > 1,
    )
    puzzle = puzzle.replace(given=replace(puzzle.given, names=dict(names or {})))
    puzzle = embedded(_with_blocks(puzzle, blocks) if blocks else puzzle)
    if puzzle.gates is not None and not activation_given:
        puzzle = read_as(puzzle, respelled(activation, activation="silu"))  # the usual one of gates
    return _with_norms(puzzle, norms, roles) if norms else padded(puzzle)


def from_arrays(
    pieces: Mapping[int, Any] | Iterable[Any],
    x: Any,
    y: Any,
    *,
    activation: str = AUTO,
    architecture: str = AUTO,
    name: str = "pieces",
) -> Puzzle:
    """Return the puzzle of layers that are in memory.

    Parameters
    ----------
    pieces
        Layers by their ids, or in any order, which numbers them: each a weight `[out, in]` with a bias `[out]` or
        without, as a tuple; or a mapping with ``weight``, ``bias`` and what else a layer's state dict has. Arrays are
        those of NumPy, JAX or PyTorch.
    x, y
        Inputs `[R, I]`, and what the network answered, `[R]` or `[R, K]`.
    activation, architecture
        As `read_puzzle` takes them.
    name
        What the puzzle is called.

    Raises
    ------
    PuzzleError
        Arrays do not fit together, or hold what is no finite number; one line names the piece.
    """
    numbered = dict(pieces) if isinstance(pieces, Mapping) else dict(enumerate(pieces))
    if not numbered:
        raise PuzzleError("no pieces; expected two halves for each block and a readout")
    found = []
    for piece, layer in sorted(numbered.items()):
        named = layer if isinstance(layer, Mapping) else dict(zip(("weight", "bias"), layer, strict=False))
        tensors = {part: in_memory(tensor) for part, tensor in named.items() if tensor is not None}
        found.append(piece_of(piece, f"piece {piece}", tensors))
    table = [np.asarray(in_memory(side), np.float64) for side in (x, y)]
    if table[0].ndim != 2 or table[1].ndim not in (1, 2) or len(table[0]) != len(table[1]):
        shapes = " and ".join(str(list(side.shape)) for side in table)
        raise PuzzleError(f"x and y are {shapes}; expected [rows, inputs] and [rows] or [rows, outputs]")
    if not all(np.isfinite(side).all() for side in table):
        raise PuzzleError("x or y holds NaN or infinite values; expected finite numbers")
    if table[1].ndim == 2 and table[1].shape[1] == 1:
        table[1] = table[1][:, 0]
    given = activation != AUTO
    form = canonical(activation if given else "relu")
    return build_puzzle(found, *table, name=name, activation=form, activation_given=given, architecture=architecture)


def from_state_dict(tensors: Mapping[str, Any], x: Any, y: Any, *, name: str = "state dict", **options: Any) -> Puzzle:
    """Return the puzzle of the layers in a state dict: those of one prefix make a piece, numbered as they come.

    Parameters and errors are those of `from_arrays`.
    """
    layers = by_layer({key: in_memory(tensor) for key, tensor in tensors.items()})
    return from_arrays(list(layers.values()), x, y, name=name, **options)


def from_modules(modules: Iterable[Any], x: Any, y: Any, *, name: str = "modules", **options: Any) -> Puzzle:
    """Return the puzzle of modules with a `state_dict()`, one layer each, such as `torch.nn.Linear`, as they come.

    Parameters and errors are those of `from_arrays`.
    """
    return from_arrays([module.state_dict() for module in modules], x, y, name=name, **options)


def in_memory(tensor: Any) -> Any:
    """Return an array of NumPy, JAX or PyTorch, wherever it is, as NumPy's."""
    for step in ("detach", "cpu", "numpy"):
        tensor = getattr(tensor, step)() if hasattr(tensor, step) else tensor
    return np.asarray(tensor)


def _with_norms(puzzle: Puzzle, norms: list[NormPiece], roles: Roles) -> Puzzle:
    """Return a puzzle with norms, in the order of their ids until somebody tells where they belong."""
    wrong = next((norm for norm in norms if len(norm.weight) != puzzle.features), None)
    if wrong is not None:
        raise PuzzleError(
            f"{wrong.file}: a norm of {len(wrong.weight)} features; expected {puzzle.features} as in blocks"
        )
    n = len(roles.ins)
    if len(norms) not in (n, n + 1) or len(roles.outs) != n or roles.head is not None or puzzle.given.square:
        raise PuzzleError(
            f"{len(norms)} norms for {n} first and {len(roles.outs)} second halves; expected one before each block and "
            "perhaps one before the readout, with no other layer there and other widths than the features'"
        )
    raw = {int(piece): (w, b) for piece, w, b in zip(puzzle.in_ids, puzzle.w_in, puzzle.b_in, strict=True)}
    raw[puzzle.last_id] = roles.last.weight, roles.last.bias
    normed = Normed(tuple(map(norm_of, norms)), raw, puzzle.gates)
    puzzle = puzzle.replace(given=replace(puzzle.given, normed=normed))
    if normed.running:
        return puzzle
    if any(norm.mean is not None for norm in normed.norms):
        raise PuzzleError(f"{norms[0].file}: norms with running statistics and without; expected one kind")
    # where nobody has said what is normalised: without a bias, it is not the mean
    kind = "layer_norm" if any("bias" in norm.tensors for norm in norms) else "rms_norm"
    form = form_of(puzzle.activation)
    parts = {"before": kind} if form.before.everything else {}
    parts |= {"last": kind} if normed.last and form.last.everything else {}
    return read_as(puzzle, respelled(puzzle.activation, **parts))


def _with_blocks(puzzle: Puzzle, blocks: list[BlockPiece]) -> Puzzle:
    """Return a puzzle whose halves come in pairs, each pair with the id of its block."""
    ids = np.array([block.id for block in blocks])
    if not (np.array_equal(puzzle.in_ids, ids) and np.array_equal(puzzle.out_ids, ids)):
        raise PuzzleError(
            f"{len(blocks)} pieces that are whole blocks beside {len(puzzle.in_ids)} first and {len(puzzle.out_ids)} "
            "second halves; expected blocks alone"
        )
    names = {block.id: block.names for block in blocks}
    if puzzle.features == puzzle.hidden:  # shapes do not tell which half comes first
        first, second = blocks[0].names
        puzzle = puzzle.replace(notes=(*puzzle.notes, f"in each block {first!r} is taken to run before {second!r}"))
    return puzzle.replace(given=replace(puzzle.given, whole=names, square=frozenset()))


def _arrays(roles: Roles, activation: str, *, single: bool) -> dict[str, Any]:
    """Return what a puzzle has of its pieces; halves of fewer hidden units than others are filled up with silent ones.

    With a `single` output, there is no axis for outputs.
    """
    ins, outs, last, first, head = roles
    scale = form_of(activation).scale
    most = max(piece.shape[0] for piece in ins)

    def filled(table: Floats, axis: int) -> Floats:
        room = [(0, most - table.shape[axis] if k == axis else 0) for k in range(table.ndim)]
        return np.pad(table, room)

    found: dict[str, Any] = {
        "w_in": np.stack([filled(piece.weight, 0) for piece in ins]),
        "b_in": np.stack([filled(piece.bias, 0) for piece in ins]),
        "w_out": scale * np.stack([filled(piece.weight, 1) for piece in outs]),
        "b_out": scale * np.stack([piece.bias for piece in outs]),
        "w_last": last.weight[0] if single else last.weight,
        "b_last": float(last.bias[0]) if single else last.bias,
        "in_ids": np.array([piece.id for piece in ins]),
        "out_ids": np.array([piece.id for piece in outs]),
        "last_id": last.id,
    }
    gates = {piece.id: piece.gate for piece in ins if piece.gate is not None}
    if gates:
        sides = [_sides(piece, activation) for piece in ins]
        for part, axis in enumerate(("w_in", "b_in")):
            found[axis] = np.stack([filled(own[part], 0) for _, own in sides])
        found["gates"] = Gates(*(np.stack([filled(gate[part], 0) for gate, _ in sides]) for part in range(2)))
    apart = {piece: gate for piece, gate in gates.items() if gate.id != piece}
    widths = {piece.id: piece.shape[0] for piece in ins} | {piece.id: piece.shape[1] for piece in outs}
    every = [*ins, *apart.values(), *outs, last, *(piece for piece in (first, head) if piece is not None)]
    found["given"] = Given(
        widths if len(set(widths.values())) > 1 else {},
        frozenset(piece.id for piece in every if not piece.biased),
        frozenset(piece.id for piece in (*ins, *outs) if piece.shape == (roles.features, roles.features)),
        gates={piece: gate.id for piece, gate in apart.items()},
        gated=not apart,
        packed=frozenset({*gates} - {*apart}),
    )
    if first is not None:
        found["first"] = Layer(first.id, first.weight, first.bias)
    if head is not None:
        found["head"] = Layer(head.id, head.weight, head.bias)
    return found


def _sides(piece: Piece, activation: str) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Return weights and biases of the gate of a first half, and its own."""
    assert piece.gate is not None
    gate, own = ((one.weight, one.bias) for one in (piece.gate, piece))
    return (own, gate) if piece.gate.id == piece.id and behind(activation) else (gate, own)


def _notes(pieces: Sequence[Piece | NormPiece | BlockPiece], ins: int, outs: int, *, gates: bool) -> tuple[str, ...]:
    """Return what is odd about so many first and second halves, and about the numbers of all pieces."""
    notes: list[str] = []
    if gates:
        notes.append(
            f"{2 * ins} first halves and {outs} second halves: half of the first ones are taken for gates; "
            "with --architecture residual for left over"
        )
    if ins != outs:
        more, fewer = ("first", "second") if ins > outs else ("second", "first")
        count = abs(ins - outs)
        halves = f"a {more} half is" if count == 1 else f"{count} {more} halves are"
        notes.append(f"{ins} first halves but {outs} second halves: {halves} left over, or {fewer} ones are missing")
    if missing := missing_ids(pieces):
        notes.append(f"piece numbers are not contiguous; missing: {missing}")
    return tuple(notes)


def _check_features(pieces: list[Piece], features: int, outputs: int, columns: Sequence[str]) -> None:
    """Compare the table with the width that the pieces agree on, which finds the readout."""
    widths = {piece.shape[1] for piece in pieces if piece.shape[0] == outputs}
    if any(piece.shape[1] == features for piece in pieces):
        return
    if widths and features not in widths:
        named = "" if not columns else f" ({', '.join(columns)})" if len(columns) <= 8 else (
            f" ({', '.join(columns[:4])}, … {', '.join(columns[-3:])})"
        )  # fmt: skip
        takes = " or ".join(map(str, sorted(widths)))
        more = "; call the right ones measurement_0, measurement_1, …" if columns and features > min(widths) else ""
        raise PuzzleError(f"the table has {features} input columns{named}; the readout takes {takes} features{more}")
