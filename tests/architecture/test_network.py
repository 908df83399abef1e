"""The NumPy twin and the network on devices are those of the slow reference, for every activation."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxsolve import backend, engine
from jaxsolve.architecture import ACTIVATIONS, Network, device
from jaxsolve.puzzle import Assembly, padded
from jaxsolve.puzzle.given import Gates
from tests import reference


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_states_and_predictions_are_those_of_the_reference(activation):
    puzzle, answer = reference.random_puzzle(5, activation=activation)
    network, expected = Network(puzzle, activation), reference.states(puzzle, *answer, puzzle.rows)
    np.testing.assert_allclose(np.stack(network.states(puzzle.x, answer)), expected, rtol=1e-12, atol=1e-13)
    errors = expected[-1] @ puzzle.w_last + puzzle.b_last - puzzle.y
    np.testing.assert_allclose(network.readout_errors(expected[-1], puzzle.y), errors, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(
        network.predict(puzzle.x, answer), network.readout(network.states(puzzle.x, answer)[-1])
    )


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_are_finite_differences(activation):
    puzzle, answer = reference.random_puzzle(51, n=1, rows=4, activation=activation)
    last = np.broadcast_to(puzzle.w_last, puzzle.x.shape)
    gradient = Network(puzzle, activation).pullback(puzzle.x, last, 0, 0)
    for d in range(puzzle.features):
        ends = []
        for sign in (1, -1):
            h = puzzle.x.copy()
            h[:, d] += sign * 1e-6
            ends.append(reference.final_state(puzzle, *answer, h) @ puzzle.w_last)
        np.testing.assert_allclose(gradient[:, d], np.subtract(*ends) / 2e-6, rtol=1e-4, atol=1e-5)


def test_several_halves_are_each_by_itself():
    puzzle, _ = reference.random_puzzle(6)
    network, some, outs = Network(puzzle, "gelu"), np.array([3, 0]), np.array([1, 4])
    units = network.hidden(puzzle.x, some)
    np.testing.assert_allclose(units[:, 1], network.hidden(puzzle.x, 0), rtol=1e-13)
    updates, every = network.second(units.swapaxes(0, 1), outs), network.every_second(units[:, 0])
    for k in range(2):
        np.testing.assert_allclose(updates[k], network.residual(puzzle.x, some[k], outs[k]), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(every[:, outs[k]], network.second(units[:, 0], outs[k]), rtol=1e-12, atol=1e-14)


def gated(puzzle, seed=1):
    draw = lambda table: reference.single(np.random.default_rng(seed).normal(size=table.shape))
    return puzzle.replace(gates=Gates(draw(puzzle.w_in), draw(puzzle.b_in)))


@pytest.mark.parametrize("with_gates", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_variant_on_devices_is_that_of_the_twin(activation, with_gates):
    puzzle, _ = reference.random_puzzle(7, activation=activation, scale=0.7)
    puzzle = gated(puzzle) if with_gates else puzzle
    network, h = Network(puzzle, activation), puzzle.x
    gradient = np.broadcast_to(puzzle.w_last, h.shape)
    ins, shares = np.array([2, 0], np.int32), np.random.default_rng(0).uniform(size=(2, 5)).astype(np.float32)
    read = np.random.default_rng(1).normal(size=(len(h), 2 * puzzle.hidden)).astype(np.float32)

    @backend.compiled()
    def found(problem, h, gradient, ins, shares, read):
        units, back = device.first_halves(problem, h, ins)
        return (
            device.residual(problem, h, 1, 2), device.pullback(problem, h, gradient, 1, 2), device.readout(problem, h),
            device.all_hidden(problem, h), *device.pulled(problem, gradient, 2), *device.all_pulled(problem, gradient),
            *device.projected(problem), units, back(read), *device.mixed_second(problem, shares),
        )  # fmt: skip

    every, mixed = np.arange(puzzle.blocks), np.tensordot(shares, puzzle.w_out.swapaxes(1, 2), 1)
    expected = (
        network.residual(h, 1, 2), network.pullback(h, gradient, 1, 2), network.readout(h), network.hidden(h, every),
        gradient @ puzzle.w_out[2], gradient @ puzzle.b_out[2],
        np.einsum("rd,ndh->rnh", gradient, puzzle.w_out), gradient @ puzzle.b_out.T,
        puzzle.w_last @ puzzle.w_out, puzzle.b_out @ puzzle.w_last,
        network.hidden(h, ins).reshape(len(h), -1), sum(
            network.pulled(network.inputs(h, i), own) @ network.w_into[i]
            for i, own in zip(ins, np.split(read, 2, axis=1), strict=True)
        ),
        mixed.reshape(-1, puzzle.features), shares.sum(axis=0) @ puzzle.b_out,
    )  # fmt: skip
    tables = found(
        engine.to_device(puzzle), *map(jnp.asarray, (np.float32(h), np.float32(gradient), ins, shares, read))
    )
    for table, twin in zip(tables, expected, strict=True):
        np.testing.assert_allclose(table, twin, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("with_gates", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_silent_blocks_add_exactly_nothing_on_devices(activation, with_gates):
    puzzle, answer = reference.random_puzzle(8, activation=activation)
    puzzle = gated(puzzle) if with_gates else puzzle
    wide = padded(puzzle, 2)
    problem, network = engine.to_device(wide), Network(wide, activation, np.float32)
    add = backend.compiled()(device.residual)
    for i, j in ((5, 0), (0, 5), (6, 6), (6, 4)):
        assert wide.silent(Assembly(np.array(i), np.array(j)))
        assert not np.asarray(add(problem, problem.x, np.int32(i), np.int32(j))).any()
        assert not network.residual(wide.x.astype(np.float32), i, j).any()
    i, j = answer.ins[0], answer.outs[0]
    expected = Network(puzzle, activation).residual(puzzle.x, i, j)
    np.testing.assert_allclose(add(problem, problem.x, np.int32(i), np.int32(j)), expected, rtol=2e-5, atol=2e-5)
