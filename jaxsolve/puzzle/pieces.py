"""Host: piece files of every supported format."""

import io
import re
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from jaxsolve.architecture.pieces import BlockPiece, NormPiece, Piece
from jaxsolve.errors import PuzzleError
from jaxsolve.puzzle.npz import read_npz
from jaxsolve.puzzle.pth import read_pth
from jaxsolve.puzzle.source import PIECES, Source, check_entries

Tensors = dict[str, np.ndarray[Any, Any]]

PIECE_FILE = re.compile(r"(?:pieces/)?piece_(\d+)\.(pth|npz)")
PIECE_TENSOR = re.compile(r"(?:pieces[./])?piece_(\d+)[./]((?:.+\.)?(?:weight|bias))")
RUNNING = "running_mean", "running_var"
COUNTER = "num_batches_tracked"
FLOATS = ("float16", "bfloat16", "float32", "float64")


def read_pieces(source: Source) -> list[Piece | NormPiece | BlockPiece]:
    """Return all pieces of a puzzle, ascending by id.

    Raises
    ------
    PuzzleError
        No piece was found, an id appears twice, or a piece is unreadable, misshapen or not finite.
    """
    pieces: dict[int, Piece | NormPiece | BlockPiece] = {}
    for file in source.names():
        for piece_id, tensors in _tensors_of(source, file):
            if piece_id in pieces:
                raise PuzzleError(f"piece {piece_id} is given twice: {pieces[piece_id].file} and {file}")
            pieces[piece_id] = piece_of(piece_id, file, tensors)
    if not pieces:
        raise PuzzleError(
            f"{source.name}: no pieces found; expected {PIECES}/piece_K.pth, {PIECES}/piece_K.npz or one .safetensors"
        )
    return [pieces[piece_id] for piece_id in sorted(pieces)]


def _tensors_of(source: Source, file: str) -> list[tuple[int, Tensors]]:
    """Return the id and tensors of every piece in a file: none for files that hold no pieces."""
    if match := PIECE_FILE.fullmatch(file):
        number, data = _id_of(match[1], file), source.read(file)
        return [(number, read_pth(data, file, source.limits) if match[2] == "pth" else _read_npz(source, data, file))]
    if PurePosixPath(file).suffix == ".safetensors":
        return _read_safetensors(source.read(file), file)
    return []


def _id_of(digits: str, file: str) -> int:
    if len(digits) > 9:
        raise PuzzleError(f"{file}: piece number {digits[:12]}… is too long; expected at most 9 digits")
    return int(digits)


def _read_npz(source: Source, data: bytes, file: str) -> Tensors:
    check_entries(io.BytesIO(data), source.limits.entries, file)
    try:
        arrays = read_npz(io.BytesIO(data), lambda entries: source.unpacking(entries, file))
    except (ValueError, OSError) as error:
        raise PuzzleError(f"{file}: not a readable .npz file ({error})") from error
    # NumPy stores bfloat16, which it does not know, as two bytes without a meaning
    return {name: a.view("bfloat16") if a.dtype == "V2" else a for name, a in arrays.items()}


def _read_safetensors(data: bytes, file: str) -> list[tuple[int, Tensors]]:
    from safetensors import SafetensorError, deserialize

    try:
        entries = deserialize(data)
    except (SafetensorError, ValueError) as error:
        raise PuzzleError(f"{file}: not a readable .safetensors file ({error})") from error
    types = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
    pieces: dict[int, Tensors] = {}
    for name, entry in entries:
        match = PIECE_TENSOR.fullmatch(name)
        if not match:
            raise PuzzleError(f"{file}: tensor {name!r}; expected names like piece_0.weight and piece_0.bias")
        if entry["dtype"] not in types:
            raise PuzzleError(f"{file}: tensor {name!r} has type {entry['dtype']}; expected one of {', '.join(types)}")
        tensor = np.frombuffer(entry["data"], dtype=np.dtype(types[entry["dtype"]])).reshape(entry["shape"])
        tensors = pieces.setdefault(_id_of(match[1], file), {})
        if match[2] in tensors:
            raise PuzzleError(f"{file}: the {match[2]} of piece {match[1]} is given twice")
        tensors[match[2]] = tensor
    return list(pieces.items())


def piece_of(piece_id: int, file: str, tensors: Tensors) -> Piece | NormPiece | BlockPiece:
    """Return a piece of its tensors, widened to float64; `PuzzleError` names `file` where they are none."""
    prefixes = dict.fromkeys(name.rpartition(".")[0] for name in tensors)
    if len(prefixes) == 2 and all(name.endswith("weight") or name.endswith("bias") for name in tensors):
        return _block(piece_id, file, tensors, *prefixes)
    parts = {name.rsplit(".", 1)[-1]: tensor for name, tensor in tensors.items()}
    if {*RUNNING} & {*parts} or getattr(parts.get("weight"), "ndim", 0) == 1:
        return _norm(piece_id, file, tensors)
    layer: Tensors = {}
    for name, tensor in tensors.items():
        part = name.rsplit(".", 1)[-1]
        if part not in ("weight", "bias") or part in layer:
            raise PuzzleError(
                f"{file}: holds {', '.join(map(repr, tensors))}; expected one weight and perhaps one bias"
            )
        if tensor.dtype.name not in FLOATS:
            raise PuzzleError(f"{file}: {name} has type {tensor.dtype.name}; expected one of {', '.join(FLOATS)}")
        if not np.isfinite(tensor.astype(np.float64)).all():
            raise PuzzleError(f"{file}: {name} holds NaN or infinite values; expected finite numbers")
        layer[part] = tensor
    if "weight" not in layer:
        found = ", ".join(map(repr, tensors)) or "nothing"
        raise PuzzleError(f"{file}: piece {piece_id} holds {found}; expected one weight and perhaps one bias")
    weight = layer["weight"]
    bias = layer["bias"] if "bias" in layer else np.zeros(weight.shape[:1], weight.dtype)
    if weight.ndim != 2 or bias.shape != weight.shape[:1] or 0 in weight.shape:
        raise PuzzleError(
            f"{file}: weight {list(weight.shape)} and bias {list(bias.shape)}; "
            "expected a linear layer, [out, in] and [out]"
        )
    dtype = max(weight.dtype.name, bias.dtype.name, key=FLOATS.index)
    return Piece(piece_id, file, weight.astype(np.float64), bias.astype(np.float64), dtype, "bias" in layer)


def _block(piece_id: int, file: str, tensors: Tensors, *names: str) -> BlockPiece:
    """Return a piece of two layers, which tensors of two prefixes make."""
    layers = [{name: table for name, table in tensors.items() if name.rpartition(".")[0] == one} for one in names]
    halves = [piece_of(piece_id, file, layer) for layer in layers]
    first, second = halves
    if not isinstance(first, Piece) or not isinstance(second, Piece) or first.shape != second.shape[::-1]:
        shapes = " and ".join(str(list(half.weight.shape)) for half in halves if not isinstance(half, BlockPiece))
        raise PuzzleError(f"{file}: two layers {shapes}; expected one, or a whole block's, [H, D] and [D, H]")
    dtype = max(first.dtype, second.dtype, key=FLOATS.index)
    return BlockPiece(piece_id, file, (first, second), (names[0], names[1]), dtype)


def _norm(piece_id: int, file: str, tensors: Tensors) -> NormPiece:
    """Check the tensors of a norm and widen them to float64; where weight or bias are not there, they are 1 or 0."""
    own = {name.rsplit(".", 1)[-1]: tensor for name, tensor in tensors.items()}
    known = {name: tensor for name, tensor in own.items() if name != COUNTER}
    running = bool({*RUNNING} & {*known})
    needed = {*RUNNING} if running else {"weight"}
    if not needed <= {*known} <= {"weight", "bias", *RUNNING} or len(own) != len(tensors):
        found = ", ".join(map(repr, tensors))
        raise PuzzleError(f"{file}: holds {found}; expected a norm's weight, bias, running_mean and running_var")
    first = known[RUNNING[0] if running else "weight"]
    size = first.shape[0] if first.ndim == 1 else 0
    for name, tensor in known.items():
        if tensor.shape != (size,) or not size or tensor.dtype.name not in FLOATS:
            shape, kind = list(tensor.shape), tensor.dtype.name
            raise PuzzleError(f"{file}: {name} is {kind} {shape}; expected [{size}] floating-point numbers")
        if not np.isfinite(tensor.astype(np.float64)).all() or (name == RUNNING[1] and (tensor < 0).any()):
            raise PuzzleError(f"{file}: {name} holds NaN, infinite or negative values; expected finite numbers")
    wide = {name: tensor.astype(np.float64) for name, tensor in known.items()}
    weight, bias = wide.get("weight", np.ones(size)), wide.get("bias", np.zeros(size))
    dtype = max((tensor.dtype.name for tensor in known.values()), key=FLOATS.index)
    mean, variance = map(wide.get, RUNNING)
    return NormPiece(piece_id, file, weight, bias, mean, variance, dtype, dict(tensors))
