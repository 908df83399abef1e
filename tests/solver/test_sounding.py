"""Forms and gates that nobody has told are found by what relaxations of everything leave."""

from dataclasses import replace

import pytest

from jaxsolve.generation import Recipe, generate
from jaxsolve.puzzle import read_as
from jaxsolve.puzzle.gate_pieces import with_gates
from jaxsolve.puzzle.units import AffineFit
from jaxsolve.run import Run
from jaxsolve.solver import Config, solve
from jaxsolve.solver.initial import first_start
from jaxsolve.solver.portfolio import Policy, Portfolio
from jaxsolve.solver.sounding import form_in_given_units, opened, sounded

SMALL = {"blocks": 6, "features": 6, "hidden": 10, "train_rows": 800, "epochs": (3,), "learning_rate": 3e-3}


def dropped(**options):
    (one,) = generate(Recipe(**(SMALL | options)))
    return one.dropped


@pytest.mark.parametrize("gates", ["pieces", "packed"])
def test_gated_blocks_are_solved_told_nothing(gates):
    one = dropped(gates=gates, activation="silu", blocks=5)
    puzzle = one.puzzle.replace(activation_given=False, expected_sha256=None)
    if gates == "pieces":  # taken for each other, as ids may have it
        puzzle = with_gates(puzzle, {gate: first for first, gate in puzzle.given.gates.items()})
        puzzle = puzzle.replace(given=replace(puzzle.given, gated=False))
    solution = solve(puzzle, Config(budget=120))
    assert solution.status == "solved"
    assert solution.certificate.permutation == one.permutation


def test_the_right_form_sounds_best():
    one = dropped(activation="0.5*rms_norm+silu")
    forms = ("0.5*rms_norm+silu", "relu", "rms_norm+relu")
    errors = [sounded(read_as(one.puzzle, form), Config(), Run()) for form in forms]
    assert errors[0] == min(errors)


def test_too_many_blocks_are_not_sounded():
    config = Config(options={"open_relaxation.most_shares": 215})
    puzzle = dropped().puzzle
    assert sounded(puzzle, config, Run()) is None
    assert opened(puzzle, config, Run()) is None
    assert opened(puzzle, Config(), Run()) is not None


@pytest.mark.parametrize("activation", ["relu", "0.5*relu"])
def test_scales_are_told_from_other_units(activation):
    puzzle = read_as(dropped(activation=activation).puzzle, "relu").replace(activation_given=False)
    units, orders = AffineFit(slope=0.6, intercept=0.1, mse=0.1 * puzzle.variance), first_start(puzzle, Config())
    found = form_in_given_units(puzzle, units, orders.assemblies, Config(), Run())
    assert found is not None, "its scale is found, or will be"


def test_predictions_in_other_units_are_left_to_these():
    one = dropped().puzzle
    puzzle = one.replace(activation_given=False, y=37.5 * one.y + 120, link_given=False)
    units = AffineFit(slope=37.5, intercept=120, mse=0.0)
    assert form_in_given_units(puzzle, units, first_start(puzzle, Config()).assemblies, Config(), Run()) is None


def test_what_is_sounded_farther_goes_by_kinds_whatever_was_tried():
    puzzle = dropped(gates="packed", activation="silu").puzzle.replace(activation_given=False)
    portfolio = Portfolio.begun(Policy(), puzzle, Config(), Run(), first_start(puzzle, Config()))
    portfolio.add("sigmoid")  # behind norms, it is none of the usual ones
    portfolio.stage, portfolio.visit = "all", None
    portfolio.policy = replace(Policy(), usual_attempts=0)
    portfolio.select()
    named = [name for name in portfolio.waiting if "norm" in name]
    assert named
    assert not any("sigmoid" in name for name in named)
