"""The kernel computes what the slow reference does (interpreted), and lowers for CUDA on any machine."""

from contextlib import nullcontext
from dataclasses import replace
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.architecture import ACTIVATIONS
from jaxsolve.engine.fused import ALGORITHMS, fused_losses, widths
from tests import reference


@pytest.mark.parametrize("width", [16, 32, 48, 96, 112, 304])
def test_widths_are_powers_of_two_that_cover(width):
    cover = widths(width)
    sizes = [part.stop - part.start for part in cover]
    assert all(size >= 16 and size & (size - 1) == 0 for size in sizes)
    assert [part.start for part in cover] == [sum(sizes[:k]) for k in range(len(sizes))]
    assert cover[-1].stop == width


def setting(n, d, h, rows, activation):
    puzzle, answer = reference.random_puzzle(3, n=n, d=d, h=h, rows=rows, activation=activation, scale=0.7)
    problem = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)), engine.to_device(puzzle, devices=1))
    states = reference.states(puzzle, *answer, rows).astype(np.float32)
    other = answer.ins.copy()
    other[[n - 2, n - 1]] = other[[n - 1, n - 2]]
    ins = np.stack([answer.ins[::-1], other, answer.ins]).astype(np.int32)
    outs = np.stack([answer.outs, answer.outs, answer.outs]).astype(np.int32)
    return puzzle, problem, states, np.array([0, n - 2, n], np.int32), ins, outs


SHAPES = [(3, 4, 6, 12), (3, 24, 48, 70), (2, 48, 96, 64)]


@pytest.mark.parametrize(
    ("shape", "activation"), [*((SHAPES[0], name) for name in ACTIVATIONS), *((shape, "gelu") for shape in SHAPES[1:])]
)
def test_interpreted_it_equals_the_reference(shape, activation):
    puzzle, problem, states, *candidates = setting(*shape, activation)
    losses = jax.jit(lambda s, *c: fused_losses(problem, s, *c, interpret=True))(states, *candidates)
    expected = [reference.loss(puzzle, i, o) for i, o in zip(*candidates[1:], strict=True)]
    np.testing.assert_allclose(losses, expected, rtol=1e-4, atol=1e-8)


def a_gpu():
    """Newer versions of JAX want to know for which GPU."""
    if jax.version.__version_info__ < (0, 11):
        return nullcontext()
    from jax._src.mesh import AbstractDevice  # public only as a repr

    device = AbstractDevice("NVIDIA H200", 132, "gpu")
    return jax.sharding.use_abstract_mesh(jax.sharding.AbstractMesh((1,), ("x",), abstract_device=device))


@pytest.mark.parametrize(
    ("activation", "tier", "products"),
    [*product(ACTIVATIONS, ["screen", "accept"], [None]), *product(["relu"], ["accept"], ALGORITHMS)],
)
def test_it_lowers_for_cuda(activation, tier, products):
    _, problem, states, *candidates = setting(3, 24, 48, 70, activation)
    problem = replace(problem, tier=tier)
    with a_gpu():
        kernel = lambda s, *c: fused_losses(problem, s, *c, products=products)
        traced = jax.jit(kernel).trace(states, *candidates)
        assert "triton" in traced.lower(lowering_platforms=("cuda",)).as_text()
