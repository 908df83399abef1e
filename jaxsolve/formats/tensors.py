"""Host: files of tensors, whatever they are called: the first bytes say what a file is, its suffix if they do not.

What holds tensors in a format that is not read is named, with the way out.
"""

import io
import zipfile
from pathlib import PurePosixPath

import numpy as np

from jaxsolve.errors import PuzzleError
from jaxsolve.formats.limits import Limits
from jaxsolve.formats.natural import natural
from jaxsolve.formats.npz import read_npy, read_npz
from jaxsolve.formats.pth import read_pth
from jaxsolve.formats.source import Source, check_entries, is_table
from jaxsolve.formats.state_dicts import Tensors

NPY, ZIP, HDF5 = b"\x93NUMPY", b"PK", b"\x89HDF\r\n\x1a\n"
KINDS = {
    ".pth": "pth", ".pt": "pth", ".bin": "pth", ".ckpt": "pth", ".npz": "npz", ".npy": "npy",
    ".safetensors": "safetensors",
}  # fmt: skip
"""Suffixes of files that are taken for tensors even if they do not look like any."""
ARRAYS = "save the arrays of each layer with numpy.savez"
UNPACK = "unpack it"
UNREAD = {
    ".h5": ("HDF5", ARRAYS), ".hdf5": ("HDF5", ARRAYS), ".keras": ("Keras", ARRAYS), ".pb": ("TensorFlow", ARRAYS),
    ".tflite": ("TensorFlow Lite", ARRAYS), ".index": ("TensorFlow checkpoint", ARRAYS), ".onnx": ("ONNX", ARRAYS),
    ".msgpack": ("Flax", ARRAYS), ".gguf": ("GGUF", ARRAYS), ".mat": ("MATLAB", ARRAYS),
    ".pkl": ("pickle, which may hold a program", ARRAYS), ".pickle": ("pickle, which may hold a program", ARRAYS),
    ".joblib": ("pickle, which may hold a program", ARRAYS), ".json": ("JSON", ARRAYS),
    ".zip": ("an archive in the puzzle", UNPACK), ".tar": ("an archive in the puzzle", UNPACK),
    ".tgz": ("an archive in the puzzle", UNPACK), ".7z": ("an archive in the puzzle", UNPACK),
}  # fmt: skip
"""What files of other formats are, and the way out."""
TYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I8": "int8", "U8": "uint8",
    "I16": "int16", "I32": "int32", "I64": "int64", "BOOL": "bool",
}  # fmt: skip
"""NumPy's names of the types of safetensors."""


def may_hold(source: Source, file: str) -> bool:
    """Return whether a file may hold tensors, by its first bytes or its suffix."""
    suffix = PurePosixPath(file).suffix.lower()
    if is_table(file):
        return False
    if suffix in KINDS:
        return True
    head = source.head(file, 16)
    if suffix in UNREAD:
        return head.startswith(ZIP)  # of PyTorch, by whatever name
    return head.startswith((NPY, ZIP)) or _described(head)


def unread(source: Source, file: str) -> tuple[str, str] | None:
    """Return what a file of a format that is not read is, and the way out; None: it is something else."""
    if source.head(file, 8).startswith(HDF5):
        return UNREAD[".h5"]
    return UNREAD.get(PurePosixPath(file).suffix.lower())


def read_tensors(source: Source, file: str) -> Tensors | None:
    """Return the named tensors of a file; a tensor alone has the empty name; None: it holds something else.

    Raises
    ------
    PuzzleError
        The file is damaged, hostile or beyond the limits.
    """
    data = source.read(file)
    kind = _kind_of(data, file, source.limits)
    if kind == "pth":
        tensors = read_pth(data, file, source.limits)
        shown = sum(tensor.size for tensor in tensors.values())
        if shown > len(data):  # views of the same numbers: each of them is a layer of its own
            raise PuzzleError(f"{file}: {len(data)} bytes that show {shown} numbers; save copies: tensor.clone()")
        return tensors
    if kind == "safetensors":
        return _read_safetensors(data, file)
    try:
        if kind == "npy":
            return {"": _typed(read_npy(data))}
        if kind == "npz":
            check_entries(io.BytesIO(data), source.limits.entries, file)
            arrays = read_npz(io.BytesIO(data), lambda entries: source.unpacking(entries, file))
            return {name: _typed(array) for name, array in arrays.items()}
    except (ValueError, OSError) as error:
        raise PuzzleError(f"{file}: not a readable .{kind} file ({error})") from error
    return None


def stem_of(file: str) -> str:
    """Return the name of a file without the suffixes that such files have; what is behind other points stays."""
    path = PurePosixPath(file)
    while path.suffix.lower() in {*KINDS, *UNREAD}:
        path = path.with_suffix("")
    return str(path)


def _described(head: bytes) -> bool:
    """Return whether a file begins as safetensors do: the size of a description, and the description."""
    return len(head) > 8 and head[8:9] == b"{" and head[6:8] == b"\0\0"


def _kind_of(data: bytes, file: str, limits: Limits) -> str | None:
    """Return which reader a file is for, by what it begins with or, failing that, its suffix."""
    if data.startswith(NPY):
        return "npy"
    if _described(data[:16]):
        return "safetensors"
    return (_kind_of_archive(data, file, limits) if data.startswith(ZIP) else None) or KINDS.get(
        PurePosixPath(file).suffix.lower()
    )


def _typed(array: np.ndarray) -> np.ndarray:
    """Return an array with its type: NumPy stores bfloat16, which it does not know, as two bytes without a meaning."""
    return array.view("bfloat16") if array.dtype == "V2" else array


def _kind_of_archive(data: bytes, file: str, limits: Limits) -> str | None:
    """Return what an archive is by the names in it; None: nothing that is known, or damaged."""
    check_entries(io.BytesIO(data), limits.entries, file)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except Exception:  # zipfile raises kinds of its own on damage, which the reader says
        return None
    if any(name.endswith(".npy") for name in names):
        return "npz"
    return "pth" if any(name.endswith("data.pkl") for name in names) else None


def _read_safetensors(data: bytes, file: str) -> Tensors:
    from safetensors import SafetensorError, deserialize

    try:
        entries = deserialize(data)
    except (SafetensorError, ValueError) as error:
        raise PuzzleError(f"{file}: not a readable .safetensors file ({error})") from error
    tensors = Tensors()
    for name, entry in sorted(entries, key=lambda one: natural(one[0])):  # they come in no order of their own
        if entry["dtype"] not in TYPES:
            raise PuzzleError(f"{file}: tensor {name!r} has type {entry['dtype']}; expected one of {', '.join(TYPES)}")
        tensor = np.frombuffer(entry["data"], dtype=np.dtype(TYPES[entry["dtype"]]))
        tensors[name] = tensor.reshape(entry["shape"])
    return tensors
