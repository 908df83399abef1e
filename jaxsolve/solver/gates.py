"""Host: gates that are pieces of their own, told by relaxing everything at once before anything else is searched."""

from dataclasses import replace

from jaxsolve.puzzle import Puzzle, read_as
from jaxsolve.run import Run
from jaxsolve.search.gates import GatedAnswer, GateRelaxation
from jaxsolve.solver.config import Config

FORMS = "silu", "rms_norm+silu", "rms_norm+silu+rms_norm", "sigmoid", "layer_norm+gelu", "layer_norm+gelu+layer_norm"
"""What is tried where nobody has said what the form is: gates are found under many that are nearly right."""


def gates_told(puzzle: Puzzle, config: Config, run: Run, *, enough: float = 0.03) -> GatedAnswer:
    """Return a puzzle whose gates are told, and an assembly of it.

    Parameters
    ----------
    puzzle
        A puzzle with gates that nobody has told, not padded.
    config, run
        How to search, and what counts.
    enough
        Share of the variance that a mixture leaves where no other form is tried.

    Raises
    ------
    OutOfTime
        The budget was spent before there was an answer.
    """
    search = config.given("gate_relaxation", GateRelaxation())

    def answer(form: str, **changes: int) -> GatedAnswer:
        own = replace(search, **changes)
        with run.phase("pair"):
            return own.answer(read_as(puzzle, form), run, seed=config.seed, devices=config.devices)

    if puzzle.activation_given:
        return answer(puzzle.activation)
    best: GatedAnswer | None = None
    for form in FORMS:
        found = answer(form, rounds=1)
        best = found if best is None or found.error < best.error else best
        if best.error < enough * puzzle.variance:
            break
    assert best is not None
    return min(best, answer(best.puzzle.activation), key=lambda one: one.loss)
