"""State dicts are read as PyTorch wrote them; everything else is refused in one line and runs nothing."""

import copy
import io
import pickle
import tracemalloc
import zipfile

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, strategies as st

from jaxsolve.errors import PuzzleError
from jaxsolve.formats import pth
from jaxsolve.formats.pth import read_pth
from jaxsolve.puzzle import Limits
from jaxsolve.puzzle.write import pth_bytes
from tests.fuzzing.corpus import FRAGMENTS, PAYLOADS, text, with_storage
from tests.fuzzing.mutations import entries_of, packed, renamed

WEIGHT = np.arange(6, dtype=np.float32).reshape(3, 2)
GOOD = pth_bytes({"weight": WEIGHT, "bias": np.ones(3)})


def repacked(data: bytes = GOOD, *, method: int = zipfile.ZIP_STORED, rename=lambda n: n, **changed: bytes) -> bytes:
    """The same archive with some entries changed; keyword `pickle` stands for data.pkl."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", method) as new:
        for info in old.infolist():
            short = info.filename.removeprefix("archive/").replace("data.pkl", "pickle")
            new.writestr(rename(info.filename), changed.get(short, old.read(info)))
    return buffer.getvalue()


def pickle_of(data: bytes = GOOD) -> bytes:
    return zipfile.ZipFile(io.BytesIO(data)).read("archive/data.pkl")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_every_float_type_is_read_exactly(dtype):
    tensors = read_pth(pth_bytes({"weight": WEIGHT, "bias": np.ones(3)}, dtype=dtype), "x")
    assert tensors["weight"].dtype == np.dtype(getattr(ml_dtypes, dtype, dtype))
    np.testing.assert_array_equal(tensors["weight"].astype(float), WEIGHT)
    np.testing.assert_array_equal(tensors["bias"].astype(float), np.ones(3))


def test_the_device_a_tensor_was_on_does_not_matter():
    on_gpu = pickle_of().replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
    np.testing.assert_array_equal(read_pth(repacked(pickle=on_gpu), "x")["weight"], WEIGHT)


def test_views_are_read_by_their_strides():
    transposed = pickle_of().replace(b"(J\x03\0\0\0J\x02\0\0\0t(J\x02\0\0\0J\x01\0\0\0t", b"(J\x02\0\0\0J\x03\0\0\0t(J\x01\0\0\0J\x02\0\0\0t")  # fmt: skip
    np.testing.assert_array_equal(read_pth(repacked(pickle=transposed), "x")["weight"], WEIGHT.T)


class Payload:
    """Writes a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_payloads_do_not_run(tmp_path, protocol):
    for payload in (Payload(tmp_path / "owned"), {"weight": Payload(tmp_path / "owned")}):
        with pytest.raises(PuzzleError, match=r"^piece: "):
            read_pth(repacked(pickle=pickle.dumps(payload, protocol)), "piece")
    assert not list(tmp_path.iterdir())


def tensor_pickle(shape, strides, offset=0, count=6, storage="FloatStorage", key="0") -> bytes:
    def tup(values):
        return b"(" + b"".join(b"J" + int(v).to_bytes(4, "little", signed=True) for v in values) + b"t"

    return (
        b"\x80\x02}X\x06\0\0\0weightctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\n" + storage.encode()
        + b"\nX\x01\0\0\0" + key.encode() + b"X\x03\0\0\0cpuJ" + count.to_bytes(4, "little") + b"tQJ"
        + offset.to_bytes(4, "little", signed=True) + tup(shape) + tup(strides) + b"\x89}tRs."
    )  # fmt: skip


@pytest.mark.parametrize(
    ("pickled", "why"),
    [
        (tensor_pickle([1 << 20, 1 << 20], [0, 0]), "does not hold"),
        (tensor_pickle([3, 3], [2, 1]), "does not hold"),
        (tensor_pickle([3, 2], [2, 1], offset=1), "does not hold"),
        (tensor_pickle([3, 2], [2, 1], offset=-1), "offset -1"),
        (tensor_pickle([3, 2], [-2, 1]), "strides"),
        (tensor_pickle([3, 2, 1], [2, 1]), "matching shape and strides"),
        (tensor_pickle([0, 2], [2, 1]), "does not hold"),
        (tensor_pickle([3, 2], [2, 1], count=7), "has 24 bytes"),
        (tensor_pickle([3, 2], [2, 1], storage="DoubleStorage"), "has 24 bytes"),
        (tensor_pickle([3, 2], [2, 1], storage="ComplexFloatStorage"), "torch.ComplexFloatStorage"),
        (tensor_pickle([3, 2], [2, 1], key="7"), "data/7, which is missing"),
        (b"\x80\x02cos\nsystem\nX\x02\0\0\0ls\x85R.", "os.system"),
        (b"\x80\x02c__builtin__\neval\n.", "__builtin__.eval"),
        (b"\x80\x02cbuiltins\ngetattr\n.", "builtins.getattr"),
        (b"\x80\x02ctorch.storage\n_load_from_bytes\n.", "torch.storage._load_from_bytes"),
        (b"\x80\x02ctorch._utils\n_rebuild_sparse_tensor\n.", "_rebuild_sparse_tensor"),
        (b"\x80\x04\x95.", "protocol 4"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"\x80\x02(i__main__\nX\n.", "INST"),
        (b"\x80\x02]X\x01\0\0\0a\x61.", "a list without tensors; expected a state dict"),
        (b"\x80\x02r\xff\xff\xff\x7f.", "damaged"),
        (b"\x80\x02h\x05.", "damaged"),
        (b"\x80\x02}K\x01K\x02s.", "without tensors; expected a state dict"),
        (b"\x80\x02K\x01X\x01\0\0\0aK\x02s.", "no dictionary"),
        (b"\x80\x02}X\x01\0\0\0aK\x02X\x01\0\0\0aK\x02s" + b"s.", "dictionary|twice"),
        (b"\x80\x02}}X\x01\0\0\0aK\x01sb.", "sets attributes"),
        (b"\x80\x02" + b"(" * 100 + b".", "nested deeper"),
        (b"\x80\x02" + b"N" * 110_000 + b".", "more than 100000 opcodes"),
        (b"\x80\x02}q\x00X\x01\0\0\0ah\x00s.", "parts nested deeper than 64"),
        (b"\x80\x02}", "damaged|without an end"),
        (b"", "damaged|without an end"),
        (b"\x80\x02K\x01.", "expected a state dict"),
        (b"\x80\x02" + b"}" * 3 + b"(X\x01\0\0\0a" + b"u.", "no dictionary"),
        (b"\x80\x02X\xff\xff\xff\xffa.", "damaged"),
        (b"\x80\x02ccollections\nOrderedDict\nK\x01\x85R.", "no tensor"),
    ],
)
def test_hostile_pickles_are_refused(pickled, why):
    with pytest.raises(PuzzleError, match=rf"^piece: .*({why})"):
        read_pth(repacked(pickle=pickled), "piece")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty file"),
        (b"hello", "not a readable .pth"),
        (pth.LEGACY_MAGIC + b"rest", "before 1.6"),
        (GOOD[:-30], "not a readable .pth"),
        (GOOD.replace(WEIGHT.tobytes(), WEIGHT.tobytes()[::-1]), "CRC"),
        (repacked(method=zipfile.ZIP_DEFLATED), "compressed"),
        (repacked(rename=lambda n: n.replace("data.pkl", "data.txt")), "0 data.pkl"),
        (repacked(byteorder=b"big"), "big-endian"),
        (repacked(pickle=b"\x80\x02" + b"N" * (2 << 20)), "bytes; at most"),
    ],
)
def test_damaged_archives_are_refused(data, why):
    with pytest.raises(PuzzleError, match=rf"^piece: .*{why}"):
        read_pth(data, "piece")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archives_with_too_many_or_repeated_entries_are_refused():
    for names, why in ((["a"] * 2, "twice"), (map(str, range(5000)), "entries; at most")):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name in names:
                archive.writestr(name, b"")
        with pytest.raises(PuzzleError, match=why):
            read_pth(buffer.getvalue(), "piece")


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_altered_bytes_are_read_as_they_were_or_refused(changes):
    data = bytearray(GOOD)
    for position, value in changes:
        data[position] = value
    try:
        tensors = read_pth(bytes(data), "piece")
    except PuzzleError as error:
        assert str(error).startswith("piece: ")
    else:
        assert all(isinstance(tensor, np.ndarray) for tensor in tensors.values())


@given(st.binary(max_size=200))
def test_random_pickles_are_refused(pickled):
    try:
        read_pth(repacked(pickle=b"\x80\x02" + pickled), "piece")
    except PuzzleError as error:
        assert str(error).startswith("piece: ")


BOMB = b"K\x01\x85q\x01" + b"0h\x01h\x01\x86q\x01" * 60  # a tuple that holds two of itself, sixty times over
DEEP = b"K\x01" + b"\x85" * 15_000
STORAGE = tensor_pickle([3, 2], [2, 1]).split(b"Q")[0] + b"Q"


@pytest.mark.parametrize("value", [BOMB, DEEP], ids=["bomb", "deep"])
@pytest.mark.parametrize(
    "place",
    [
        lambda v: STORAGE + b"K\x00" + v + v + b"\x89}tRs.",
        lambda v: STORAGE + v + b"K\x03\x85K\x01\x85\x89}tRs.",
        lambda v: b"\x80\x02}" + v + b"b.",
        lambda v: b"\x80\x02}" + v + b"K\x01s.",
        lambda v: b"\x80\x02}X\x01\0\0\0a" + v + b"s.",
        lambda v: b"\x80\x02" + v + b"Q.",
        lambda v: b"\x80\x02" + v + b".",
        lambda v: b"\x80\x02ccollections\nOrderedDict\n" + v + b"R.",
    ],
    ids=["shape", "offset", "build", "key", "value", "storage", "all", "reduce"],
)
def test_values_that_would_take_for_ever_to_print_or_hash_are_refused(place, value):
    with pytest.raises(PuzzleError, match=r"^piece: ") as error:
        read_pth(repacked(pickle=place(value)), "piece")
    assert len(str(error.value)) < 300


def test_a_long_name_is_not_repeated_in_full():
    name = b"X" + (900_000).to_bytes(4, "little") + b"k" * 900_000
    with pytest.raises(PuzzleError) as error:
        read_pth(repacked(pickle=b"\x80\x02}" + name + b"K\x01s."), "piece")
    assert len(str(error.value)) < 300


def test_negated_views_are_refused():
    negated = pickle_of().replace(
        b"\x89ccollections\nOrderedDict\n)RtR", b"\x89ccollections\nOrderedDict\n)R}X\x03\0\0\0neg\x88stR"
    )
    with pytest.raises(PuzzleError, match="a tensor with metadata; save a plain copy"):
        read_pth(repacked(pickle=negated), "piece")


def test_entries_that_share_their_bytes_are_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data/0", b"\0" * 10_000)
        first = archive.infolist()[0]
        for k in range(1, 4):
            twin = copy.copy(first)
            twin.filename = f"archive/data/{k}"
            archive.filelist.append(twin)
            archive.NameToInfo[twin.filename] = twin
    with pytest.raises(PuzzleError, match="entries that overlap"):
        read_pth(buffer.getvalue(), "piece")


def test_entries_that_overlap_in_part_are_refused():
    data = bytearray(GOOD)
    places = [at for at in range(len(data)) if data.startswith(b"PK\1\2", at)]
    first, second = (data[at + 42 : at + 46] for at in places[:2])
    data[places[1] + 42 : places[1] + 46] = (int.from_bytes(second, "little") - 4).to_bytes(4, "little")
    assert first == bytes(4)
    with pytest.raises(PuzzleError, match="entries that overlap"):
        read_pth(bytes(data), "piece")


@pytest.mark.parametrize(
    "name", ["/data/1", "../data/1", "archive/../data/1", "archive\\data\\1", "C:data", "a\0b", "a\nb", "archive/./x"]
)
def test_entries_with_names_that_torch_does_not_write_are_refused(name):
    entries = [*entries_of(GOOD), (renamed(zipfile.ZipInfo(), name), b"")]
    with pytest.raises(
        PuzzleError, match=r"an entry named .*; torch\.save writes names such as archive/data/0"
    ) as error:
        read_pth(packed(entries), "piece")
    assert "\n" not in str(error.value)


def test_many_tensors_of_one_storage_take_its_memory_once():
    data = with_storage(1 << 20)
    tracemalloc.start()
    tensors = read_pth(data, "piece")
    assert tracemalloc.get_traced_memory()[1] < 3 * len(data)
    tracemalloc.stop()
    assert len(tensors) == 700
    assert not any(tensor.flags.writeable for tensor in tensors.values())


def test_a_directory_of_very_many_entries_is_refused_before_it_takes_memory():
    entry = b"PK\1\2" + bytes(42)
    directory = entry * 500_000
    data = directory + b"PK\5\6" + bytes(4) + b"\xff" * 4 + len(directory).to_bytes(4, "little") + bytes(6)
    tracemalloc.start()
    with pytest.raises(PuzzleError, match="more than 4096 entries"):
        read_pth(data, "piece")
    assert tracemalloc.get_traced_memory()[1] < 10 << 20
    tracemalloc.stop()


def test_limits_can_be_set():
    for limits, why in (
        (Limits(pth_entries=3), "more than 3 entries"),
        (Limits(pickle_bytes=100), "at most 100 are read"),
        (Limits(opcodes=10), "more than 10 opcodes"),
    ):
        with pytest.raises(PuzzleError, match=why):
            read_pth(GOOD, "piece", limits)


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_hostile_opcodes_of_every_published_kind_are_refused_or_say_nothing(fragment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for pickled in (fragment + b".", b"}" + fragment + b".", b"}" + text("weight") + fragment + b"s."):
        try:
            assert read_pth(repacked(pickle=b"\x80\x02" + pickled), "piece") == {}
            assert fragment not in PAYLOADS
        except PuzzleError as error:
            assert str(error).startswith("piece: ")
            assert str(error).isprintable()
    assert not list(tmp_path.iterdir())
