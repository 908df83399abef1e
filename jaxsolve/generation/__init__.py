"""Host: networks that are trained in order to be dropped, and the puzzles that come of it."""

from jaxsolve.generation.data import DATA, Rows, draw_rows
from jaxsolve.generation.drop import Dropped, drop
from jaxsolve.generation.generate import Growing, Snapshot, check_free, folders, generate, write_snapshot
from jaxsolve.generation.initial import INITIAL
from jaxsolve.generation.recipe import Recipe

__all__ = [
    "DATA",
    "INITIAL",
    "Dropped",
    "Growing",
    "Recipe",
    "Rows",
    "Snapshot",
    "check_free",
    "draw_rows",
    "drop",
    "folders",
    "generate",
    "write_snapshot",
]
