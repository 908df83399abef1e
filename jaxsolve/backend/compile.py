"""Host: the one door to the compiler.

jaxlib 0.10.2 compiles some reductions wrongly on CPU without saying so (https://github.com/jax-ml/jax/issues/39103);
the cause is its fusion into YNNPACK kernels. Switching that fusion off cures it, makes results independent
of the batch size, and is faster for the shapes of this package, so every program is compiled without it, on
every version. `compiled` is therefore the only place that calls ``jax.jit``; a test reads the sources for others.
"""

import functools
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import jax

T = TypeVar("T")

CPU_OPTIONS: dict[str, bool | str] = {"xla_cpu_experimental_ynn_fusion_type": ""}

_COMPILE_EVENTS = frozenset(
    {
        "/jax/core/compile/jaxpr_trace_duration",
        "/jax/core/compile/jaxpr_to_mlir_module_duration",
        "/jax/core/compile/backend_compile_duration",
    }
)
_seconds = 0.0
_programs = 0
_compiled = 0
_ahead: threading.Thread | None = None


def _listen(event: str, duration_secs: float, **kwargs: str | int) -> None:
    global _compiled, _programs, _seconds
    if event == "/jax/core/compile/backend_compile_duration":
        _programs, _compiled = _programs + 1, _compiled + 1
    if event in _COMPILE_EVENTS and threading.current_thread() is not _ahead:
        _seconds += duration_secs


jax.monitoring.register_event_duration_secs_listener(_listen)


def compile_seconds() -> float:
    """Return the seconds this process has spent in tracing, lowering and compiling, or waiting for it."""
    return _seconds


def compiled_programs() -> int:
    """Return how many programs this process has compiled, or read from where they are kept."""
    return _compiled


def forget_programs(*, every: int = 16, most_mapped: float = 0.5) -> None:
    """Let go of all compiled programs before the process has mapped more pieces of memory than it may.

    On CPU, each function of a program takes a few mappings. Linux allows a process some 65,000
    (``vm.max_map_count``), and the compiler crashes at the next (https://github.com/jax-ml/jax/issues/27201).
    Programs are compiled again when they are called again, or read from where they are kept.

    Parameters
    ----------
    every
        Mappings are counted after so many more programs, for that takes milliseconds.
    most_mapped
        Share of what is allowed from which on programs are let go.
    """
    global _programs
    if _programs < every:
        return
    _programs = 0
    try:
        allowed = int(Path("/proc/sys/vm/max_map_count").read_text())
        mapped = Path("/proc/self/maps").read_bytes().count(b"\n")
    except (OSError, ValueError):  # not Linux
        return
    if mapped > most_mapped * allowed:
        jax.clear_caches()


def compile_ahead(use: Callable[[], object]) -> None:
    """Compile what `use` will need while the host does something else, by using it once in a thread.

    Every program called in the meantime waits for its end. What goes wrong in it goes wrong again where
    the program is really used, and is reported there.
    """
    global _ahead

    def quietly() -> None:
        with suppress(Exception):
            use()

    _wait()
    _ahead = threading.Thread(target=quietly)
    _ahead.start()


def _wait() -> None:
    global _ahead, _seconds
    ahead = _ahead
    if ahead is not None and threading.current_thread() is not ahead:
        began = time.perf_counter()
        ahead.join()
        _ahead = None
        _seconds += time.perf_counter() - began


def compiled(
    *, static: tuple[str, ...] = (), donate: tuple[str, ...] = ()
) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Compile a pure function of arrays once for each set of shapes.

    Arguments named in `static` are constants; the memory of those in `donate` is given to the result.
    Arrays may be NumPy's or JAX's. The backend is looked up at the first call, so that importing the
    package starts none. Such a function is called from the host only, never from inside another.
    """

    def decorate(function: Callable[..., T]) -> Callable[..., T]:
        @functools.cache
        def program() -> Callable[..., T]:
            options = None
            if jax.default_backend() == "cpu":  # where every core is a device, products that they share get in the way
                options = CPU_OPTIONS | {"xla_cpu_multi_thread_eigen": jax.local_device_count() == 1}
            return jax.jit(function, static_argnames=static, donate_argnames=donate, compiler_options=options)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> T:
            _wait()
            if threading.current_thread() is not _ahead:
                forget_programs()
            return program()(*args, **kwargs)

        return call

    return decorate
