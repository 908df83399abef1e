"""Puzzles are read from every form they come in, and what is wrong with one is said in one line."""

import io
import json
import os
import shutil
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from jaxsolve.errors import PuzzleError, UsageError
from jaxsolve.puzzle import Limits, demo_puzzle, mean_squared_error, read_puzzle, unpadded, write_puzzle
from jaxsolve.puzzle.write import pth_bytes
from tests import reference


@pytest.fixture
def given():
    return reference.random_puzzle(1, n=3, d=4, h=6, rows=9)[0]


@pytest.fixture
def folder(given, tmp_path) -> Path:
    write_puzzle(given, tmp_path / "p")
    return tmp_path / "p"


def layers(puzzle):
    for ids, weights, biases in (
        (puzzle.in_ids, puzzle.w_in, puzzle.b_in),
        (puzzle.out_ids, puzzle.w_out, puzzle.b_out),
    ):
        yield from zip(map(int, ids), weights, biases, strict=True)
    yield puzzle.last_id, puzzle.w_last[None], np.array([puzzle.b_last])


def assert_same(got, expected):
    for name in ("w_in", "b_in", "w_out", "b_out", "w_last", "b_last", "in_ids", "out_ids", "last_id"):
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name), err_msg=name)
    for name in ("x", "y"):  # written as the shortest decimals that read back to the same float32
        np.testing.assert_array_equal(getattr(got, name).astype(np.float32), getattr(expected, name), err_msg=name)


def zipped(folder: Path, target: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.rglob("*"):
            if file.is_file():
                archive.write(file, prefix + file.relative_to(folder).as_posix())
    return target


def test_a_folder_and_one_around_it(given, folder):
    assert_same(read_puzzle(folder), given)
    assert_same(read_puzzle(folder.parent), given)


@pytest.mark.parametrize("prefix", ["", "historical_data_and_pieces/"])
def test_a_zip_file(given, folder, tmp_path, prefix):
    archive = zipped(folder, tmp_path / "z.zip", prefix)
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr("__MACOSX/pieces/._piece_0.pth", b"junk")
        more.writestr(f"{prefix}.DS_Store", b"junk")
        more.writestr(f"{prefix}README.md", b"hello")
    assert_same(read_puzzle(archive), given)


def test_a_zip_file_written_by_us(given, tmp_path):
    write_puzzle(given, tmp_path / "w.zip")
    assert_same(read_puzzle(tmp_path / "w.zip"), given)


def test_npz_pieces(given, folder):
    shutil.rmtree(folder / "pieces")
    (folder / "pieces").mkdir()
    for piece, weight, bias in layers(given):
        np.savez(folder / "pieces" / f"piece_{piece}.npz", weight=weight.astype(np.float32), bias=bias)
    assert_same(read_puzzle(folder), given)
    assert read_puzzle(folder).dtype == "float64"


@pytest.mark.parametrize("place", ["pieces.safetensors", "pieces/all.safetensors"])
def test_one_safetensors_file(given, folder, place):
    shutil.rmtree(folder / "pieces")
    (folder / "pieces").mkdir()
    tensors = {}
    for piece, weight, bias in layers(given):
        tensors |= {
            f"piece_{piece}.weight": weight.astype(np.float32),
            f"piece_{piece}.bias": bias.astype(np.float32),
        }
    save_file(tensors, folder / place)
    assert_same(read_puzzle(folder), given)
    assert read_puzzle(folder).dtype == "float32"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_float_types(given, folder, dtype):
    for piece, weight, bias in layers(given):
        (folder / "pieces" / f"piece_{piece}.pth").write_bytes(pth_bytes({"weight": weight, "bias": bias}, dtype=dtype))
    puzzle = read_puzzle(folder)
    assert puzzle.dtype == dtype
    np.testing.assert_allclose(puzzle.w_in, given.w_in, rtol=2e-2)


@pytest.mark.parametrize(("n", "d", "h"), [(1, 3, 5), (2, 5, 3), (4, 1, 7), (1, 1, 2), (3, 2, 9)])
def test_any_sizes(tmp_path, n, d, h):
    given, answer = reference.random_puzzle(2, n=n, d=d, h=h)
    write_puzzle(given, tmp_path / "p")
    puzzle = read_puzzle(tmp_path / "p")
    assert (puzzle.blocks, puzzle.features, puzzle.hidden) == (n, d, h)
    assert mean_squared_error(puzzle, answer) < 1e-10


def test_names_inside_a_state_dict_may_have_a_prefix(given, folder):
    piece, weight, bias = next(layers(given))
    (folder / "pieces" / f"piece_{piece}.pth").write_bytes(pth_bytes({"layer.weight": weight, "layer.bias": bias}))
    assert_same(read_puzzle(folder), given)


def test_the_expected_hash_is_read(given, folder):
    (folder / "expected_sha256").write_text("AB" * 32 + "  answer.txt\n")
    assert read_puzzle(folder).expected_sha256 == "ab" * 32
    (folder / "expected_sha256").write_text("nonsense")
    with pytest.raises(PuzzleError, match="expected_sha256: 'nonsense' is no SHA-256"):
        read_puzzle(folder)


def test_gaps_between_ids_are_noted(given, folder):
    (folder / "pieces" / "piece_2.pth").rename(folder / "pieces" / "piece_20.pth")
    assert read_puzzle(folder).notes == (
        "piece numbers are not contiguous; missing: 2, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19",
    )


@pytest.mark.parametrize(("decoys", "said"), [(1, "a first half is"), (3, "3 first halves are")])
def test_halves_that_are_left_over(given, folder, decoys, said):
    for k in range(decoys):
        write_piece(folder, 7 + k, np.full((6, 4), k), np.ones(6))
    puzzle = read_puzzle(folder, architecture="residual")  # three more would be gates
    assert puzzle.notes == (
        f"{3 + decoys} first halves but 3 second halves: {said} left over, or second ones are missing",
    )
    assert (puzzle.blocks, puzzle.hidden, puzzle.given_hidden) == (3 + decoys, 7, 6)
    assert (puzzle.null_ins.sum(), puzzle.null_outs.sum()) == (0, decoys)
    real = unpadded(puzzle)
    np.testing.assert_array_equal(real.w_in[:3], given.w_in)
    for name in ("w_out", "b_out", "out_ids", "w_last"):
        np.testing.assert_array_equal(getattr(real, name), getattr(given, name))


@pytest.mark.parametrize("lost", [1, 2])
@pytest.mark.parametrize("half", ["in_ids", "out_ids"])
def test_halves_that_are_missing(given, folder, half, lost):
    for k in getattr(given, half)[:lost]:
        piece(folder, k).unlink()
    puzzle = read_puzzle(folder)
    assert puzzle.blocks == 3
    assert puzzle.padded
    few, many = ("first", "second") if half == "in_ids" else ("second", "first")
    count = f"a {many} half is" if lost == 1 else f"{lost} {many} halves are"
    assert f"{count} left over, or {few} ones are missing" in puzzle.notes[0]
    assert len(getattr(unpadded(puzzle), half)) == 3 - lost


def test_a_puzzle_with_null_halves_is_written_without_them(given, folder, tmp_path):
    piece(folder, int(given.out_ids[1])).unlink()
    puzzle = read_puzzle(folder)
    write_puzzle(puzzle, tmp_path / "again")
    again = read_puzzle(tmp_path / "again")
    assert again.fingerprint == puzzle.fingerprint
    assert again.notes == puzzle.notes
    assert again.out_ids.tolist() == puzzle.out_ids.tolist()
    assert sorted(file.name for file in (tmp_path / "again" / "pieces").iterdir()) == sorted(
        file.name for file in (folder / "pieces").iterdir()
    )


def test_the_demo_ships_with_a_hash_and_no_answer():
    puzzle = demo_puzzle()
    assert (puzzle.blocks, puzzle.features, puzzle.hidden, puzzle.rows) == (16, 24, 48, 2000)
    assert puzzle.expected_sha256
    assert not puzzle.notes


def piece(folder: Path, k: int) -> Path:
    return folder / "pieces" / f"piece_{k}.pth"


def write_piece(folder: Path, k: int, weight, bias) -> None:
    piece(folder, k).write_bytes(pth_bytes({"weight": np.asarray(weight), "bias": np.asarray(bias)}))


def drop_column(folder: Path) -> None:
    lines = (folder / "historical_data.csv").read_text().splitlines()
    (folder / "historical_data.csv").write_text("\n".join(line.rsplit(",", 1)[0] for line in lines).replace("measurement_3", "pred"))  # fmt: skip


def of(puzzle, role: str) -> int:
    return {"in": int(puzzle.in_ids[0]), "out": int(puzzle.out_ids[0]), "last": puzzle.last_id}[role]


DAMAGES = {
    "no first halves": (lambda f, p: [piece(f, k).unlink() for k in p.in_ids], "0 first halves .* but 3 second halves .*at least one of each"),
    "no second halves": (lambda f, p: [piece(f, k).unlink() for k in p.out_ids], "3 first halves .* but 0 second halves .*missing: "),
    "readout missing": (lambda f, p: piece(f, of(p, "last")).unlink(), "no readout among the pieces"),
    "two readouts": (lambda f, p: write_piece(f, 50, np.ones((1, 4)), [1]), "both are readouts"),
    "misshapen": (lambda f, p: write_piece(f, of(p, "in"), np.ones((5, 4)), np.ones(5)), r"piece_\d+.pth: weight \[5, 4\]; expected \[6, 4\]"),
    "bias of another length": (lambda f, p: write_piece(f, of(p, "in"), np.ones((6, 4)), np.ones(5)), r"weight \[6, 4\] and bias \[5\]"),
    "no matrix": (lambda f, p: write_piece(f, of(p, "in"), np.ones(6), np.ones(6)), r"a norm of 6 features; expected 4"),
    "NaN": (lambda f, p: write_piece(f, of(p, "in"), np.full((6, 4), np.nan), np.ones(6)), r"piece_\d+.pth: weight holds NaN"),
    "infinite": (lambda f, p: write_piece(f, of(p, "in"), np.ones((6, 4)), np.full(6, np.inf)), "bias holds NaN or infinite"),
    "no weight": (lambda f, p: piece(f, of(p, "in")).write_bytes(pth_bytes({"bias": np.ones(6)})), "holds 'bias'; expected one weight and perhaps one bias"),
    "something else": (lambda f, p: piece(f, of(p, "in")).write_bytes(pth_bytes({"mask": np.ones((6, 4))})), "holds 'mask'"),
    "empty piece": (lambda f, p: piece(f, of(p, "in")).write_bytes(b""), r"piece_\d+.pth: empty file"),
    "truncated piece": (lambda f, p: piece(f, of(p, "in")).write_bytes(piece(f, of(p, "in")).read_bytes()[:300]), r"piece_\d+.pth: not a readable"),
    "the same number twice": (lambda f, p: shutil.copy(piece(f, 0), f / "pieces" / "piece_00.pth"), "piece 0 is given twice"),
    "two formats": (lambda f, p: np.savez(f / "pieces" / "piece_0.npz", weight=np.ones((6, 4)), bias=np.ones(6)), "piece 0 is given twice"),
    "an endless number": (lambda f, p: shutil.copy(piece(f, 0), f / "pieces" / f"piece_{'9' * 40}.pth"), "too long"),
    "a damaged npz": (lambda f, p: (f / "pieces" / "piece_9.npz").write_bytes(b"PK nothing"), "piece_9.npz: not a readable"),
    "a damaged safetensors": (lambda f, p: (f / "pieces" / "a.safetensors").write_bytes(b"nothing"), "a.safetensors: not a readable"),
    "no pieces": (lambda f, p: shutil.rmtree(f / "pieces"), "no pieces found"),
    "no table": (lambda f, p: (f / "historical_data.csv").unlink(), "no historical_data.csv"),
    "empty table": (lambda f, p: (f / "historical_data.csv").write_bytes(b""), "historical_data.csv: empty file"),
    "a column less": (lambda f, p: drop_column(f), "the table has 3 input columns .measurement_0, measurement_1, measurement_2.; the readout takes 4 features"),
    "a dangling link": (lambda f, p: (piece(f, of(p, "in")).unlink(), piece(f, of(p, "in")).symlink_to("nowhere")), r"piece_\d+.pth: cannot be read"),
    "a folder for a piece": (lambda f, p: (f / "pieces" / "piece_60.pth").mkdir(), "piece_60.pth: not a regular file"),
    "a pipe for a puzzle": (lambda f, p: (shutil.rmtree(f), os.mkfifo(f)), "neither a folder nor a regular file"),
    "one piece": (lambda f, p: [piece(f, k).unlink() for k in range(7) if k != p.last_id], "only one piece"),
    "nothing": (lambda f, p: (shutil.rmtree(f), f.mkdir()), "holds neither pieces/ nor historical_data.csv"),
    "not there": (lambda f, p: shutil.rmtree(f), "no such file or folder"),
    "a file of text": (lambda f, p: (shutil.rmtree(f), f.write_text("hello")), "neither a folder nor a zip file"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_named_in_one_line(given, folder, name):
    damage, why = DAMAGES[name]
    damage(folder, given)
    with pytest.raises(PuzzleError, match=why) as error:
        read_puzzle(folder)
    assert "\n" not in str(error.value)


def test_an_npz_that_claims_terabytes_is_refused_without_taking_them(folder):
    header = json.dumps({"descr": "<f4", "fortran_order": False, "shape": (1 << 20, 1 << 20)}).replace("[", "(").replace("]", ")").replace("false", "False")  # fmt: skip
    array = b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header.encode() + b"\n"
    with zipfile.ZipFile(folder / "pieces" / "piece_40.npz", "w") as archive:
        archive.writestr("weight.npy", array)
    with pytest.raises(PuzzleError, match=r"piece_40.npz: .*weight.npy has \d+ bytes; its header says"):
        read_puzzle(folder)


def test_an_npz_that_unpacks_to_a_bomb_is_refused(folder):
    with zipfile.ZipFile(folder / "pieces" / "piece_40.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weight.npy", b"\0" * (100 << 20))
    with pytest.raises(PuzzleError, match=r"piece_40.npz: .* archive bomb"):
        read_puzzle(folder)


def test_an_npz_of_bfloat16(given, folder):
    number, weight, bias = next(layers(given))
    piece(folder, number).unlink()
    arrays = {"weight": weight.astype("bfloat16"), "bias": bias.astype("bfloat16")}
    np.savez(folder / "pieces" / f"piece_{number}.npz", **arrays)
    np.testing.assert_array_equal(read_puzzle(folder).w_in[0], arrays["weight"].astype(float))


def test_objects_in_an_npz_are_refused(folder):
    np.savez(folder / "pieces" / "piece_40.npz", weight=np.array([{}], dtype=object), bias=np.ones(1))
    with pytest.raises(PuzzleError, match=r"piece_40\.npz"):
        read_puzzle(folder)


@pytest.mark.parametrize("size", [100 << 20])
def test_an_archive_bomb_is_refused_by_its_claims(folder, tmp_path, size):
    archive = zipped(folder, tmp_path / "bomb.zip")
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("pieces/piece_99.pth", b"\0" * size)
    with pytest.raises(PuzzleError, match="archive bomb"):
        read_puzzle(archive)


def test_a_damaged_zip_is_refused(folder, tmp_path):
    archive = zipped(folder, tmp_path / "z.zip")
    data = archive.read_bytes()
    for k, damaged in enumerate([data[: len(data) // 2], data[:200] + bytes(300) + data[500:]]):
        target = tmp_path / f"{k}.zip"
        target.write_bytes(damaged)
        with pytest.raises(PuzzleError, match=r"damaged|neither a folder nor a zip"):
            read_puzzle(target)


def deflated(target: Path, **entries: bytes) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return target


def test_bombs_in_an_archive_count_together(folder, tmp_path):
    inner = io.BytesIO()
    np.savez_compressed(inner, weight=np.zeros((1, 5 << 20)), bias=np.zeros(1))
    bombs = {f"pieces/piece_{50 + k}.npz": inner.getvalue() for k in range(3)}
    archive = deflated(
        tmp_path / "z.zip", **{"historical_data.csv": (folder / "historical_data.csv").read_bytes()}, **bombs
    )
    with pytest.raises(PuzzleError, match=r"piece_51\.npz: \d+ bytes unpack to \d+ or more: taken for an archive bomb"):
        read_puzzle(archive)


def test_limits_of_the_environment_and_of_an_argument(folder, given, monkeypatch):
    monkeypatch.setenv("JAXSOLVE_LIMITS", "columns=4, file_bytes=1000000")
    with pytest.raises(PuzzleError, match=r"historical_data\.csv: 5 columns; at most 4 are read"):
        read_puzzle(folder)
    assert_same(read_puzzle(folder, limits=Limits()), given)
    with pytest.raises(PuzzleError, match=r"piece_0\.pth and 2 more files: \d+ bytes; at most 100 are read"):
        read_puzzle(folder, limits=Limits(file_bytes=100))
    with pytest.raises(PuzzleError, match="more than 3 entries"):
        read_puzzle(zipped(folder, folder / "z.zip"), limits=Limits(entries=3))
    for text in ("columns", "columns=x", "rows=3", "columns=-1", "columns=" + "9" * 30):
        monkeypatch.setenv("JAXSOLVE_LIMITS", text)
        with pytest.raises(UsageError, match=f"JAXSOLVE_LIMITS has '{text}'; expected NAME=NUMBER"):
            read_puzzle(folder)


def test_huge_piece_numbers_are_no_reason_to_count_up_to_them(folder):
    for k, path in enumerate(sorted((folder / "pieces").iterdir())):
        path.rename(path.with_name(f"piece_{999_999_000 + k}.pth"))
    assert read_puzzle(folder).notes == ("piece numbers are not contiguous; missing: many",)


@pytest.mark.parametrize("name", ["pieces/piece_60.pth", "pieces/piece_60.npz", "pieces/all.safetensors"])
def test_pipes_and_devices_are_not_waited_for(folder, name):
    os.mkfifo(folder / name)
    with pytest.raises(PuzzleError, match="not a regular file"):
        read_puzzle(folder)
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/zero")
    with pytest.raises(PuzzleError, match="not a regular file"):
        read_puzzle(folder)


def test_names_that_would_write_to_a_terminal_do_not(folder, tmp_path):
    with pytest.raises(PuzzleError) as error:
        read_puzzle(
            deflated(tmp_path / "z.zip", **{"pieces/a\x1b[2J\n.safetensors": b"x", "historical_data.csv": b"x"})
        )
    assert str(error.value).isprintable()


def test_the_same_array_twice_is_refused(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(folder / "pieces" / "piece_40.npz", "w") as archive:
            for _ in range(2):
                archive.writestr("weight.npy", b"")
    with pytest.raises(PuzzleError, match=r"piece_40\.npz: .*the same entry twice"):
        read_puzzle(folder)


def test_entries_without_a_name_are_left_out(tmp_path):
    write_puzzle(demo_puzzle(), tmp_path / "p.zip")
    with zipfile.ZipFile(tmp_path / "p.zip", "a") as archive:
        archive.writestr("x", b"nameless")
        archive.filelist[-1].filename = ""
    assert read_puzzle(tmp_path / "p.zip").blocks == demo_puzzle().blocks
