"""Host: how a puzzle is solved: a portfolio of hypotheses and methods, and the judge of what they find."""

from jaxsolve.solver.acceptance import Judge
from jaxsolve.solver.activations import rank_activations
from jaxsolve.solver.attempt import Attempt
from jaxsolve.solver.config import AUTO, NONE, Config
from jaxsolve.solver.initial import Start, first_start
from jaxsolve.solver.options import check_options
from jaxsolve.solver.solution import Solution
from jaxsolve.solver.solve import solve
from jaxsolve.solver.storing import Stored

__all__ = [
    "AUTO",
    "NONE",
    "Attempt",
    "Config",
    "Judge",
    "Solution",
    "Start",
    "Stored",
    "check_options",
    "first_start",
    "rank_activations",
    "solve",
]
