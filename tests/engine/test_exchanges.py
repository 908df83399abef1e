"""What exchanges add to predictions equals its definition in float64, and to first order what they really add."""

import itertools

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.puzzle import Assembly
from tests import reference

N, ROWS, STEP = 5, 40, 1e-6
AHEAD, BEHIND = np.array([0, 1, 0, 2, 0], np.int32), np.array([1, 2, 4, 3, 2], np.int32)
POSITION = np.array([3, 0], np.int32)
SEVERAL, ONE = np.array([[2, 4, 1], [0, 1, 3]], np.int32), np.array([[3], [2]], np.int32)


def example(activation="relu", seed=8, outputs=1):
    puzzle, _ = reference.random_puzzle(seed, n=N, rows=ROWS, activation=activation)
    rng = np.random.default_rng(seed)
    if outputs > 1:
        shape = outputs, puzzle.features
        puzzle = puzzle.replace(w_last=rng.normal(size=shape), b_last=np.ones(outputs), y=np.zeros((ROWS, outputs)))
    return puzzle, Assembly(*(rng.permutation(N).astype(np.int32) for _ in range(2)))


def adds(puzzle, h, assembly, at):
    return reference.final_state(puzzle, [assembly.ins[at]], [assembly.outs[at]], h) - h


def gradient(puzzle, assembly, at, h):
    """Of all predictions by the states behind a position, `[R, K, D]`, by central differences."""
    rest = assembly.ins[at + 1 :], assembly.outs[at + 1 :]
    answer = lambda h: reference.final_state(puzzle, *rest, h) @ np.atleast_2d(puzzle.w_last).T
    steps = STEP * np.eye(puzzle.features)
    return np.stack([(answer(h + step) - answer(h - step)) / (2 * STEP) for step in steps], axis=-1)


def expected(puzzle, assembly, ins, outs):
    """Errors, and what is added by exchanges of two positions, `[R, K, P]`, and by pairs, `[R, K, U, V]`."""
    states = [puzzle.x]
    for at in range(N):
        states.append(states[-1] + adds(puzzle, states[-1], assembly, at))
    pulled = lambda at, change: np.einsum("rkd,rd->rk", gradient(puzzle, assembly, at, states[at + 1]), change)
    orders = []
    for p, q in zip(AHEAD, BEHIND, strict=True):
        h = states[(p + q) // 2]
        other_way = [h + adds(puzzle, h, assembly, q), h + adds(puzzle, h, assembly, p)]
        ends = [g + adds(puzzle, g, assembly, k) for g, k in zip(other_way, (p, q), strict=True)]
        orders.append(pulled((p + q) // 2, ends[0] - ends[1]))
    partners = []
    for p, firsts, seconds in zip(POSITION, ins, outs, strict=True):
        for i, j in itertools.product(firsts, seconds):
            partners.append(pulled(p, reference.final_state(puzzle, [i], [j], states[p]) - states[p]))
    read = states[-1] @ np.atleast_2d(puzzle.w_last).T + puzzle.b_last
    shape = (ROWS, -1, len(POSITION), ins.shape[1] * outs.shape[1])
    return read - puzzle.y.reshape(read.shape), np.stack(orders, -1), np.stack(partners, -1).reshape(shape)


def found(puzzle, assembly, ins=ONE, outs=SEVERAL, devices=None, rows=ROWS):
    problem = engine.to_device(puzzle, devices=devices)
    tiles = engine.tiled(problem, np.arange(rows))
    told = engine.exchange_effects(problem, tiles, assembly, AHEAD, BEHIND, POSITION, ins, outs)
    last = lambda table: np.moveaxis(np.asarray(table), 0, -2).reshape(*table.shape[1:-1], -1)
    return tuple(last(table) for table in told)


@pytest.mark.parametrize(("activation", "outputs"), [("relu", 1), ("gelu", 1), ("silu", 3), ("tanh", 2)])
@pytest.mark.parametrize(("ins", "outs"), [(ONE, SEVERAL), (SEVERAL, ONE), (SEVERAL, SEVERAL[:, ::2])])
def test_effects_equal_their_definition(activation, outputs, ins, outs):
    puzzle, assembly = example(activation, outputs=outputs)
    for table, right in zip(found(puzzle, assembly, ins, outs), expected(puzzle, assembly, ins, outs), strict=True):
        measured = np.moveaxis(right.reshape(ROWS * outputs, *right.shape[2:]), 0, -1)
        np.testing.assert_allclose(table[..., : ROWS * outputs], measured, rtol=2e-3, atol=2e-3)


def test_rows_that_fill_tiles_up_add_nothing():
    puzzle, assembly = example()
    for table, whole in zip(found(puzzle, assembly, rows=37), found(puzzle, assembly), strict=True):
        np.testing.assert_array_equal(table[..., :37], whole[..., :37])
        assert not table[..., 37:].any()


def test_devices_change_no_bit():
    puzzle, assembly = example()
    for one, all_of_them in zip(found(puzzle, assembly, devices=1), found(puzzle, assembly), strict=True):
        np.testing.assert_array_equal(one[..., :ROWS], all_of_them[..., :ROWS])


def test_of_small_blocks_they_are_what_exchanges_add():
    puzzle, assembly = example("tanh")
    puzzle = puzzle.replace(w_out=1e-2 * puzzle.w_out, b_out=1e-2 * puzzle.b_out)
    predicted = lambda *halves: reference.states(puzzle, *halves, ROWS)[-1] @ puzzle.w_last
    own = assembly.ins[POSITION][:, None], assembly.outs[POSITION][:, None]
    before = predicted(*assembly)
    order = np.arange(N)
    order[[2, 3]] = 3, 2
    change = predicted(assembly.ins[order], assembly.outs[order]) - before
    size = np.abs(change).max()
    orders = found(puzzle, assembly)[1]
    np.testing.assert_allclose(orders[3, :ROWS], change, rtol=0.1, atol=0.05 * size)
    there = found(puzzle, assembly, *own)[2][0, 0, :ROWS]
    for side, given in enumerate([(SEVERAL, own[1]), (own[0], SEVERAL)]):
        halves = [half.copy() for half in assembly]
        halves[side][POSITION[0]] = SEVERAL[0, 0]
        told = found(puzzle, assembly, *given)[2][0, 0, :ROWS] - there
        np.testing.assert_allclose(told, predicted(*halves) - before, rtol=0.1, atol=1e-4)
