"""Blocks of one's own: losses and screens are those of plain loops in float64, and orders are found."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsolve
from jaxsolve import engine
from jaxsolve.engine.own_blocks import own_probe_errors, own_problem, seen_by_probe
from jaxsolve.errors import UsageError
from jaxsolve.puzzle import Assembly
from jaxsolve.run import Evaluator, Run

N, ROWS, T, C = 6, 120, 5, 4


def mixer(parameters, h):
    """A block that mixes positions and then channels of states `[R, T, C]`."""
    h = h + jnp.einsum("st,rtc->rsc", parameters["mix"], jnp.tanh(h))
    return h + jnp.tanh(h @ parameters["inward"] + parameters["bias"]) @ parameters["outward"]


def by_hand(parameters, h):
    h = h + np.stack([parameters["mix"] @ np.tanh(one) for one in h])
    return h + np.tanh(h @ parameters["inward"] + parameters["bias"]) @ parameters["outward"]


READ = np.random.default_rng(5).normal(size=(C, 2)).astype(np.float32)


def readout(h):
    return h.mean(axis=1) @ READ


@pytest.fixture(scope="module")
def stack():
    rng = np.random.default_rng(1)
    draw = lambda *shape, size: (size * rng.normal(size=(N, *shape))).astype(np.float32)
    blocks = {
        "mix": draw(T, T, size=0.25),
        "inward": draw(C, 8, size=0.8),
        "bias": draw(8, size=0.5),
        "outward": draw(8, C, size=0.3),
    }
    order = [3, 0, 5, 1, 4, 2]
    x = rng.normal(size=(ROWS, T, C)).astype(np.float32)
    return blocks, order, x, np.asarray(predicted(blocks, order, x), np.float32)


def predicted(blocks, order, x):
    h = x.astype(np.float64)
    for k in order:
        h = by_hand({name: table[k].astype(np.float64) for name, table in blocks.items()}, h)
    return h.mean(axis=1) @ READ


def placed(stack):
    blocks, order, x, y = stack
    return own_problem(blocks, mixer, x, y, readout), np.array(order, np.int32)


def test_neighbours_have_the_losses_of_plain_loops(stack):
    blocks, _, x, y = stack
    problem, order = placed(stack)
    wrong = order[[1, 0, 2, 5, 4, 3]]
    moves = engine.NEIGHBOURHOODS["reorderings"](N)
    found = Evaluator(problem, Assembly(wrong, wrong), Run()).losses(moves)
    some = moves.take(slice(None)).ins
    expected = [np.mean((predicted(blocks, wrong[own], x) - y) ** 2) for own in some]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-9)


def test_changes_to_first_order_are_those_of_finite_differences(stack):
    blocks, _, x, y = stack
    x, y = x[:20].astype(np.float64), y[:20]
    problem, order = own_problem(blocks, mixer, x, y, readout), np.array([0, 3, 5, 2, 4, 1], np.int32)
    block = lambda k, h: by_hand({name: table[k].astype(np.float64) for name, table in blocks.items()}, h)

    def answer(h, t):
        for k in order[t:]:
            h = block(k, h)
        return h.mean(axis=1) @ READ

    states = [x]
    for k in order:
        states.append(block(k, states[-1]))

    def along(t, update, step=1e-5):
        """Derivatives of the predictions along an update of the states before a position, `[rows, K]`."""
        return (answer(states[t] + step * update, t) - answer(states[t] - step * update, t)) / (2 * step)

    own = np.array([along(t + 1, states[t + 1] - states[t]) for t in range(N)])
    update = lambda t, s: (h := states[t] - (states[s + 1] - states[s] if s < t else 0), block(order[s], h) - h)[1]
    inserted = np.array([[along(t, update(t, s)) for s in range(N)] for t in range(N + 1)])
    replaced = np.array([[along(t + 1, update(t, s)) - own[t] for s in range(N)] for t in range(N)])
    found = engine.first_order_changes(problem, Assembly(order, order), partners=False)
    flat = lambda table: table.reshape(*table.shape[:-2], -1)
    same = lambda a, b: np.testing.assert_allclose(a, flat(b), rtol=2e-3, atol=5e-4)
    same(found.error, answer(x, 0) - y)
    same(np.diff(found.removed, axis=0), own)
    same(np.diff(found.inserted, axis=1), inserted)
    same(found.replaced[0], replaced)


def test_probes_leave_what_least_squares_leave(stack):
    blocks, _, x, y = stack
    problem, _ = placed(stack)
    pairs = np.array([(0, k) for k in range(N)], np.int32)
    pairs = np.concatenate([pairs, np.repeat(pairs[:1], -N % problem.over.size, axis=0)])
    found = own_probe_errors(problem, problem.x[None], pairs[:, 0].copy(), pairs[:, 1].copy())
    for k in range(N):
        h = by_hand({name: table[k].astype(np.float64) for name, table in blocks.items()}, x.astype(np.float64))
        seen = np.concatenate([h.mean(axis=1), h[:, -1]], axis=1)
        np.testing.assert_allclose(seen_by_probe(jnp.asarray(h, jnp.float32)), seen, rtol=1e-4, atol=1e-5)
        seen, target = seen - seen.mean(axis=0), y - y.mean(axis=0)
        held = np.sqrt(ROWS * 1e-3 * np.mean(seen**2)) * np.eye(seen.shape[1])
        design, wanted = np.vstack([seen, held]), np.vstack([target, np.zeros((len(held), 2))])
        left = np.sum((design @ np.linalg.lstsq(design, wanted)[0] - wanted) ** 2) / ROWS / 2
        assert float(found[k]) == pytest.approx(left, rel=2e-3)


@pytest.mark.parametrize("start", [None, [5, 4, 3, 2, 1, 0]])
def test_the_order_is_found(stack, start):
    blocks, order, x, y = stack
    found = jaxsolve.reorder(blocks, mixer, x, y, readout=readout, start=start, budget=120, seed=3)
    assert found.solved
    assert found.order == order
    assert found.mse <= found.tolerance < found.rival
    assert "solved, order [3, 0, 5, 1, 4, 2]" in repr(found)


def test_a_budget_ends_it_with_the_best_so_far(stack):
    blocks, _, x, y = stack
    found = jaxsolve.reorder(blocks, mixer, x, y + 1.0, readout=readout, budget=0.5)
    assert not found.solved
    assert sorted(found.order) == [*range(N)]
    assert "unsolved" in repr(found)


def test_blocks_that_do_the_same_are_not_told_apart(stack):
    blocks, order, x, _ = stack
    same = {name: table.copy() for name, table in blocks.items()}
    for table in same.values():
        table[order[1]] = table[order[0]]
    y = np.asarray(predicted(same, order, x), np.float32)
    found = jaxsolve.reorder(same, mixer, x, y, readout=readout, budget=60)
    assert not found.solved
    assert found.mse <= found.tolerance
    assert "unidentifiable" in repr(found)


def test_inputs_may_be_embedded(stack):
    blocks, order, x, y = stack
    found = jaxsolve.reorder(
        blocks, mixer, 2 * x, y, embed=lambda x: x / 2, readout=readout, start=order, features=lambda h: h[:, 0]
    )
    assert found.solved


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"y": np.zeros((3, 2))}, "x has 120 rows and y 3"),
        ({"y": np.zeros((ROWS, 3))}, r"readout gives \[2\] for each row and y has \[3\]"),
        ({"start": [0, 0, 1, 2, 3, 4]}, "start is no order of 6 blocks"),
        ({"apply": lambda p, h: h[:, :2]}, r"apply makes states \[2, 4\] of \[5, 4\]"),
        ({"blocks": {"a": np.zeros((3, 2)), "b": np.zeros((4, 2))}}, "first axes of their parameters are 3, 4"),
    ],
)
def test_what_does_not_fit_is_named(stack, changes, why):
    blocks, _, x, y = stack
    given = {"blocks": blocks, "apply": mixer, "x": x, "y": y, "start": None} | changes
    with pytest.raises(UsageError, match=why):
        jaxsolve.reorder(given["blocks"], given["apply"], x, given["y"], readout=readout, start=given["start"])
    assert jax.config.jax_enable_x64 is False
