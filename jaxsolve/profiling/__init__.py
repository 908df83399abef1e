"""Host: how fast candidates are evaluated, against what the machine can do."""

from jaxsolve.profiling.measure import Measurement, Work, measure, works

__all__ = ["Measurement", "Work", "measure", "works"]
