"""Host: compiled programs kept between processes, in a folder that only the user can write.

Whoever can write to such a folder can have code run (https://docs.jax.dev/en/latest/persistent_compilation_cache.html),
so one that belongs to somebody else, or that others may write to, is not used. Programs depend on the compiler
and on the processor, which give the folder its name. Where one is damaged, or cannot be written, it is compiled anew.
"""

import hashlib
import os
import platform
import stat
import warnings
from pathlib import Path

import jax
from jaxlib.version import __version__


def keep_programs(most_bytes: int = 256 << 20) -> Path | None:
    """Keep compiled programs of this process for later ones; return where, or None where that is not safe.

    A folder that the user has named for JAX (``JAX_COMPILATION_CACHE_DIR``) is left as it is. In others, old programs
    are deleted where all take more than `most_bytes`.
    """
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache", UserWarning)
    named: str | None = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
    if named:
        return Path(named)
    try:
        folder = _base() / "jaxsolve" / f"programs-{__version__}-{_processor()}"
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(exist_ok=True, mode=0o700)
        if not _private(folder):
            return None
        _prune(folder, most_bytes)
    except (OSError, RuntimeError):  # RuntimeError: a user without a home
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return folder


def _base() -> Path:
    """Return the user's folder for caches (XDG base directories; LOCALAPPDATA on Windows)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache")


def _private(folder: Path) -> bool:
    if not hasattr(os, "getuid"):
        return True
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def _prune(folder: Path, most_bytes: int) -> None:
    sizes = {path: path.stat() for path in folder.iterdir() if path.is_file()}
    total = sum(found.st_size for found in sizes.values())
    for path in sorted(sizes, key=lambda path: sizes[path].st_mtime):
        if total <= most_bytes:
            return
        total -= sizes[path].st_size
        path.unlink(missing_ok=True)


def _processor() -> str:
    """Return what tells processors apart that need programs of their own."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = [platform.version()]
    features = sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))})
    return hashlib.sha256("\n".join([platform.machine(), *features]).encode()).hexdigest()[:12]
