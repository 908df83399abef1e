"""Host: what drives device programs: time, counts, progress, the losses of neighbours, and which are best."""

from jaxsolve.run.checkpoint import load_checkpoint, save_checkpoint
from jaxsolve.run.evaluator import ROOM, WORK, Evaluator
from jaxsolve.run.observer import Label, Observer, Pass, Progress
from jaxsolve.run.ranking import screen, screen_applications, screen_rows
from jaxsolve.run.run import OutOfTime, Run

__all__ = [
    "ROOM",
    "WORK",
    "Evaluator",
    "Label",
    "Observer",
    "OutOfTime",
    "Pass",
    "Progress",
    "Run",
    "load_checkpoint",
    "save_checkpoint",
    "screen",
    "screen_applications",
    "screen_rows",
]
