"""Files are whole or not there, whatever fails in between; lines tell damage; a folder has one run at a time."""

import json
import os
import signal
import subprocess
import sys

import pytest

from jaxsolve import files
from jaxsolve.errors import OutputError
from jaxsolve.files import append, create, replace, sealed, unsealed, write_folder, write_new, write_over

posix = pytest.mark.skipif(os.name != "posix", reason="signals and permissions of POSIX")


def full(*_, **__):
    raise OSError(28, "No space left on device")


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_what_is_replaced_is_the_new_and_the_old_is_kept_where_asked(tmp_path):
    path, before = tmp_path / "a", tmp_path / "b"
    for data in (b"1", b"2", b"3"):
        replace(path, data, before)
    assert (path.read_bytes(), before.read_bytes()) == (b"3", b"2")
    assert names(tmp_path) == ["a", "b"]


@pytest.mark.parametrize("write", [replace, write_over])
@pytest.mark.parametrize("broken", ["fsync", "write", "rename"])
def test_what_cannot_be_replaced_stays_and_nothing_is_left_beside_it(tmp_path, monkeypatch, write, broken):
    (tmp_path / "a").write_bytes(b"old")
    if broken == "fsync":
        monkeypatch.setattr(files.os, "fsync", full)
    elif broken == "write":
        monkeypatch.setattr(files.Path, "open", full)
    else:
        monkeypatch.setattr(files.Path, "replace", full)
    with pytest.raises((OSError, OutputError), match="No space left"):
        write(tmp_path / "a", b"new")
    monkeypatch.undo()
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


@pytest.mark.parametrize("links", [True, False])
def test_what_is_there_is_not_overwritten(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(files.os, "link", lambda *_: (_ for _ in ()).throw(OSError(95, "Not supported")))
    create(tmp_path / "a", b"mine")
    with pytest.raises(FileExistsError):
        create(tmp_path / "a", b"other")
    with pytest.raises(OutputError, match="exists already and is not overwritten"):
        write_new(tmp_path / "a", b"other")
    os.symlink(tmp_path / "nowhere", tmp_path / "link")
    with pytest.raises(OutputError, match="exists already"):
        write_new(tmp_path / "link", b"other")
    assert (tmp_path / "a").read_bytes() == b"mine"
    assert names(tmp_path) == ["a", "link"]


def test_who_comes_first_in_between_is_not_overwritten(tmp_path, monkeypatch):
    sync = os.fsync

    def somebody_else(handle):
        (tmp_path / "a").write_bytes(b"mine")
        sync(handle)

    monkeypatch.setattr(files.os, "fsync", somebody_else)
    with pytest.raises(FileExistsError):
        create(tmp_path / "a", b"other")
    assert (tmp_path / "a").read_bytes() == b"mine"
    assert names(tmp_path) == ["a"]


def test_a_folder_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    content = {"x": b"1", "inside/y": b"2", "inside/z": b"3"}
    write_folder(tmp_path / "whole", content)
    assert names(tmp_path) == ["whole", "whole/inside", "whole/inside/y", "whole/inside/z", "whole/x"]
    with pytest.raises(OutputError, match="x: exists already"):
        write_folder(tmp_path / "whole", content)
    written = []
    sync = os.fsync
    monkeypatch.setattr(
        files.os, "fsync", lambda handle: full() if len(written) > 3 else sync(written.append(1) or handle)
    )
    with pytest.raises(OutputError, match="No space left"):
        write_folder(tmp_path / "half", content)
    assert not (tmp_path / "half").exists()
    assert not [name for name in names(tmp_path) if "half" in name]


def test_lines_follow_what_was_cut_off_and_a_full_disk_leaves_none_in_half(tmp_path, monkeypatch):
    path = tmp_path / "lines"
    append(path, "one")
    with path.open("a") as file:
        file.write("half")
    append(path, "two")
    assert path.read_text().splitlines() == ["one", "half", "two"]
    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        append(path, "three")
    assert path.read_text().splitlines() == ["one", "half", "two"]


def test_sealed_lines_come_back_and_altered_ones_are_found_out():
    value = {"a": [1, 0.1, None], "b": "ü€", "check": "odd"}
    text = sealed(json.dumps(value))
    assert unsealed(text) == unsealed(f"{text}\n") == unsealed(json.dumps(value)) == value
    assert json.loads(text).keys() == value.keys()
    raw = text.encode()
    for at in range(8 * len(raw)):
        flipped = raw[: at // 8] + bytes([raw[at // 8] ^ 1 << at % 8]) + raw[at // 8 + 1 :]
        try:
            found = unsealed(flipped.decode())
        except ValueError:
            continue
        assert {key: found[key] for key in ("a", "b")} == {key: value[key] for key in ("a", "b")}  # its name was hit
    for cut in range(1, len(raw)):
        with pytest.raises(ValueError, match=r"\w"):
            unsealed(raw[:cut].decode(errors="replace"))


HOLDING = "import sys, time; from pathlib import Path; from jaxsolve.files import FolderLock\nhold = FolderLock(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"


@posix
def test_a_folder_has_one_run_at_a_time_and_is_free_when_that_is_killed(tmp_path):
    other = subprocess.Popen([sys.executable, "-c", HOLDING, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(OutputError) as error:
        files.FolderLock(tmp_path)
    assert str(error.value) == (
        f"{tmp_path}: another run (process {other.pid}) is at work in this folder; wait for its end, or choose another"
    )
    other.send_signal(signal.SIGKILL)
    other.communicate()
    left, mine = tmp_path / "checkpoint.npz.123.new", tmp_path / "mine.123.new"
    left.write_text("half")
    mine.write_text("not ours")
    hold = files.FolderLock(tmp_path)
    assert (left.exists(), mine.exists()) == (False, True)
    hold.release()
    files.FolderLock(tmp_path).release()


def test_where_there_are_no_locks_nobody_is_kept_out(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_lock", lambda handle: (_ for _ in ()).throw(OSError(37, "No locks available")))
    first, second = files.FolderLock(tmp_path), files.FolderLock(tmp_path)
    first.release()
    second.release()
