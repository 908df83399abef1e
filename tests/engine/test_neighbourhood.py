"""Losses of paths equal the slow reference, in turn or side by side, whatever states were kept."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.backend.devices import by_device
from jaxsolve.engine import NEIGHBOURHOODS, Moves, neighbourhood, plan
from jaxsolve.engine.fused import fused_losses
from jaxsolve.engine.neighbourhood import LANES, kernel_agrees
from jaxsolve.puzzle import Assembly
from tests import reference

WAYS = ["sequential", "batched", "fused"]
ROOM = 1 + LANES


def evaluated(problem, assembly, states, moves, valid=0, way="sequential"):
    devices = problem.over.size
    order = plan(moves, devices=devices, room=ROOM, valid=valid, chains=way == "sequential")
    losses, states = engine.path_losses(problem, assembly, states, order.paths, way=way)
    return np.asarray(losses), order.gather(np.asarray(losses)), states


@pytest.mark.parametrize("name", NEIGHBOURHOODS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("devices", [1, None])
def test_losses_and_states_equal_the_reference(name, way, devices):
    puzzle, answer = reference.random_puzzle(6, n=6)
    problem, around = engine.to_device(puzzle, devices=devices), NEIGHBOURHOODS[name](6)
    moves = around.take(around.ranked()[:37])
    own, losses, states = evaluated(problem, answer, engine.input_states(problem), moves, way=way)
    expected = [
        reference.loss(puzzle, answer.ins[ins], answer.outs[outs])
        for ins, outs in zip(moves.ins, moves.outs, strict=True)
    ]
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    np.testing.assert_allclose(own[:, 0], reference.loss(puzzle, *answer), atol=1e-9)
    before = reference.states(puzzle, *answer, puzzle.rows)
    for kept in states:
        np.testing.assert_allclose(kept[: len(before)], before, rtol=2e-5, atol=2e-5)


def test_only_states_behind_the_last_valid_one_are_renewed():
    puzzle, answer = reference.random_puzzle(6, n=6)
    problem, moves = engine.to_device(puzzle), NEIGHBOURHOODS["adjacent"](6).take(slice(None))
    states = evaluated(problem, answer, engine.input_states(problem), moves)[2]
    kept = np.array(states)
    kept[:, 1:4] += 1.0
    spoilt = Assembly(answer.ins[::-1].copy(), answer.outs)
    renewed = evaluated(problem, spoilt, by_device(problem.over, lambda: kept[:1].copy()), moves, 3)[2]
    np.testing.assert_array_equal(renewed[:, :4], kept[:, :4])
    assert not np.isclose(renewed[:, 4:7], kept[:, 4:7]).all()


def test_the_loss_of_a_row_subset_is_over_the_first_rows():
    puzzle, answer = reference.random_puzzle(7, n=3, rows=20)
    problem = engine.to_device(puzzle, 6)
    other = Assembly(answer.ins[::-1].copy(), answer.outs)
    none = np.zeros((0, 3), np.int32)
    own = evaluated(problem, other, engine.input_states(problem), Moves(none, none, np.zeros(0, np.int32)))[0]
    assert float(own[0, 0]) == pytest.approx(reference.loss(puzzle, *other, rows=6), rel=1e-5)


@pytest.mark.parametrize("name", ["reorderings", "joint_moves"])
def test_losses_do_not_depend_on_devices_or_company(name):
    puzzle, answer = reference.random_puzzle(11, n=7, rows=64)
    one, all_of_them = engine.to_device(puzzle, devices=1), engine.to_device(puzzle)
    moves = NEIGHBOURHOODS[name](7).take(slice(40))
    together = evaluated(one, answer, engine.input_states(one), moves)[1]
    np.testing.assert_array_equal(evaluated(all_of_them, answer, engine.input_states(all_of_them), moves)[1], together)
    for m in (0, 17, 39):
        alone = evaluated(one, answer, engine.input_states(one), moves.take(slice(m, m + 1)))[1]
        np.testing.assert_array_equal(alone, together[m : m + 1])


@pytest.mark.parametrize(
    ("n", "kernel", "agrees"),
    [
        (3, fused_losses, True),
        (4, lambda *a, **k: 1.001 * fused_losses(*a, **k), False),
        (5, lambda *a, **k: jnp.nan * fused_losses(*a, **k), False),
        (9, lambda *a, **k: 1 / 0, False),
    ],
)
def test_the_kernel_is_used_only_where_it_agrees(n, kernel, agrees, monkeypatch):
    problem = engine.to_device(reference.random_puzzle(16, n=n)[0])  # a shape of its own, so that it is traced anew
    monkeypatch.setattr(neighbourhood, "fused_losses", kernel)
    assert kernel_agrees(problem) == agrees
