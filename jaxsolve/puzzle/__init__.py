"""Host: what is given and what is answered: the puzzle, its files and the network they make."""

from jaxsolve.puzzle.demo import demo_puzzle
from jaxsolve.puzzle.limits import Limits
from jaxsolve.puzzle.network import ACTIVATIONS, Network, activation_of, mean_squared_error, predict
from jaxsolve.puzzle.padding import fitting, padded, read_as, running, unpadded, unused
from jaxsolve.puzzle.read import check_sha256, read_puzzle
from jaxsolve.puzzle.types import Assembly, Puzzle, sha256_of
from jaxsolve.puzzle.write import read_answer, write_network, write_puzzle

__all__ = [
    "ACTIVATIONS",
    "Assembly",
    "Limits",
    "Network",
    "Puzzle",
    "activation_of",
    "check_sha256",
    "demo_puzzle",
    "fitting",
    "mean_squared_error",
    "padded",
    "predict",
    "read_answer",
    "read_as",
    "read_puzzle",
    "running",
    "sha256_of",
    "unpadded",
    "unused",
    "write_network",
    "write_puzzle",
]
