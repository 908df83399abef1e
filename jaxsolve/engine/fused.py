"""Device: the forward pass of many candidates as one GPU kernel (Pallas, Triton back end).

Between two products of `neighbourhood` all states travel to memory and back, which bounds a GPU by its
bandwidth whatever its arithmetic can do. Here a program keeps the states of one candidate and some rows
in registers from its first block to its loss, and only streams weights, in the candidate's own order.
The back ends of Pallas are changing (https://docs.jax.dev/en/latest/pallas/CHANGELOG.html), so nothing
outside this file knows of them, and the kernel is compared with the plain path on the very device before it
is used (`neighbourhood.best_way`): what does not compile, or comes out different, is not used.

On paper, for blocks of 48/96 and r rows a program: a block is 4·48·96·r = 18,432 r operations and 37 kB of weights,
which come from the L2 cache (48 blocks are 1.8 MB): 0.49 r operations a byte, 32 at 64 rows and 63 at 128. The L2 of an
H100 gives about 5.5 TB/s (others' microbenchmarks), which bounds a kernel at 350 TFLOP/s with 128 rows, and at 170 with
64. Its tensor cores do 420 TFLOP/s in TF32 as large products measure them, 140 in three TF32 products, and, by the rate
of bfloat16, 260 in three and 130 in six of those. So memory is not what bounds *accept* (measured: 38 TFLOP/s, the same
at 64 and 128 rows), nor most of *screen* (111). What does is that Triton multiplies powers of two alone: 48 and 96 are
cut into 32 + 16 and 64 + 32, and products of depth 16 fill no pipeline. Filled up to 64 and 128, with 1.8 times the
operations, it was slower still (bench/results/2026-11-26-gpu.md). Three bfloat16 parts of a number have the 24 bits of
float32, if six of their products are added up (``bf16_x6``); with three (``bf16_x3``) they have 16, enough to rank and
more than TF32 has.
"""

import functools
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import lax

from jaxsolve.architecture.device import kernel_activation, linear
from jaxsolve.architecture.forms import form_of
from jaxsolve.backend.precision import Tier
from jaxsolve.backend.shapes import Array, Float, Int
from jaxsolve.engine.network import Problem

Ref = Any
"""An array in memory, as a kernel sees it."""
TILES: dict[Tier, int] = {"screen": 128, "accept": 64}
"""Rows of a program."""
Products = Literal["tf32", "tf32_x3", "bf16_x3", "bf16_x6"]
ALGORITHMS: dict[Products, lax.DotAlgorithmPreset] = {
    "tf32": lax.DotAlgorithmPreset.TF32_TF32_F32,
    "tf32_x3": lax.DotAlgorithmPreset.TF32_TF32_F32_X3,
    "bf16_x3": lax.DotAlgorithmPreset.BF16_BF16_F32_X3,
    "bf16_x6": lax.DotAlgorithmPreset.BF16_BF16_F32_X6,
}
"""Products on tensor cores: three of TF32, or six of bfloat16, have the accuracy of float32."""
PRODUCTS: dict[Tier, Products] = {"screen": "tf32", "accept": "tf32_x3"}


def simple(problem: Problem) -> bool:
    """Return whether the kernel is made for a problem: for one output, affine in states that blocks see as they are."""
    gated = problem.pieces.gates is not None
    return linear(problem) and form_of(problem.activation).plain and problem.outputs == 1 and not gated


def widths(width: int) -> list[slice]:
    """Return powers of two that add up to a width: Triton knows no other sizes."""
    cover, begin = [], 0
    while begin < width:
        size = 1 << ((width - begin).bit_length() - 1)
        cover.append(slice(begin, begin + size))
        begin += size
    return cover


def _forward(
    start: Ref,
    ins: Ref,
    outs: Ref,
    states: Ref,
    y: Ref,
    w_in: Ref,
    b_in: Ref,
    w_out: Ref,
    b_out: Ref,
    readout: Ref,
    sums: Ref,
    *,
    blocks: int,
    rows: int,
    size: int,
    activation: str,
    precision: lax.DotAlgorithmPreset | lax.Precision,
) -> None:
    """Write the sum of squared errors of candidate c over the r-th `size` rows to `sums[c, r]`; all are references."""
    from jax.experimental import pallas as pl

    act = kernel_activation(activation)
    narrow, wide = widths(states.shape[2]), widths(w_in.shape[2])
    c, r = pl.program_id(0), pl.program_id(1)
    tile = pl.ds(r * size, size)
    span = lambda part: pl.ds(part.start, part.stop - part.start)
    dot = functools.partial(jnp.dot, precision=precision, preferred_element_type=jnp.float32)
    begin = start[c]

    def block(t: Array, h: tuple[Array, ...]) -> tuple[Array, ...]:
        i, j = ins[c, t], outs[c, t]
        update = [b_out[j, span(d)][None] for d in narrow]
        for u in wide:
            hidden = b_in[i, span(u)][None]
            for part, d in zip(h, narrow, strict=True):
                hidden = hidden + dot(part, w_in[i, span(d), span(u)])
            hidden = act(hidden)
            update = [
                so_far + dot(hidden, w_out[j, span(u), span(d)]) for so_far, d in zip(update, narrow, strict=True)
            ]
        return tuple(part + more for part, more in zip(h, update, strict=True))

    h = tuple(states[begin, tile, span(d)] for d in narrow)
    h = lax.fori_loop(begin, blocks, block, h)
    error = readout[states.shape[2]] - y[tile]
    for part, d in zip(h, narrow, strict=True):
        error = error + jnp.sum(part * readout[span(d)][None], axis=1)
    inside = r * size + lax.broadcasted_iota(jnp.int32, (size,), 0) < rows
    sums[c, r] = jnp.sum(jnp.where(inside, error * error, 0.0))


def fused_losses(
    problem: Problem,
    states: Float[Array, "S R D"],
    start: Int[Array, " M"],
    ins: Int[Array, "M N"],
    outs: Int[Array, "M N"],
    *,
    size: int | None = None,
    warps: int = 4,
    stages: int = 2,
    products: Products | None = None,
    interpret: bool = False,
) -> Float[Array, " M"]:
    """Return the loss of each candidate, which goes on from `states[start]` at position `start`.

    Widths are filled up with zeros to multiples of 16: what comes out of them meets zero weights.
    `size` rows of a program (None: those of `TILES`), `warps` and `stages` are the shape of the kernel, and `products`
    how it multiplies (None: as `PRODUCTS` says).
    `interpret` computes in float32 on any platform what the kernel would, slowly.
    """
    from jax.experimental import pallas as pl
    from jax.experimental.pallas import triton

    def fill(table: Array, *multiples: int) -> Array:
        missing = [(0, -size % m) for size, m in zip(table.shape[::-1], multiples, strict=False)]
        return jnp.pad(table, [(0, 0)] * (table.ndim - len(missing)) + missing[::-1])

    chosen, least = products or PRODUCTS[problem.tier], 16  # width of a product on tensor cores
    p, rows, size = problem.pieces, problem.rows, size or TILES[problem.tier]
    states, y = fill(states, least, size), fill(problem.y, size)
    weights = (
        fill(p.w_in, least, least),
        fill(p.b_in, least),
        fill(p.w_out, least, least),
        fill(p.b_out, least),
        jnp.append(fill(p.w_last, least), p.b_last),
    )
    kernel = functools.partial(
        _forward,
        blocks=problem.blocks,
        rows=rows,
        size=size,
        activation=problem.activation,
        precision=lax.Precision.HIGHEST if interpret else ALGORITHMS[chosen],
    )
    grid = start.shape[0], states.shape[1] // size
    sums = pl.pallas_call(
        kernel,
        grid=grid,
        out_shape=jax.ShapeDtypeStruct(grid, jnp.float32),
        compiler_params=triton.CompilerParams(num_warps=warps, num_stages=stages),
        interpret=interpret,
    )(start, ins, outs, states, y, *weights)
    return jnp.sum(sums, axis=1) / rows
