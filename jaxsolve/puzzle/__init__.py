"""Host: what is given and what is answered: the puzzle, its files and the network they make."""

from jaxsolve.formats.limits import Limits
from jaxsolve.puzzle.demo import demo_puzzle
from jaxsolve.puzzle.given import GIVEN_UNITS, Units
from jaxsolve.puzzle.network import error_of, mean_squared_error, predict
from jaxsolve.puzzle.open_roles import as_answered
from jaxsolve.puzzle.padding import fitting, padded, read_as, running, unpadded, unused
from jaxsolve.puzzle.read import check_sha256, read_puzzle
from jaxsolve.puzzle.types import Assembly, Puzzle, sha256_of
from jaxsolve.puzzle.units import LINKS, conditioned, in_units
from jaxsolve.puzzle.write import Answer, read_answer, read_whole_answer, write_network, write_puzzle

__all__ = [
    "GIVEN_UNITS",
    "LINKS",
    "Answer",
    "Assembly",
    "Limits",
    "Puzzle",
    "Units",
    "as_answered",
    "check_sha256",
    "conditioned",
    "demo_puzzle",
    "error_of",
    "fitting",
    "in_units",
    "mean_squared_error",
    "padded",
    "predict",
    "read_answer",
    "read_as",
    "read_puzzle",
    "read_whole_answer",
    "running",
    "sha256_of",
    "unpadded",
    "unused",
    "write_network",
    "write_puzzle",
]
