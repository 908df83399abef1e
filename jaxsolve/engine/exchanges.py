"""Device: how predictions change where two blocks run the other way round, or halves are exchanged.

What two blocks add differs with their order by their commutator: f(h + g(h)) - f(h) - g(h + f(h)) + g(h), a product of
what both add. Pulled back along the gradient of the predictions it says, to second order in what blocks add, what the
network would predict with the two exchanged, wherever they run. Another block in the place of one changes predictions
to first order.

Devices share the rows, as those of `relaxation` do.
"""

from dataclasses import replace
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

from jaxsolve.architecture.device import (
    by_output,
    hidden,
    measured,
    output_gradients,
    pullback,
    readout_errors,
    residual,
    second,
)
from jaxsolve.backend.compile import compiled
from jaxsolve.backend.devices import AXIS, REPLICATED, SHARDED, sharded
from jaxsolve.backend.shapes import Array, Float, Int
from jaxsolve.engine.mixtures import Rows
from jaxsolve.engine.network import Problem, prefix_states
from jaxsolve.puzzle import Assembly


class Effects(NamedTuple):
    """Errors of predictions, and what changes of the network add to them: m measurements of each of C tiles."""

    errors: Float[Array, "C m"]
    """As they are."""
    orders: Float[Array, "C P m"]
    """Of two positions running the other way round."""
    partners: Float[Array, "C U V m"]
    """What V pairs of halves add at each of U positions, the one that is there as well."""


@compiled()
def exchange_effects(
    problem: Problem,
    rows: Rows,
    assembly: Assembly,
    ahead: Int[Array, " P"],
    behind: Int[Array, " P"],
    position: Int[Array, " U"],
    ins: Int[Array, "U I"],
    outs: Int[Array, "U J"],
) -> Effects:
    """Return the errors of an assembly, and what exchanges would add to them.

    Parameters
    ----------
    problem, rows
        The network, and what it is given.
    assembly
        `[N]` each.
    ahead, behind
        Two positions, whose blocks would run the other way round, all others as they do.
    position, ins, outs
        Positions, and the halves that may run at each of them: V = I J pairs, those of one first half side by side.
    """

    def on_one_device(
        problem: Problem, rows: Rows, assembly: Assembly, ahead: Array, behind: Array, *at: Array
    ) -> Effects:
        halves = jnp.stack(assembly, axis=1)

        def of_tile(tile: Rows) -> Effects:
            states = prefix_states(replace(problem, x=tile.x, y=tile.y), assembly)
            before, last = states[:-1], states[-1]
            shown = lambda table: table * tile.counts.reshape(-1, *[1] * (table.ndim - 1))

            def of_output(gradient: Array) -> tuple[Array, Array]:
                pulled = lambda g, at: (pullback(problem, at[0], g, *at[1]), g)
                after = lax.scan(pulled, shown(gradient), (before, halves), reverse=True)[1]

                def exchanged(two: tuple[Array, Array]) -> Array:
                    p, q = two
                    middle = (p + q) // 2
                    h = before[middle]
                    adds = lambda h, at: residual(problem, h, *halves[at])
                    first, other = adds(h, p), adds(h, q)
                    changed = (adds(h + other, p) - first) - (adds(h + first, q) - other)
                    return jnp.sum(changed * after[middle], axis=1)

                def paired(of_position: tuple[Array, Array, Array]) -> Array:
                    p, ins, outs = of_position

                    def of_first(i: Array) -> Array:
                        units = hidden(problem, before[p], i)
                        return lax.map(lambda j: jnp.sum(second(problem, units, j) * after[p], axis=1), outs)

                    return lax.map(of_first, ins).reshape(-1, len(tile.x))

                return lax.map(exchanged, (ahead, behind)), lax.map(paired, at)

            orders, partners = by_output(of_output, output_gradients(problem, last))
            return Effects(measured(shown(readout_errors(problem, last, tile.y))), orders, partners)

        return Effects(*(lax.all_gather(part, AXIS, tiled=True) for part in lax.map(of_tile, rows)))

    run = sharded(on_one_device, problem.over, (REPLICATED, SHARDED, *[REPLICATED] * 6), REPLICATED)
    return run(problem, rows, assembly, ahead, behind, position, ins, outs)
