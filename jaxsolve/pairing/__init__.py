"""Host: which two halves belong together, by their weights and by the data."""

from jaxsolve.pairing.assignment import Pairing, assign, margins, pair, rank_pairings, real_pairs
from jaxsolve.pairing.discriminant import learned, means_of, statistics
from jaxsolve.pairing.neighbours import factors, likeness
from jaxsolve.pairing.pairings import PAIRINGS
from jaxsolve.pairing.scores import Scores, of_pairs, standardised

__all__ = [
    "PAIRINGS",
    "Pairing",
    "Scores",
    "assign",
    "factors",
    "learned",
    "likeness",
    "margins",
    "means_of",
    "of_pairs",
    "pair",
    "rank_pairings",
    "real_pairs",
    "standardised",
    "statistics",
]
