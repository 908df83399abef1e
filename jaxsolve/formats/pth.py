"""Host: what `torch.save` writes, read without PyTorch and without running anything.

A `.pth` file is a zip archive with a pickle (`data.pkl`) and raw tensor storages (`data/0`, …), laid out
as in the serialization notes of PyTorch (https://docs.pytorch.org/docs/stable/notes/serialization.html).
The pickle is not loaded but *interpreted*: a fixed list of opcodes over a fixed list of globals, each of
which stands for data and is never called. So are modules of `torch.nn`: what is left of them are their parameters and
buffers. Everything else is refused. The defences answer published attacks: CVE-2025-32434 and CVE-2026-24747 (loader
holes), memo bombs, stride-0 tensors that claim terabytes, deflate bombs, and storages whose size is not what the
tensor says.
"""

import io
import pickletools
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np

from jaxsolve.errors import PuzzleError
from jaxsolve.formats.limits import Limits
from jaxsolve.formats.source import check_entries
from jaxsolve.formats.state_dicts import Module, tensors_in

PLAIN = re.compile(r"(?!.*(?:^|/)\.\.?(?:/|$))[^/\\:\x00-\x1f][^\\:\x00-\x1f]*")
"""Names of entries: relative, of plain parts."""

LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"

STORAGES: dict[str, np.dtype[Any]] = {
    "torch FloatStorage": np.dtype(np.float32),
    "torch DoubleStorage": np.dtype(np.float64),
    "torch HalfStorage": np.dtype(np.float16),
    "torch BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "torch LongStorage": np.dtype(np.int64),  # batches that a norm has seen
    "torch IntStorage": np.dtype(np.int32),
    "torch ShortStorage": np.dtype(np.int16),
    "torch CharStorage": np.dtype(np.int8),  # weights in eight bits
    "torch ByteStorage": np.dtype(np.uint8),
    "torch BoolStorage": np.dtype(np.bool_),  # masks of pruned weights
}
MODULE = re.compile(r"torch\.nn\.modules\.[a-z0-9_]+ [A-Za-z0-9]+")
SET = "__builtin__ set"
OUT = "save layer.state_dict()"
CALLABLES = frozenset({"collections OrderedDict", "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter"})


class _Refused(Exception):  # noqa: N818  (a verdict, not a fault of ours)
    """Why a file is not read; becomes a `PuzzleError` with the file's name."""


@dataclass(frozen=True)
class _Global:
    """A name that a pickle mentions: data, never called."""

    name: str


@dataclass(frozen=True)
class _Storage:
    dtype: np.dtype[Any]
    data: bytes


def read_pth(data: bytes, name: str, limits: Limits | None = None) -> dict[str, np.ndarray[Any, Any]]:
    """Return the tensors in a file of ``torch.save``, as views of the file that cannot be written to.

    State dicts, checkpoints with one in them, modules of `torch.nn`, and tensors alone are read. Names of what is
    nested are joined by dots; a tensor alone has an empty one, those of a list or tuple have their numbers.

    Parameters
    ----------
    data
        The whole file.
    name
        How errors call it.
    limits
        The most that is read of it.

    Raises
    ------
    PuzzleError
        The file is nothing of these, or holds anything beyond tensors and plain values.
    """
    limits = limits or Limits()
    try:
        check_entries(io.BytesIO(data), limits.pth_entries, name)
        return _read(data, limits)
    except _Refused as reason:
        raise PuzzleError(f"{name}: {reason}") from None


def _read(data: bytes, limits: Limits) -> dict[str, np.ndarray[Any, Any]]:
    if not data:
        raise _Refused("empty file; expected a state dict saved by torch.save")
    if data.startswith(LEGACY_MAGIC):
        raise _Refused("saved in the format of PyTorch before 1.6; load it there and torch.save it again")
    entries = _entries(data)
    roots = [entry.removesuffix("data.pkl") for entry in entries if entry.endswith("/data.pkl")]
    if len(roots) != 1:
        raise _Refused(f"{len(roots)} data.pkl inside; expected a state dict saved by torch.save, which has one")
    root = roots[0]
    if f"{root}version" not in entries:
        raise _Refused("no version inside; expected a state dict saved by torch.save, which writes one")
    if entries.get(f"{root}byteorder", b"little").strip() != b"little":
        raise _Refused("big-endian tensors; expected little-endian ones")
    pickle = entries[f"{root}data.pkl"]
    if len(pickle) > limits.pickle_bytes:
        raise _Refused(f"a pickle of {len(pickle)} bytes; at most {limits.pickle_bytes} are read")
    state = _Interpreter(lambda key: entries.get(f"{root}data/{key}"), limits).run(pickle)
    try:
        tensors = tensors_in(state, most=limits.opcodes)
    except ValueError as error:
        raise _Refused(f"{error} in its pickle") from None
    if not tensors and state != {}:
        raise _Refused(f"holds {_kind(state)} without tensors; expected a state dict: {OUT}")
    return tensors


def _entries(data: bytes) -> dict[str, bytes]:
    """Return the stored bytes of every entry of the archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            if len({info.filename for info in infos}) != len(infos):
                raise _Refused("the same entry twice; expected a file saved by torch.save")
            if any(info.filename.endswith("/constants.pkl") for info in infos):
                raise _Refused("a TorchScript program; load it with torch.jit.load and torch.save its state_dict()")
            for info in infos:
                # torch.save never compresses; refusing what it never writes leaves no room for bombs
                if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
                    raise _Refused(f"entry {info.filename} is compressed; torch.save only stores")
                if info.flag_bits & 0x1:
                    raise _Refused(f"entry {info.filename} is encrypted")
                if info.orig_filename != info.filename or not PLAIN.fullmatch(info.filename):
                    raise _Refused(
                        f"an entry named {info.orig_filename!r}; torch.save writes names such as archive/data/0"
                    )
            end = 0
            for info in sorted(infos, key=lambda info: info.header_offset):
                if info.header_offset < end:
                    raise _Refused("entries that overlap; expected a file saved by torch.save")
                end = info.header_offset + 30 + len(info.filename) + info.file_size  # 30 bytes of header, at least
            return {info.filename: archive.read(info) for info in infos}
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as error:
        raise _Refused(
            f"not a readable .pth file ({error}); save the layer anew with torch.save(layer.state_dict(), …)"
        ) from None


def _kind(value: object) -> str:
    names = {
        dict: "a dictionary",
        list: "a list",
        tuple: "a tuple",
        np.ndarray: "a tensor",
        _Storage: "a storage",
        Module: "a module",
    }
    if type(value) in names:
        return names[type(value)]
    return f"a reference to {value.name}" if isinstance(value, _Global) else repr(value)[:40]


@dataclass
class _Interpreter:
    """The stack machine of pickle, reduced to what a state dict needs."""

    storage: Callable[[str], bytes | None]
    limits: Limits
    stack: list[Any] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def run(self, pickle: bytes) -> Any:
        try:
            for count, (opcode, argument, _) in enumerate(pickletools.genops(pickle)):
                if count > self.limits.opcodes:
                    raise _Refused(f"a pickle of more than {self.limits.opcodes} opcodes")
                if opcode.name == "STOP":
                    return self.stack.pop()
                self._step(opcode.name, argument)
        except (ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
            raise _Refused(f"a damaged pickle ({error})") from None
        raise _Refused("a pickle without an end")

    def _step(self, opcode: str, argument: Any) -> None:
        match opcode:
            case "PROTO":
                if argument != 2:
                    raise _Refused(f"pickle protocol {argument}; torch.save writes 2")
            case "GLOBAL":
                plain = argument in STORAGES or argument in CALLABLES or argument == SET
                if not plain and not MODULE.fullmatch(argument):
                    name = argument.replace(" ", ".")
                    raise _Refused(f"refers to {name}, which no state dict of a layer needs; {OUT}")
                self.stack.append(_Global(argument))
            case "BINUNICODE" | "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT":
                self.stack.append(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                self.stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[opcode])
            case "EMPTY_TUPLE" | "EMPTY_DICT" | "EMPTY_LIST":
                self.stack.append({"EMPTY_TUPLE": (), "EMPTY_DICT": {}, "EMPTY_LIST": []}[opcode])
            case "MARK":
                if len(self.marks) >= self.limits.pickle_depth:
                    raise _Refused(f"a pickle nested deeper than {self.limits.pickle_depth}")
                self.marks.append(len(self.stack))
            case "TUPLE":
                self.stack.append(tuple(self._since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self.stack.append(tuple(self._pop() for _ in range(int(opcode[-1])))[::-1])
            case "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = self.stack[-1]
            case "BINGET" | "LONG_BINGET":
                self.stack.append(self.memo[argument])
            case "SETITEM":
                value, key = self._pop(), self._pop()
                self._set_items([key, value])
            case "SETITEMS":
                self._set_items(self._since_mark())
            case "APPEND" | "APPENDS":
                items = [self._pop()] if opcode == "APPEND" else self._since_mark()
                if not isinstance(self.stack[-1], list):
                    raise _Refused("appends to something that is no list")
                self.stack[-1].extend(items)
            case "NEWOBJ":
                arguments, kind = self._pop(), self._pop()
                if not isinstance(kind, _Global) or not MODULE.fullmatch(kind.name) or arguments != ():
                    raise _Refused(f"makes an object, which no state dict of a layer needs; {OUT}")
                self.stack.append(Module())
            case "BINPERSID":
                self.stack.append(self._storage(self._pop()))
            case "REDUCE":
                arguments, function = self._pop(), self._pop()
                self.stack.append(self._reduce(function, arguments))
            case "BUILD":
                # torch attaches the module version to the dictionary; tensors have no state of their own
                attributes = self._pop()
                if isinstance(self.stack[-1], Module) and isinstance(attributes, dict):
                    self.stack[-1].state.update(self._parts(attributes))
                    return
                if not (isinstance(attributes, dict) and isinstance(self.stack[-1], dict)):
                    raise _Refused("sets attributes on objects, which no state dict of a layer needs")
                if set(attributes) - {"_metadata"}:
                    raise _Refused("sets attributes on objects, which no state dict of a layer needs")
            case _:
                raise _Refused(f"pickle opcode {opcode}, which no state dict of a layer needs")

    def _parts(self, attributes: dict[Any, Any]) -> dict[Any, Any]:
        """Return the parameters, buffers and modules among the attributes of a module."""
        found = dict[Any, Any]()
        for kind in ("_parameters", "_buffers", "_modules"):
            inner = attributes.get(kind, {})
            if not isinstance(inner, dict) or found.keys() & inner.keys():
                raise _Refused("a damaged module")
            found |= inner
        return found

    def _pop(self) -> Any:
        if self.marks and len(self.stack) <= self.marks[-1]:
            raise _Refused("a damaged pickle (a value is missing)")
        return self.stack.pop()

    def _since_mark(self) -> list[Any]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def _set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(items) % 2:
            raise _Refused("sets items on something that is no dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) not in (str, int) or len(str(key)) > self.limits.pickle_name:
                raise _Refused(f"a dictionary key that is {_kind(key)}; expected a name")
            if key in target:
                raise _Refused(f"{key!r} twice")
            target[key] = value

    def _storage(self, persistent_id: Any) -> _Storage:
        match persistent_id:
            case ("storage", _Global(name), str(key), str(_), int(count)) if name in STORAGES:
                dtype, data = STORAGES[name], self.storage(key)
            case _:
                raise _Refused("a tensor storage of no type that is read: floats, integers and flags of PyTorch")
        if data is None:
            raise _Refused(f"its pickle refers to the storage data/{key}, which is missing")
        if len(data) != count * dtype.itemsize:
            raise _Refused(f"storage data/{key} has {len(data)} bytes; its pickle says {count} of {dtype}")
        return _Storage(dtype, data)

    def _reduce(self, function: Any, arguments: Any) -> Any:
        match function, arguments:
            case _Global("collections OrderedDict"), ():
                return {}
            case _Global(name), ([],) if name == SET:
                return None
            case _Global("torch._utils _rebuild_tensor_v2"), (_Storage(), _, _, _, _, _, *more):
                if any(more):  # a negated or conjugated view: its storage holds other numbers than it shows
                    raise _Refused("a tensor with metadata; save a plain copy of it: tensor.clone()")
                return _tensor(*arguments[:4])
            case _Global("torch._utils _rebuild_parameter"), (np.ndarray() as tensor, *_):
                return tensor
        raise _Refused("rebuilds something that is no tensor")


def _tensor(storage: _Storage, offset: Any, shape: Any, strides: Any) -> np.ndarray[Any, Any]:
    """Return the view of a storage that a tensor describes, after checking that it stays inside."""
    if not (isinstance(shape, tuple) and isinstance(strides, tuple) and len(shape) == len(strides) <= 4):
        raise _Refused("a tensor without matching shape and strides")
    if any(type(n) is not int for n in (offset, *shape, *strides)):
        raise _Refused("a tensor whose shape, strides or offset are no whole numbers")
    if any(not 0 <= n < 1 << 48 for n in (offset, *shape, *strides)):
        raise _Refused(f"a tensor of shape {shape}, strides {strides}, offset {offset}")
    flat = np.frombuffer(storage.data, dtype=storage.dtype)
    size, last = 1, offset
    for n, stride in zip(shape, strides, strict=True):
        size *= n
        last += (n - 1) * stride
    if size == 0 or size > flat.size or last >= flat.size:
        raise _Refused(f"a tensor of shape {list(shape)} that its storage of {flat.size} numbers does not hold")
    steps = [stride * flat.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(flat[offset:], shape, steps, writeable=False)
