"""The house rules that a reader of the sources can check."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import jaxsolve

PACKAGE = Path(jaxsolve.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
ROOMS = [
    "errors",
    "files",
    "formats",
    "backend",
    "architecture",
    "puzzle",
    "engine",
    "run",
    "pairing",
    "ordering",
    "search",
    "certificate",
    "solver",
    "records",
    "experiment",
    "analysis",
    "report",
    "generation",
    "profiling",
    "cli",
]
ids = [str(file.relative_to(PACKAGE)) for file in FILES]


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        if isinstance(node, ast.ImportFrom):
            found |= {node.module or ""} | {f"{node.module}.{name.name}" for name in node.names}
    return found


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_rooms_import_only_from_rooms_above_them(file):
    room = room_of(file)
    if room not in ROOMS:
        return
    used = {name.split(".")[1] for name in imports(file) if name.startswith("jaxsolve.")}
    below = set(ROOMS[ROOMS.index(room) + 1 :])
    assert not used & below


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_only_backend_engine_and_the_network_on_devices_import_jax(file):
    on_devices = file.relative_to(PACKAGE).as_posix() in ("architecture/device.py", "architecture/own.py")
    if room_of(file) not in ("backend", "engine") and not on_devices:
        assert not {name for name in imports(file) if name.split(".")[0] == "jax"}


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_there_is_one_door_to_the_compiler(file):
    if file.relative_to(PACKAGE).as_posix() != "backend/compile.py":
        names = {node.attr for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)}
        assert not names & {"jit", "pmap"}


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_files_are_short_and_say_which_world_they_belong_to(file):
    text = file.read_text()
    assert text.count("\n") <= 330
    if room_of(file) in ROOMS:
        assert (ast.get_docstring(ast.parse(text)) or "").startswith(("Host:", "Device:"))


def is_number(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Tuple):
        return bool(value.elts) and all(map(is_number, value.elts))
    if isinstance(value, ast.UnaryOp):
        return is_number(value.operand)
    if isinstance(value, ast.BinOp):
        return is_number(value.left) and is_number(value.right)
    return isinstance(value, ast.Constant) and type(value.value) in (int, float)


def test_numbers_are_parameters():
    """Of methods, limits and bounds nothing is fixed by a module; what is left are formats, exit codes and tilings."""
    assigned = [node for file in FILES for node in ast.parse(file.read_text()).body if isinstance(node, ast.Assign)]
    numbers = [ast.unparse(node.targets[0]) for node in assigned if is_number(node.value)]
    assert len(numbers) < 40, numbers


def test_help_and_inspect_do_not_load_jax():
    code = (
        "import sys; from jaxsolve.cli.app import app\n"
        "for arguments in (['--help'], ['solve', '--help'], ['report', '--help'], ['--version'], ['inspect', 'demo'], ['runs']):\n"
        "    app(arguments, standalone_mode=False)\n"
        "sys.exit('jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0


@pytest.mark.parametrize("package", ["jaxsolve", "jaxsolve.backend", "jaxsolve.engine"])
def test_lazy_names_all_load(package):
    module = sys.modules[package]
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = module.nonsense
