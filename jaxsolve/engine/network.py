"""Device: the problem that searches look at: the pieces, and the rows that they are judged on."""

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh

from jaxsolve.architecture import respelled
from jaxsolve.architecture.device import Gates, Outer, Pieces, block, last
from jaxsolve.backend.devices import mesh, put
from jaxsolve.backend.precision import Tier, product
from jaxsolve.backend.shapes import Array, Float, Num
from jaxsolve.puzzle import Assembly, Puzzle


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Problem:
    """What every device function looks at: the pieces and the rows they are judged on."""

    pieces: Any
    """`Pieces`; or whole blocks of one's own, `OwnBlocks`, of which only what goes by whole blocks is known"""
    x: Num[Array, "R D"]
    y: Num[Array, "R *K"]
    """No axis K where there is one output."""
    activation: str = field(metadata={"static": True})
    over: Mesh = field(metadata={"static": True})
    """The devices that candidates are spread over; each has the whole problem."""
    tier: Tier = field(default="accept", metadata={"static": True})
    """What losses are used for."""

    @property
    def blocks(self) -> int:
        """N."""
        return self.pieces.blocks

    @property
    def rows(self) -> int:
        """R."""
        return self.x.shape[0]

    @property
    def outputs(self) -> int:
        """K, 1 where there is no such axis."""
        return self.y.shape[1] if self.y.ndim == 2 else 1

    @property
    def flops(self) -> int:
        """Floating-point operations of the matrix products of one candidate on all rows, 4·R·N·D·H without gates."""
        return int(self.rows * self.blocks * self.pieces.flops)


def to_device(puzzle: Puzzle, rows: int | None = None, devices: int | None = None) -> Problem:
    """Put the pieces and the first `rows` rows of a puzzle on the first `devices` devices, in float32."""
    over = mesh(devices)

    def single(table: np.ndarray | float) -> Array:
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and so does its loss
            return put(np.asarray(table, dtype=np.float32), over)

    turned = puzzle.w_in.swapaxes(1, 2), puzzle.w_out.swapaxes(1, 2)
    weights = turned[0], puzzle.b_in, turned[1], puzzle.b_out, puzzle.w_last.T, puzzle.b_last
    head = None if puzzle.head is None else Outer(single(puzzle.head.weight.T), single(puzzle.head.bias))
    gates = None if puzzle.gates is None else Gates(single(puzzle.gates[0].swapaxes(1, 2)), single(puzzle.gates[1]))
    pieces = Pieces(*map(single, weights), head=head, gates=gates)
    form = respelled(puzzle.activation, scale=1.0, first="none")  # these are applied: one program for all of them
    return Problem(pieces, single(puzzle.x[:rows]), single(puzzle.y[:rows]), form, over)


def first_rows(problem: Problem, rows: int, tier: Tier = "accept") -> Problem:
    """Return the problem on its first rows alone."""
    return replace(_cut(problem, slice(rows)), tier=tier)


def chosen_rows(problem: Problem, rows: np.ndarray) -> Problem:
    """Return the problem on some of its rows, `[K]`."""
    x, y = (put(np.asarray(table)[rows], problem.over) for table in (problem.x, problem.y))
    return replace(problem, x=x, y=y)


def split_rows(problem: Problem, at_most: int) -> list[Problem]:
    """Return the problem in parts of at most so many rows, as even as can be, so that they are of two sizes at most."""
    parts = -(-problem.rows // at_most)
    if parts <= 1:
        return [problem]
    ends = np.linspace(0, problem.rows, parts + 1).astype(int)
    return [_cut(problem, slice(a, b)) for a, b in itertools.pairwise(ends.tolist())]


def _cut(problem: Problem, rows: slice) -> Problem:
    chosen = np.arange(problem.rows)[rows]
    return problem if len(chosen) == problem.rows else chosen_rows(problem, chosen)  # they are where they belong


def probe(
    problem: Problem, h: Float[Array, "R D"], ridge: Float[Array, ""] | float = 1e-6
) -> tuple[Float[Array, "M *K"], Float[Array, "*K"], Float[Array, "R *K"]]:
    """Return the affine readout that fits the states `h` best, weights and bias, and its errors.

    What a linear probe makes of the states of a layer (Alain & Bengio 2016, https://arxiv.org/abs/1610.01644) tells
    how much a network has worked out by then, whatever comes after. `ridge` draws it towards the network's own
    readout, in units of the states' mean square; the default keeps a probe of fewer dimensions than there are defined.
    """
    h = last(problem, h)
    p, mean = problem.pieces, jnp.mean(h, axis=0)
    centred, target = h - mean, problem.y - jnp.mean(problem.y, axis=0)
    gram = product(centred.T, centred, problem.tier) / problem.rows
    pull = ridge * jnp.mean(h * h) + jnp.finfo(jnp.float32).tiny
    factor = jax.scipy.linalg.cho_factor(gram + pull * jnp.eye(len(gram)))
    away = target - product(centred, p.w_last, problem.tier)
    found = p.w_last + jax.scipy.linalg.cho_solve(factor, product(centred.T, away, problem.tier) / problem.rows)
    bias = jnp.mean(problem.y, axis=0) - product(mean, found, problem.tier)
    return found, bias, product(centred, found, problem.tier) - target


def prefix_states(problem: Problem, assembly: Assembly) -> Float[Array, "P R D"]:
    """Return the states before every position and after the last: P = N + 1."""
    final, before = lax.scan(lambda h, half: (block(problem, h, *half), h), jnp.asarray(problem.x), assembly)
    return jnp.concatenate([before, final[None]])
