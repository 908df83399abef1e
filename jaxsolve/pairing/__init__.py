"""Host: which two halves belong together, by their weights and by the data."""

from jaxsolve.pairing.assignment import Pairing, assign, margins, pair, rank_pairings, real_pairs
from jaxsolve.pairing.discriminant import statistics
from jaxsolve.pairing.norm_places import placed, replaced
from jaxsolve.pairing.orientation import oriented
from jaxsolve.pairing.pairings import PAIRINGS
from jaxsolve.pairing.scores import Scores, of_pairs, standardised
from jaxsolve.pairing.template import DEPTH, depth_score, factors, learned_around, similarity

__all__ = [
    "DEPTH",
    "PAIRINGS",
    "Pairing",
    "Scores",
    "assign",
    "depth_score",
    "factors",
    "learned_around",
    "margins",
    "of_pairs",
    "oriented",
    "pair",
    "placed",
    "rank_pairings",
    "real_pairs",
    "replaced",
    "similarity",
    "standardised",
    "statistics",
]
