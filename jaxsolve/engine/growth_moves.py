"""Device: random moves of networks that may leave blocks out."""

from typing import NamedTuple

import jax.numpy as jnp

from jaxsolve.backend.shapes import Array, Float

GROWTH_KINDS = ("swap", "first", "second", "insertion", "add", "remove")
"""Two blocks change places; first halves or second halves do; a segment moves; a block is put in; one is taken out."""
LONGEST = 4
"""Most blocks of a segment that moves."""
NEAR = 6.0
"""Mean distance of the two positions of every other move; the others are any distance apart."""


class Proposal(NamedTuple):
    """A move: which positions the halves come from, `[N]` each, and what it touches."""

    ins: Array
    outs: Array
    length: Array
    first: Array
    kind: Array
    legal: Array


def proposal(n: int, length: Array, u: Float[Array, " 8"], shares: Float[Array, " 6"]) -> Proposal:
    """Return a random move of a network of `length` blocks, from eight uniform numbers.

    A block is chosen of all there are: what would move one that is left out is no move, so that each block in place is
    moved as often, however many there are. A swap that would be with one of those moves the block somewhere else.
    """
    t = jnp.arange(n)
    pick = lambda v, size: jnp.minimum((v * size).astype(jnp.int32), jnp.maximum(size, 1) - 1)
    kind = jnp.minimum(jnp.sum(jnp.cumsum(shares) <= u[0]), len(GROWTH_KINDS) - 1)
    swap, segment, add, remove = (kind == GROWTH_KINDS.index(name) for name in ("swap", "insertion", "add", "remove"))
    a = pick(u[1], n)
    limit = jnp.where(swap | segment, length, n)  # halves may also come from blocks that are left out
    away = 1 + (-jnp.log1p(-u[2]) * NEAR).astype(jnp.int32)
    near = jnp.where(u[3] < 0.5, a - away, a + away)
    far = (a + 1 + pick(u[2], limit - 1)) % jnp.maximum(limit, 1)
    b = jnp.where((u[4] < 0.5) & (near >= 0) & (near < limit), near, far)
    low, high = jnp.minimum(a, b), jnp.maximum(a, b)
    size = high - low + 1
    swapped = jnp.where(t == a, b, jnp.where(t == b, a, t))
    most = jnp.where(swap, 1, LONGEST)
    by = jnp.minimum(1 + pick(u[5], most), jnp.maximum(size - 1, 1))
    up = jnp.where(swap, a == low, u[6] < 0.5)
    turned = low + (t - low + jnp.where(up, by, size - by)) % jnp.maximum(size, 1)
    moved = jnp.where((t >= low) & (t <= high), turned, t)
    place, gone = pick(u[1], length + 1), pick(u[1], length)
    removed = jnp.where(t == n - 1, gone, jnp.where(t >= gone, t + 1, t))

    def source(half: str, v: Array) -> Array:
        taken = length + pick(v, n - length)
        added = jnp.where(t == place, taken, jnp.where((t > place) & (t <= taken), t - 1, t))
        exchange = (kind == GROWTH_KINDS.index(half)) | (swap & (u[7] * n < length))
        return jnp.select([exchange, swap | segment, add, remove], [swapped, moved, added, removed], t)

    first = jnp.select([add, remove], [place, gone], low)
    possible = jnp.where(swap | segment, a < length, low < length) & (a != b)
    legal = jnp.select([add, remove], [length < n, length > 0], possible)
    after = length + add.astype(jnp.int32) - remove.astype(jnp.int32)
    return Proposal(source("first", u[5]), source("second", u[6]), after, first, kind, legal)
