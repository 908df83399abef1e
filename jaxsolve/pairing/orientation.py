"""Host: which halves come first, where they are as wide as the states, so that shapes do not tell.

Every piece is then either half of a pair. What the two of a pair say of each other depends on which comes first, and
each piece is in one pair alone: a posterior over all matchings of all pieces, with a direction for each pair, learned
by turns with what right pairs have in common, as in `discriminant`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxsolve.pairing.discriminant import Discriminant, statistics
from jaxsolve.pairing.matching import matching_of_all
from jaxsolve.puzzle import Puzzle
from jaxsolve.puzzle.open_roles import pool, with_roles


class Orientation(NamedTuple):
    """What is known of the roles of pieces."""

    ids: NDArray[np.int64]
    """`[P]`"""
    first: NDArray[np.float64]
    """`[P]` probability of each that it is a first half."""


def orientation(puzzle: Puzzle) -> Orientation:
    """Return how likely each piece whose role is open is a first half."""
    every = pool(puzzle)
    posterior = Discriminant(match=matching_of_all).best(statistics(every)).posterior
    return Orientation(every.in_ids, 0.5 + 0.5 * (posterior.sum(axis=1) - posterior.sum(axis=0)))


def oriented(puzzle: Puzzle) -> Puzzle:
    """Return a puzzle whose square pieces are first and second halves as is likeliest, as many of each; else itself."""
    if not puzzle.given.square or puzzle.given.oriented:
        return puzzle
    ids, first = orientation(puzzle)
    return with_roles(puzzle, ids[np.argsort(-first, kind="stable")[: len(ids) // 2]].tolist())
