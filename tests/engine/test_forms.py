"""Every device path gives networks of any form what a slow network in float64 gives them: norms, heads, outputs."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.certificate.first_order import first_order_changes
from jaxsolve.engine import NEIGHBOURHOODS
from jaxsolve.engine.network import probe
from jaxsolve.puzzle import Assembly, mean_squared_error
from jaxsolve.run import Evaluator, Run
from tests import reference

N = 4
FORMS = {
    "several outputs": {"form": ("none", "relu", "none"), "outputs": 3},
    "a norm before blocks": {"form": ("layer_norm", "gelu", "none")},
    "norms everywhere, several outputs": {"form": ("rms_norm", "silu", "layer_norm"), "outputs": 2},
    "blocks that begin with an activation": {"form": ("tanh", "tanh", "none"), "outputs": 2},
    "a head": {"form": ("none", "tanh", "none"), "head": 5},
    "all of it": {"form": ("layer_norm", "gelu", "rms_norm"), "head": 5, "outputs": 3},
    "gates": {"form": ("none", "silu", "none"), "gated": True},
    "gates behind norms, several outputs": {"form": ("rms_norm", "gelu", "none"), "gated": True, "outputs": 2},
}


@pytest.fixture(params=FORMS, scope="module")
def case(request):
    puzzle, answer = reference.formed_puzzle(3, n=N, **FORMS[request.param])
    wrong = Assembly(np.array([2, 0, 3, 1], np.int32), np.array([1, 3, 0, 2], np.int32))
    return puzzle, Assembly(*(half.astype(np.int32) for half in answer)), wrong


def measured(table):
    """Rows and outputs as the device has them: those of a row side by side."""
    return np.asarray(table).reshape(-1)


def jacobian(puzzle, ins, outs, h, step=1e-5):
    """Derivatives of the predictions by the states that some blocks begin with, `[rows, K, D]`."""
    found = []
    for d in step * np.eye(puzzle.features):
        ends = [reference.outputs_of(puzzle, ins, outs, h + sign * d).reshape(len(h), -1) for sign in (1, -1)]
        found.append((ends[0] - ends[1]) / (2 * step))
    return np.stack(found, axis=2)


def added(puzzle, h, i, j):
    return reference.formed_states(puzzle, [i], [j], h)[-1] - h


def test_the_answer_is_one_and_others_have_their_loss(case):
    puzzle, answer, wrong = case
    assert mean_squared_error(puzzle, answer) < 1e-12
    errors = reference.outputs_of(puzzle, *wrong, puzzle.x) - puzzle.y
    assert mean_squared_error(puzzle, wrong) == pytest.approx(np.mean(errors**2), rel=1e-9)


def test_neighbours_have_their_losses(case):
    puzzle, _, wrong = case
    moves = NEIGHBOURHOODS["swaps"](N)
    found = Evaluator(engine.to_device(puzzle), wrong, Run()).losses(moves)
    ins, outs, _ = moves.take(slice(None))
    expected = [
        np.mean((reference.outputs_of(puzzle, wrong.ins[i], wrong.outs[j], puzzle.x) - puzzle.y) ** 2)
        for i, j in zip(ins, outs, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=2e-4)


def first_order(puzzle, wrong):
    """What `Changes` of device and host have, from derivatives by finite differences: `[…, rows, K]`."""
    ins, outs = wrong
    states = reference.formed_states(puzzle, ins, outs, puzzle.x)
    g = [jacobian(puzzle, ins[t:], outs[t:], states[t]) for t in range(N + 1)]
    along = lambda g, update: np.einsum("rkd,rd->rk", g, update)
    own = np.array([along(g[t + 1], states[t + 1] - states[t]) for t in range(N)])
    without = lambda t, s: states[t] - (states[s + 1] - states[s] if s < t else 0)
    inserted = [[along(g[t], added(puzzle, without(t, s), ins[s], outs[s])) for s in range(N)] for t in range(N + 1)]
    replaced = [
        [
            [along(g[t + 1], added(puzzle, h(t, s), ins[i(t, s)], outs[j(t, s)])) - own[t] for s in range(N)]
            for t in range(N)
        ]
        for h, i, j in (
            (without, lambda t, s: s, lambda t, s: s),
            (lambda t, s: states[t], lambda t, s: s, lambda t, s: t),
            (lambda t, s: states[t], lambda t, s: t, lambda t, s: s),
        )
    ]
    error = reference.outputs_of(puzzle, ins, outs, puzzle.x) - puzzle.y
    return error.reshape(puzzle.rows, -1), own, np.array(inserted), np.array(replaced)


def test_changes_to_first_order_are_those_of_finite_differences(case):
    puzzle, _, wrong = case
    error, own, inserted, replaced = first_order(puzzle, wrong)
    found = engine.first_order_changes(engine.to_device(puzzle), wrong, partners=True)
    flat = lambda table: table.reshape(*table.shape[:-2], -1)
    same = lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-3, atol=5e-4)
    same(found.error, flat(error))
    same(np.diff(found.removed, axis=0), flat(own))
    same(np.diff(found.inserted, axis=1), flat(inserted))
    same(found.replaced, flat(replaced))
    judge = first_order_changes(puzzle, wrong, slice(None))  # has outputs one after the other
    turned = lambda table: flat(table.swapaxes(-1, -2))
    same(judge.error, turned(error))
    same(judge.own, turned(own))
    same(judge.inserted, turned(inserted))
    same(judge.replaced, turned(replaced))


def test_the_jacobian_of_a_mixture_is_that_of_finite_differences(case):
    puzzle, answer, _ = case
    ins, outs = (np.stack([np.roll(half, 1), half], axis=1) for half in answer)
    shares = np.tile([0.3, 0.7], (N, 1))

    def errors(shares):
        h = puzzle.x
        for t in range(N):
            h = h + sum(shares[t, k] * added(puzzle, h, ins[t, k], outs[t, k]) for k in range(2))
        return measured(reference.read_of(puzzle, h) - puzzle.y)

    problem, where = engine.to_device(puzzle), np.nonzero(shares)
    mixture, places = engine.mixture(problem, where[0], *(part[where] for part in (ins, outs, shares)), 512)
    rows = engine.tiled(problem, np.arange(puzzle.rows))
    found, states, last = engine.mixed(problem, rows, mixture)
    own = errors(shares)
    np.testing.assert_allclose(np.asarray(found).ravel()[: len(own)], own, rtol=1e-3, atol=1e-4)
    derivatives = np.asarray(engine.jacobian(problem, rows, mixture, states, last))
    derivatives = derivatives.swapaxes(1, 2).reshape(-1, derivatives.shape[1])[: len(own), places]
    for column, (t, k) in enumerate(zip(*where, strict=True)):
        step = np.zeros_like(shares)
        step[t, k] = 1e-5
        expected = (errors(shares + step) - errors(shares - step)) / 2e-5
        np.testing.assert_allclose(derivatives[:, column], expected, rtol=5e-3, atol=1e-3)


def probed(puzzle, h, ridge=1e-3):
    """What the best affine readout of states leaves, over all outputs."""
    y = puzzle.y.reshape(puzzle.rows, -1)
    centred, target = h - h.mean(axis=0), y - y.mean(axis=0)
    held = np.sqrt(len(h) * ridge * np.mean(centred**2)) * np.eye(h.shape[1])
    design, wanted = np.vstack([centred, held]), np.vstack([target, np.zeros((h.shape[1], y.shape[1]))])
    return np.sum((design @ np.linalg.lstsq(design, wanted)[0] - wanted) ** 2) / len(h) / y.shape[1]


def test_expansions_leave_what_probes_of_all_outputs_leave(case):
    puzzle, _, _ = case
    problem = engine.to_device(puzzle)
    halves = np.arange(N, dtype=np.int32)[None]
    found = engine.best_probed(
        problem, engine.inputs_spread(problem), np.int32(0), np.zeros(1, np.float32), halves, halves,
        np.full(1, N, np.int32), engine.Fits(np.float32(1e-3), np.float32(0), np.zeros((N, N), np.float32)),
        refits=N, partners=N, keep=N * N,
    )  # fmt: skip
    pairs = [*zip(np.asarray(found.ins).tolist(), np.asarray(found.outs).tolist(), strict=True)][: N * N]
    assert sorted(pairs) == [*itertools.product(range(N), repeat=2)]
    expected = [probed(puzzle, reference.formed_states(puzzle, [i], [j], puzzle.x)[-1]) for i, j in pairs]
    np.testing.assert_allclose(np.asarray(found.losses)[: N * N], expected, rtol=2e-3)


def test_partners_gain_what_all_outputs_gain(case):
    puzzle, _, (ins, outs) = case
    problem, rows = engine.to_device(puzzle), puzzle.rows
    states = reference.formed_states(puzzle, ins, outs, puzzle.x)
    expected = np.zeros((N, N))
    for t in range(N):
        g = jacobian(puzzle, ins[t + 1 :], outs[t + 1 :], states[t + 1]).mean(axis=0)
        left = -np.asarray(probe(problem, jnp.asarray(states[t], jnp.float32))[2], np.float64).reshape(rows, -1)
        units = reference.formed_units(puzzle, states[t], ins[t])
        expected[t] = [
            sum(g[k] @ puzzle.w_out[j] @ (left[:, k] @ units / rows) for k in range(len(g))) for j in range(N)
        ]
    found = np.asarray(engine.partner_gains(problem, Assembly(ins, outs)))
    np.testing.assert_allclose(found, expected, rtol=5e-3, atol=5e-4)
