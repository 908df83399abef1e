"""Expansions are ranked by what least squares in float64 leave behind them, however states and rows are dealt out."""

import itertools

import jax
import numpy as np
import pytest

from jaxsolve import backend, engine
from tests import reference
from tests.engine.test_expansion import INS, OUTS, WORDS, N, grown, placed

RIDGE = 1e-3
HAVE = np.full(len(WORDS), N - 1, np.int32)


def probe(puzzle, h, ridge=RIDGE):
    """The error of the best affine readout: least squares with rows more that hold its weights down."""
    centred, y = h - h.mean(axis=0), puzzle.y - puzzle.y.mean()
    pull = np.sqrt(ridge * np.mean(centred**2))
    table = np.concatenate([centred, np.sqrt(len(y)) * pull * np.eye(h.shape[1])])
    target = np.concatenate([y, np.zeros(h.shape[1])])
    weights = np.linalg.lstsq(table, target, rcond=None)[0]
    return np.sum((table @ weights - target) ** 2) / len(y)


def after(puzzle, w, i, j):
    """The states after the block of a word and another one, and the mean square of that one's update."""
    before = reference.states(puzzle, [WORDS[w, 0]], [WORDS[w, 1]], puzzle.rows)[-1]
    last = reference.states(puzzle.replace(x=before), [i], [j], puzzle.rows)[-1]
    update = last - before
    return last, np.mean(np.sum((update - update.mean(axis=0)) ** 2, axis=1))


def fits(action=0.0, costs=None, ridge=RIDGE):
    return engine.Fits(np.float32(ridge), np.float32(action), np.zeros((N, N), np.float32) if costs is None else costs)


def expanded(
    problem, given=None, at_once=4, ins=INS, outs=OUTS, moved=None, refits=3, partners=3, keep=9, paired=False
):
    """Expansions of all states, as rows (state, first half, second half, rank, loss, moved)."""
    states, found, moved = grown(problem), [], np.zeros(4, np.float32) if moved is None else moved
    for first in range(0, 4, at_once):
        rows = slice(first, first + at_once)
        some = engine.best_probed(
            problem, states, np.int32(first), moved[rows], ins[rows], outs[rows], HAVE[rows], given or fits(),
            refits=refits, partners=partners, keep=keep, paired=paired,
        )  # fmt: skip
        parts = some.state, some.ins, some.outs, some.ranked, some.losses, some.moved
        found.append(np.stack(parts, axis=1, dtype=np.float64))
    found = np.concatenate(found)
    return found[np.isfinite(found[:, 3])]


def triples(found):
    return found[:, :3].astype(int).tolist()


@pytest.mark.parametrize(("activation", "rows"), [("relu", 200), ("gelu", 130)])
def test_all_expansions_leave_what_least_squares_leave(activation, rows):
    puzzle, problem = placed(rows, activation)
    found = expanded(problem)
    every = [(w, i, j) for w in range(4) for i, j in itertools.product(INS[w], OUTS[w])]
    assert sorted(map(tuple, triples(found))) == sorted(every)
    known = [after(puzzle, *triple) for triple in triples(found)]
    np.testing.assert_allclose(found[:, 4], [probe(puzzle, h) for h, _ in known], rtol=1e-4)
    np.testing.assert_allclose(found[:, 5], [moved for _, moved in known], rtol=1e-4)
    np.testing.assert_allclose(found[:, 3], np.log(found[:, 4]), rtol=1e-5)
    for w in range(4):
        assert (np.diff(found[found[:, 0] == w, 3]) >= 0).all(), "the best of each state come first"


def test_paired_halves_go_with_each_other_alone():
    puzzle, problem = placed()
    found = expanded(problem, paired=True)
    assert sorted(triples(found)) == sorted([w, i, j] for w in range(4) for i, j in zip(INS[w], OUTS[w], strict=True))
    np.testing.assert_allclose(
        found[:, 4], [probe(puzzle, after(puzzle, *one)[0]) for one in triples(found)], rtol=1e-4
    )


def test_the_screen_is_the_first_order_of_what_least_squares_leave():
    """Of second halves that do hardly anything the screen tells the best one of each first half."""
    puzzle, _ = reference.random_puzzle(31, n=N, rows=200)
    puzzle = puzzle.replace(w_out=1e-3 * puzzle.w_out)
    found = expanded(engine.to_device(puzzle), refits=1, keep=3)
    for w, i, j in triples(found):
        losses = [probe(puzzle, after(puzzle, w, i, other)[0]) for other in OUTS[w]]
        assert probe(puzzle, after(puzzle, w, i, j)[0]) <= min(losses) * (1 + 1e-6)


def test_second_halves_are_compared_by_errors_and_first_halves_by_updates_as_well():
    _, problem = placed()
    before = np.array([0.5, 1.0, 2.0, 4.0], np.float32)
    every = expanded(problem, moved=before)
    found = expanded(problem, fits(action=3.0), moved=before, partners=1, keep=3)
    for w in range(4):
        mine, own = every[every[:, 0] == w], found[found[:, 0] == w]
        best = np.array([min(mine[mine[:, 1] == i], key=lambda row: row[4]) for i in INS[w]])
        rank = np.log(best[:, 4]) + 3 * np.log(best[:, 5])
        np.testing.assert_array_equal(own[:, 1:3], best[np.argsort(rank), 1:3])
        np.testing.assert_allclose(own[:, 3], np.sort(rank), rtol=1e-4)


def test_costs_count_among_second_halves_and_in_ranks():
    _, problem = placed()
    costs = np.random.default_rng(1).normal(size=(N, N)).astype(np.float32)
    plain = {tuple(row[:3]): row for row in expanded(problem)}
    found = expanded(problem, fits(costs=costs), partners=1, keep=3)
    for w, i, j, rank, loss, _ in found:
        assert loss == plain[w, i, j][4]
        ranks = [np.log(plain[w, i, other][4]) + costs[int(i), other] for other in OUTS[int(w)]]
        assert rank == pytest.approx(min(ranks), rel=1e-5)


def test_neither_devices_nor_chunks_change_a_bit():
    everything = expanded(placed()[1])
    for devices, at_once in [(1, 4), (backend.mesh().size, 1), (backend.mesh().size, 2)]:
        other = expanded(placed(devices=devices)[1], at_once=at_once)
        if jax.default_backend() == "cpu":
            np.testing.assert_array_equal(other, everything)
        np.testing.assert_allclose(other, everything, rtol=1e-4)


def test_first_halves_side_by_side_give_the_same():
    problem = placed()[1]
    given = np.int32(0), np.zeros(4, np.float32), INS, OUTS, HAVE, fits()
    both = [
        engine.best_probed(problem, grown(problem), *given, refits=3, partners=3, keep=9, way=way)
        for way in ("sequential", "batched")
    ]
    for one, other in zip(*both, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4)


def test_halves_beyond_those_left_and_states_without_any_are_not_used():
    problem = placed()[1]
    wider = [np.pad(halves, ((0, 0), (0, 2)), constant_values=1) for halves in (INS, OUTS)]
    found = expanded(problem, None, 4, *wider, keep=9)
    np.testing.assert_allclose(found, expanded(problem), rtol=1e-5)
    have = np.array([3, 3, 0, 0], np.int32)
    none = engine.best_probed(
        problem,
        grown(problem),
        np.int32(0),
        np.zeros(4, np.float32),
        INS,
        OUTS,
        have,
        fits(),
        refits=3,
        partners=3,
        keep=9,
    )
    assert set(np.asarray(none.state)[np.isfinite(none.ranked)].tolist()) == {0, 1}
    assert np.isfinite(none.ranked).sum() == 18


def test_expansions_that_overflow_come_last():
    puzzle, _ = reference.random_puzzle(31, n=N, rows=200)
    w_out = puzzle.w_out.copy()
    w_out[0] *= 1e30
    found = expanded(engine.to_device(puzzle.replace(w_out=w_out)))
    assert (found[:, 2] != 0)[np.isfinite(found[:, 3])].all()
    assert np.isfinite(found[:, 3]).sum() == sum((OUTS[w] != 0).sum() * 3 for w in range(4) if WORDS[w, 1] != 0)
    assert not np.isnan(found[:, 3]).any()
