"""What people have: the same pile in other files, under other names and in other tables, is the same puzzle."""

import gzip
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from jaxsolve.errors import PuzzleError
from jaxsolve.puzzle import Limits, Puzzle, read_puzzle, write_puzzle
from jaxsolve.puzzle.write import layers_of, pth_bytes
from tests import reference
from tests.fuzzing import corpus

ROWS = 9


@pytest.fixture(scope="module")
def given():
    """Three blocks of 4/6, pieces 0…6."""
    return reference.random_puzzle(1, n=3, d=4, h=6, rows=ROWS)[0]


@pytest.fixture
def folder(given, tmp_path) -> Path:
    write_puzzle(given, tmp_path / "p")
    shutil.rmtree(tmp_path / "p" / "pieces")
    return tmp_path / "p"


def layers(given) -> dict[int, dict[str, np.ndarray]]:
    return {k: {part: np.float32(table) for part, table in layer.items()} for k, layer in layers_of(given)}


def same(got: Puzzle, given: Puzzle, **tolerance) -> None:
    for name in ("in_ids", "out_ids", "last_id"):
        np.testing.assert_array_equal(getattr(got, name), getattr(given, name), err_msg=name)
    for name in ("w_in", "b_in", "w_out", "b_out", "w_last", "b_last"):
        np.testing.assert_allclose(getattr(got, name), getattr(given, name), **(tolerance or {"rtol": 0}), err_msg=name)
    np.testing.assert_array_equal(np.float32(got.x), given.x)


def file_each(name: str, parts=lambda layer: layer, save=None):
    """Write a file for each piece."""

    def write(folder: Path, own: dict) -> None:
        for k, layer in own.items():
            path = folder / name.format(k)
            path.parent.mkdir(exist_ok=True, parents=True)
            tensors = parts(layer)
            path.write_bytes(pth_bytes(tensors)) if save is None else save(path, tensors)

    return write


def all_in_one(name: str, key: str, parts=lambda layer: layer, save=None):
    """Write one file with everything, its keys made of an id and a parameter."""

    def write(folder: Path, own: dict) -> None:
        tensors = {key.format(k, part): one for k, layer in own.items() for part, one in parts(layer).items()}
        path = folder / name
        path.write_bytes(pth_bytes(tensors)) if save is None else save(path, tensors)

    return write


def as_npz(path, tensors):
    np.savez(path, **tensors)


def as_safetensors(path, tensors):
    save_file({name: np.ascontiguousarray(one) for name, one in tensors.items()}, path)


def npy_pairs(name: str):
    def write(folder: Path, own: dict) -> None:
        for k, layer in own.items():
            for part, one in layer.items():
                path = folder / name.format(k, part, part[0].upper() if part == "weight" else part[0])
                path.parent.mkdir(exist_ok=True, parents=True)
                np.save(path, one)

    return write


def kernel(layer):
    return {"kernel": layer["weight"].T, "bias": layer["bias"]}


def masked(layer):
    mask = np.ones_like(layer["weight"])
    return {"weight_orig": layer["weight"], "weight_mask": mask, "bias": layer["bias"]}


def weight_normed(layer, g="weight_g", v="weight_v"):
    norms = np.linalg.norm(layer["weight"].astype(float), axis=1, keepdims=True)
    return {g: np.float32(norms), v: np.float32(3 * layer["weight"] / norms), "bias": layer["bias"]}


def parametrised(layer):
    return weight_normed(layer, "parametrizations.weight.original0", "parametrizations.weight.original1")


FILES = {
    "pt": file_each("pieces/piece_{}.pt"),
    "bin": file_each("pieces/piece_{}.bin"),
    "ckpt": file_each("layers/layer_{}.ckpt"),
    "no suffix": file_each("weights/{}"),
    "beside the table": file_each("linear-{:03d}.pth"),
    "prefix": file_each("pieces/piece_{}.pth", lambda layer: {f"module.linear.{k}": one for k, one in layer.items()}),
    "safetensors each": file_each("pieces/layer{}.safetensors", save=as_safetensors),
    "one state dict": all_in_one("model.pth", "layers.{}.{}"),
    "one wrapped state dict": all_in_one("model.bin", "module._orig_mod.net.{}.{}"),
    "one safetensors": all_in_one("model.safetensors", "layers.{}.{}", save=as_safetensors),
    "one npz": all_in_one("pieces.npz", "layer_{}/{}", save=as_npz),
    "npz of letters": all_in_one("w.npz", "{1}{0}", lambda la: {"W": la["weight"], "b": la["bias"]}, as_npz),
    "npz in the middle": all_in_one("w.npz", "{1}_in_{0}", lambda la: {"W": la["weight"], "b": la["bias"]}, as_npz),
    "flax": all_in_one("flax.safetensors", "params/Dense_{}/{}", kernel, as_safetensors),
    "keras": all_in_one("keras.npz", "dense_{}/{}:0", kernel, as_npz),
    "haiku": all_in_one("haiku.npz", "mlp/linear_{}/{}", lambda la: {"w": la["weight"].T, "b": la["bias"]}, as_npz),
    "conv1d": file_each("pieces/piece_{}.pth", lambda layer: layer | {"weight": layer["weight"].T}),
    "convolutions of a point": file_each("pieces/piece_{}.pth", lambda la: la | {"weight": la["weight"][..., None]}),
    "npy pairs": npy_pairs("pieces/layer_{}_{}.npy"),
    "npy letters": npy_pairs("{2}{0}.npy"),
    "npy folders": npy_pairs("pieces/layer_{}/{}.npy"),
    "npz without names": file_each("pieces/piece_{}.npz", lambda la: {"arr_0": la["weight"], "arr_1": la["bias"]}, as_npz),
    "npz in order": lambda folder, own: np.savez(folder / "w.npz", *(one for k in sorted(own) for one in own[k].values())),
    "arrays in the order of text": lambda folder, own: sorted_numbers(folder, own),
    "folders of weights and biases": lambda folder, own: [
        ((folder / f"{part}s").mkdir(exist_ok=True), np.save(folder / f"{part}s" / f"{k}.npy", one)) for k, layer in own.items()
        for part, one in (("weight", layer["weight"]), ("biase", layer["bias"]))
    ],
    "brackets": lambda folder, own: [np.save(folder / f"{part[0]}[{k}].npy", one) for k, layer in own.items()
                                     for part, one in (("w", layer["weight"]), ("b", layer["bias"]))],
    "tar of PyTorch": file_each("pieces/piece_{}.pth.tar"),
    "how it was made": file_each("pieces/piece_{}.pth", lambda la: la | {"n_averaged": np.ones(())}),
    "shards": lambda folder, own: shards(folder, own),
    "beside a trainer's files": lambda folder, own: (
        all_in_one("model.safetensors", "layers.{}.{}", save=as_safetensors)(folder, own),
        text_file(folder, "optimizer.pt"), text_file(folder, "training_args.bin"), text_file(folder, "config.json"),
    ),
    "weight and mask": file_each("pieces/piece_{}.pth", lambda la: la | {"weight_mask": np.ones_like(la["weight"])}),
    "pruned": file_each("pieces/piece_{}.pth", masked),
    "weight_norm": file_each("pieces/piece_{}.pth", weight_normed),
    "weight_norm as a parametrisation": file_each("pieces/piece_{}.pth", parametrised),
    "rows of biases": file_each("pieces/piece_{}.npz", lambda la: la | {"bias": la["bias"][None]}, as_npz),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_files_of_pieces(given, folder, name):
    FILES[name](folder, layers(given))
    found = read_puzzle(folder)
    same(found, given, **({"rtol": 1e-6} if "weight_norm" in name else {}))
    turned = "7 of 7 weights are [in, out] and read transposed"
    notes = dict.fromkeys(("flax", "keras", "haiku", "conv1d"), (turned,))
    notes["beside a trainer's files"] = ("not read, as no pieces: optimizer.pt, training_args.bin",)
    assert found.notes == notes.get(name, ())
    assert not found.given.names


def shards(folder, own):
    tensors = [(f"layers.{k}.{part}", one) for k, layer in own.items() for part, one in layer.items()]
    for k in range(2):
        as_safetensors(folder / f"model-0000{k + 1}-of-00002.safetensors", dict(tensors[7 * k : 7 * (k + 1)]))


def sorted_numbers(folder, own):
    """One array each, numbered in the order in which people count, stored in that of text."""
    arrays = [one for k in sorted(own) for one in own[k].values()]
    for k in sorted(range(len(arrays)), key=str):
        np.save(folder / f"arr_{k}.npy", arrays[k])


SCALES = {
    "plain zero point": lambda q, s: {"weight": q + 3, "weight_scale": s, "zero_point": np.int64(3)},
    "W_scale": lambda q, s: {"W": q, "W_scale": s},
    "weight_scale": lambda q, s: {"weight": q, "weight_scale": s},
    "columns of scales": lambda q, s: {"weight": q, "weight.scale": s[:, None]},
    "zero points": lambda q, s: {"weight_int8": q + 3, "scales": s, "zero_points": np.full(len(s), 3, np.int8)},
    "unsigned": lambda q, s: {
        "qweight": (q.astype(int) + 128).astype(np.uint8),
        "scale": s,
        "zero_point": np.uint8([128]),
    },
    "LLM.int8()": lambda q, s: {"weight": q, "SCB": 127 * s},
}


@pytest.mark.parametrize("name", SCALES)
def test_weights_in_eight_bits(given, folder, name):
    own, expected = {}, {}
    for k, layer in layers(given).items():
        scale = np.float32(np.abs(layer["weight"]).max(axis=1) / 120)
        whole = np.round(layer["weight"] / scale[:, None]).astype(np.int8)
        own[k] = {**SCALES[name](whole, scale), "bias": layer["bias"]}
        expected[k] = np.float32(whole * scale[:, None].astype(float))
    all_in_one("q.safetensors", "layers.{}.{}", save=as_safetensors)(folder, own)
    found = read_puzzle(folder)
    for ids, weights in ((found.in_ids, found.w_in), (found.out_ids, found.w_out)):
        for k, weight in zip(ids, weights, strict=True):
            np.testing.assert_allclose(weight, expected[int(k)], rtol=1e-6)


def test_pieces_without_numbers_are_numbered_by_the_order_of_their_names(given, folder):
    names = ["delta", "alpha", "golf", "beta", "foxtrot", "echo", "charlie"]
    (folder / "pieces").mkdir()
    (folder / "expected_sha256").write_text("ab" * 32)
    for name, layer in zip(names, layers(given).values(), strict=True):
        (folder / "pieces" / f"{name}.pt").write_bytes(pth_bytes(layer))
    found = read_puzzle(folder)
    assert found.given.names == dict(enumerate(sorted(names)))
    assert found.notes == (
        "numbered by the order of their names: 0 is alpha, 1 is beta, 2 is charlie, …; inspect lists them",
        "expected_sha256 is not used: names do not say which ids it is of",
    )
    assert found.expected_sha256 is None


def test_a_name_without_a_number_among_numbers(given, folder):
    own = layers(given)
    tensors = {
        f"layers.{k}.{part}": one for k, layer in own.items() for part, one in layer.items() if k != given.last_id
    }
    tensors |= {f"head.{part}": one for part, one in own[given.last_id].items()}
    (folder / "m.pth").write_bytes(pth_bytes(tensors))
    found = read_puzzle(folder)
    last = max(k for k in own if k != given.last_id) + 1
    assert found.last_id == last
    assert found.given.names == {last: "head"}


def test_blocks_of_two_layers_in_one_state_dict_are_layers_by_order(given, folder):
    own = layers(given)
    firsts, seconds = map(int, given.in_ids), map(int, given.out_ids)
    tensors = {f"last.{part}": one for part, one in own[given.last_id].items()}
    for t, pair in enumerate(zip(firsts, seconds, strict=True)):
        tensors |= {f"b.{t}.fc{k + 1}.{part}": one for k, p in enumerate(pair) for part, one in own[p].items()}
    (folder / "m.pth").write_bytes(pth_bytes(tensors))
    assert read_puzzle(folder).given.names == {
        0: "b.0.fc1", 1: "b.0.fc2", 2: "b.1.fc1", 3: "b.1.fc2", 4: "b.2.fc1", 5: "b.2.fc2", 6: "last",
    }  # fmt: skip


def columns(folder: Path) -> tuple[list[str], list[list[str]]]:
    head, *rows = [line.split(",") for line in (folder / "historical_data.csv").read_text().splitlines()]
    return head, rows


def table(folder: Path, head, rows, name="historical_data.csv", delimiter=",", encoding="utf-8") -> None:
    (folder / "historical_data.csv").unlink()
    text = "".join(delimiter.join(row) + "\n" for row in (head, *rows))
    (folder / name).write_bytes(text.encode(encoding))


def gzipped(folder: Path) -> None:
    path = folder / "historical_data.csv"
    (folder / "historical_data.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


def rewritten(change_head=lambda name: name, change_cell=lambda cell: cell, more=lambda rows: rows, **options):
    def write(folder: Path) -> None:
        head, rows = columns(folder)
        table(
            folder, [change_head(name) for name in head], more([[change_cell(c) for c in r] for r in rows]), **options
        )

    return write


def fortran(cell: str) -> str:
    return f"{float(cell):.17E}".replace("E", "D")


def generic(name: str) -> str:
    return name.replace("measurement_", "f")


def numbering(folder: Path) -> None:
    head, rows = columns(folder)
    table(folder, ["", *map(generic, head), "Row"], [[str(k), *row, str(k + 7)] for k, row in enumerate(rows)])


def parquet(folder: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet as pq

    head, rows = columns(folder)
    own = {name: [float(row[k]) for row in rows] for k, name in enumerate(head)}
    pq.write_table(pa.table({"who": ["me"] * len(rows)} | own), folder / "data.parquet")
    (folder / "historical_data.csv").unlink()


BLANK = [[""] * 5] * 2
TABLES = {
    "carriage returns": (lambda f: text_file(f, "historical_data.csv", (f / "historical_data.csv").read_bytes().replace(b"\n", b"\r")), ()),
    "gz": (gzipped, ()),
    "tsv": (rewritten(name="data.tsv", delimiter="\t"), ()),
    "another name": (rewritten(name="inputs.csv"), ()),
    "semicolons": (rewritten(delimiter=";"), ()),
    "decimal commas": (rewritten(change_cell=lambda cell: cell.replace(".", ","), delimiter=";"), ()),
    "quoted decimal commas": (rewritten(change_cell=lambda cell: f'"{cell}"'.replace(".", ",")), ()),
    "UTF-16": (rewritten(encoding="utf-16"), ()),
    "UTF-16 without a mark": (rewritten(encoding="utf-16-le"), ()),
    "D exponents": (rewritten(change_cell=fortran), ()),
    "capitals": (rewritten(str.upper), ()),
    "prediction": (rewritten(lambda name: name.replace("pred", "Prediction")), ("predictions are the column 'Prediction'",)),
    "y_hat": (rewritten(lambda name: name.replace("pred", "y_hat")), ("predictions are the column 'y_hat'",)),
    "empty rows": (rewritten(more=lambda rows: [*rows[:2], *BLANK, *rows[2:]]), ("2 rows of the table are empty and left out",)),
    "rows of nan": (rewritten(more=lambda rows: [*rows, ["nan"] * 5]), ("a row of the table is empty and left out",)),
    "numbers of rows": (numbering, ("left out of the inputs: 'Row'",)),
    "parquet": (parquet, ()),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_tables(given, folder, name):
    FILES["pt"](folder, layers(given))
    write, notes = TABLES[name]
    write(folder)
    found = read_puzzle(folder)
    same(found, given)
    np.testing.assert_array_equal(np.float32(found.y), np.float32(given.y))
    assert found.notes == notes


def test_generic_columns_by_their_numbers(tmp_path):
    wide = reference.random_puzzle(1, n=2, d=12, h=6, rows=ROWS)[0]
    write_puzzle(wide, tmp_path / "w")
    head, rows = columns(tmp_path / "w")
    order = sorted(range(len(head)), key=lambda k: generic(head[k]))
    table(tmp_path / "w", [generic(head[k]) for k in order], [[row[k] for k in order] for row in rows])
    found = read_puzzle(tmp_path / "w")
    same(found, wide)
    assert found.notes == ("inputs are taken by their numbers, 'f2' before 'f10', not as the file has them",)


def text_file(folder: Path, name: str, data: bytes | str = b"x") -> None:
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


OWN = b"\x80\x02cnets\nNet\n)\x81}b."
REFUSALS = {
    "modules of one's own": (lambda f: [text_file(f, f"layer_{k}.pt", corpus.with_pickle(OWN)) for k in range(3)],
                             r"layer_0.pt and 2 more files: refers to nets.Net, which no state dict of a layer needs; save layer.state_dict"),
    "keras": (lambda f: [text_file(f, f"layer_{k}.h5", b"\x89HDF\r\n\x1a\n") for k in range(3)],
              "3 files such as layer_0.h5 are HDF5, which is not read; save the arrays of each layer with numpy.savez"),
    "onnx": (lambda f: text_file(f, "net.onnx"), "net.onnx is ONNX, which is not read"),
    "pickle": (lambda f: text_file(f, "net.pkl", b"\x80\x04N."), "net.pkl is pickle, which may hold a program"),
    "text": (lambda f: [text_file(f, f"w_{k}.txt", "1 2") for k in range(3)], "4 files such as .* are text"),
    "an archive": (lambda f: text_file(f, "pieces.zip", b"PK\3\4"), "pieces.zip is an archive in the puzzle, which is not read; unpack it"),
    "nothing": (lambda f: text_file(f, "README.md"), "no pieces found; expected pieces/piece_K.pth"),
    "two folders": (lambda f: [(f / d).mkdir() or text_file(f, f"{d}/a.pt", pth_bytes({"weight": np.ones((2, 2))})) for d in "ab"],
                    r"tensors in 2 folders \(a/, b/\); expected them in pieces/"),
    "integers without a scale": (lambda f: np.savez(f / "q.npz", **{"layer_0/weight": np.ones((6, 4), np.int8)}),
                                 "q.npz: a weight of type int8 without its scale; save that beside it, as weight_scale"),
    "a mask of another shape": (lambda f: text_file(f, "m.pth", pth_bytes({"weight_orig": np.ones((6, 4)), "weight_mask": np.ones((6, 3))})),
                                r"m.pth: weight_orig \[6, 4\] and weight_mask \[6, 3\] of other shapes"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_not_read_is_named(folder, name):
    damage, why = REFUSALS[name]
    damage(folder)
    with pytest.raises(PuzzleError, match=why) as error:
        read_puzzle(folder)
    assert "\n" not in str(error.value)


def test_tables_that_are_not_read_are_named(given, folder):
    FILES["pt"](folder, layers(given))
    (folder / "historical_data.csv").rename(folder / "historical_data.xlsx")
    with pytest.raises(
        PuzzleError, match=r"no historical_data\.csv .*; historical_data\.xlsx is not read: save it as \.csv"
    ):
        read_puzzle(folder)


def test_two_tables_of_predictions_are_not_chosen_from(given, folder):
    FILES["pt"](folder, layers(given))
    shutil.copy(folder / "historical_data.csv", folder / "a.csv")
    (folder / "historical_data.csv").rename(folder / "b.csv")
    with pytest.raises(
        PuzzleError, match=r"2 tables of predictions \(a\.csv, b\.csv\); call one of them historical_data"
    ):
        read_puzzle(folder)
    (folder / "a.csv").write_text("epoch,loss\n1,2\n")
    same(read_puzzle(folder), given)


def test_one_column_too_many_is_named(given, folder):
    FILES["pt"](folder, layers(given))
    head, rows = columns(folder)
    table(folder, [*map(generic, head), "weight_kg"], [[*row, str(k % 3 + 0.5)] for k, row in enumerate(rows)])
    with pytest.raises(
        PuzzleError, match=r"the table has 5 input columns \(f0, f1, f2, f3, weight_kg\); the readout takes 4 .*call"
    ):
        read_puzzle(folder)


@pytest.mark.parametrize("size", [200 << 20])
def test_a_gzip_bomb_is_refused(given, folder, size):
    FILES["pt"](folder, layers(given))
    (folder / "historical_data.csv").unlink()
    (folder / "historical_data.csv.gz").write_bytes(gzip.compress(b"measurement_0,pred\n" + b"\n" * size))
    with pytest.raises(PuzzleError, match=r"historical_data\.csv\.gz: .* taken for an archive bomb"):
        read_puzzle(folder)


def test_state_dicts_in_memory_have_the_same_spellings(given):
    tensors = {f"Dense_{k}.{part}": one for k, layer in layers(given).items() for part, one in kernel(layer).items()}
    found = Puzzle.from_state_dict(tensors, given.x, given.y)
    np.testing.assert_array_equal(found.w_in, given.w_in)


def test_files_beside_a_folder_for_pieces_are_not_read_and_named(given, folder):
    FILES["pt"](folder, layers(given))
    text_file(folder, "best.ckpt")
    found = read_puzzle(folder)
    same(found, given)
    assert found.notes == ("not read, as no pieces: best.ckpt",)


@pytest.mark.parametrize("name", ["pred_0", "Output_1"])
def test_a_single_output_with_a_number(given, folder, name):
    FILES["pt"](folder, layers(given))
    head, rows = columns(folder)
    table(folder, [name if one == "pred" else one for one in head], rows)
    found = read_puzzle(folder)
    same(found, given)
    assert found.y.ndim == 1


def test_inputs_keep_their_order_when_a_column_is_left_out(tmp_path):
    wide = reference.random_puzzle(1, n=2, d=12, h=6, rows=ROWS)[0]
    write_puzzle(wide, tmp_path / "w")
    head, rows = columns(tmp_path / "w")
    order = sorted(range(len(head)), key=lambda k: generic(head[k]))
    table(
        tmp_path / "w",
        ["id", *(generic(head[k]) for k in order)],
        [[str(3 * r), *(row[k] for k in order)] for r, row in enumerate(rows)],
    )
    found = read_puzzle(tmp_path / "w")
    same(found, wide)
    assert found.notes[0] == "left out of the inputs: 'id'"


def test_a_mistake_among_numbers_is_no_text(given, folder):
    FILES["pt"](folder, layers(given))
    head, rows = columns(folder)
    rows[5][2] = "error"
    table(folder, [*map(generic, head), "batch"], [[*row, "7.5"] for row in rows])
    with pytest.raises(PuzzleError, match="data row 6, column 'f2': 'error'; expected a number"):
        read_puzzle(folder)


def test_decimal_commas_and_points_in_one_table_are_refused(given, folder):
    FILES["pt"](folder, layers(given))
    head, rows = columns(folder)
    table(folder, head, [["1,234", *row[1:]] for row in rows], delimiter=";")
    with pytest.raises(PuzzleError, match="numbers with decimal commas and with decimal points; expected one kind"):
        read_puzzle(folder)


def test_checkpoints_that_have_what_others_have_are_no_shards(given, folder):
    for k in (1, 2):
        all_in_one(f"net-0000{k}-of-00002.safetensors", "layers.{}.{}", save=as_safetensors)(folder, layers(given))
    with pytest.raises(PuzzleError, match="both are readouts"):
        read_puzzle(folder)


def test_square_kernels_that_are_not_transposed(tmp_path):
    square = reference.random_puzzle(1, n=3, d=4, h=4, rows=ROWS)[0]
    write_puzzle(square, tmp_path / "s")
    shutil.rmtree(tmp_path / "s" / "pieces")
    own = layers(square)
    all_in_one("k.npz", "Dense_{}/{}", lambda la: {"kernel": la["weight"], "bias": la["bias"]}, as_npz)(
        tmp_path / "s", own
    )
    np.testing.assert_array_equal(read_puzzle(tmp_path / "s").w_last, own[square.last_id]["weight"][0])
    found = dict(layers_of(read_puzzle(tmp_path / "s")))
    for k, layer in own.items():
        np.testing.assert_array_equal(found[k]["weight"], layer["weight"])


def test_limits_hold_for_folders(given, folder):
    FILES["pt"](folder, layers(given))
    with pytest.raises(PuzzleError, match="more than 5 files"):
        read_puzzle(folder, limits=Limits(entries=5))
    (folder / "pieces" / "notes.json").write_text(json.dumps({"a": 1}))
    (folder / "pieces" / "zip.dat").write_bytes(io.BytesIO(b"PK\x03\x04 something").getvalue())
    same(read_puzzle(folder), given)
