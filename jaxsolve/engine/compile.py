"""Host: the one door to the compiler.

jaxlib 0.10.2 compiles some reductions wrongly on CPU without saying so (https://github.com/jax-ml/jax/issues/39103);
the cause is its fusion into YNNPACK kernels. Switching that fusion off cures it, makes results independent
of the batch size, and is faster for the shapes of this package, so every program is compiled without it, on
every version. `compiled` is therefore the only place that calls ``jax.jit``; a test reads the sources for others.
"""

import functools
from collections.abc import Callable
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


def _listen(event: str, duration_secs: float, **kwargs: str | int) -> None:
    global _seconds
    if event in _COMPILE_EVENTS:
        _seconds += duration_secs


jax.monitoring.register_event_duration_secs_listener(_listen)


def compile_seconds() -> float:
    """Return the seconds this process has spent in tracing, lowering and compiling."""
    return _seconds


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
            options = CPU_OPTIONS if jax.default_backend() == "cpu" else None
            return jax.jit(function, static_argnames=static, donate_argnames=donate, compiler_options=options)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> T:
            return program()(*args, **kwargs)

        return call

    return decorate
