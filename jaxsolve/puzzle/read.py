"""Host: from a folder or zip file to a `Puzzle`."""

import re
from pathlib import Path

from jaxsolve.architecture import canonical
from jaxsolve.errors import PuzzleError
from jaxsolve.puzzle.build import AUTO, build_puzzle
from jaxsolve.puzzle.limits import Limits
from jaxsolve.puzzle.pieces import read_pieces
from jaxsolve.puzzle.source import TABLE, Source, open_source
from jaxsolve.puzzle.table import read_table
from jaxsolve.puzzle.types import Puzzle

HASH_FILE = "expected_sha256"
SHA256 = re.compile(r"[0-9a-f]{64}")


def read_puzzle(
    path: str | Path, *, activation: str = "relu", architecture: str = AUTO, limits: Limits | None = None
) -> Puzzle:
    """Read a puzzle from a folder or a zip file.

    It holds ``pieces/piece_K.pth`` (or ``.npz``, or one ``.safetensors`` with tensors ``piece_K.weight``
    and ``piece_K.bias``), ``historical_data.csv`` and, optionally, ``expected_sha256``; also one folder
    further in. All sizes come from the shapes of the files. Where there are more halves of one kind than of the other,
    the puzzle is padded with null halves, and a note says so.

    It holds a residual stack of one or several outputs, ``pred`` or ``pred_0…``: hidden widths may differ from block to
    block, biases may be missing, a layer may stand before the blocks and one more before the readout. `activation`
    says what pieces do not: that of the blocks and of those layers, norms, and what residuals are multiplied by
    (`jaxsolve.architecture.forms`). `architecture` is a name of `jaxsolve.architecture.blocks.ARCHITECTURES`; ``auto``
    takes the first that the pieces make.

    With the activation ``auto`` the blocks are read as ``relu`` ones, and the puzzle says that nobody has said so.
    Without `limits`, those that the environment leaves or sets hold.

    Raises
    ------
    UsageError
        There is no such activation or architecture, or no such limit as the environment sets.
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
    return build_puzzle(
        pieces, table.x, table.y, name=source.name, activation=activation, activation_given=given,
        architecture=architecture,        label=table.label, expected_sha256=_expected(source),
    )  # fmt: skip


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
