"""Host: the pieces of a puzzle, from whatever files hold them."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from jaxsolve.architecture.pieces import BlockPiece, NormPiece, Piece
from jaxsolve.errors import PuzzleError, first_of
from jaxsolve.formats.natural import natural
from jaxsolve.formats.parameters import NAMES, by_layer, is_named, parameters, split
from jaxsolve.formats.source import PIECES, Source, is_table
from jaxsolve.formats.state_dicts import Tensors
from jaxsolve.formats.tensors import ARRAYS, may_hold, read_tensors, stem_of, unread
from jaxsolve.puzzle.numbering import numbered, without_common

AnyPiece = Piece | NormPiece | BlockPiece

PIECE = re.compile(r"(?:pieces\.)?(piece_\d+)(?:\..*)?")
RUNNING = "running_mean", "running_var"
COUNTER = "num_batches_tracked"
SHARD = re.compile(r"-\d{5}-of-\d{5}")
"""What the names of the parts of one file have."""
TRAINING = re.compile(r"(training_args|optim|optimizer|scheduler|scaler|rng_state|trainer_state|losses)(\b|_).*")
"""What files are called that trainers keep beside a network."""
FLOATS = ("float16", "bfloat16", "float32", "float64")


class Pile(NamedTuple):
    """The pieces of a puzzle."""

    pieces: list[AnyPiece]
    """Ascending by their ids."""
    names: dict[int, str]
    """What the files call them, by their ids, where these are not in their names."""
    notes: tuple[str, ...] = ()


def read_pieces(source: Source) -> Pile:
    """Return all pieces of a puzzle.

    A piece is a file with one layer, or with both of a block; a layer in a file with many; or what tensors that are
    called ``piece_K.…`` make. Ids are the numbers in their names or, where those do not tell them apart, their order.

    Raises
    ------
    PuzzleError
        No piece was found, an id appears twice, or a piece is unreadable, misshapen or not finite.
    """
    files = _files(source)
    found = _labelled(_read(source, files))
    if not found:
        raise PuzzleError(f"{source.name}: no pieces found; {_what_is_there(source, files)}")
    labels = without_common([label for label, _, _ in found])
    ids = numbered(labels, [file for _, file, _ in found])
    if ids is not None:
        spelled = {
            k: label for k, label in zip(ids, labels, strict=True) if not re.search(rf"(?<!\d)0*{k}(?!\d)", label)
        }
    else:
        order = sorted(range(len(found)), key=lambda k: natural(labels[k]))
        places = {k: place for place, k in enumerate(order)}
        ids = [places[k] for k in range(len(found))]
        spelled = {place: labels[k] for k, place in places.items()}
    some = first_of([f"{k} is {label}" for k, label in spelled.items()])
    notes = (f"numbered by the order of their names: {some}; inspect lists them",) if spelled else ()
    left = [file for file in source.names() if "/" not in file and file not in files and may_hold(source, file)]
    notes += (f"not read, as no pieces: {first_of(left)}",) if left else ()
    pieces = [piece_of(k, file, tensors) for k, (_, file, tensors) in zip(ids, found, strict=True)]
    return Pile(sorted(pieces, key=lambda piece: piece.id), spelled, notes)


def _files(source: Source) -> list[str]:
    """Return the files that may hold pieces: below a folder for them, or else beside the table, or in one folder."""
    named = [file for file in source.names() if not TRAINING.fullmatch(PurePosixPath(file).name)]
    files = [file for file in named if may_hold(source, file)]
    homes = dict[str, list[str]]()
    for file in files:
        parts = PurePosixPath(file).parts
        homes.setdefault(parts[0] if len(parts) > 1 else "", []).append(file)
    if PIECES in homes:
        return [*homes[PIECES], *(file for file in homes.get("", []) if PIECE.fullmatch(PurePosixPath(file).stem))]
    if all(home.lower() in NAMES for home in homes):  # weights/ and biases/
        return [file for some in homes.values() for file in some]
    if len(homes) > 1 and "" not in homes:
        shown = ", ".join(f"{home}/" for home in sorted(homes)[:3])
        raise PuzzleError(f"{source.name}: tensors in {len(homes)} folders ({shown}); expected them in {PIECES}/")
    return homes.get("") or next(iter(homes.values()), [])


def _read(source: Source, files: list[str]) -> dict[str, Tensors]:
    """Return the tensors of files that hold some; what most of the others are refused for is said once."""
    tables, refused = dict[str, Tensors](), dict[str, list[str]]()
    for file in files:
        try:
            tensors = read_tensors(source, file)
        except PuzzleError as error:
            refused.setdefault(str(error).removeprefix(f"{file}: "), []).append(file)
            continue
        if tensors is not None:
            tables[file] = tensors
    wholes = dict[str, list[str]]()
    for file in tables:
        wholes.setdefault(SHARD.sub("", file), []).append(file)
    for whole, shards in wholes.items():
        names = [name for shard in shards for name in tables[shard]]
        if len(shards) > 1 and len({*names}) == len(names):  # else each has what the others have
            tables[whole] = {name: tensor for shard in shards for name, tensor in tables.pop(shard).items()}
    if refused:
        reason, some = max(refused.items(), key=lambda one: len(one[1]))
        more = f" and {len(some) - 1} more files" if len(some) > 1 else ""
        raise PuzzleError(f"{some[0]}{more}: {reason}")
    return tables


def _labelled(tables: Mapping[str, Tensors]) -> list[tuple[str, str, Tensors]]:
    """Return what each piece is called, its file and its tensors."""
    alone = {file: tensors for file, tensors in tables.items() if [*tensors] == [""]}
    stems = {file: stem_of(file).removeprefix(f"{PIECES}/") for file in tables}
    layers = {file: by_layer(tensors) for file, tensors in tables.items() if file not in alone}
    found = list[tuple[str, str, Tensors]]()
    for file, own in layers.items():
        named = dict[str, Tensors]()
        for layer, parts in own.items():
            match = PIECE.fullmatch(layer)
            label = match[1] if match else layer
            rest = layer.removeprefix("pieces.").removeprefix(label).lstrip(".") if match else ""
            named.setdefault(label, {}).update({f"{rest}.{part}".lstrip("."): one for part, one in parts.items()})
        if any(PIECE.fullmatch(label) for label in named):
            found += [(label, file, tensors) for label, tensors in named.items()]
        elif len(own) == 1 or (len(own) == 2 and len(layers) > 1 and _is_block(own)):
            whole = {f"{layer}.{part}".lstrip("."): one for layer, parts in own.items() for part, one in parts.items()}
            found.append((stems[file], file, whole))
        else:
            front = f"{stems[file]}." if len(layers) > 1 else ""
            found += [(front + layer, file, tensors) for layer, tensors in own.items()]
    named = {file: stems[file] if is_named(stems[file]) else f"{stems[file]}/weight" for file in alone}
    every = by_layer(
        {named[file]: tensors[""] for file, tensors in sorted(alone.items(), key=lambda one: natural(one[0]))}
    )
    origin = {split(name)[0] or name: file for file, name in named.items()}
    return found + [(layer, origin.get(layer, layer), tensors) for layer, tensors in every.items()]


def _is_block(layers: Mapping[str, Tensors]) -> bool:
    """Whether two layers have the shapes of a block's halves."""
    shapes = [parts["weight"].shape if "weight" in parts else () for parts in layers.values()]
    return len(shapes[0]) == 2 and shapes[0] == shapes[1][::-1]


def _what_is_there(source: Source, files: list[str]) -> str:
    """Say what a puzzle without pieces holds instead, and the way out."""
    files = [file for file in files if unread(source, file) is None]
    if files:
        return f"{files[0]} holds no tensors of a layer; expected {PIECES}/piece_K.pth, .npz or .safetensors"
    for file in source.names():
        if other := unread(source, file):
            count = sum(unread(source, one) == other for one in source.names())
            many = f"{count} files such as {file} are" if count > 1 else f"{file} is"
            return f"{many} {other[0]}, which is not read; {other[1]}"
    tables = [file for file in source.names() if is_table(file)]
    if len(tables) > 2:
        return f"{len(tables)} files such as {tables[0]} are text, which is read as a table only; {ARRAYS}"
    return f"expected {PIECES}/piece_K.pth, {PIECES}/piece_K.npz or one .safetensors"


def piece_of(piece_id: int, file: str, tensors: Tensors) -> AnyPiece:
    """Return a piece of its tensors, widened to float64; `PuzzleError` names `file` where they are none."""
    layers = by_layer(tensors)
    if len(layers) == 2 and all({*parts} <= {"weight", "bias", "kernel"} for parts in layers.values()):
        return _block(piece_id, file, layers)
    if len(layers) != 1:
        raise PuzzleError(f"{file}: holds {_shown(tensors)}; expected one weight and perhaps one bias")
    try:
        parts, kernel = parameters(next(iter(layers.values())))
    except ValueError as error:
        raise PuzzleError(f"{file}: {error}") from error
    if {*RUNNING} & {*parts} or ("weight" in parts and parts["weight"].ndim == 1):
        return _norm(piece_id, file, parts)
    if "weight" not in parts or not {*parts} <= {"weight", "bias"}:
        raise PuzzleError(f"{file}: holds {_shown(tensors)}; expected one weight and perhaps one bias")
    _check_numbers(file, parts)
    weight, bias = parts["weight"], parts.get("bias")
    weight, told = _as_rows(weight, bias) if weight.ndim == 2 else (weight, None)
    biases = np.zeros(weight.shape[:1], weight.dtype) if bias is None else bias
    if weight.ndim != 2 or biases.shape != weight.shape[:1] or 0 in weight.shape:
        raise PuzzleError(
            f"{file}: weight {list(weight.shape)} and bias {list(biases.shape)}; "
            "expected a linear layer, [out, in] and [out]"
        )
    dtype = max(weight.dtype.name, biases.dtype.name, key=FLOATS.index)
    tables = weight.astype(np.float64), biases.astype(np.float64)
    return Piece(piece_id, file, *tables, dtype, bias is not None, transposed=told, kernel=kernel)


def _as_rows(weight: Any, bias: Any) -> tuple[Any, bool | None]:
    """Return a weight as `[out, in]`, and whether it was given as `[in, out]`, which its bias tells.

    Nothing tells where both are as long as each other, or there is no bias: None.
    """
    rows, columns = weight.shape
    known = {(rows,): False, (columns,): True} if rows != columns else {}
    told = None if bias is None else known.get(bias.shape)
    return (weight.T if told else weight), told


def _shown(tensors: Tensors) -> str:
    return first_of([*map(repr, tensors)], 6) or "nothing"


def _check_numbers(file: str, tensors: Tensors) -> None:
    """Refuse tensors that are no finite floating-point numbers."""
    for name, tensor in tensors.items():
        if tensor.dtype.name not in FLOATS:
            raise PuzzleError(f"{file}: {name} has type {tensor.dtype.name}; expected one of {', '.join(FLOATS)}")
        if not np.isfinite(tensor.astype(np.float64)).all():
            raise PuzzleError(f"{file}: {name} holds NaN or infinite values; expected finite numbers")


def _block(piece_id: int, file: str, layers: Mapping[str, Tensors]) -> BlockPiece:
    """Return a piece of two layers."""
    halves = [piece_of(piece_id, file, parts) for parts in layers.values()]
    first, second = halves
    if not isinstance(first, Piece) or not isinstance(second, Piece) or first.shape != second.shape[::-1]:
        shapes = " and ".join(str(list(half.weight.shape)) for half in halves if not isinstance(half, BlockPiece))
        raise PuzzleError(f"{file}: two layers {shapes}; expected one, or a whole block's, [H, D] and [D, H]")
    dtype = max(first.dtype, second.dtype, key=FLOATS.index)
    names = [*layers]
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
