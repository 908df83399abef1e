"""Host: from a folder or zip file to a `Puzzle`."""

import re
from contextlib import suppress
from pathlib import Path, PurePosixPath

from jaxsolve.architecture import canonical
from jaxsolve.errors import PuzzleError
from jaxsolve.formats.limits import Limits
from jaxsolve.formats.source import TABLE, Source, is_table, open_source
from jaxsolve.puzzle.build import AUTO, build_puzzle
from jaxsolve.puzzle.pieces import read_pieces
from jaxsolve.puzzle.table import Table, read_table
from jaxsolve.puzzle.types import Puzzle

DEMO = "demo"
DEMO_FILE = Path(__file__).with_name("demo.zip")
HASH_FILE = "expected_sha256"
UNREAD_TABLES = (".xlsx", ".xls", ".ods", ".json", ".jsonl", ".feather", ".arrow", ".bz2", ".xz", ".zst")
"""Suffixes of tables in formats that are not read."""
SHA256 = re.compile(r"[0-9a-f]{64}")


def read_puzzle(
    path: str | Path, *, activation: str = AUTO, architecture: str = AUTO, limits: Limits | None = None
) -> Puzzle:
    """Read a puzzle from a folder or a zip file; ``demo`` is the embedded one.

    It holds pieces, a table and, optionally, ``expected_sha256``; also one folder further in. Pieces are files such as
    ``pieces/piece_K.pth``, of PyTorch, NumPy or safetensors, or layers in one file (`jaxsolve.puzzle.pieces`). The
    table is ``historical_data.csv`` or another with predictions in it (`jaxsolve.puzzle.table`). All sizes come from
    the shapes of the files. Where there are more halves of one kind than of the other, the puzzle is padded with null
    halves, and a note says so.

    It holds a residual stack of one or several outputs, ``pred`` or ``pred_0…``: hidden widths may differ from block to
    block, biases may be missing, a layer may stand before the blocks and one more before the readout. `activation`
    says what pieces do not: that of the blocks and of those layers, norms, and what residuals are multiplied by
    (`jaxsolve.architecture.forms`). `architecture` is a name of `jaxsolve.architecture.blocks.ARCHITECTURES`; ``auto``
    takes the first that the pieces make.

    With the activation ``auto`` the blocks are read as ``relu`` ones, and the puzzle says that nobody has said so:
    `jaxsolve.solve` finds it out then, while a joint search keeps to it.
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
    source = open_source(DEMO_FILE if path == DEMO else Path(path), limits)
    pile = read_pieces(source)
    table = _table(source, limits)
    expected, notes = _expected(source), pile.notes
    if expected and pile.names:  # of the ids that somebody else gave
        expected, notes = None, (*notes, f"{HASH_FILE} is not used: names do not say which ids it is of")

    def built(table: Table) -> Puzzle:
        taken = ", ".join(map(repr, table.doubtful))
        doubts = (f"taken for inputs, though they may be none: {taken}",) if taken else ()
        return build_puzzle(
            pile.pieces, table.x, table.y, name=source.name, activation=activation, activation_given=given,
            architecture=architecture, label=table.label, expected_sha256=expected,
            notes=(*notes, *table.notes, *doubts), names=pile.names,
            columns=table.inputs,
        )  # fmt: skip

    try:
        return built(table)
    except PuzzleError:
        for names in _fewer(table):
            with suppress(PuzzleError):
                return built(table.without(names))
        raise


def _fewer(table: Table) -> list[tuple[str, ...]]:
    """Return which columns that may be no inputs might be left out, together or one of them."""
    together = [table.doubtful] if len(table.doubtful) > 1 else []
    return [*((name,) for name in table.doubtful), *together] if len(table.doubtful) < len(table.inputs) else []


def _table(source: Source, limits: Limits) -> Table:
    """Return the table of a puzzle: the one that is called so, or that has predictions in it."""
    names = source.names()
    named = [name for name in names if is_table(name) and PurePosixPath(name).name.split(".")[0] == TABLE.split(".")[0]]
    beside = [name for name in names if is_table(name) and "/" not in name]
    found = ([TABLE] if TABLE in names else []) or named or beside
    if not found:
        others = [name for name in names if "/" not in name and PurePosixPath(name).suffix.lower() in UNREAD_TABLES]
        hint = f"; {others[0]} is not read: save it as .csv" if others else ""
        raise PuzzleError(f"{source.name}: no {TABLE} beside the pieces; expected inputs and predictions in it{hint}")
    if len(found) == 1:
        return read_table(source.read(found[0]), found[0], limits)
    fitting, refused = dict[str, Table](), list[PuzzleError]()
    for name in found:
        try:
            fitting[name] = read_table(source.read(name), name, limits)
        except PuzzleError as error:
            refused.append(error)
    if not fitting:
        raise refused[0]
    if len(fitting) > 1:
        some = ", ".join([*fitting][:3])
        raise PuzzleError(f"{source.name}: {len(fitting)} tables of predictions ({some}); call one of them {TABLE}")
    return next(iter(fitting.values()))


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
    words = source.read(HASH_FILE).decode("utf-8-sig", errors="replace").split()
    return check_sha256(words[0] if words else "", HASH_FILE)
