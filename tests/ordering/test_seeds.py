"""Every seed gives a permutation, the same one each time, and the one its definition gives."""

import numpy as np
import pytest

from jaxsolve.errors import UsageError
from jaxsolve.ordering import QUICK_SEEDS, SEEDS, Paired, seed_order
from jaxsolve.run import Run
from tests import reference


def paired_of(n: int, seed: int = 0):
    puzzle, _ = reference.random_puzzle(8, n=n, rows=8)
    partner = np.random.default_rng(2).permutation(n).astype(np.int32)
    return puzzle, Paired(puzzle, partner, Run(), seed)


@pytest.mark.parametrize("name", SEEDS)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_seeds_are_repeatable_permutations(name, n):
    _, paired = paired_of(n)
    order = seed_order(paired, name)
    assert sorted(order) == list(range(n))
    np.testing.assert_array_equal(order, seed_order(paired, name))


@pytest.mark.parametrize("name", [name for name in SEEDS if f"{name}_descending" in SEEDS])
def test_descending_is_ascending_backwards(name):
    _, paired = paired_of(5)
    np.testing.assert_array_equal(seed_order(paired, f"{name}_descending"), seed_order(paired, name)[::-1])


def test_sizes_that_seeds_sort_by():
    puzzle, paired = paired_of(5)
    w_out = puzzle.w_out[paired.partner]
    zero = reference.states(puzzle, [], [], puzzle.rows)[-1]
    updates = [reference.states(puzzle, [k], [j], puzzle.rows)[-1] - zero for k, j in enumerate(paired.partner)]
    sizes = {
        "w_out_frobenius": [np.linalg.norm(w) for w in w_out],
        "w_out_l1": [np.abs(w).sum() for w in w_out],
        "delta_norm": [np.linalg.norm(u, axis=1).mean() for u in updates],
    }
    for name, values in sizes.items():
        np.testing.assert_array_equal(seed_order(paired, name), np.argsort(values), err_msg=name)


def test_random_depends_on_the_seed():
    orders = {tuple(seed_order(paired_of(8, seed)[1], "random")) for seed in range(5)}
    assert len(orders) > 1


def test_delta_greedy_takes_the_smallest_update_each_time():
    puzzle, paired = paired_of(5)
    order: list[int] = []
    for _ in range(5):
        before = reference.states(puzzle, order, paired.partner[order], puzzle.rows)[-1]

        def size(k: int, before=before, order=order) -> float:
            after = reference.states(puzzle, [*order, k], paired.partner[[*order, k]], puzzle.rows)[-1]
            return float(np.mean([np.sqrt(np.sum(row**2)) for row in after - before]))

        order = [*order, min(set(range(5)) - set(order), key=size)]
    np.testing.assert_array_equal(seed_order(paired, "delta_greedy"), order)


def test_greedy_insertion_takes_the_best_block_and_place_each_time():
    puzzle, paired = paired_of(4)
    order: list[int] = []
    for _ in range(4):
        options = [[*order[:p], k, *order[p:]] for p in range(len(order) + 1) for k in set(range(4)) - set(order)]
        order = min(options, key=lambda o: reference.loss(puzzle, o, paired.partner[o]))
    np.testing.assert_array_equal(seed_order(paired, "greedy_insertion"), order)
    assert paired.run.evaluations == sum((k + 1) * (4 - k) for k in range(4))


def test_losses_of_orders():
    puzzle, paired = paired_of(5)
    orders = [np.arange(5, dtype=np.int32), np.array([4, 1, 3, 0, 2], np.int32)]
    expected = [reference.loss(puzzle, o, paired.partner[o]) for o in orders]
    np.testing.assert_allclose(paired.losses(orders), expected, rtol=1e-4)


def test_unknown_names_are_refused_and_the_quick_ones_exist():
    assert set(QUICK_SEEDS) < set(SEEDS)
    with pytest.raises(UsageError, match="no order seed 'nonsense'; choose one of w_out_frobenius"):
        seed_order(paired_of(2)[1], "nonsense")
