"""Host: what drives device programs: time, counts, progress, the losses of neighbours, and which are best."""

from jaxsolve.run.checkpoint import load_checkpoint, save_checkpoint
from jaxsolve.run.evaluator import Evaluator
from jaxsolve.run.observer import Growth, Label, Observer, Pass, Progress
from jaxsolve.run.ranking import screen, screen_applications, screen_rows
from jaxsolve.run.run import Outcome, OutOfTime, Run

__all__ = [
    "Evaluator",
    "Growth",
    "Label",
    "Observer",
    "OutOfTime",
    "Outcome",
    "Pass",
    "Progress",
    "Run",
    "load_checkpoint",
    "save_checkpoint",
    "screen",
    "screen_applications",
    "screen_rows",
]
