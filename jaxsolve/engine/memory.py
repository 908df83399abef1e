"""Host: what memory the evaluation of a problem takes."""

from jaxsolve.engine.neighbourhood import LANES, Way
from jaxsolve.engine.network import Problem
from jaxsolve.errors import UsageError


def rows_that_fit(problem: Problem, way: Way, memory: float) -> int:
    """Return how many rows can be evaluated at once within so many bytes, at least one.

    The devices of a CPU share its memory; every accelerator has as much of its own.
    """
    blocks, features, hidden = problem.blocks, problem.pieces.width, problem.pieces.units
    lanes = LANES if way == "batched" else 1
    slots = 2 * (blocks + 1) * (2 if way == "fused" else 1)
    row = 4 * (slots * features + lanes * (3 * features + 2 * hidden))
    sharing = len(problem.over.local_devices) if way == "sequential" else 1
    return max(1, int(memory // (sharing * row)))


def check_memory(problem: Problem, memory: float | None) -> None:
    """Refuse memory that does not hold what one row of a problem takes; `UsageError` says how much that is."""
    blocks, features, hidden = problem.blocks, problem.pieces.width, problem.pieces.units
    least = 4 * (2 * (blocks + 1) * features + 3 * features + 2 * hidden)
    if memory is not None and memory < least:
        raise UsageError(
            f"memory is {memory:g} bytes; one row of this puzzle takes {least}, and a size such as 4GiB is usual"
        )
