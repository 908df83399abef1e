"""Paths share every prefix that can be shared, leave nothing out, and cost what the closed forms say."""

import numpy as np
import pytest

from jaxsolve.engine import NEIGHBOURHOODS, Moves, as_moves, plan, union
from jaxsolve.engine.moves import insertions, reorderings, swaps
from jaxsolve.puzzle import Assembly

SIZES = [1, 2, 3, 5, 8]


def planned(neighbourhood, devices=1, valid=None, chains=True):
    moves = neighbourhood.take(neighbourhood.ranked())
    blocks = moves.ins.shape[1]
    valid = blocks if valid is None else valid
    return moves, plan(moves, devices=devices, room=moves.size + 1, valid=valid, chains=chains)


def walked(paths, device: int, blocks: int):
    """Replay what a device does, with the words that slots hold instead of states."""
    slots: dict[int, tuple] = {}
    words, applied = [], 0
    for m in range(paths.count[device]):
        word = list(zip(paths.ins[device, m], paths.outs[device, m], strict=True))
        source, keep = paths.source[device, m], paths.keep[device, m]
        start = source % (blocks + 1)
        if m == 0:
            slots |= {t: tuple(word[:t]) for t in range(start + 1)}
        assert slots[source] == tuple(word[:start]), "a path goes on from states that are not its own"
        for t in range(start, keep):
            slots[(0 if m == 0 else blocks + 1) + t + 1] = tuple(word[: t + 1])
        words.append(tuple(word))
        applied += blocks - start
    return words, applied


@pytest.mark.parametrize("name", NEIGHBOURHOODS)
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("devices", [1, 2, 3])
@pytest.mark.parametrize("chains", [True, False])
def test_every_move_is_walked_once_from_the_right_states(name, n, devices, chains):
    moves, order = planned(NEIGHBOURHOODS[name](n), devices, valid=n // 2, chains=chains)
    expected = [tuple(zip(i, o, strict=True)) for i, o in zip(moves.ins, moves.outs, strict=True)]
    found, applied = [], 0
    for device in range(devices):
        words, blocks = walked(order.paths, device, n)
        found += words[1:]
        applied += blocks
        if not chains:
            assert (order.paths.source[device] <= n).all()
    assert found == expected
    assert applied == order.applications


def tree_nodes(moves: Moves) -> int:
    """Distinct prefixes that are not prefixes of the assembly itself."""
    n = moves.ins.shape[1]
    nodes = set()
    for i, o in zip(moves.ins, moves.outs, strict=True):
        word = tuple(zip(i.tolist(), o.tolist(), strict=True))
        nodes |= {word[: t + 1] for t in range(n) if word[: t + 1] != tuple((k, k) for k in range(t + 1))}
    return len(nodes)


@pytest.mark.parametrize("name", NEIGHBOURHOODS)
@pytest.mark.parametrize("n", SIZES)
def test_one_device_applies_every_distinct_prefix_once(name, n):
    moves, order = planned(NEIGHBOURHOODS[name](n))
    assert order.applications == tree_nodes(moves)


@pytest.mark.parametrize("n", [2, 3, 5, 8, 48])
def test_closed_forms(n):
    swapping = (n - 1) * n * (n + 1) // 3
    # to the right, insertions of a block share the chain of blocks that it passes; to the left nothing is shared
    right = (n - 1) * n * (n + 1) // 6 + n * (n - 1) // 2
    left = swapping - ((n + 1) * n // 2 - 1)
    assert planned(swaps(n))[1].applications == swapping
    assert planned(insertions(n, 1))[1].applications == right + left
    # a swap shares its first block with the insertion to the left of the same two positions; the n - 1 swaps
    # of neighbours are insertions as well
    both = union(swaps(n), insertions(n, 1))
    neighbours = (n - 1) * n // 2 + (n - 1)
    assert planned(both)[1].applications == swapping + right + left - neighbours - (n - 1) * (n - 2) // 2


def test_the_famous_size_stays_below_its_bound():
    both = union(swaps(48), insertions(48, 1))
    assert both.size == 3337
    assert planned(both)[1].applications == 89_817 <= 95_000
    assert planned(both, chains=False)[1].applications == 109_369


def test_devices_get_about_the_same_work():
    _, order = planned(reorderings(24), devices=4)
    work = [walked(order.paths, device, 24)[1] for device in range(4)]
    assert max(work) < 1.1 * min(work)


def test_populations_share_what_they_have_in_common():
    words = np.array([[0, 1, 2, 3], [0, 1, 3, 2], [3, 2, 1, 0], [0, 1, 2, 3], [3, 2, 0, 1]])
    moves = as_moves(Assembly(words, words))
    moves = moves.take(moves.ranked())
    order = plan(moves, devices=1, room=6, valid=4, chains=True)
    assert order.applications == 4 + 0 + 2 + 4 + 2
