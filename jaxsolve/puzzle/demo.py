"""Host: the puzzle that ships with the package."""

from jaxsolve.puzzle.read import DEMO, DEMO_FILE, read_puzzle
from jaxsolve.puzzle.types import Puzzle

__all__ = ["DEMO", "DEMO_FILE", "demo_puzzle"]


def demo_puzzle() -> Puzzle:
    """Return a small dropped network, trained by ``scripts/make_demo.py``; only the hash of its answer is kept.

    Its blocks are read as ``relu`` ones, which they are; ``read_puzzle("demo")`` leaves that to be found out.
    """
    return read_puzzle(DEMO, activation="relu")
