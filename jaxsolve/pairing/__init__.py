"""Host: which two halves belong together, by their weights."""

from jaxsolve.pairing.assignment import Pairing, assign, margins, pair, rank_pairings
from jaxsolve.pairing.scores import PAIRINGS, standardised

__all__ = ["PAIRINGS", "Pairing", "assign", "margins", "pair", "rank_pairings", "standardised"]
