"""Host: puzzles, reassembled networks and answers as files; nothing that exists is overwritten."""

import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxsolve.architecture import form_of
from jaxsolve.errors import AnswerError, OutputError
from jaxsolve.files import write_folder, write_new
from jaxsolve.formats.limits import Limits
from jaxsolve.formats.source import PIECES, TABLE
from jaxsolve.puzzle.columns import LABEL, TARGET
from jaxsolve.puzzle.gate_pieces import first_layers
from jaxsolve.puzzle.padding import inputs_of, running, unpadded
from jaxsolve.puzzle.types import Puzzle

SUFFIX = ".safetensors"
IDS = re.compile(r"[\d\s,;]+")


class Answer(NamedTuple):
    """Piece ids in their order, and what an answer says of the network that they make; None where it says nothing."""

    permutation: list[int]
    activation: str | None = None
    link: str | None = None
    standardised: int | None = None
    """The `Units.ddof` of inputs that the network saw standardised."""


def read_answer(text: str) -> list[int]:
    """Return the piece ids of an answer, as `read_whole_answer` does."""
    return read_whole_answer(text).permutation


def read_whole_answer(text: str) -> Answer:
    """Return the piece ids of an answer, and what it says of the network.

    `text` is the ids themselves, or names a file that holds them: plain, as a JSON list, or as ``solve``
    prints them, with ``--json`` or without; what is said besides is read from JSON.

    Raises
    ------
    AnswerError
        There is no such file, or it holds no list of piece ids.
    """
    content, where, about = text, "the answer", dict[str, Any]()
    if not text.strip():
        raise AnswerError("an empty answer; expected a file or piece ids")
    if not IDS.fullmatch(text) and not text.lstrip().startswith("["):
        where = text
        try:
            with Path(text).open("rb") as file:
                content = file.read(Limits.from_environment().answer_bytes).decode("utf-8-sig")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise AnswerError(f"{text[:200]}: no readable answer ({reason}); expected a file or piece ids") from error
    if shown := re.search(r"^answer +(\d+(?:,\s*\d+)*)$", content, re.MULTILINE):  # what solve prints to people
        content = "".join(shown[1].split())
    if IDS.fullmatch(content):
        ids: Any = [int(word) if len(word) < 10 else word for word in re.findall(r"\d+", content)]
    else:
        try:
            ids = json.loads(content)
        except (ValueError, RecursionError) as error:
            begun = content.lstrip()[:1]
            why = (
                f"no readable JSON: {error}"
                if begun and begun in "{["
                else "not numbers alone"
                if begun
                else "it is empty"
            )
            raise AnswerError(f"{where}: no answer in it ({why}); expected piece ids joined by commas") from error
        about, ids = (ids, ids.get("permutation")) if isinstance(ids, dict) else ({}, ids)
    if not isinstance(ids, list) or not ids or any(type(piece) is not int for piece in ids):
        raise AnswerError(
            f"{where}: holds no list of piece ids; expected them joined by commas, or as 'permutation' in JSON"
        )
    # records have it all in the report that they hold
    report: dict[str, Any] = _object(about, "report") or about
    units = _object(report, "units")
    known = [report.get("activation"), units.get("link"), units.get("ddof")]
    activation, link = (one if isinstance(one, str) else None for one in known[:2])
    return Answer(ids, activation, link, known[2] if known[2] in (0, 1) else None)


def _object(value: dict[str, Any], key: str) -> dict[str, Any]:
    """Return what an object has under a key, if that is an object, too; an empty one otherwise."""
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def check_suffix(path: Path) -> None:
    """Refuse a name that says another format than networks are written in; `OutputError`."""
    if path.suffix != SUFFIX:
        raise OutputError(f"{path}: networks are written as safetensors; expected a name that ends in {SUFFIX}")


def write_network(puzzle: Puzzle, permutation: Sequence[int], path: Path) -> None:
    """Write the reassembled network as safetensors, with the parameter names of the published PyTorch classes.

    Tensors are ``blocks.T.inp.weight``, ``.inp.bias``, ``.out.weight``, ``.out.bias`` for T = 0 … N-1, and
    ``last.weight``, ``last.bias``, in float32, or in float64 if the pieces are; ``first`` and ``head`` are layers
    before the blocks and the readout. Sizes are those of the pieces, and biases that they do not have are not written,
    nor are pieces that the answer leaves out.

    Raises
    ------
    AnswerError
        `permutation` is no assembly of pieces.
    OutputError
        `path` does not end in ``.safetensors``, exists or cannot be written.
    """
    check_suffix(path)
    from safetensors.numpy import save

    metadata = {"activation": puzzle.activation, "puzzle": puzzle.name, "pieces": ",".join(map(str, permutation))}
    write_new(path, save(named_tensors(puzzle, permutation), metadata))


def named_tensors(puzzle: Puzzle, permutation: Sequence[int]) -> dict[str, Any]:
    """Return the tensors of a reassembled network by the names that `write_network` writes.

    They are those of the pieces, whatever units the table turned out to have.
    """
    puzzle, (ins, outs) = running(puzzle, permutation)
    dtype = np.float64 if puzzle.dtype == "float64" else np.float32
    names = {puzzle.last_id: "last"}
    names |= {layer.id: name for name, layer in (("first", puzzle.first), ("head", puzzle.head)) if layer is not None}
    normed = puzzle.given.normed
    names |= {} if normed is None else {normed.before.get(puzzle.last_id): "norm"}
    for t, (i, j) in enumerate(zip(ins, outs, strict=True)):
        names |= {} if normed is None else {normed.before[int(puzzle.in_ids[i])]: f"blocks.{t}.norm"}
        names |= {puzzle.given.gates.get(int(puzzle.in_ids[i])): f"blocks.{t}.gate"}
        if puzzle.given.whole:
            names[int(puzzle.in_ids[i])] = f"blocks.{t}"
            continue
        names |= {int(puzzle.in_ids[i]): f"blocks.{t}.inp", int(puzzle.out_ids[j]): f"blocks.{t}.out"}
    tensors = {
        f"{names[piece_id]}.{part}": tensor for piece_id, layer in layers_of(puzzle) for part, tensor in layer.items()
    }
    kept = lambda tensor: tensor.dtype if np.issubdtype(np.asarray(tensor).dtype, np.integer) else dtype
    whole = lambda tensor: np.ascontiguousarray(tensor, dtype=kept(tensor)).reshape(np.shape(tensor))
    return {name: whole(tensor) for name, tensor in tensors.items()}


def write_puzzle(puzzle: Puzzle, path: Path, *, decimals: int | None = None) -> None:
    """Write a puzzle in the published format, to a folder or, if `path` ends in ``.zip``, to a zip file.

    Pieces are float32 state dicts; numbers of the table are the shortest that read back to the same
    float32, inputs rounded to `decimals` where given. Null halves are not written.

    Raises
    ------
    OutputError
        A file exists or cannot be written.
    """
    files = {TABLE: _table_bytes(puzzle, decimals).encode()}
    for piece_id, layer in layers_of(puzzle):
        files[f"{PIECES}/piece_{piece_id}.pth"] = pth_bytes(layer)
    if puzzle.expected_sha256:
        files["expected_sha256"] = f"{puzzle.expected_sha256}\n".encode()
    if path.suffix != ".zip":
        write_folder(path, files)
        return
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(f"{puzzle.name}/{name}"), data, zipfile.ZIP_DEFLATED)
    write_new(path, buffer.getvalue())


def layers_of(puzzle: Puzzle) -> list[tuple[int, dict[str, Any]]]:
    """Return the id and the tensors of every piece as it was given."""
    puzzle = unpadded(puzzle)
    scale, width = form_of(puzzle.activation).scale, puzzle.width_of
    units, normed = puzzle.units, puzzle.given.normed
    last = puzzle.w_last * units.scale, puzzle.b_last * units.scale + units.offset
    if normed is not None:  # the readout without what a norm before it makes of it
        last = normed.raw[puzzle.last_id]
    outs = zip(puzzle.out_ids, puzzle.w_out, puzzle.b_out, strict=True)
    layers = [
        *((piece_id, *layer) for piece_id, layer in first_layers(puzzle).items()),
        *((piece_id, weight[:, : width(piece_id)] / scale, bias / scale) for piece_id, weight, bias in outs),
        (puzzle.last_id, np.atleast_2d(last[0]), np.atleast_1d(last[1])),
        *(layer for layer in (puzzle.first, puzzle.head if normed is None else None) if layer is not None),
    ]
    bare = puzzle.given.unbiased
    found = {norm.id: dict(norm.tensors) for norm in (() if normed is None else normed.norms)}
    for piece_id, weight, bias in layers:
        parts = {"weight": weight} if piece_id in bare else {"weight": weight, "bias": bias}
        own = found.setdefault(int(piece_id), {})
        names = puzzle.given.whole.get(int(piece_id))  # of a whole block, the first half comes first
        own |= parts if names is None else {f"{names[bool(own)]}.{part}": table for part, table in parts.items()}
    return list(found.items())


def _table_bytes(puzzle: Puzzle, decimals: int | None) -> str:
    x = inputs_of(puzzle)
    x = x if decimals is None else x.round(decimals)
    columns = [*x.T, *puzzle.y.reshape(puzzle.rows, -1).T] + ([] if puzzle.label is None else [puzzle.label])
    targets = [TARGET] if puzzle.y.ndim == 1 else [f"{TARGET}_{k}" for k in range(puzzle.outputs)]
    names = [f"measurement_{k}" for k in range(x.shape[1])] + targets + ([] if puzzle.label is None else [LABEL])
    rows = np.stack(columns, axis=1).astype(np.float32)
    return "\n".join([",".join(names), *(",".join(map(str, row)) for row in rows), ""])


def pth_bytes(tensors: Mapping[str, Any], *, dtype: str = "float32") -> bytes:
    """Return a state dict as ``torch.save`` would write it: an OrderedDict of contiguous CPU tensors.

    `dtype` is one of float16, bfloat16, float32 and float64; a whole number is stored as such.
    """
    import ml_dtypes

    storage = {"float16": "HalfStorage", "bfloat16": "BFloat16Storage", "float32": "FloatStorage"}
    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    pickle = b"\x80\x02ccollections\nOrderedDict\n)R"
    entries: dict[str, bytes] = {}
    for k, (name, tensor) in enumerate(tensors.items()):
        counts = np.ndim(tensor) == 0 and np.issubdtype(np.asarray(tensor).dtype, np.integer)
        array = np.ascontiguousarray(tensor).astype(np.int64 if counts else kind).reshape(np.shape(tensor))
        strides = [step // array.itemsize for step in array.strides]
        persistent_id = [
            _text("storage"),
            f"ctorch\n{'LongStorage' if counts else storage.get(dtype, 'DoubleStorage')}\n".encode(),
            _text(str(k)),
        ]
        persistent_id += [_text("cpu"), _integer(array.size)]
        pickle += _text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n(" + _tuple(persistent_id) + b"Q" + _integer(0)
        pickle += _tuple(map(_integer, array.shape)) + _tuple(map(_integer, strides))
        pickle += b"\x89ccollections\nOrderedDict\n)RtRs"
        entries[f"data/{k}"] = array.tobytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in {
            "data.pkl": pickle + b".",
            "byteorder": b"little",
            **entries,
            "version": b"3\n",
        }.items():
            archive.writestr(zipfile.ZipInfo(f"archive/{name}"), data)
    return buffer.getvalue()


def _text(text: str) -> bytes:
    data = text.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def _integer(value: int) -> bytes:
    return b"J" + int(value).to_bytes(4, "little", signed=True)


def _tuple(items: Any) -> bytes:
    return b"(" + b"".join(items) + b"t"
