"""Host: the order that the weights and a first look at the data support best."""

from typing import NamedTuple

import numpy as np

from jaxsolve.ordering.depth import contraction
from jaxsolve.ordering.paired import Order, Paired
from jaxsolve.ordering.seriation import seriate

LINES = "seriation", "seriation_descending"


class Directed(NamedTuple):
    """An order in the likelier of its two directions."""

    seed: str
    order: Order
    loss: float
    """On the rows that first orders are compared on."""


def likely_order(paired: Paired, *, believed: float = 0.07, backwards: float = 0.25) -> Directed:
    """Return the order from seriation, or that of `contraction` where seriation is not to be believed.

    `believed` and `backwards` are as `seriated_order` takes them.
    """
    line = seriated_order(paired, believed=believed, backwards=backwards)
    return line or _directed(paired, ("contraction", "contraction_descending"), contraction(paired), backwards)


def seriated_order(paired: Paired, *, believed: float = 0.07, backwards: float = 0.25) -> Directed | None:
    """Return the order from seriation in the likelier direction; None: it is not to be believed.

    Parameters
    ----------
    paired
        The blocks.
    believed
        Expected distance at most of a block from where it belongs, as a share of N, where the order is believed.
    backwards
        Share of its loss that an order has backwards where it is taken to run so: either way that may be low by
        chance, and few nets are trained so that it does.
    """
    order, away = seriate(paired)
    return _directed(paired, LINES, order, backwards) if away <= believed else None


def _directed(paired: Paired, names: tuple[str, str], order: Order, backwards: float) -> Directed:
    both = order, np.ascontiguousarray(order[::-1])
    losses = paired.losses([*both])
    k = int(losses[1] < backwards * losses[0])
    return Directed(names[k], both[k], float(losses[k]))
