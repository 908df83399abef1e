"""Mixtures, their derivatives and the steps of their shares equal their definitions in float64."""

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.engine import relaxation
from jaxsolve.engine.relaxation import LEAST, TIGHT
from tests import reference

N, K, ROWS, STEP = 5, 3, 40, 1e-5
ACTIVATIONS = "relu", "gelu", "gelu_tanh", "tanh", "silu"


def example(activation="relu", seed=8):
    """Pieces, and positions that run some of their pairs: halves in any combination, shares of all sizes."""
    puzzle, answer = reference.random_puzzle(seed, n=N, rows=ROWS, activation=activation)
    rng = np.random.default_rng(seed)
    ins = np.stack([rng.choice(N, K, replace=False) for _ in range(N)])
    outs = np.stack([rng.choice(N, K, replace=False) for _ in range(N)])
    shares = rng.dirichlet(np.ones(K), N)
    return puzzle, answer, ins, outs, shares


def mixed_states(puzzle, ins, outs, shares):
    """States before every position and after the last: each adds the weighted sum of what blocks add."""
    states = [puzzle.x]
    for at in zip(ins, outs, shares, strict=True):
        h = states[-1]
        blocks = zip(*at, strict=True)
        states.append(h + sum(c * (reference.final_state(puzzle, [i], [j], h) - h) for i, j, c in blocks))
    return np.stack(states)


def predictions(puzzle, ins, outs, shares):
    return mixed_states(puzzle, ins, outs, shares)[-1] @ puzzle.w_last + puzzle.b_last


def derivatives(puzzle, ins, outs, shares):
    """Of all predictions by all shares, by central differences."""
    found = np.empty((N, ROWS, K))
    for t, k in np.ndindex(N, K):
        step = np.zeros((N, K))
        step[t, k] = STEP
        up, down = (predictions(puzzle, ins, outs, shares + sign * step) for sign in (1, -1))
        found[t, :, k] = (up - down) / (2 * STEP)
    return found


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_positions_add_the_weighted_sum_of_what_their_blocks_add(activation):
    puzzle, _, *of = example(activation)
    errors, states = engine.mixed(engine.place(puzzle), engine.mixture(*of))
    expected = mixed_states(puzzle, *of)
    np.testing.assert_allclose(states, expected[:-1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(errors, predictions(puzzle, *of) - puzzle.y, rtol=1e-4, atol=1e-4)


def test_whole_shares_are_an_assembly():
    puzzle, answer, *_ = example()
    shares = np.tile([0.0, 1.0], (N, 1))
    ins, outs = (np.stack([np.roll(half, 1), half], axis=1) for half in answer)
    wrong = np.stack([answer.ins, np.roll(answer.ins, 1)], axis=1), outs
    problem = engine.place(puzzle)
    errors, _ = engine.mixed(problem, engine.mixture(ins, outs, shares))
    np.testing.assert_allclose(errors, 0, atol=1e-5)
    errors, _ = engine.mixed(problem, engine.mixture(*wrong, shares))
    loss = reference.loss(puzzle, np.roll(answer.ins, 1), answer.outs)
    assert np.mean(np.square(errors)) == pytest.approx(loss, rel=1e-4)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_influences_are_derivatives_of_the_predictions_by_the_shares(activation):
    puzzle, _, *of = example(activation)
    problem, mixture = engine.place(puzzle), engine.mixture(*of)
    found = engine.influences(problem, mixture, engine.mixed(problem, mixture)[1])
    np.testing.assert_allclose(found, derivatives(puzzle, *of), rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("dense", [0.0, 9.0])
@pytest.mark.parametrize("part", [1, 4])
def test_neither_the_way_of_multiplying_nor_halves_for_nothing_matter(monkeypatch, dense, part):
    monkeypatch.setattr(relaxation, "DENSE", dense)
    puzzle, _, *of = example("gelu", seed=11 + part + int(dense))  # programs are kept by shapes
    some = puzzle.first_rows(ROWS - part - int(dense))
    problem, mixture = engine.place(some), engine.mixture(*of, part)
    assert mixture.ins.shape[1] == mixture.outs.shape[1] == {1: K, 4: 4}[part]
    errors, states = engine.mixed(problem, mixture)
    np.testing.assert_allclose(errors, predictions(some, *of) - some.y, rtol=1e-4, atol=1e-4)
    expected = derivatives(puzzle, *of)[:, : some.rows]
    np.testing.assert_allclose(engine.influences(problem, mixture, states), expected, rtol=2e-3, atol=2e-4)


def test_pairs_that_have_a_half_in_common_share_it():
    puzzle, _, ins, outs, shares = example(seed=12)
    ins[:, 1], outs[:, 2] = ins[:, 0], outs[:, 0]
    problem, mixture = engine.place(puzzle), engine.mixture(ins, outs, shares)
    assert mixture.ins.shape[1] == mixture.outs.shape[1] == 2
    errors, states = engine.mixed(problem, mixture)
    np.testing.assert_allclose(errors, predictions(puzzle, ins, outs, shares) - puzzle.y, rtol=1e-4, atol=1e-4)
    expected = derivatives(puzzle, ins, outs, shares)
    np.testing.assert_allclose(engine.influences(problem, mixture, states), expected, rtol=2e-3, atol=2e-4)


def test_parts_of_the_rows_are_joined_to_the_whole():
    puzzle, _, *of = example()
    problem, mixture = engine.place(puzzle), engine.mixture(*of)
    whole = engine.influences(problem, mixture, engine.mixed(problem, mixture)[1])
    parts = [
        engine.influences(part, mixture, engine.mixed(part, mixture)[1]) for part in engine.split_rows(problem, 16)
    ]
    assert len(parts) == 3
    np.testing.assert_allclose(engine.joined(parts), whole, rtol=1e-5, atol=1e-6)


def test_products_of_rows_are_those_of_their_influences_by_shares():
    puzzle, _, *of = example()
    problem, mixture = engine.place(puzzle), engine.mixture(*of)
    slopes = np.asarray(engine.influences(problem, mixture, engine.mixed(problem, mixture)[1]), np.float64)
    expected = sum(slopes[t] @ np.diag(of[2][t]) @ slopes[t].T for t in range(N))
    np.testing.assert_allclose(engine.products_of_rows(mixture, slopes), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("damping", [1e-4, 1e-2, 10.0])
def test_share_changes_minimise_what_they_say(damping):
    puzzle, _, ins, outs, shares = example(seed=9)
    shares[0, 0], shares[1] = 0.0, [0.0, 0.0, 1.0]
    slopes = derivatives(puzzle, ins, outs, shares).transpose(1, 0, 2).reshape(ROWS, -1)
    errors = predictions(puzzle, ins, outs, shares) - puzzle.y
    sums = [np.repeat(np.eye(N), K, axis=1)]
    sums += [np.equal.outer(np.arange(N), half.ravel()).astype(float) for half in (ins, outs)]
    table = np.concatenate(
        [
            slopes / np.sqrt(ROWS),
            np.sqrt(damping * TIGHT) * np.concatenate(sums),
            np.diag(np.sqrt(damping / np.maximum(shares.ravel(), LEAST))),
        ]
    )
    wanted = np.concatenate([-errors / np.sqrt(ROWS), np.zeros(len(table) - ROWS)])
    expected = np.linalg.lstsq(table, wanted)[0].reshape(N, K)
    problem, mixture = engine.place(puzzle), engine.mixture(ins, outs, shares)
    left, states = engine.mixed(problem, mixture)
    slopes = engine.influences(problem, mixture, states)
    products = engine.products_of_rows(mixture, slopes)
    found = engine.share_changes(mixture, slopes, products, left, np.float32(damping), blocks=N)
    np.testing.assert_allclose(found, expected, rtol=2e-2, atol=2e-3 * np.abs(expected).max())


def test_a_small_step_lowers_the_error_about_as_much_as_it_says():
    puzzle, _, ins, outs, shares = example("gelu", seed=10)
    problem, mixture = engine.place(puzzle), engine.mixture(ins, outs, shares)
    errors, states = engine.mixed(problem, mixture)
    slopes = np.asarray(engine.influences(problem, mixture, states))
    products = engine.products_of_rows(mixture, slopes)
    change = np.asarray(engine.share_changes(mixture, slopes, products, errors, np.float32(30.0), blocks=N))
    after = predictions(puzzle, ins, outs, shares + change) - puzzle.y
    said = np.asarray(errors) + np.einsum("trk,tk->r", slopes, change)
    assert np.mean(after**2) < np.mean(np.square(errors))
    np.testing.assert_allclose(after, said, atol=0.1 * np.abs(said - np.asarray(errors)).max())


def test_mixtures_do_not_depend_on_devices():
    puzzle, _, *of = example()
    found = []
    for devices in (1, 2):
        problem = engine.place(puzzle, devices=devices)
        errors, states = engine.mixed(problem, engine.mixture(*of))
        found.append((errors, states, engine.influences(problem, engine.mixture(*of), states)))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_chosen_rows_are_those():
    puzzle, *_ = example()
    rows = np.array([7, 3, 20])
    problem = engine.chosen_rows(engine.place(puzzle), rows)
    np.testing.assert_array_equal(problem.x, puzzle.x[rows].astype(np.float32))
    np.testing.assert_array_equal(problem.y, puzzle.y[rows].astype(np.float32))
