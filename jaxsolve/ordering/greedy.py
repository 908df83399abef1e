"""Host: orders built block by block."""

import numpy as np
from numpy.typing import NDArray

from jaxsolve import backend, engine
from jaxsolve.architecture import workers
from jaxsolve.ordering.paired import Order, Paired


def delta_greedy(paired: Paired) -> Order:
    """Let the next block be the one whose update of the current states is smallest.

    Run once, and on few rows: a compiled program would cost more than it saves.
    """
    network, x = paired.network, paired.inputs
    order, left = [], np.arange(paired.blocks)

    def updates(h: NDArray[np.float32], some: NDArray[np.integer]) -> NDArray[np.float32]:
        return network.second(network.hidden(h, some).swapaxes(0, 1), paired.partner[some])

    def sizes(h: NDArray[np.float32]) -> NDArray[np.float64]:
        update = updates(h, left)
        return np.sqrt(np.einsum("krd,krd->kr", update, update)).sum(axis=1, dtype=np.float64)

    rows = 128  # what these become in all blocks stays in the cache of a core
    tiles = [x[start : start + rows] for start in range(0, len(x), rows)]
    with workers() as each, np.errstate(over="ignore", invalid="ignore"):
        while left.size:
            k = int(np.argmin(np.nan_to_num(sum(each(sizes, tiles)), nan=np.inf)))
            block, left = left[k : k + 1], np.delete(left, k)
            tiles = [h + updates(h, block)[0] for h in tiles]
            order.append(block[0])
    return np.array(order, np.int32)


def greedy_insertion(paired: Paired) -> Order:
    """Start empty and, in each step, put the block and place that give the lowest loss of all.

    The loss of a partial network is that of the readout applied to its last states.
    """
    order = np.zeros(paired.blocks, np.int32)
    for length in range(paired.blocks):
        paired.run.spend((length + 1) * (paired.blocks - length))
        with backend.watched():
            losses = np.asarray(engine.insertion_losses(paired.problem, paired.partner, order, np.int32(length)))
        block, place = np.unravel_index(np.argmin(np.where(np.isnan(losses), np.inf, losses)), losses.shape)
        if not np.isfinite(losses[block, place]):  # every loss overflowed: any unused block will do
            place, block = length, np.setdiff1d(np.arange(paired.blocks), order[:length])[0]
        order[place + 1 : length + 1] = order[place:length]
        order[place] = block
    return order
