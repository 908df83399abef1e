"""Host: from a folder or zip file to a `Puzzle`."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxsolve.architecture import canonical, form_of
from jaxsolve.architecture.roles import NormPiece, Piece, Roles, assign_roles, missing_ids
from jaxsolve.errors import PuzzleError
from jaxsolve.puzzle.given import Given, Layer, Normed
from jaxsolve.puzzle.limits import Limits
from jaxsolve.puzzle.norm_pieces import norm_of
from jaxsolve.puzzle.padding import embedded, padded
from jaxsolve.puzzle.pieces import FLOATS, read_pieces
from jaxsolve.puzzle.source import TABLE, Source, open_source
from jaxsolve.puzzle.table import read_table
from jaxsolve.puzzle.telling import DataTelling
from jaxsolve.puzzle.types import Floats, Puzzle

AUTO = "auto"
"""The activation of whoever does not know it."""
HASH_FILE = "expected_sha256"
SHA256 = re.compile(r"[0-9a-f]{64}")


def read_puzzle(path: str | Path, *, activation: str = "relu", limits: Limits | None = None) -> Puzzle:
    """Read a puzzle from a folder or a zip file.

    It holds ``pieces/piece_K.pth`` (or ``.npz``, or one ``.safetensors`` with tensors ``piece_K.weight``
    and ``piece_K.bias``), ``historical_data.csv`` and, optionally, ``expected_sha256``; also one folder
    further in. All sizes come from the shapes of the files. Where there are more halves of one kind than of the other,
    the puzzle is padded with null halves, and a note says so.

    It holds a residual stack of one or several outputs, ``pred`` or ``pred_0…``: hidden widths may differ from block to
    block, biases may be missing, a layer may stand before the blocks and one more before the readout. `activation`
    says what pieces do not: that of the blocks and of those layers, norms, and what residuals are multiplied by
    (`jaxsolve.architecture.forms`).

    With the activation ``auto`` the blocks are read as ``relu`` ones, and the puzzle says that nobody has said so.
    Without `limits`, those that the environment leaves or sets hold.

    Raises
    ------
    UsageError
        There is no such activation, or no such limit as the environment sets.
    PuzzleError
        Anything is missing, damaged or does not fit; one line names the file, what it holds and what was
        expected.
    """
    given = activation != AUTO
    activation = canonical(activation if given else "relu")
    if not str(path):
        raise PuzzleError("an empty name for the puzzle; expected a folder or zip file")
    limits = limits or Limits.from_environment()
    source = open_source(Path(path), limits)
    names = source.names()
    if TABLE not in names:
        raise PuzzleError(f"{path}: no {TABLE} beside the pieces; expected inputs and predictions in it")
    pieces = read_pieces(source)
    table = read_table(source.read(TABLE), TABLE, limits)
    features = table.x.shape[1]
    targets = table.y.reshape(len(table.y), -1)
    layers = [piece for piece in pieces if isinstance(piece, Piece)]
    norms = [piece for piece in pieces if isinstance(piece, NormPiece)]
    _check_features(layers, features, targets.shape[1])
    roles = assign_roles(layers, features, targets.shape[1], DataTelling(table.x, targets))
    puzzle = Puzzle(
        name=source.name,
        **_arrays(roles, form_of(activation).scale, single=table.y.ndim == 1),
        x=table.x,
        y=table.y,
        label=table.label,
        activation=activation,
        activation_given=given,
        expected_sha256=_expected(source),
        dtype=max((piece.dtype for piece in pieces), key=FLOATS.index),
        notes=_notes(pieces, len(roles.ins), len(roles.outs)),
        link_given=table.y.ndim > 1,
    )
    puzzle = embedded(puzzle)
    return _with_norms(puzzle, norms, roles) if norms else padded(puzzle)


def _with_norms(puzzle: Puzzle, norms: list[NormPiece], roles: Roles) -> Puzzle:
    """Return a puzzle with norms, in the order of their ids until somebody tells where they belong."""
    wrong = next((norm for norm in norms if len(norm.mean) != puzzle.features), None)
    if wrong is not None:
        raise PuzzleError(
            f"{wrong.file}: a norm of {len(wrong.mean)} features; expected {puzzle.features} as in blocks"
        )
    n = len(roles.ins)
    if len(norms) not in (n, n + 1) or len(roles.outs) != n or roles.head is not None or puzzle.given.square:
        raise PuzzleError(
            f"{len(norms)} norms for {n} first and {len(roles.outs)} second halves; expected one before each block and "
            "perhaps one before the readout, with no other layer there and other widths than the features'"
        )
    raw = {int(piece): (w, b) for piece, w, b in zip(puzzle.in_ids, puzzle.w_in, puzzle.b_in, strict=True)}
    raw[puzzle.last_id] = roles.last.weight, roles.last.bias
    normed = Normed(tuple(map(norm_of, norms)), raw)
    return puzzle.replace(given=replace(puzzle.given, normed=normed))


def _arrays(roles: Roles, scale: float, *, single: bool) -> dict[str, Any]:
    """Return what a puzzle has of its pieces; halves of fewer hidden units than others are filled up with silent ones.

    With a `single` output, there is no axis for outputs.
    """
    ins, outs, last, first, head = roles
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
    widths = {piece.id: piece.shape[0] for piece in ins} | {piece.id: piece.shape[1] for piece in outs}
    every = [*ins, *outs, last, *(piece for piece in (first, head) if piece is not None)]
    found["given"] = Given(
        widths if len(set(widths.values())) > 1 else {},
        frozenset(piece.id for piece in every if not piece.biased),
        frozenset(piece.id for piece in (*ins, *outs) if piece.shape == (roles.features, roles.features)),
    )
    if first is not None:
        found["first"] = Layer(first.id, first.weight, first.bias)
    if head is not None:
        found["head"] = Layer(head.id, head.weight, head.bias)
    return found


def _notes(pieces: Sequence[Piece | NormPiece], ins: int, outs: int) -> tuple[str, ...]:
    """Return what is odd about so many first and second halves, and about the numbers of all pieces."""
    notes: list[str] = []
    if ins != outs:
        more, fewer = ("first", "second") if ins > outs else ("second", "first")
        count = abs(ins - outs)
        halves = f"a {more} half is" if count == 1 else f"{count} {more} halves are"
        notes.append(f"{ins} first halves but {outs} second halves: {halves} left over, or {fewer} ones are missing")
    if missing := missing_ids(pieces):
        notes.append(f"piece numbers are not contiguous; missing: {missing}")
    return tuple(notes)


def check_sha256(text: str, where: str) -> str:
    """Return a SHA-256 in lower case; `PuzzleError` if it is not 64 hexadecimal digits."""
    digits = text.strip().lower()
    if not SHA256.fullmatch(digits):
        raise PuzzleError(f"{where}: {digits[:70]!r} is no SHA-256; expected 64 hexadecimal digits")
    return digits


def _expected(source: Source) -> str | None:
    if HASH_FILE not in source.names():
        return None
    # the hash may be followed by a file name, as sha256sum writes it
    words = source.read(HASH_FILE).decode(errors="replace").split()
    return check_sha256(words[0] if words else "", HASH_FILE)


def _check_features(pieces: list[Piece], features: int, outputs: int) -> None:
    """Compare the table with the width that the pieces agree on, which finds the readout."""
    widths = {piece.shape[1] for piece in pieces if piece.shape[0] == outputs}
    if any(piece.shape[1] == features for piece in pieces):
        return
    if widths and features not in widths:
        raise PuzzleError(
            f"{TABLE}: {features} input columns; the readout takes {' or '.join(map(str, sorted(widths)))} features"
        )
