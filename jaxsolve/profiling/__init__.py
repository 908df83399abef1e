"""Host: how fast candidates are evaluated, and methods take their steps, against what the machine can do."""

from jaxsolve.profiling.measure import measure
from jaxsolve.profiling.measurement import Failure, Measurement
from jaxsolve.profiling.peaks import Peaks, peaks_on
from jaxsolve.profiling.scaling import AXES, Point, doubling, scale
from jaxsolve.profiling.work import Work, works

__all__ = [
    "AXES",
    "Failure",
    "Measurement",
    "Peaks",
    "Point",
    "Work",
    "doubling",
    "measure",
    "peaks_on",
    "scale",
    "works",
]
