"""A checkpoint comes back as it was, or the one before does, or one line says why neither does."""

import json
import os
import zipfile

import numpy as np
import pytest

from jaxsolve import files
from jaxsolve.errors import OutputError, UsageError
from jaxsolve.run import load_checkpoint, save_checkpoint
from jaxsolve.run.checkpoint import BEFORE, META, NEWEST, VERSION

ARRAYS = {"state.ins": np.arange(12, dtype=np.int32).reshape(3, 4), "state.losses": np.array([0.1, np.inf, np.nan])}


def saved(folder, *steps):
    for step in steps:
        save_checkpoint(folder, {"step": step}, ARRAYS)


def stored_as(folder, save=np.savez, version=VERSION, **arrays):
    meta = json.dumps({"version": version, "step": 1}).encode()
    save(folder / NEWEST, **{META: np.frombuffer(meta, np.uint8)}, **arrays)


def refusal(folder, **limits):
    with pytest.raises(UsageError) as error:
        load_checkpoint(folder, **limits)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"{folder}: nothing to resume from: ")
    return str(error.value)


def test_what_is_saved_comes_back_bit_by_bit(tmp_path):
    saved(tmp_path, 1)
    meta, arrays = load_checkpoint(tmp_path)
    assert (meta["step"], meta["version"]) == (1, VERSION)
    assert set(arrays) == set(ARRAYS)
    for name, table in arrays.items():
        assert table.dtype == ARRAYS[name].dtype
        np.testing.assert_array_equal(table, ARRAYS[name])


def test_the_newest_counts_and_only_the_one_before_is_kept(tmp_path):
    saved(tmp_path, 1, 2, 3)
    assert load_checkpoint(tmp_path)[0]["step"] == 3
    assert sorted(file.name for file in tmp_path.iterdir()) == [BEFORE, NEWEST]
    (tmp_path / NEWEST).unlink()
    assert load_checkpoint(tmp_path)[0]["step"] == 2


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_of_a_truncated_newest_the_one_before_is_used(tmp_path, share):
    saved(tmp_path, 1, 2)
    whole = (tmp_path / NEWEST).read_bytes()
    (tmp_path / NEWEST).write_bytes(whole[: int(share * len(whole))])
    assert load_checkpoint(tmp_path)[0]["step"] == 1


def test_a_flipped_bit_anywhere_is_harmless_or_found_out(tmp_path):
    saved(tmp_path, 1, 2)
    whole = (tmp_path / NEWEST).read_bytes()
    for at in range(0, len(whole), 7):
        (tmp_path / NEWEST).write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        meta, arrays = load_checkpoint(tmp_path)
        assert meta["step"] in (1, 2)
        for name, table in ARRAYS.items():
            np.testing.assert_array_equal(arrays[name], table)


def test_two_damaged_ones_are_said_in_one_line(tmp_path):
    saved(tmp_path, 1, 2)
    (tmp_path / NEWEST).write_bytes(b"nonsense")
    (tmp_path / BEFORE).write_bytes((tmp_path / BEFORE).read_bytes()[:100])
    why = refusal(tmp_path)
    assert f"{NEWEST} is damaged (" in why
    assert f"{BEFORE} is damaged (" in why


def test_an_empty_folder_has_nothing_to_resume(tmp_path):
    assert f"no {NEWEST} in it" in refusal(tmp_path)


def test_a_folder_that_is_none_cannot_keep_a_search(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "missing"):
        with pytest.raises(OutputError, match="the search cannot be kept here") as error:
            saved(folder, 1)
        assert "\n" not in str(error.value)


def test_a_full_disk_is_said_and_the_last_checkpoint_stays(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    saved(tmp_path, 1)
    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OutputError, match=r"the search cannot be kept here \(No space left on device\)"):
        saved(tmp_path, 2)
    assert load_checkpoint(tmp_path)[0]["step"] == 1
    assert [file.name for file in tmp_path.iterdir()] == [NEWEST]


def test_a_death_between_the_two_renamings_loses_nothing(tmp_path, monkeypatch):
    saved(tmp_path, 1)

    def dies(path, target):
        if target.name == NEWEST:
            raise KeyboardInterrupt
        return os.replace(path, target)

    monkeypatch.setattr(files.Path, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        saved(tmp_path, 2)
    assert load_checkpoint(tmp_path)[0]["step"] == 1


def test_newer_formats_are_refused(tmp_path):
    stored_as(tmp_path, version=VERSION + 1)
    assert f"format {VERSION + 1} of a newer jaxsolve; this one reads up to {VERSION}" in refusal(tmp_path)


def test_compressed_content_is_refused(tmp_path):
    stored_as(tmp_path, np.savez_compressed, zeros=np.zeros(10))
    assert "compressed entries" in refusal(tmp_path)


def test_more_than_fits_is_refused(tmp_path):
    stored_as(tmp_path, zeros=np.zeros(1 << 17))
    assert "more than 1 MiB" in refusal(tmp_path, most_bytes=1 << 20)


class Trap:
    def __reduce__(self):
        return os.abort, ()


def test_pickles_are_refused_and_not_run(tmp_path):
    stored_as(tmp_path, trap=np.array([Trap()], object))
    assert "pickle" in refusal(tmp_path).lower()


@pytest.mark.parametrize("text", [b"[]", b"nonsense", b"{}", b'{"version": "1"}', b"\xff"])
def test_what_is_not_described_is_refused(tmp_path, text):
    np.savez(tmp_path / NEWEST, **{META: np.frombuffer(text, np.uint8)})
    refusal(tmp_path)


def test_archives_of_something_else_are_refused(tmp_path):
    np.savez(tmp_path / NEWEST, other=np.zeros(2))
    refusal(tmp_path)
    with zipfile.ZipFile(tmp_path / NEWEST, "w") as archive:
        archive.writestr(META, "text")
    refusal(tmp_path)
