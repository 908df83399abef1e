"""Host: what those who watch a run are told of an attempt."""

import numpy as np

from jaxsolve.attempts import Attempt
from jaxsolve.puzzle import Puzzle
from jaxsolve.run import Label, Run


def tell(run: Run, puzzle: Puzzle, attempt: Attempt) -> None:
    """Say that an attempt at a puzzle begins, as it was read for it: from where, with which pairs and which search."""
    pairing, margins = attempt.pairing, attempt.pairing.margins[attempt.pairing.whole]
    label = Label(
        attempt.search,
        pairing.name,
        attempt.order_seed,
        attempt.problem.rows,
        puzzle.activation,
        pairing.certain,
        (float(margins.min()), float(np.median(margins))) if margins.size and np.isfinite(margins).all() else None,
    )
    run.begin(label, attempt.descent.assembly, attempt.descent.loss)
