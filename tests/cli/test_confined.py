"""A command opens no connection, starts no program, runs no code of the puzzle, and writes where it may alone."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from jaxsolve.puzzle import demo_puzzle, write_puzzle

WATCHED = """
import json, os, sys
from pathlib import Path

NETWORK = ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "urllib.Request", "http.client.connect")
PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn")
CHANGES = ("os.mkdir", "os.remove", "os.rmdir", "os.rename", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
seen = {"network": [], "programs": [], "written": [], "pickles": []}

def watch(event, args):
    if event in NETWORK:
        seen["network"].append([event, repr(args)])
    elif event in PROGRAMS:
        seen["programs"].append([event, repr(args)])
    elif event in CHANGES:
        seen["written"] += [os.path.realpath(a) for a in args if isinstance(a, (str, bytes, os.PathLike))]
    elif event == "open" and isinstance(args[0], (str, bytes, os.PathLike)) and (args[2] or 0) & WRITING:
        seen["written"].append(os.path.realpath(args[0]))
    elif event == "pickle.find_class":
        seen["pickles"].append(list(args))

sys.addaudithook(watch)
from jaxsolve.cli.app import run
code = run(sys.argv[1:])
print("SEEN", json.dumps({"code": code, **seen}), file=sys.stderr, flush=True)
os._exit(0)
"""


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A home, a folder to work in, and a puzzle that is not to be touched."""
    base = tmp_path_factory.mktemp("confined")
    for name in ("home", "work"):
        (base / name).mkdir()
    write_puzzle(demo_puzzle(), base / "puzzle")
    (base / "work" / "grid.toml").write_text('method = "beam"\nrows = 32\n[grid]\nwidth = [1, 2]\n')
    return base


@pytest.fixture(scope="module")
def answer(places):
    found = watched(places, "solve", places / "puzzle", "--json", "--out", places / "work" / "out")
    assert found["code"] == 0
    (ids,) = {
        tuple(json.loads(path.read_text())["permutation"]) for path in (places / "work" / "out").glob("answer.json")
    }
    return ",".join(map(str, ids))


def watched(places: Path, *arguments: object) -> dict:
    """Run a command in a process of its own and return what it did that Python can see."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "JAX_", "COV_", "TMP"))}
    environment = kept | {"HOME": str(places / "home"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", WATCHED, *map(str, arguments)]
    options = {"cwd": places / "work", "env": environment, "capture_output": True, "text": True, "check": True}
    lines = subprocess.run(command, **options).stderr.splitlines()
    (line,) = [line.removeprefix("SEEN ") for line in lines if line.startswith("SEEN ")]
    return json.loads(line)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


MINE = {
    "solve": (["solve", "{puzzle}", "--out", "out-solve"], ["out-solve"]),
    "solve kept": (["solve", "{puzzle}", "--budget", "0.5", "--search", "bubble", "--order-seed", "random"], []),
    "search": (["search", "{puzzle}", "--rows", "32", "--set", "width=2", "--out", "out-search"], ["out-search"]),
    "sweep": (["sweep", "{puzzle}", "grid.toml", "--out", "out-sweep"], ["out-sweep"]),
    "inspect": (["inspect", "{puzzle}"], []),
    "pair": (["pair", "{puzzle}"], []),
    "verify": (["verify", "{puzzle}", "{answer}"], []),
    "export": (["export", "{puzzle}", "{answer}", "net.safetensors"], ["net.safetensors"]),
    "analyze": (["analyze", "{puzzle}", "{answer}", "--measure", "norms", "--figures", "figures"], ["figures"]),
    "report": (["report", "out", "--output", "page.html"], ["page.html"]),
    "runs": (["runs"], []),
    "generate": (
        ["generate", "made", "--blocks", "3", "--features", "4", "--train-rows", "64", "--epochs", "1"],
        ["made"],
    ),
    "profile": (["profile", "{puzzle}", "--rows", "32", "--batch", "2", "--repeats", "1"], []),
}


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders and permissions of POSIX")
@pytest.mark.parametrize("name", MINE)
def test_commands_keep_to_their_places(places, answer, name):
    arguments, own = MINE[name]
    before = snapshot(places / "puzzle")
    found = watched(places, *(part.format(puzzle=places / "puzzle", answer=answer) for part in arguments))
    assert found["code"] in (0, 1)
    assert found["network"] == []
    assert found["programs"] == []
    allowed = [places / "work" / one for one in own]
    allowed += [places / "home" / ".cache" / "jaxsolve", places / "home" / ".local" / "share" / "jaxsolve"]
    parents = {parent for one in allowed for parent in one.parents}
    written = [Path(re.sub(r"\.\d+\.new$", "", one)) for one in found["written"]]  # beside, and renamed
    outside = [one for one in written if not any(one.is_relative_to(a) for a in allowed)]
    assert [one for one in outside if one not in parents and one != Path(os.devnull)] == []
    assert snapshot(places / "puzzle") == before


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders and permissions of POSIX")
def test_folders_of_the_user_are_the_users_alone(places, answer):
    watched(places, "search", places / "puzzle", "--rows", "32", "--set", "width=1")
    home = places / "home"
    for folder in (home / ".cache" / "jaxsolve", home / ".local" / "share" / "jaxsolve"):
        inside = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
        assert len(inside) > 1
        assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in inside} == {"0o700"}
