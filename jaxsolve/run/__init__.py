"""Host: what drives device programs: time, counts, progress, the losses of neighbours, and which are best."""

from jaxsolve.run.evaluator import ROOM, Evaluator
from jaxsolve.run.ranking import race, rungs, screen, screen_applications, screen_rows
from jaxsolve.run.run import OutOfTime, Progress, Run

__all__ = [
    "ROOM",
    "Evaluator",
    "OutOfTime",
    "Progress",
    "Run",
    "race",
    "rungs",
    "screen",
    "screen_applications",
    "screen_rows",
]
