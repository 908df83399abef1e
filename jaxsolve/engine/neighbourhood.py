"""Device: exact mean squared errors of many moves from one assembly, and sweeps that take them.

States before the first touched position are computed once and shared. On a CPU, candidates run one after
the other, each as a sequence of plain matrix products, which is what keeps its cores busiest; elsewhere
`lanes` candidates run side by side. Decisions do not depend on `lanes`.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from jaxsolve.engine.compile import compiled
from jaxsolve.engine.moves import Moves
from jaxsolve.engine.network import Problem, block, prefix_states, readout_loss
from jaxsolve.puzzle import Assembly

ACCELERATOR_LANES = 64


class Incumbent(NamedTuple):
    """The state of a descent: the best assembly so far, and what it cost to find."""

    assembly: Assembly
    loss: Any
    """Float32 mean squared error over the rows of the problem."""
    taken: Any
    """Int32 number of moves taken."""
    evaluations: Any
    """Int32 number of moves evaluated."""


def default_lanes() -> int:
    """Return how many candidates run side by side on the default device."""
    return 1 if jax.default_backend() == "cpu" else ACCELERATOR_LANES


def _moved(assembly: Assembly, ins: Int[Array, "*M N"], outs: Int[Array, "*M N"]) -> Assembly:
    return Assembly(jnp.take(assembly.ins, ins), jnp.take(assembly.outs, outs))


def _loss_from(
    problem: Problem, assembly: Assembly, prefix: Float[Array, "P R D"], first: Int[Array, ""]
) -> Float[Array, ""]:
    """Return the loss of an assembly that shares all states up to position `first` with `prefix`."""
    ins, outs = assembly
    step = lambda t, h: block(problem, h, ins[t], outs[t])
    return readout_loss(problem, lax.fori_loop(first, problem.blocks, step, prefix[first]))


@compiled(static=("lanes",))
def neighbourhood_losses(
    problem: Problem, assembly: Assembly, moves: Moves, count: Int[Array, ""], *, lanes: int
) -> Float[Array, " M"]:
    """Return the loss of each of the first `count` moves applied to `assembly`, and infinity for the rest.

    Moves must be a multiple of `lanes`.
    """
    prefix = prefix_states(problem, assembly)

    def loss(move: tuple[Moves, Int[Array, ""]]) -> Float[Array, ""]:
        (ins, outs, first), index = move
        within = index < count
        start = jnp.where(within, first, problem.blocks)
        return jnp.where(within, _loss_from(problem, _moved(assembly, ins, outs), prefix, start), jnp.inf)

    indexed = (moves, jnp.arange(moves.size, dtype=jnp.int32))
    return lax.map(loss, indexed, batch_size=None if lanes == 1 else lanes)


@compiled(static=("lanes",))
def first_improvement_sweep(
    problem: Problem,
    start: Incumbent,
    moves: Moves,
    count: Int[Array, ""],
    floor: Float[Array, ""],
    *,
    lanes: int,
) -> Incumbent:
    """Try the first `count` moves in turn, taking each that lowers the loss, until the loss is at most `floor`.

    Evaluating `lanes` moves at once and taking the first that improves, then going on behind it, decides
    exactly as trying one after the other does.
    """
    n = problem.blocks
    steps = jnp.arange(lanes, dtype=jnp.int32)

    def losses(now: Incumbent, prefix: Float[Array, "P R D"], m: Int[Array, ""]) -> tuple[Moves, Float[Array, " L"]]:
        index = m + steps
        window = Moves(*(jnp.take(field, index, axis=0, mode="clip") for field in moves))

        def loss(ins: Int[Array, " N"], outs: Int[Array, " N"], first: Int[Array, ""]) -> Float[Array, ""]:
            return _loss_from(problem, _moved(now.assembly, ins, outs), prefix, first)

        if lanes == 1:
            return window, loss(*(field[0] for field in window))[None]
        return window, jnp.where(index < count, jax.vmap(loss)(*window), jnp.inf)

    def body(carry: tuple) -> tuple:
        m, stale, now, prefix = carry
        step = lambda t, states: states.at[t + 1].set(
            block(problem, states[t], now.assembly.ins[t], now.assembly.outs[t])
        )
        prefix = lax.fori_loop(stale, n, step, prefix)
        window, candidates = losses(now, prefix, m)
        improves = candidates < now.loss
        found, k = improves.any(), jnp.argmax(improves)
        tried = jnp.where(found, k + 1, jnp.minimum(lanes, count - m)).astype(jnp.int32)
        moved = _moved(now.assembly, window.ins[k], window.outs[k])
        assembly = jax.tree.map(lambda new, old: jnp.where(found, new, old), moved, now.assembly)
        loss = jnp.where(found, candidates[k], now.loss)
        after = Incumbent(assembly, loss, now.taken + found, now.evaluations + tried)
        return m + tried, jnp.where(found, window.first[k], n), after, prefix

    def unfinished(carry: tuple) -> Array:
        m, _, now, _ = carry
        return (m < count) & (now.loss > floor)

    x = jnp.asarray(problem.x)
    blank = jnp.zeros((n + 1, *x.shape), x.dtype).at[0].set(x)
    return lax.while_loop(unfinished, body, (jnp.int32(0), jnp.int32(0), start, blank))[2]
