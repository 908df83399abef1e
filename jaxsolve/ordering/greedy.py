"""Host: orders built block by block."""

import numpy as np

from jaxsolve import engine
from jaxsolve.ordering.paired import Order, Paired


def delta_greedy(paired: Paired) -> Order:
    """Let the next block be the one whose update of the current states is smallest."""
    return np.asarray(engine.delta_greedy_order(paired.problem, paired.partner))


def greedy_insertion(paired: Paired) -> Order:
    """Start empty and, in each step, put the block and place that give the lowest loss of all.

    The loss of a partial network is that of the readout applied to its last states.
    """
    order = np.zeros(paired.blocks, np.int32)
    for length in range(paired.blocks):
        paired.run.spend((length + 1) * (paired.blocks - length))
        losses = np.asarray(engine.insertion_losses(paired.problem, paired.partner, order, np.int32(length)))
        place, block = np.unravel_index(np.argmin(np.where(np.isnan(losses), np.inf, losses)), losses.shape)
        if not np.isfinite(losses[place, block]):  # every loss overflowed: any unused block will do
            place, block = length, np.setdiff1d(np.arange(paired.blocks), order[:length])[0]
        order[place + 1 : length + 1] = order[place:length]
        order[place] = block
    return order
