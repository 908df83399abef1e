"""Host: lists of what positions of a mixture run, and the rows that it is given, as devices go through them.

Some positions run two blocks and some all of them, and fewer and fewer as shares become an order. Lists are therefore
as long as they are, and gone through a few halves, or pairs, at a time, as often as it takes: loops that are compiled
once, whatever the lists, and do no work for what nobody runs.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxsolve.backend.devices import plain_way, split
from jaxsolve.backend.shapes import Array, Float, Int
from jaxsolve.engine.network import Problem

TILES = {"sequential": 192, "batched": 4096}
"""Rows of a tile at most, by how devices compute: what a core makes of them stays in its cache."""
HALVES = {"sequential": 8, "batched": 16}
"""First or second halves that are gone through at once."""
PAIRS = 16
"""Pairs that are."""
ROOM = 512
"""Pairs whose columns of the Jacobian are multiplied at once; the least that there is room for."""


class Rows(NamedTuple):
    """Some rows in C equal tiles, as many for every device; what fills the last ones up counts nothing."""

    x: Float[Array, "C r D"]
    y: Float[Array, "C r *K"]
    counts: Float[Array, "C r"]
    """1 or 0."""


def tiled(problem: Problem, rows: np.ndarray) -> Rows:
    """Deal some rows of a problem out, `[R]`."""
    tile = -(-len(rows) // -(-len(rows) // TILES[plain_way(problem.over)]))
    devices = problem.over.size
    tiles = -(-len(rows) // (tile * devices)) * devices
    where = np.pad(rows, (0, tiles * tile - len(rows)), mode="edge").reshape(tiles, tile)
    counts = (np.arange(where.size) < len(rows)).reshape(where.shape)
    tables = np.asarray(problem.x)[where], np.asarray(problem.y)[where], counts.astype(np.float32)
    return Rows(*(split(table, problem.over) for table in tables))


class Mixture(NamedTuple):
    """What every position runs: pairs of first and second halves, each to a share, one position after the other.

    Halves that pairs of a position have in common are gone through once. Every position has whole numbers of chunks of
    `HALVES` first and second halves and `PAIRS` pairs, which what has no share fills up.
    """

    ins: Int[Array, " A"]
    outs: Int[Array, " B"]
    first: Int[Array, " P"]
    """Where in `ins` each pair has its first half."""
    second: Int[Array, " P"]
    """Where in `outs`."""
    position: Int[Array, " P"]
    shares: Float[Array, " P"]
    ends: Int[Array, "T 3"]
    """How many chunks of first halves, second halves and pairs the positions have up to each."""
    parts: Int[Array, "I S"]
    """Of what pieces each first half is made: of itself, or of a gate and one."""


def room_for(pairs: np.ndarray) -> int:
    """Return how many pairs there has to be room for, for so many of each position: `ROOM` times a power of two."""
    needed = int((-(-pairs // PAIRS) * PAIRS).sum())
    return ROOM << max(0, (-(-needed // ROOM) - 1).bit_length())


def mixture(
    problem: Problem,
    position: np.ndarray,
    ins: np.ndarray,
    outs: np.ndarray,
    shares: np.ndarray,
    room: int,
    parts: np.ndarray | None = None,
) -> tuple[Mixture, np.ndarray]:
    """Put the pairs that positions run, `[M]` each, in the order of their positions, on the devices.

    Parameters
    ----------
    problem
        The network.
    position, ins, outs, shares
        Where each pair is, its halves, and its share.
    room
        P, of `room_for` as many pairs or more: programs are compiled for each.
    parts
        Of what pieces first halves are made, `[I, S]`; None: of themselves.

    Returns
    -------
    The mixture, and where in it each of the pairs is, `[M]`.
    """
    blocks, chunk = problem.blocks, HALVES[plain_way(problem.over)]
    firsts = len(problem.pieces.w_in)
    own_ins, first, first_begins, of_ins = _distinct(position, ins, blocks, firsts, chunk)
    own_outs, second, second_begins, of_outs = _distinct(position, outs, blocks, blocks, chunk)
    places, _, of_pairs = _placed(position, blocks, PAIRS)
    owner = np.repeat(np.arange(blocks), of_pairs * PAIRS)
    table = np.zeros((4, room))
    table[:3, : len(owner)] = first_begins[owner], second_begins[owner], owner  # also of what fills chunks up
    table[:, places] = first, second, position, shares
    whole = lambda some: jnp.asarray(some, jnp.int32)
    of = Mixture(
        ins=whole(own_ins),
        outs=whole(own_outs),
        first=whole(table[0]),
        second=whole(table[1]),
        position=whole(table[2]),
        shares=jnp.asarray(table[3], jnp.float32),
        ends=whole(np.cumsum([of_ins, of_outs, of_pairs], axis=1).T),
        parts=whole(np.arange(firsts)[:, None] if parts is None else parts),
    )
    return of, places


def _placed(position: np.ndarray, blocks: int, chunk: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where entries of positions are in a list of whole chunks, where positions begin, and their chunks."""
    counts = np.bincount(position, minlength=blocks)
    chunks = -(-counts // chunk)
    begins = (np.cumsum(chunks) - chunks) * chunk
    within = np.arange(len(position)) - (np.cumsum(counts) - counts)[position]
    return begins[position] + within, begins, chunks


def _distinct(
    position: np.ndarray, half: np.ndarray, blocks: int, kinds: int, chunk: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return a list of the distinct halves of every position, where each pair has its own, and what `_placed` does."""
    own, which = np.unique(position * kinds + half, return_inverse=True)
    places, begins, chunks = _placed(own // kinds, blocks, chunk)
    halves = np.zeros(-(-kinds // chunk) * chunk * blocks, np.intp)
    halves[places] = own % kinds
    return halves, places[which], begins, chunks
