"""Host: searches that improve an assembly, and those that find pairs and order together."""

from jaxsolve.search.descent import Descent, Round, begin
from jaxsolve.search.local import SEARCHES, LocalSearch, descend, search_named
from jaxsolve.search.method import Info, Method, Population, Setting, info_of, population, unjudged
from jaxsolve.search.methods import METHODS, SOLVING, options_of, stages_named, with_options
from jaxsolve.search.pipeline import MOST_SEED, STATISTICS_ROWS, Pipeline, Point, Stage

__all__ = [
    "METHODS",
    "MOST_SEED",
    "SEARCHES",
    "SOLVING",
    "STATISTICS_ROWS",
    "Descent",
    "Info",
    "LocalSearch",
    "Method",
    "Pipeline",
    "Point",
    "Population",
    "Round",
    "Setting",
    "Stage",
    "begin",
    "descend",
    "info_of",
    "options_of",
    "population",
    "search_named",
    "stages_named",
    "unjudged",
    "with_options",
]
