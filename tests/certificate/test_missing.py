"""A block of which one half is left is missed where it was taken out."""

import numpy as np
import pytest

from jaxsolve.certificate import find_gap
from jaxsolve.certificate.missing import _random_units
from jaxsolve.puzzle import Assembly
from tests import reference


@pytest.fixture(scope="module")
def given():
    puzzle, answer = reference.random_puzzle(50, n=5, d=8, h=16, rows=2, scale=0.8)
    x = np.random.default_rng(0).normal(size=(600, 8))
    final = reference.final_state(puzzle, *answer, x)
    return puzzle.replace(x=x, y=final @ puzzle.w_last + puzzle.b_last), answer


def without(answer, position):
    return Assembly(*(np.delete(half, position) for half in answer))


@pytest.mark.parametrize("kind", ["in", "out"])
def test_the_gap_is_found(given, kind):
    puzzle, answer = given
    off = []
    for position in range(5):
        row = int((answer.ins if kind == "in" else answer.outs)[position])
        gap = find_gap(puzzle, without(answer, position), kind, row)
        assert gap.gains.shape == (5,)
        assert gap.margin >= 0
        off.append(abs(gap.position - position))
    assert np.count_nonzero(off) <= 1


def test_what_is_missing_is_said(given):
    puzzle, answer = given
    gap = find_gap(puzzle, without(answer, 2), "in", int(answer.ins[2]))
    assert gap.piece == puzzle.in_ids[answer.ins[2]]
    assert gap.position in gap.likely
    assert f"position {gap.position} cannot be filled: first half {gap.piece} has no partner" in gap.sentence
    other = find_gap(puzzle, without(answer, 2), "out", int(answer.outs[2]))
    assert f"second half {other.piece} has no partner" in other.sentence


def test_the_kernel_is_that_of_random_units():
    rng = np.random.default_rng(1)
    h = rng.normal(size=(5, 3))
    widened = np.concatenate([h / np.sqrt(np.mean(h**2)), np.ones((5, 1))], axis=1)
    units = np.maximum(widened @ rng.normal(size=(4, 400_000)), 0)
    np.testing.assert_allclose(_random_units(h), 1 + 2 * units @ units.T / units.shape[1], rtol=0.02)


def test_the_only_block_and_hopeless_data(given):
    puzzle, answer = given
    nothing = Assembly(answer.ins[:0], answer.outs[:0])
    alone = find_gap(puzzle, nothing, "in", 0)
    assert alone.position == 0
    assert alone.margin == np.inf
    for y in (np.zeros(puzzle.rows), np.full(puzzle.rows, 1e200)):
        assert find_gap(puzzle.replace(y=y), without(answer, 1), "out", 0).sentence
    huge = puzzle.replace(w_in=puzzle.w_in * 1e200)
    assert find_gap(huge, without(answer, 1), "in", 0).sentence
