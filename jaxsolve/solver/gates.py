"""Host: gates that are pieces of their own, told by relaxing everything at once before anything else is searched."""

from jaxsolve.puzzle import Puzzle, read_as
from jaxsolve.run import Run
from jaxsolve.search.gates import GatedAnswer, GateRelaxation
from jaxsolve.solver.config import Config

FORMS = "silu", "sigmoid", "rms_norm+silu+rms_norm", "layer_norm+gelu+layer_norm"
"""What is tried where nobody has said what the form is: gates are found under many that are nearly right."""


def gates_told(puzzle: Puzzle, config: Config, run: Run, *, enough: float = 0.3) -> GatedAnswer:
    """Return a puzzle whose gates are told, and an assembly of it.

    Parameters
    ----------
    puzzle
        A puzzle with gates that nobody has told, not padded.
    config, run
        How to search, and what counts.
    enough
        Share of the variance that is left where the form is thought to be the right one, or near it.

    Raises
    ------
    OutOfTime
        The budget was spent before there was an answer.
    """
    search, best = config.given("gate_relaxation", GateRelaxation()), None
    forms = (puzzle.activation,) if puzzle.activation_given else FORMS
    for form in forms:
        with run.phase("pair"):
            found = search.answer(read_as(puzzle, form), run, seed=config.seed, devices=config.devices)
        best = found if best is None or found.loss < best.loss else best
        if best.loss < enough * puzzle.variance:
            break
    assert best is not None
    return best
