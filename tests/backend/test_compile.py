"""The compiler is kept from the miscompilation of https://github.com/jax-ml/jax/issues/39103."""

import sys
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsolve.backend import compile_ahead, compile_seconds, compiled
from jaxsolve.backend.compile import forget_programs

ROWS = 32_769


def squares(x):
    identity = jnp.eye(3, dtype=x.dtype)
    return jax.vmap(lambda row: jnp.sum((identity @ row) ** 2))(x)


@pytest.fixture
def rows():
    x = np.zeros((ROWS, 3), np.float32)
    x[:, 0] = np.arange(ROWS)
    return x


def test_the_published_example_is_right_through_our_door(rows):
    assert float(compiled()(squares)(rows)[-1]) == float(ROWS - 1) ** 2


@pytest.mark.skipif(
    jax.version.__version__ != "0.10.2" or jax.default_backend() != "cpu",
    reason="only jaxlib 0.10.2 on CPU is wrong",
)
def test_the_published_example_would_notice(rows):
    assert float(jax.jit(squares)(rows)[-1]) != float(ROWS - 1) ** 2


def test_constants_are_constants_and_compilation_is_timed():
    before = compile_seconds()

    @compiled(static=("power",))
    def raised(x, *, power):
        return x**power if power > 1 else x

    assert float(raised(np.float32(3), power=2)) == 9
    assert float(raised(np.float32(3), power=1)) == 3
    assert compile_seconds() > before


def test_what_is_compiled_ahead_is_waited_for_and_not_compiled_again():
    traced = []

    @compiled()
    def doubled(x):
        traced.append(threading.current_thread())
        return x + x

    compile_ahead(lambda: doubled(np.float32(1)))
    assert float(doubled(np.float32(4))) == 8
    assert len(traced) == 1
    assert traced[0] is not threading.current_thread()


def test_what_fails_ahead_fails_where_it_is_used():
    @compiled()
    def broken(x):
        raise ValueError("no such thing")

    compile_ahead(lambda: broken(np.float32(1)))
    with pytest.raises(ValueError, match="no such thing"):
        broken(np.float32(1))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems count no mappings")
def test_programs_are_let_go_where_too_much_is_mapped_and_come_back_when_they_are_called():
    traced = []

    @compiled()
    def doubled(x):
        traced.append(x)
        return x + x

    doubled(np.float32(1))
    forget_programs(every=0, most_mapped=1.0)
    doubled(np.float32(1))
    assert len(traced) == 1
    forget_programs(every=10**9, most_mapped=0.0)
    doubled(np.float32(1))
    assert len(traced) == 1
    forget_programs(every=0, most_mapped=0.0)
    assert float(doubled(np.float32(4))) == 8
    assert len(traced) == 2
