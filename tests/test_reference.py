"""The reference for many rows at a time equals the one for one number at a time."""

import numpy as np
import pytest

from tests import reference


@pytest.mark.parametrize("activation", reference.ACTIVATIONS)
def test_many_rows_at_a_time_are_the_same(activation):
    puzzle, answer = reference.random_puzzle(3, n=3, activation=activation)
    expected = reference.states(puzzle, *answer, puzzle.rows)
    np.testing.assert_allclose(reference.final_state(puzzle, *answer, puzzle.x), expected[-1], rtol=1e-12)
    other = answer.outs, answer.ins
    assert np.mean(reference.squared_errors(puzzle, *other)) == pytest.approx(reference.loss(puzzle, *other), rel=1e-11)
