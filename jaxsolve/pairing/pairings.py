"""Host: the pair scores by name.

What they compare are the pieces as they were given, perhaps more of one kind than of the other; pairs with a null
half have the mean of all others, which is nothing for them and nothing against.
"""

import functools
from collections.abc import Callable

import numpy as np

from jaxsolve.pairing.discriminant import discriminant
from jaxsolve.pairing.scores import (
    Scores,
    asymmetry,
    diagonal_dominance,
    gram,
    norm_balance,
    probe,
    readout_trace,
    trace,
)
from jaxsolve.pairing.template import template
from jaxsolve.puzzle import Puzzle, unpadded

Score = Callable[..., Scores]
"""A score of a puzzle's pairs, with its parameters by name."""


def _of_real(score: Score) -> Score:
    """Return a score that sees real halves alone."""

    @functools.wraps(score)
    def scores(puzzle: Puzzle, **parameters: float) -> Scores:
        if not puzzle.padded:
            return score(puzzle, **parameters)
        found = score(unpadded(puzzle), **parameters)
        embedded = np.full((puzzle.blocks, puzzle.blocks), found.mean())
        embedded[np.ix_(~puzzle.null_ins, ~puzzle.null_outs)] = found
        return embedded

    return scores


def _named(*scores: Score) -> dict[str, Score]:
    return {score.__name__: _of_real(score) for score in scores}


WEIGHT_PAIRINGS = _named(trace, diagonal_dominance, readout_trace, asymmetry, gram, norm_balance)
"""Scores that look at the weights alone."""
PAIRINGS = WEIGHT_PAIRINGS | _named(discriminant, template, probe)
