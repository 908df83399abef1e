"""Shared fixtures. Shapes of device code are checked at every call while tests run."""

import os
import tempfile
from pathlib import Path

import hypothesis
import pytest
import threadpoolctl
from jaxtyping import install_import_hook

os.environ.pop("COLUMNS", None)  # pytest-xdist sets it, and commands obey it
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # workers and processes share a GPU

with install_import_hook(["jaxsolve.architecture.device", "jaxsolve.backend", "jaxsolve.engine"], "beartype.beartype"):
    import jaxsolve.architecture.device
    import jaxsolve.engine.annealing
    import jaxsolve.engine.construction
    import jaxsolve.engine.expansion
    import jaxsolve.engine.grand_canonical
    import jaxsolve.engine.neighbourhood
    import jaxsolve.engine.prepending
    import jaxsolve.engine.probing
    import jaxsolve.engine.relaxation
    import jaxsolve.engine.screening
    import jaxsolve.engine.training  # noqa: F401

from jaxsolve.backend.cache import keep_programs
from jaxsolve.puzzle import Puzzle, read_puzzle

threadpoolctl.threadpool_limits(1, "blas")  # as the command line has it: rows run in threads of our own

REAL_SHA256 = "093be1cf2d24094db903cbc3e8d33d306ebca49c6accaa264e44b0b675e7d9c4"
ROOT = Path(__file__).parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """Keep compiled programs of this run in one folder for all of its processes, and only as long as it lasts."""
    if not hasattr(config, "workerinput"):  # workers of a parallel run are started with the folder of the first process
        folder = tempfile.TemporaryDirectory(prefix="jaxsolve-tests-", ignore_cleanup_errors=True)
        config.add_cleanup(folder.cleanup)
        os.environ["XDG_CACHE_HOME"] = folder.name
    keep_programs()
    hypothesis.settings.register_profile("untimed", deadline=None)  # a machine may be busy with something else
    hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session")
def real_path() -> Path:
    """Folder of the famous puzzle, which is not part of the project."""
    path = Path(os.environ.get("JAXSOLVE_PUZZLE", ROOT.parent / "shared" / "puzzle"))
    if not path.is_dir():
        pytest.skip(f"the famous puzzle is not at {path}; set JAXSOLVE_PUZZLE to its folder")
    return path


@pytest.fixture(scope="session")
def real_puzzle(real_path: Path) -> Puzzle:
    """The famous puzzle."""
    return read_puzzle(real_path, activation="relu")
