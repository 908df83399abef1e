"""Host: from a folder or zip file to a `Puzzle`."""

import re
from pathlib import Path

import numpy as np

from jaxsolve.architecture import canonical
from jaxsolve.architecture.roles import Piece, assign_roles, missing_ids
from jaxsolve.errors import PuzzleError
from jaxsolve.puzzle.limits import Limits
from jaxsolve.puzzle.padding import padded
from jaxsolve.puzzle.pieces import FLOATS, read_pieces
from jaxsolve.puzzle.source import TABLE, Source, open_source
from jaxsolve.puzzle.table import read_table
from jaxsolve.puzzle.types import Puzzle

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
    _check_features(pieces, features)
    ins, outs, last = assign_roles(pieces, features)
    puzzle = Puzzle(
        name=source.name,
        w_in=np.stack([piece.weight for piece in ins]),
        b_in=np.stack([piece.bias for piece in ins]),
        w_out=np.stack([piece.weight for piece in outs]),
        b_out=np.stack([piece.bias for piece in outs]),
        w_last=last.weight[0],
        b_last=float(last.bias[0]),
        in_ids=np.array([piece.id for piece in ins]),
        out_ids=np.array([piece.id for piece in outs]),
        last_id=last.id,
        x=table.x,
        y=table.y,
        label=table.label,
        activation=activation,
        activation_given=given,
        expected_sha256=_expected(source),
        dtype=max((piece.dtype for piece in pieces), key=FLOATS.index),
        notes=_notes(pieces, len(ins), len(outs)),
    )
    return padded(puzzle)


def _notes(pieces: list[Piece], ins: int, outs: int) -> tuple[str, ...]:
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


def _check_features(pieces: list[Piece], features: int) -> None:
    """Compare the table with the width that the pieces agree on, which finds the readout."""
    widths = {piece.shape[1] for piece in pieces if piece.shape[0] == 1}
    if widths and features not in widths:
        raise PuzzleError(
            f"{TABLE}: {features} input columns; the readout takes {' or '.join(map(str, sorted(widths)))} features"
        )
