"""Host: first orders of paired blocks, good enough to search from."""

from collections.abc import Callable

import numpy as np

from jaxsolve.errors import UsageError, no_such
from jaxsolve.ordering.bradley_terry import bradley_terry, fit_strengths, swap_gaps, three_cycles
from jaxsolve.ordering.depth import contraction, expected_places, place_costs
from jaxsolve.ordering.greedy import delta_greedy, greedy_insertion
from jaxsolve.ordering.likely import LINES, Directed, likely_order, seriated_order
from jaxsolve.ordering.paired import Order, Paired
from jaxsolve.ordering.seriation import seriate, seriation
from jaxsolve.ordering.sorting import delta_norm, random, w_out_frobenius, w_out_l1

Seed = Callable[[Paired], Order]


def descending(ascending: Seed) -> Seed:
    """Return the seed that runs the order of another backwards: norms may fall with depth as well as rise."""

    def seed(paired: Paired) -> Order:
        return np.ascontiguousarray(ascending(paired)[::-1])

    return seed


SEEDS: dict[str, Seed] = {
    "w_out_frobenius": w_out_frobenius,
    "w_out_frobenius_descending": descending(w_out_frobenius),
    "w_out_l1": w_out_l1,
    "w_out_l1_descending": descending(w_out_l1),
    "delta_norm": delta_norm,
    "delta_norm_descending": descending(delta_norm),
    "contraction": contraction,
    "contraction_descending": descending(contraction),
    "seriation": seriation,
    "seriation_descending": descending(seriation),
    "delta_greedy": delta_greedy,
    "greedy_insertion": greedy_insertion,
    "bradley_terry": bradley_terry,
    "random": random,
}

_SLOW_SEEDS = "seriation", "seriation_descending", "greedy_insertion", "bradley_terry", "random"
QUICK_SEEDS = tuple(name for name in SEEDS if name not in _SLOW_SEEDS)
"""Seeds that cost about as much as evaluating them."""


def seed_order(paired: Paired, name: str) -> Order:
    """Return the order that a seed gives; `UsageError` if there is none of that name."""
    if name not in SEEDS:
        raise UsageError(no_such("order seed", name, SEEDS))
    return SEEDS[name](paired)


__all__ = [
    "LINES",
    "QUICK_SEEDS",
    "SEEDS",
    "Directed",
    "Order",
    "Paired",
    "Seed",
    "descending",
    "expected_places",
    "fit_strengths",
    "likely_order",
    "place_costs",
    "seed_order",
    "seriate",
    "seriated_order",
    "swap_gaps",
    "three_cycles",
]
