"""What mutations begin with: files as they should be, and hostile ones of every published kind. All made, none stored."""

import gzip
import io
import json
import pickle
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from jaxsolve.puzzle import Puzzle, read_puzzle, write_puzzle
from jaxsolve.puzzle.write import pth_bytes
from jaxsolve.records import opened
from tests import reference
from tests.fuzzing.mutations import entries_of, packed

CANARY = "canary"
"""File that payloads write to."""
WEIGHT = np.arange(6, dtype=np.float32).reshape(3, 2)


def text(value: str) -> bytes:
    return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()


def call(module: str, name: str, *arguments: str) -> bytes:
    """Opcodes that call something with texts."""
    return f"c{module}\n{name}\n(".encode() + b"".join(map(text, arguments)) + b"tR"


PAYLOADS = [
    call("builtins", "open", CANARY, "w"),
    call("__builtin__", "eval", f"open('{CANARY}', 'w')"),
    call("builtins", "exec", f"open('{CANARY}', 'w')"),
    call("os", "system", f"touch {CANARY}"),
    call("posix", "system", f"touch {CANARY}"),
    call("subprocess", "getoutput", f"touch {CANARY}"),
    call("subprocess", "Popen", f"touch {CANARY}"),
    call("pathlib", "Path.touch", CANARY),
    call("shutil", "copyfile", "/etc/passwd", CANARY),
    call("runpy", "_run_code", f"open('{CANARY}', 'w')"),
    call("pydoc", "pipepager", "x", f"touch {CANARY}"),
    call("code", "interact"),
    call("timeit", "timeit", f"open('{CANARY}', 'w')"),
    call("cProfile", "run", f"open('{CANARY}', 'w')"),
    call("pip", "main", "install"),
    call("importlib", "import_module", "antigravity"),
    call("torch.storage", "_load_from_bytes", "x"),
    call("torch", "load", "x"),
    call("torch.hub", "load", "x", "y"),
    call("torch.jit.unsupported_tensor_ops", "execWrapper", "x"),
    call("torch._dynamo.guards", "GuardBuilder.get", "x"),
    call("numpy.testing._private.utils", "runstring", f"open('{CANARY}', 'w')"),
    call("torch._utils", "_rebuild_sparse_tensor", "x"),
    call("torch._utils", "_rebuild_device_tensor_from_numpy", "x"),
    call("torch._tensor", "_rebuild_from_type_v2", "x"),
    call("operator", "methodcaller", "system"),
    call("functools", "partial", "os.system"),
    call("jaxsolve.cli.app", "run", "solve"),
    call("collections", "OrderedDict", "x"),
    b"(S'touch " + CANARY.encode() + b"'\nios\nsystem\n",  # INST
    b"(cos\nsystem\nS'touch " + CANARY.encode() + b"'\no",  # OBJ
    b"\x8c\x02os\x8c\x06system\x93\x8c\x0ctouch canary\x85R",  # STACK_GLOBAL
    b"cos\nsystem\n\x8c\x0ctouch canary\x85\x81",  # NEWOBJ
    b"cos\nsystem\n)}\x92",  # NEWOBJ_EX
    b"\x82\x01", b"\x83\x01\x00", b"\x84\x01\x00\x00\x00",  # EXT1, EXT2, EXT4
    b"P0\n",  # PERSID
    b"cbuiltins\ngetattr\n(cos\nX\x06\x00\x00\x00systemtR",
    b"c__main__\n__dict__\n", b"cbuiltins\n__import__\n" + text("os") + b"\x85R",
]  # fmt: skip
ODDITIES = [
    b"\x80\x05", b"\x95\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x97", b"\x98", b"\x8f", b"\x90", b"\x91", b"\x94",
    b"\x96\xff\xff\xff\xff\x00\x00\x00\x00", b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x8d\xff\xff\xff\xff\x00\x00\x00\x00",
    b"r\xff\xff\xff\x7f", b"j\xff\xff\xff\x7f", b"q\xff", b"h\xff", b"p999999999999\n", b"g1\n",  # huge places in the memo
    b"X\xff\xff\xff\xff", b"T\xff\xff\xff\x7f", b"B\xff\xff\xff\xff", b"U\xff", b"S'x'\n", b"S'\\x'\n", b"Vx\\u\n",
    b"I" + b"9" * 5000 + b"\n", b"L" + b"9" * 5000 + b"L\n", b"F1e999\n", b"Fnan\n", b"G\x7f\xf0\0\0\0\0\0\0", b"I01\n",
    b"\x8a\xff" + b"\xff" * 254 + b"\x7f", b"\x8b\xff\xff\xff\x7f", b"\x8b\x04\0\0\0\xff\xff\xff\x7f", b"\x8a\x00",
    b"(" * 70, b")" * 200, b"}" * 200, b"N" * 300, b"0" * 50, b"1", b"2" * 60, b"\x85" * 500, b"\x86", b"\x87", b"t", b"l", b"d",
    b"e", b"a", b"u", b"s", b"b", b"R", b"Q", b"o", b".", b"]", b"\x88", b"\x89", b"K\x01\x85q\x01" + b"0h\x01h\x01\x86q\x01" * 30,
    b"(K\x01q\x010" + b"h\x01" * 300 + b"t", b"ctorch\nFloatStorage\n", b"ctorch\nBFloat16Storage\n", b"ctorch\nLongStorage\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch._utils\n_rebuild_parameter\n", b"ccollections\nOrderedDict\n)R",
    b"J\xff\xff\xff\xff", b"J\xff\xff\xff\x7f", b"J\x00\x00\x00\x80", b"M\xff\xff", b"K\x00", b"c\n\n", b"c\xff\n\xff\n",
    text("weight"), text("storage"), text("0"), text("\n\x1b[2J"), text("k" * 2000), text("_metadata"),
]  # fmt: skip
FRAGMENTS = PAYLOADS + ODDITIES


def tensor_pickle(
    shape=(3, 2),
    strides=(2, 1),
    offset: int = 0,
    count: int = 6,
    storage: str = "FloatStorage",
    key: str = "0",
    keys: int = 1,
) -> bytes:
    """The pickle of a state dict whose tensors all describe one storage, in these words, whether it holds them or not."""

    def whole(value: int) -> bytes:
        if -(2**31) <= value < 2**31:
            return b"J" + value.to_bytes(4, "little", signed=True)
        return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)

    def several(values) -> bytes:
        return b"(" + b"".join(map(whole, values)) + b"t"

    names = [text("weight"), *(text(f"w{k}") for k in range(1, keys))]
    said = f"ctorch\n{storage}\n".encode() + text(key) + text("cpu") + whole(count)
    held = b"(" + text("storage") + said + b"tQq\x01"
    shown = whole(offset) + several(shape) + several(strides) + b"\x89}tRs"
    tensors = (
        name + b"ctorch._utils\n_rebuild_tensor_v2\n(" + (b"h\x01" if k else held) + shown
        for k, name in enumerate(names)
    )
    return b"\x80\x02}" + b"".join(tensors) + b"."


LIES = [
    tensor_pickle((1 << 20, 1 << 20), (0, 0)), tensor_pickle((1 << 47,), (0,)), tensor_pickle((3, 3)), tensor_pickle(offset=1),
    tensor_pickle(offset=-1), tensor_pickle(strides=(-2, 1)), tensor_pickle(strides=(2, 2**63)), tensor_pickle((2**63, 1)),
    tensor_pickle((0, 2)), tensor_pickle((), ()), tensor_pickle((3, 2, 1)), tensor_pickle((1,) * 4, (2**47,) * 4),
    tensor_pickle((1,) * 70, (1,) * 70), tensor_pickle(count=7), tensor_pickle(count=-1), tensor_pickle(count=2**60),
    tensor_pickle(storage="DoubleStorage"), tensor_pickle(storage="LongStorage"), tensor_pickle(storage="UntypedStorage"),
    tensor_pickle(key="../0"), tensor_pickle(key="1" * 5000), tensor_pickle(keys=700),
]  # fmt: skip


class Opens:
    """Writes a file when it is unpickled."""

    def __reduce__(self):
        return (open, (CANARY, "w"))


@cache
def good_pth() -> bytes:
    return pth_bytes({"weight": WEIGHT, "bias": np.ones(3)})


def with_pickle(pickled: bytes) -> bytes:
    return packed([(i, pickled if i.filename.endswith("data.pkl") else d) for i, d in entries_of(good_pth())])


def with_storage(size: int) -> bytes:
    """A storage that 700 tensors show in full: linear in the file, unless each becomes a copy."""
    entries = entries_of(with_pickle(tensor_pickle((size,), (1,), count=size, keys=700)))
    return packed([(i, bytes(4 * size) if i.filename.endswith("data/0") else d) for i, d in entries])


@cache
def pths() -> list[bytes]:
    payloads = [with_pickle(b"\x80\x02}" + text("weight") + one + b"s.") for one in PAYLOADS]
    pickles = [pickle.dumps({"weight": Opens()}, k) for k in range(pickle.HIGHEST_PROTOCOL + 1)]
    whole = [
        with_pickle(one)
        for one in [*LIES, *pickles, b"\x80\x02" + b"N" * 30_000 + b".", b"K\x01" + b"\x85" * 15_000 + b"."]
    ]
    kinds = [
        pth_bytes({"weight": WEIGHT, "bias": np.ones(3)}, dtype=kind) for kind in ("float16", "bfloat16", "float64")
    ]
    bare = [pickles[2], b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19" + pickles[2], b"", b"hello"]
    return [good_pth(), good_pth(), *kinds, *payloads, *whole, *bare, with_storage(1 << 19)]


@cache
def puzzle() -> Puzzle:
    """Three blocks of 4/6, nine rows, as they are read again."""
    with tempfile.TemporaryDirectory() as folder:
        write_puzzle(reference.random_puzzle(1, n=3, d=4, h=6, rows=9)[0], Path(folder) / "puzzle")
        return read_puzzle(Path(folder) / "puzzle")


@cache
def answer() -> list[int]:
    given, assembly = reference.random_puzzle(1, n=3, d=4, h=6, rows=9)
    return given.permutation(assembly)


def layers(given: Puzzle):
    halves = zip((*given.in_ids, *given.out_ids), (*given.w_in, *given.w_out), (*given.b_in, *given.b_out), strict=True)
    yield from ((int(k), np.float32(w), np.float32(b)) for k, w, b in halves)
    yield given.last_id, np.float32(given.w_last[None]), np.float32([given.b_last])


def npz_bytes(save_as=np.savez, **arrays) -> bytes:
    buffer = io.BytesIO()
    save_as(buffer, **arrays)
    return buffer.getvalue()


def npy(header: str, data: bytes = b"", version: bytes = b"\1\0") -> bytes:
    return (
        b"\x93NUMPY"
        + version
        + (len(header) + 1).to_bytes(2 if version[0] == 1 else 4, "little")
        + header.encode()
        + b"\n"
        + data
    )


def zipped(**entries: bytes) -> bytes:
    return packed([(zipfile.ZipInfo(name.replace("_npy", ".npy")), data) for name, data in entries.items()])


HEADERS = [
    "{'descr': '<f4', 'fortran_order': False, 'shape': (1048576, 1048576)}", "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", "{'descr': '|V0', 'fortran_order': False, 'shape': (1000000000000,)}",
    "{'descr': '<U0', 'fortran_order': True, 'shape': (10, 99999999)}", "{'descr': '(1000000,1000000)<f8', 'fortran_order': False, 'shape': ()}",
    "{'descr': [('a', '<f4'), ('a', '<f4')], 'fortran_order': False, 'shape': ()}", "{'descr': '<f4', 'fortran_order': 3, 'shape': 'x'}",
    "{'descr': __import__('os').system('touch canary'), 'fortran_order': False, 'shape': ()}", "(" * 3000, "[" * 9000 + "]" * 9000,
    "{'descr': '<f4', 'fortran_order': False, 'shape': " + "(1," * 90 + ")" * 90 + "}", "{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (0,)}",
]  # fmt: skip


def item(name: str, value: bytes) -> bytes:
    return text(name) + value + b"s"


def module(state: bytes, kind: str = "linear\nLinear") -> bytes:
    """The opcodes of a module of PyTorch with these parameters."""
    empty = b"ccollections\nOrderedDict\n)R"
    rest = (
        item("training", b"\x88")
        + item("_buffers", b"}")
        + item("_non_persistent_buffers_set", b"c__builtin__\nset\n]\x85R")
    )
    rest += (
        item("_forward_hooks", empty)
        + item("_modules", b"}")
        + item("in_features", b"K\x02")
        + item("eps", b"G" + bytes(8))
    )
    return b"ctorch.nn.modules." + kind.encode() + b"\n)\x81}" + item("_parameters", state) + rest + b"b"


@cache
def checkpoints() -> list[bytes]:
    """Whole modules, and state dicts in what training keeps; and what only looks like them."""
    state = tensor_pickle()[2:-1]
    lists = b"](K\x01K\x02e"
    around = (
        b"}"
        + item("epoch", b"K\x03")
        + item("state_dict", state)
        + item("optimizer_states", lists)
        + item("loss", b"G" + bytes(8))
    )
    inner = (
        b"}" + item("model", module(state)) + item("params", b"}" + item("Dense_0", state)) + item("batch_stats", b"}")
    )
    whole = [
        module(state),
        around,
        inner,
        b"](" + module(state) + module(state) + b"e",
        module(b"}"),
        b"]" + b"q\x01h\x01a" * 3,
    ]
    bad = [
        module(state, "linear\n__init__"),
        module(one) if (one := PAYLOADS[3]) else b"",
        module(state, "linear\nLinear\n(tR0cos\nsystem"),
    ]
    bad += [b"}" + item("state_dict", module(payload)) for payload in PAYLOADS[:8]]
    doubled = b"]q\x01" + b"".join(b"]q%c(h%ch%ce" % (k + 2, k + 1, k + 1) for k in range(60))
    return [with_pickle(b"\x80\x02" + one + b".") for one in [*whole, *bad, doubled]]


@cache
def npys() -> list[bytes]:
    buffer = io.BytesIO()
    np.save(buffer, WEIGHT)
    return [
        buffer.getvalue(),
        *(npy(header, bytes(24)) for header in HEADERS),
        b"\x93NUMPY",
        npy(HEADERS[0], version=b"\3\0"),
    ]


@cache
def piles() -> list[bytes]:
    """Files with all layers, under names of several libraries."""
    named = []
    for weight, bias, turn in (("layers.{}.weight", "layers.{}.bias", False), ("params/Dense_{}/kernel", "params/Dense_{}/bias", True),
                               ("W{}", "b{}", False), ("b.{}.fc.weight_v", "b.{}.fc.bias", False), ("{}", "{}.x", False)):  # fmt: skip
        tensors = {}
        for number, own, add in layers(puzzle()):
            tensors |= {weight.format(number): np.ascontiguousarray(own.T) if turn else own, bias.format(number): add}
            tensors |= {f"b.{number}.fc.weight_g": np.ones((len(own), 1), np.float32)} if "weight_v" in weight else {}
        named.append(save(tensors))
    eighth = {f"l.{k}.{part}": one for k, own, add in layers(puzzle()) for part, one in
              (("weight", np.int8(own)), ("scale", np.float32([0.5])), ("zero_point", np.int8([1])), ("bias", add))}  # fmt: skip
    masks = {f"l.{k}.{part}": one for k, own, add in layers(puzzle()) for part, one in
             (("weight_orig", own), ("weight_mask", own > 0), ("bias", add))}  # fmt: skip
    return [*named, save(eighth), save(masks)]


@cache
def npzs() -> list[bytes]:
    good = {"weight": WEIGHT, "bias": np.ones(3, np.float32)}
    objects = npz_bytes(weight=np.array([Opens()], dtype=object), bias=np.ones(1))
    lies = [zipped(weight_npy=npy(header), bias_npy=npy(header, version=b"\2\0")) for header in HEADERS]
    bomb = npz_bytes(np.savez_compressed, weight=np.zeros(4 << 20), bias=np.zeros(3))
    return [npz_bytes(**good), npz_bytes(np.savez_compressed, **good), objects, bomb, *lies, b"", npy(HEADERS[0])]


@cache
def safetensors() -> list[bytes]:
    tensors = {}
    for number, weight, bias in layers(puzzle()):
        tensors |= {f"piece_{number}.weight": weight, f"piece_{number}.bias": bias}
    whole = save(tensors, {"made": "by hand"})
    lies = [
        b'{"piece_0.weight":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]},"piece_0.bias":{"dtype":"F32","shape":[3],"data_offsets":[%d,%d]}}' % place
        for place in [(24, 36), (0, 12), (12, 24), (36, 24), (24, 1 << 60), (25, 37)]
    ]  # fmt: skip
    lies += [
        b'{"piece_0.weight":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,24]}}',
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
    ]
    return [
        whole,
        *(len(one).to_bytes(8, "little") + one + bytes(36) for one in lies),
        b"\xff" * 8 + b"{}",
        b"",
        bytes(8),
    ]


@cache
def tables(folder: Path) -> list[bytes]:
    write_puzzle(puzzle(), folder / "table")
    plain = (folder / "table" / "historical_data.csv").read_bytes()
    quoted = b"\n".join(b",".join(b'"%s"' % cell for cell in line.split(b",")) for line in plain.splitlines())
    rows = 40_000
    return [
        plain, plain, quoted, b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n"), plain.replace(b",", b"\t"), b"",
        b"name,b,pred,a,true,when\nfoo,1,9,2,8,monday\nbar,3,9,4,8,friday\n",
        b"measurement_0,pred\n" + b'"1\n' * rows, b"measurement_0,pred\n" + b'"' * rows * 3, b"a,pred\n" + b"x,1\n" * rows,
        b"measurement_0,pred\n" + b"1," * rows, b"pred" + b",a" * rows + b"\n1\n", b"pred" + b"," * 3_000_000 + b"\n1\n",
        ",".join(f"c{k}" for k in range(3900)).encode() + b",pred\n" + b",".join([b"1"] * 3900) + b",2\n",
        b"measurement_0,pred\n\0,1\n1,\0\n", b"measurement_0,pred\n" + b"9" * 400_000 + b",1\n", b"pred,measurement_0\n1e999,-nan(7)\n",
        b"measurement_0,pred\n0x10,1_0\n", "measurement_\u0663,pred\n\u0661,\u0662\n".encode(), plain.decode().encode("utf-16"),
        b"measurement_0,pred\r" * 500 + b"\n1,2\n", b'"' + b"a" * 200_000 + b'",pred\n1,2\n',
    ]  # fmt: skip


@cache
def dialects(folder: Path) -> list[bytes]:
    """Tables as spreadsheets and Fortran write them, and bombs."""
    plain = tables(folder)[0].decode()
    semicolons = plain.replace(",", ";").replace(".", ",")
    fortran = plain.replace("e-", "D-")
    generic = plain.replace("measurement_", "f").replace("pred", "y_pred")
    bomb = gzip.compress(b"measurement_0,pred\n" + b"\n" * (80 << 20), 9)
    return [
        semicolons.encode(), gzip.compress(plain.encode()), b"\xff\xfe" + plain.encode("utf-16-le"), plain.encode("utf-16-be"),
        plain.replace(",", "\t").encode(), fortran.encode(), generic.encode(), bomb, gzip.compress(plain.encode())[:-9],
        gzip.compress(b"a,pred\n") + gzip.compress(b"1,2\n"), b"\xff\xfe\0\0" + plain.encode("utf-32-le"), b"\x1f\x8b", b"\xff\xfe\0",
    ]  # fmt: skip


@cache
def parquets(folder: Path) -> list[bytes]:
    """Parquet tables, packed and plain, of numbers and of text; those of text alone where PyArrow is not there."""
    try:
        import pyarrow as pa
        from pyarrow import parquet as pq
    except ImportError:
        return [b"PAR1" + bytes(20) + b"PAR1"]
    rows = np.random.default_rng(0).normal(size=(50, 5))
    own = {name: rows[:, k] for k, name in enumerate([*(f"measurement_{k}" for k in range(4)), "pred"])}
    found = []
    for more, options in (({}, {}), ({"who": ["me"] * 50}, {"compression": "gzip"}), ({}, {"compression": "none", "use_dictionary": False}),
                          ({"n": np.arange(50), "flag": [True] * 50, "gap": [None, 1.0] * 25}, {"row_group_size": 7})):  # fmt: skip
        buffer = io.BytesIO()
        pq.write_table(pa.table(own | more), buffer, **options)
        found.append(buffer.getvalue())
    zeros = io.BytesIO()
    pq.write_table(pa.table({"measurement_0": np.zeros(20 << 20), "pred": np.zeros(20 << 20)}), zeros)
    return [*found, zeros.getvalue(), b"PAR1", b"PAR1" + b"\xff" * 40 + b"PAR1"]


@cache
def archives(folder: Path) -> list[bytes]:
    """Puzzles of every kind of piece in zip files, and bombs in them."""
    write_puzzle(puzzle(), folder / "made.zip")
    pth = (folder / "made.zip").read_bytes()
    table = next((i, d) for i, d in entries_of(pth) if i.filename.endswith(".csv"))
    info = zipfile.ZipInfo
    npz = [(info(f"pieces/piece_{k}.npz"), npz_bytes(weight=w, bias=b)) for k, w, b in layers(puzzle())]
    rest = [(info("historical_data.csv"), table[1])]

    def deflated(name: str, data: bytes) -> tuple[zipfile.ZipInfo, bytes]:
        entry = info(name)
        entry.compress_type = zipfile.ZIP_DEFLATED
        return entry, data

    within = npz_bytes(np.savez_compressed, weight=np.zeros(6 << 20), bias=np.zeros(3))
    text_bomb = b"measurement_0,pred\n" + b"a," * (20 << 20)
    return [
        pth, pth, packed([*npz, *rest]), packed([(info("all.safetensors"), safetensors()[0]), *rest]),
        packed([deflated("pieces/piece_0.pth", bytes(60 << 20)), *rest]),
        packed([deflated("historical_data.csv", text_bomb), *npz]),
        packed([deflated("historical_data.csv", b"measurement_0,measurement_1,measurement_2,measurement_3,pred\n" + b"1,2,3,4,a\n" * (4 << 20)), *npz]),
        packed([*npz, *rest, *(deflated(f"pieces/piece_{50 + k}.npz", within) for k in range(20))]),
        packed([(info(f"pieces/piece_{999_999_000 + k}.pth"), good_pth()) for k in range(3)] + rest),
        packed([*npz, *rest, (info("historical_data_and_pieces.zip"), pth)]),
        packed([*npz, *rest, (info("expected_sha256"), b"ab" * 32 + b"  answer\n")]),
        pth + b"trailing", b"leading" + pth, packed([]), b"PK\5\6" + bytes(18),
    ]  # fmt: skip


@cache
def records() -> list[bytes]:
    about = {"settings": {"search": "swaps", "rows": 9}, "seed": 0, "devices": ["cpu:0"], "versions": {"numpy": "2"}}
    begun = opened(puzzle(), command="solve", path="demo", **about) | {"trace": "trace.jsonl"}
    done = begun | {
        "status": "solved", "permutation": answer(), "loss": 1e-14, "mse": 1e-14, "evaluations": 30, "seconds": 3.0, "attempts": 1,
        "certificate": {"sha256": "ab", "mse": 1e-14, "tolerance": 1e-12, "rows": 30, "neighbour": None},
        "report": {"message": "Solved.", "activation": "relu", "seconds": {"search": 1.0}, "unused": []},
    }  # fmt: skip
    return [json.dumps(one).encode() for one in (done, done, begun, done | {"status": "failed", "error": "it broke"})]


@cache
def traces() -> list[bytes]:
    told = [{"event": "attempt", "search": "swaps", "order_seed": "delta_norm", "pairing": "trace", "rows": 9}]
    told += [{"event": "frame", "loss": 10.0 ** (-4 * k), "start": k == 0, "permutation": answer()} for k in range(4)]
    told.append({"event": "round", "phase": "search", "name": "swaps", "loss": 1e-12, "accepted": 3, "rejected": 20})
    told.append({"event": "rate", "phase": "search", "loss": 1e-12, "accepted": 3, "rejected": 20})
    told += [{"event": "judged", "mse": 1e-14, "solved": True}, {"event": "end", "status": "solved"}]
    events = [{"t": 0.5 * k, "evaluations": 5 * k, "attempt": 1} | event for k, event in enumerate(told)]
    lines = b"".join(json.dumps(event).encode() + b"\n" for event in events)
    return [lines, lines, lines[:-20], b"", b'{"event":' * 2000]


@cache
def answers() -> list[bytes]:
    ids = ",".join(map(str, answer()))
    forms = [ids, ids.replace(",", "\n"), json.dumps(answer()), json.dumps({"permutation": answer()})]
    forms += [
        f"Solved: all of it.\nanswer  {ids}\nsha256  abc\n",
        f"\ufeff{ids}",
        "[" * 5000,
        "9" * 6000,
        "",
        f"{ids}," * 20_000,
    ]
    return [form.encode() for form in forms] + [records()[0]]


CONFIG = b"""method = "stochastic_beam,annealing"
rows = 8
seed = 1
pairing = "trace"
[options]
steps = 10
stochastic_beam.signature = 3
[grid]
width = [10, 50]
noise = [0.001, 0.01]
seed = [0, 1, 2]
"""


def configs() -> list[bytes]:
    bombs = [
        b"a" + b".a" * 3000 + b" = 1\n",
        b"a = " + b"[" * 3000,
        b"[grid]\nwidth = [" + b"1," * 50_000 + b"]\nseed = [1, 2, 3]\n",
    ]
    return [
        CONFIG,
        CONFIG,
        CONFIG,
        b'method = "beam"\n',
        b"rows = " + b"9" * 5000,
        b"seed = 1979-05-27T07:32:00Z\n",
        *bombs,
    ]


def outcomes() -> list[bytes]:
    one = {
        "setting": {"width": 10}, "config": {"method": "beam", "options": {"width": 10}, "rows": 9}, "status": "unsolved", "mse": 0.5,
        "loss": 0.4, "evaluations": 10, "seconds": 0.1, "permutation": answer(), "puzzle": puzzle().fingerprint,
    }  # fmt: skip
    lines = b"".join(json.dumps(one | {"mse": 0.5 / k}).encode() + b"\n" for k in range(1, 5))
    return [lines, lines, lines[:-9]]
