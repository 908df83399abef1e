"""A puzzle is shown in one line, without its arrays."""

from jaxsolve.puzzle import Units
from tests import reference


def test_a_puzzle_is_shown_by_its_sizes_activation_and_units():
    puzzle, _ = reference.random_puzzle(31, n=4, rows=40)
    shape = f"4 blocks of {puzzle.features}/{puzzle.hidden}, 40 rows"
    assert repr(puzzle) == f"Puzzle({puzzle.name!r}: {shape}, relu)"
    other = puzzle.replace(activation_given=False, units=Units("sigmoid", slope=2.0, intercept=-1.0))
    assert repr(other).endswith("40 rows, relu (not given), predictions sigmoid(2·output - 1))")
