"""Neighbourhoods hold every move once, and the moves they claim."""

import itertools

import numpy as np
import pytest

from jaxsolve.engine import NEIGHBOURHOODS, Moves, as_moves, plan
from jaxsolve.engine.moves import adjacent, insertions, partner_swaps, swaps
from jaxsolve.puzzle import Assembly

SIZES = [1, 2, 3, 4, 7]


def as_set(permutations) -> set[tuple[int, ...]]:
    return {tuple(map(int, p)) for p in permutations}


@pytest.mark.parametrize("name", NEIGHBOURHOODS)
@pytest.mark.parametrize("n", SIZES)
def test_moves_are_distinct_permutations_that_keep_what_comes_before_first(name, n):
    moves = NEIGHBOURHOODS[name](n).take(slice(None))
    both = np.concatenate([moves.ins, moves.outs], axis=1)
    assert len(as_set(both)) == moves.size
    assert (np.sort(moves.ins) == np.arange(n)).all()
    assert (np.sort(moves.outs) == np.arange(n)).all()
    for ins, outs, first in zip(*moves, strict=True):
        changed = np.flatnonzero((ins != np.arange(n)) | (outs != np.arange(n)))
        assert changed[0] == first


@pytest.mark.parametrize("n", SIZES)
def test_swaps_are_all_exchanges_of_two_positions(n):
    expected = set()
    for i, j in itertools.combinations(range(n), 2):
        p = list(range(n))
        p[i], p[j] = p[j], p[i]
        expected.add(tuple(p))
    assert as_set(swaps(n).take(slice(None)).ins) == expected
    partners, stay = partner_swaps(n).take(slice(None)), tuple(range(n))
    pairs = {(tuple(map(int, i)), tuple(map(int, o))) for i, o in zip(partners.ins, partners.outs, strict=True)}
    assert pairs == {(stay, p) for p in expected} | {(p, stay) for p in expected}
    assert as_set(adjacent(n).take(slice(None)).ins) == {
        p for p in expected if sum(a != b for a, b in enumerate(p)) == 2
    } & {(*range(t), t + 1, t, *range(t + 2, n)) for t in range(n - 1)}


@pytest.mark.parametrize("longest", [1, 2, 3])
@pytest.mark.parametrize("n", SIZES)
def test_insertions_are_all_moves_of_a_segment(n, longest):
    expected = set()
    for length in range(1, min(longest, n) + 1):
        for start in range(n - length + 1):
            p = list(range(n))
            segment, rest = p[start : start + length], p[:start] + p[start + length :]
            expected |= {tuple(rest[:k] + segment + rest[k:]) for k in range(len(rest) + 1)}
    expected.discard(tuple(range(n)))
    assert as_set(insertions(n, longest).take(slice(None)).ins) == expected


@pytest.mark.parametrize("n", SIZES)
def test_unions_are_unions(n):
    def words(name):
        moves = NEIGHBOURHOODS[name](n).take(slice(None))
        return as_set(np.concatenate([moves.ins, moves.outs], axis=1))

    assert words("reorderings") == words("swaps") | words("insertions")
    assert words("joint_moves") == words("reorderings") | words("partner_swaps")


@pytest.mark.parametrize("name", NEIGHBOURHOODS)
def test_moves_and_neighbourhoods_rank_as_well(name):
    neighbourhood = NEIGHBOURHOODS[name](7)
    moves = neighbourhood.take(slice(None))
    size, blocks = neighbourhood.size, 7
    costs = [
        plan(moves.take(order), devices=1, room=size + 1, valid=blocks, chains=True).applications
        for order in (neighbourhood.ranked(), moves.ranked())
    ]
    assert costs[0] == costs[1]
    assert sorted(neighbourhood.ranked()) == sorted(moves.ranked()) == list(range(size))


def test_counts_of_the_famous_size():
    assert (adjacent(48).size, swaps(48).size, insertions(48, 1).size) == (47, 1128, 2209)


def test_assemblies_are_moves_from_the_identity():
    ins = np.array([[2, 0, 1], [0, 1, 2]])
    moves = as_moves(Assembly(ins, ins[::-1]))
    assert isinstance(moves, Moves)
    assert (moves.ins == ins).all()
    assert not moves.first.any()
