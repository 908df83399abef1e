"""Host: what drives device programs: time, counts, progress, and neighbourhoods chunk by chunk."""

from jaxsolve.run.losses import chunks, move_losses
from jaxsolve.run.run import OutOfTime, Progress, Run

__all__ = ["OutOfTime", "Progress", "Run", "chunks", "move_losses"]
