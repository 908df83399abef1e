"""Compiled programs are kept where only the user can write, and nowhere else."""

import os
import subprocess
import sys

import pytest

from jaxsolve.backend import cache

USE = """
import jax, numpy as np
from jaxsolve.backend.cache import keep_programs
print(keep_programs())
jax.jit(lambda x: x + 1)(np.zeros(3)).block_until_ready()
"""


def used(home, **extra):
    environment = {**os.environ, "XDG_CACHE_HOME": str(home), **extra}
    done = subprocess.run([sys.executable, "-c", USE], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_programs_are_kept_in_a_private_folder(tmp_path):
    folder = used(tmp_path)
    assert folder.startswith(str(tmp_path / "jaxsolve" / "programs-"))
    assert os.stat(folder).st_mode & 0o077 == 0
    assert list((tmp_path / "jaxsolve").rglob("jit_*"))


def test_a_folder_that_others_may_write_to_is_not_used(tmp_path):
    folder = used(tmp_path)
    os.chmod(folder, 0o777)
    assert used(tmp_path) == "None"


def test_a_link_is_not_followed(tmp_path):
    folder = used(tmp_path)
    os.rename(folder, tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", folder)
    assert used(tmp_path) == "None"


def test_where_nothing_can_be_kept_nothing_is(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert used(blocked) == "None"


def test_a_folder_named_for_jax_is_left_as_it_is(tmp_path):
    assert used(tmp_path, JAX_COMPILATION_CACHE_DIR=str(tmp_path / "own")) == str(tmp_path / "own")
    assert not (tmp_path / "jaxsolve").exists()


def test_old_programs_make_room(tmp_path):
    for k in range(4):
        (tmp_path / str(k)).write_bytes(bytes(100))
        os.utime(tmp_path / str(k), (k, k))
    cache._prune(tmp_path, 250)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "3"]


@pytest.mark.parametrize("text", ["flags : a b", "Features : c"])
def test_other_processors_have_other_folders(text, monkeypatch):
    known = cache._processor()
    monkeypatch.setattr(cache.Path, "read_text", lambda self: text)
    assert cache._processor() != known
