"""Host: orders built block by block."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from jaxsolve import engine
from jaxsolve.ordering.paired import Order, Paired
from jaxsolve.puzzle import Network
from jaxsolve.puzzle.network import CORES


def delta_greedy(paired: Paired) -> Order:
    """Let the next block be the one whose update of the current states is smallest.

    Run once, and on few rows: a compiled program would cost more than it saves.
    """
    problem, partner = paired.problem, paired.partner
    network, h = Network(problem.pieces, problem.activation, np.float32), np.asarray(problem.x)
    order: list[int] = []
    left = list(range(paired.blocks))

    def size(k: int) -> float:
        update = network.residual(h, k, int(partner[k]))
        return float(np.sqrt(np.einsum("rd,rd->r", update, update)).mean())

    with ThreadPoolExecutor(CORES) as threads, np.errstate(over="ignore", invalid="ignore"):
        while left:
            sizes = np.nan_to_num([*threads.map(size, left)], nan=np.inf)
            order.append(left.pop(int(np.argmin(sizes))))
            h = h + network.residual(h, order[-1], int(partner[order[-1]]))
    return np.array(order, np.int32)


def greedy_insertion(paired: Paired) -> Order:
    """Start empty and, in each step, put the block and place that give the lowest loss of all.

    The loss of a partial network is that of the readout applied to its last states.
    """
    order = np.zeros(paired.blocks, np.int32)
    for length in range(paired.blocks):
        paired.run.spend((length + 1) * (paired.blocks - length))
        losses = np.asarray(engine.insertion_losses(paired.problem, paired.partner, order, np.int32(length)))
        block, place = np.unravel_index(np.argmin(np.where(np.isnan(losses), np.inf, losses)), losses.shape)
        if not np.isfinite(losses[block, place]):  # every loss overflowed: any unused block will do
            place, block = length, np.setdiff1d(np.arange(paired.blocks), order[:length])[0]
        order[place + 1 : length + 1] = order[place:length]
        order[place] = block
    return order
