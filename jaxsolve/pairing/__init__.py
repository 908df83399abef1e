"""Host: which two halves belong together, by their weights and by the data."""

from jaxsolve.pairing.assignment import Pairing, assign, margins, pair, rank_pairings, real_pairs
from jaxsolve.pairing.discriminant import statistics
from jaxsolve.pairing.neighbours import DEPTH, contracted, factors, learned_around, likeness
from jaxsolve.pairing.pairings import PAIRINGS
from jaxsolve.pairing.scores import Scores, of_pairs, standardised

__all__ = [
    "DEPTH",
    "PAIRINGS",
    "Pairing",
    "Scores",
    "assign",
    "contracted",
    "factors",
    "learned_around",
    "likeness",
    "margins",
    "of_pairs",
    "pair",
    "rank_pairings",
    "real_pairs",
    "standardised",
    "statistics",
]
