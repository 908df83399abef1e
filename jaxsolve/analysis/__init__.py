"""Host: the field's measurements of a puzzle, with its answer or without: numbers, no pictures."""

from jaxsolve.analysis.forward import ForwardPass, forward
from jaxsolve.analysis.isometry import Isometry, isometry
from jaxsolve.analysis.measurements import MEASUREMENTS, Analysis, analyze, checked
from jaxsolve.analysis.norms import Norms, Rescaling, norms, rescaling
from jaxsolve.analysis.pair_scores import PairScore, pair_scores
from jaxsolve.analysis.products import Products, products
from jaxsolve.analysis.residuals import Residuals, residuals
from jaxsolve.analysis.seeds import SeedOrder, Seeds, seeds, spearman
from jaxsolve.analysis.subject import Subject, subject_of
from jaxsolve.analysis.summary import NotMeasuredError, Summary, correlation, summary_of
from jaxsolve.analysis.transitivity import Transitivity, cycles_of, transitivity

__all__ = [
    "MEASUREMENTS",
    "Analysis",
    "ForwardPass",
    "Isometry",
    "Norms",
    "NotMeasuredError",
    "PairScore",
    "Products",
    "Rescaling",
    "Residuals",
    "SeedOrder",
    "Seeds",
    "Subject",
    "Summary",
    "Transitivity",
    "analyze",
    "checked",
    "correlation",
    "cycles_of",
    "forward",
    "isometry",
    "norms",
    "pair_scores",
    "products",
    "rescaling",
    "residuals",
    "seeds",
    "spearman",
    "subject_of",
    "summary_of",
    "transitivity",
]
