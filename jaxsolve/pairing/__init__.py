"""Host: which two halves belong together, by their weights and by the data."""

from jaxsolve.pairing.assignment import Pairing, assign, margins, pair, rank_pairings
from jaxsolve.pairing.discriminant import learned, statistics
from jaxsolve.pairing.pairings import PAIRINGS
from jaxsolve.pairing.scores import standardised

__all__ = ["PAIRINGS", "Pairing", "assign", "learned", "margins", "pair", "rank_pairings", "standardised", "statistics"]
