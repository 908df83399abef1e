"""Insertion losses are those of plain loops over the reference."""

import numpy as np

from jaxsolve import engine
from tests import reference

N = 5


def setting():
    puzzle, _ = reference.random_puzzle(9, n=N)
    partner = np.random.default_rng(1).permutation(N).astype(np.int32)
    return puzzle, partner, engine.to_device(puzzle)


def test_insertion_losses_are_those_of_the_longer_partial_network():
    puzzle, partner, problem = setting()
    order = np.array([3, 0, 4, 0, 0], np.int32)
    losses = np.asarray(engine.insertion_losses(problem, partner, order, np.int32(3)))
    for place in range(N):
        for block in range(N):
            if place > 3 or block in (3, 0, 4):
                assert np.isinf(losses[block, place])
            else:
                longer = np.insert(order[:3], place, block)
                expected = reference.loss(puzzle, longer, partner[longer])
                assert np.isclose(losses[block, place], expected, rtol=1e-4)


def test_insertion_into_the_empty_order():
    puzzle, partner, problem = setting()
    losses = np.asarray(engine.insertion_losses(problem, partner, np.zeros(N, np.int32), np.int32(0)))
    assert np.isfinite(losses[:, 0]).all()
    assert np.isinf(losses[:, 1:]).all()
    assert np.isclose(losses[2, 0], reference.loss(puzzle, [2], partner[[2]]), rtol=1e-4)
