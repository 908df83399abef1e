"""Host: what drives device programs: time, counts, progress, and the losses of neighbours."""

from jaxsolve.run.evaluator import CHUNK, Evaluator
from jaxsolve.run.run import OutOfTime, Progress, Run

__all__ = ["CHUNK", "Evaluator", "OutOfTime", "Progress", "Run"]
