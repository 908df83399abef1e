"""Tables in other units are the same puzzles: maps are undone, found out, and told."""

import numpy as np
import pytest

from jaxsolve.errors import UsageError
from jaxsolve.puzzle import LINKS, conditioned, in_units, mean_squared_error, predict
from jaxsolve.puzzle.units import affine_fit, hints, of_table, rescaled
from jaxsolve.solver import Config, solve
from tests import reference
from tests.reference import single


@pytest.fixture(scope="module")
def given():
    return reference.random_puzzle(61, n=4, rows=80)


FORWARD = {"sigmoid": lambda o: 1 / (1 + np.exp(-o)), "tanh": np.tanh, "exp": np.exp}


@pytest.mark.parametrize("link", FORWARD)
def test_links_are_undone(given, link):
    puzzle, answer = given
    table = FORWARD[link](puzzle.y / 2)
    halved = puzzle.replace(y=single(table), w_last=puzzle.w_last / 2, b_last=puzzle.b_last / 2)
    own = in_units(halved, link=link)
    assert own.link_given
    assert mean_squared_error(own, answer) < 1e-9 * own.y.var()
    np.testing.assert_allclose(of_table(own), single(table)[: own.rows], rtol=1e-12)
    np.testing.assert_allclose(of_table(conditioned(own)), of_table(own), rtol=1e-12)
    assert solve(own).status == "solved"


def test_predictions_that_saturate_are_left_out_and_said(given):
    puzzle, _ = given
    saturated = single(1 / (1 + np.exp(-8 * (puzzle.y - puzzle.y.mean()))))
    own = in_units(puzzle.replace(y=saturated), link="sigmoid")
    assert own.rows < puzzle.rows
    assert f"{puzzle.rows - own.rows} of 80 predictions saturate the link sigmoid" in own.notes[-1]
    with pytest.raises(UsageError, match="--link sigmoid: its predictions are between 0 and 1; 0 of the table are"):
        in_units(puzzle.replace(y=puzzle.y + 1e3), link="sigmoid")
    with pytest.raises(UsageError, match=r"no link 'cube'; choose one of auto, identity"):
        in_units(puzzle, link="cube")
    assert [*LINKS][:2] == ["identity", "affine"]


def test_conditioning_changes_no_answer(given):
    puzzle, answer = given
    moved = puzzle.replace(y=puzzle.y + 1e4, b_last=puzzle.b_last + 1e4)
    own = conditioned(moved)
    assert abs(own.y.mean()) < 1e-9
    assert conditioned(own).units == own.units
    np.testing.assert_allclose(of_table(own), moved.y, rtol=1e-12)
    np.testing.assert_allclose(predict(own, answer) - own.y, predict(moved, answer) - moved.y, atol=1e-9)
    assert mean_squared_error(own, answer, np.float32) < 1e-10 < mean_squared_error(moved, answer, np.float32)
    np.testing.assert_array_equal(own.first_rows(7).steps, own.steps[:7])


@pytest.mark.parametrize(("slope", "intercept"), [(37.5, 120.0), (-0.02, 3.0), (1e6, -1e7)])
def test_affine_maps_are_found_out(given, slope, intercept):
    puzzle, answer = given
    moved = puzzle.replace(y=single(slope * puzzle.y + intercept))
    fit = affine_fit(conditioned(moved), answer)
    own = rescaled(conditioned(moved), fit)
    assert own.units.slope == pytest.approx(slope, rel=1e-5)
    assert own.units.intercept == pytest.approx(intercept, rel=1e-4, abs=1e-4 * abs(slope))
    np.testing.assert_allclose(of_table(own), moved.y, rtol=1e-9)
    solution = solve(moved, Config(budget=60))
    assert solution.status == "solved"
    assert solution.certificate.permutation == puzzle.permutation(answer)
    assert "·output" in solution.message
    assert solve(moved.replace(link_given=True), Config(budget=2, search="bubble")).status == "unsolved"


def test_standardised_inputs_are_those_of_the_table_or_nearly(given):
    puzzle, answer = given
    raw = puzzle.x * np.array([3.0, 0.1, 7.0, 2.0]) + np.array([1.0, -20.0, 5.0, 0.0])
    for ddof in (0, 1):
        seen = (raw - raw.mean(axis=0)) / raw.std(axis=0, ddof=ddof)
        y = reference.final_state(puzzle, *answer, seen) @ puzzle.w_last + puzzle.b_last
        own = in_units(puzzle.replace(x=raw, y=single(y)), standardise_inputs=True)
        solution = solve(own, Config(budget=60))
        assert solution.status == "solved"
        assert solution.certificate.permutation == puzzle.permutation(answer)
        assert solution.certificate.exact == (ddof == 0)


def test_tables_say_what_they_look_like(given):
    puzzle, _ = given
    assert hints(puzzle) == []
    (text,) = hints(puzzle.replace(y=FORWARD["sigmoid"](puzzle.y)))
    assert "between 0 and 1: if the network ended in a sigmoid, --link sigmoid" in text
    (text,) = hints(puzzle.replace(x=puzzle.x * 40))
    assert "4 of 4 inputs are not standardised" in text
    assert "--standardise-inputs" in text


@pytest.mark.parametrize("link", ["softmax", "log_softmax"])
def test_classes_are_undone_up_to_what_they_lose(link):
    puzzle, answer = reference.formed_puzzle(5, ("none", "tanh", "none"), n=4, outputs=3, rows=90)
    shares = np.exp(puzzle.y) / np.exp(puzzle.y).sum(axis=1, keepdims=True)
    table = puzzle.replace(y=single(shares if link == "softmax" else np.log(shares)), activation="tanh")
    assert f"--link {link}" in hints(in_units(table))[0]
    own = in_units(table, link=link)
    assert mean_squared_error(own, answer) < 1e-10
    np.testing.assert_allclose(of_table(conditioned(own)), table.y, rtol=1e-6)
    assert solve(own, Config(budget=60)).status == "solved"
    with pytest.raises(UsageError, match="it is of several outputs, and this table has one"):
        in_units(reference.random_puzzle(1)[0], link=link)
