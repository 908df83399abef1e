"""Construction heuristics equal plain loops over the reference."""

import numpy as np

from jaxsolve import engine
from tests import reference

N = 5


def setting():
    puzzle, _ = reference.random_puzzle(9, n=N)
    partner = np.random.default_rng(1).permutation(N).astype(np.int32)
    return puzzle, partner, engine.place(puzzle)


def test_delta_greedy_takes_the_smallest_update_each_time():
    puzzle, partner, problem = setting()
    order: list[int] = []
    for _ in range(N):
        before = reference.states(puzzle, order, partner[order], puzzle.rows)[-1]

        def size(k: int, before=before) -> float:
            after = reference.states(puzzle, [*order, k], partner[[*order, k]], puzzle.rows)[-1]
            return float(np.mean([np.sqrt(np.sum(row**2)) for row in after - before]))

        order.append(min(set(range(N)) - set(order), key=size))
    np.testing.assert_array_equal(engine.delta_greedy_order(problem, partner), order)


def test_insertion_losses_are_those_of_the_longer_partial_network():
    puzzle, partner, problem = setting()
    order = np.array([3, 0, 4, 0, 0], np.int32)
    losses = np.asarray(engine.insertion_losses(problem, partner, order, np.int32(3)))
    for place in range(N):
        for block in range(N):
            if place > 3 or block in (3, 0, 4):
                assert np.isinf(losses[place, block])
            else:
                longer = np.insert(order[:3], place, block)
                expected = reference.loss(puzzle, longer, partner[longer])
                assert np.isclose(losses[place, block], expected, rtol=1e-4)


def test_insertion_into_the_empty_order():
    puzzle, partner, problem = setting()
    losses = np.asarray(engine.insertion_losses(problem, partner, np.zeros(N, np.int32), np.int32(0)))
    assert np.isfinite(losses[0]).all()
    assert np.isinf(losses[1:]).all()
    assert np.isclose(losses[0, 2], reference.loss(puzzle, [2], partner[[2]]), rtol=1e-4)
