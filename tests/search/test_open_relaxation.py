"""From equal shares of everything, pairs and order are found by the data alone; so are gates."""

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.engine import mixtures
from jaxsolve.generation import Recipe, generate
from jaxsolve.puzzle import as_answered, mean_squared_error, read_as
from jaxsolve.run import OutOfTime, Run
from jaxsolve.search.gates import GateRelaxation
from jaxsolve.search.open_relaxation import OpenRelaxation
from jaxsolve.search.soft_permutation import Candidates
from tests import reference

SMALL = {"blocks": 6, "features": 6, "hidden": 10, "train_rows": 800, "epochs": (3,), "learning_rate": 3e-3}


def dropped(**options):
    (one,) = generate(Recipe(**(SMALL | options)))
    return one.dropped


def opened(puzzle, run=None, *, scaled=False, **numbers):
    search = OpenRelaxation(**numbers)
    return search.assembly(puzzle, engine.to_device(puzzle), run or Run(), seed=0, scaled=scaled)


@pytest.mark.parametrize("epochs", [0, 3])
def test_an_answer_is_found_from_nothing_though_weights_say_nothing(epochs):
    one = dropped(epochs=(epochs,))
    found = opened(one.puzzle)
    assert one.puzzle.permutation(found.found) == one.permutation
    assert found.loss < 1e-10 * one.puzzle.variance
    assert found.loss == pytest.approx(mean_squared_error(one.puzzle, found.found, np.float32))


def test_every_pair_may_be_in_some_positions_alone():
    one = dropped()
    found = opened(one.puzzle, most_shares=SMALL["blocks"] ** 3 // 2)
    assert one.puzzle.permutation(found.found) == one.permutation


def test_what_cannot_be_pairs_is_not_among_them():
    one = dropped(widths=(6, 10), hidden=None)
    found = opened(one.puzzle)
    assert one.puzzle.possible[found.found.ins, found.found.outs].all()
    assert one.puzzle.permutation(found.found) == one.permutation


def test_a_form_that_is_wrong_leaves_more():
    one = dropped(activation="tanh+tanh")
    wrong = one.puzzle.replace(activation="relu")
    assert opened(one.puzzle).error < 0.1 * opened(wrong, rounds=1).error


@pytest.mark.parametrize("scale", [1.0, 0.4])
def test_what_multiplies_all_blocks_is_found_with_them(scale):
    one = dropped(activation=f"{scale}*relu", epochs=(6,))
    puzzle = read_as(one.puzzle, "relu")
    found = opened(puzzle, scaled=True)
    assert one.puzzle.permutation(found.found) == one.permutation
    assert found.scale == pytest.approx(scale, rel=5e-3)
    assert found.loss < 1e-3 * puzzle.variance
    if scale != 1.0:
        assert opened(puzzle).loss > found.loss, "a form that was given has no other scale"


def test_it_ends_with_the_run():
    with pytest.raises(OutOfTime):
        opened(dropped().puzzle, Run(budget=1e-6))


def test_it_is_the_same_on_every_call():
    one = dropped(epochs=(0,))
    first, second = (opened(one.puzzle, rounds=1, steps=3) for _ in range(2))
    assert first.error == second.error
    np.testing.assert_array_equal(first.found.ins, second.found.ins)


@pytest.mark.parametrize("options", [{}, {"activation": "sigmoid"}, {"widths": (6, 10), "hidden": None}])
def test_gates_are_found_with_pairs_and_order(options):
    one = dropped(**({"gates": "pieces", "activation": "silu", "blocks": 5} | options))
    puzzle = one.puzzle
    for gates in (dict(puzzle.given.gates), {gate: first for first, gate in puzzle.given.gates.items()}):
        from jaxsolve.puzzle.gate_pieces import with_gates

        found = GateRelaxation().answer(with_gates(puzzle, gates), Run(), seed=0)
        assert found.puzzle.permutation(found.assembly) == one.permutation
        told = as_answered(puzzle, one.permutation)
        assert found.puzzle.given.gates == told.given.gates


def test_balanced_weights_give_every_piece_its_share():
    rng = np.random.default_rng(0)
    gate, own = np.nonzero(~np.eye(6, dtype=bool))
    ins, outs = (part.ravel() for part in np.meshgrid(np.arange(len(gate)), np.arange(3), indexing="ij"))
    parts = np.stack([gate, own], axis=1)
    some = Candidates(ins, outs, np.ones(len(ins)), parts)
    weights = some.balanced(rng.uniform(0.5, 1, (3, len(ins))))
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)
    total = weights.sum(axis=0)
    np.testing.assert_allclose(np.bincount(outs, total), 1, rtol=2e-3)
    of_pieces = np.bincount(gate[ins], total, 6) + np.bincount(own[ins], total, 6)
    np.testing.assert_allclose(of_pieces, 1, rtol=2e-3)


def test_mixtures_of_more_first_halves_than_positions_have_the_errors_of_a_slow_network():
    puzzle, _ = reference.formed_puzzle(5, ("none", "silu", "none"), n=3, gated=True)
    rng = np.random.default_rng(1)
    more = lambda table: np.concatenate([table, rng.normal(size=table.shape)])
    wide = puzzle.replace(
        w_in=more(puzzle.w_in), b_in=more(puzzle.b_in), gates=type(puzzle.gates)(*map(more, puzzle.gates))
    )
    problem = engine.to_device(wide)
    position, ins, outs = np.array([0, 0, 1, 1, 2, 2]), np.array([5, 1, 3, 0, 4, 2]), np.array([0, 1, 2, 0, 1, 2])
    shares = np.array([0.3, 0.7, 0.4, 0.6, 0.5, 0.5])
    parts = np.stack([np.arange(6), (np.arange(6) + 1) % 6], axis=1)
    mixture, places = engine.mixture(problem, position, ins, outs, shares, mixtures.ROOM, parts)
    rows = engine.tiled(problem, np.arange(puzzle.rows))
    errors, states, last = engine.mixed(problem, rows, mixture)

    def slow(shares):
        h = wide.x
        for t in range(3):
            here = np.nonzero(position == t)[0]
            h = h + sum(shares[k] * (reference.formed_states(wide, [ins[k]], [outs[k]], h)[-1] - h) for k in here)
        return reference.read_of(wide, h) - wide.y

    np.testing.assert_allclose(np.asarray(errors).ravel()[: puzzle.rows], slow(shares), rtol=1e-3, atol=1e-4)
    jacobian = engine.jacobian(problem, rows, mixture, states, last)
    derivatives = np.asarray(jacobian).swapaxes(1, 2).reshape(-1, jacobian.shape[1])[: puzzle.rows, places]
    for k, step in enumerate(1e-5 * np.eye(6)):
        expected = (slow(shares + step) - slow(shares - step)) / 2e-5
        np.testing.assert_allclose(derivatives[:, k], expected, rtol=5e-3, atol=1e-3)
    said = engine.normal_equations(problem, mixture, jacobian, count=puzzle.rows)
    sums = np.zeros((6, 3 + 6 + 3))  # positions, pieces, second halves
    for k in range(6):
        sums[k, [position[k], 3 + parts[ins[k], 0], 3 + parts[ins[k], 1], 9 + outs[k]]] = 1
    np.testing.assert_allclose(said.of_sums, derivatives @ (shares[:, None] * sums), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(said.among_sums, sums.T @ (shares[:, None] * sums), rtol=1e-5, atol=1e-6)
