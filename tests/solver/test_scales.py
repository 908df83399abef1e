"""Scales of blocks that nobody has said are fitted: with orders, with mixtures, and to answers."""

import numpy as np
import pytest

from jaxsolve.architecture import form_of, respelled
from jaxsolve.generation import Recipe, generate
from jaxsolve.puzzle import read_as
from jaxsolve.run import Run
from jaxsolve.solver import Config, solve
from jaxsolve.solver.initial import first_start
from jaxsolve.solver.scales import Scaled, fitted, scaled_form

ASKED = {"clearly": 0.5, "most": 0.5}


def dropped(activation, **options):
    """A puzzle read as ReLU, whose form nobody has said, and what it was made of."""
    sizes = {"blocks": 8, "features": 8, "hidden": 16, "train_rows": 1500, "epochs": (8,), "learning_rate": 3e-3}
    (one,) = generate(Recipe(**(sizes | {"activation": activation} | options)))
    puzzle = read_as(one.dropped.puzzle, "relu").replace(activation_given=False, expected_sha256=None)
    return puzzle, one.dropped.permutation


def scaled(puzzle, **asked):
    return scaled_form(puzzle, first_start(puzzle, Config()).assemblies, Config(), Run(), **(ASKED | asked))


@pytest.mark.parametrize(("scale", "begun"), [(0.37, 1.0), (0.05, 0.1), (1.0, 0.6)])
def test_the_scale_of_an_answer_is_fitted_to_its_last_digit(scale, begun):
    puzzle, permutation = dropped(f"{scale}*relu")
    found = fitted(puzzle.first_rows(300), Scaled(f"{begun}*relu", puzzle.assembly(permutation), np.inf))
    assert form_of(found.form).scale == pytest.approx(scale, rel=1e-7)
    assert found.loss < 1e-11 * puzzle.variance


def test_a_scale_that_leaves_least_stays():
    puzzle, permutation = dropped("0.5*relu")
    given = Scaled("0.5*relu", puzzle.assembly(permutation), np.inf)
    assert fitted(puzzle, given).form == "0.5*relu"


def test_a_scale_is_told_by_first_orders_with_its_activation():
    puzzle, _ = dropped("0.3*relu", blocks=12, features=12)
    found = scaled(puzzle, thorough=True)
    assert respelled(found.form, scale=1.0) == "relu"
    assert form_of(found.form).scale == pytest.approx(0.3, rel=0.2)
    assert found.loss < 0.1 * puzzle.variance


def test_none_is_looked_for_where_it_was_given_or_first_orders_ask_for_none():
    puzzle, _ = dropped("0.3*relu")
    assert scaled(puzzle.replace(activation_given=True)) is None
    assert scaled(puzzle, clearly=1e-9) is None
    assert scaled(puzzle, most=1e-9) is None


@pytest.mark.parametrize("activation", ["0.3*relu", "0.71*gelu", "0.15*silu"])
def test_scaled_blocks_are_solved_told_nothing(activation):
    puzzle, permutation = dropped(activation)
    solution = solve(puzzle, Config(budget=120))
    assert solution.status == "solved"
    assert solution.certificate.permutation == permutation
    assert form_of(solution.puzzle.activation).scale == pytest.approx(float(activation.split("*")[0]), rel=1e-6)
