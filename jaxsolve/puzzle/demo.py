"""Host: the puzzle that ships with the package."""

from pathlib import Path

from jaxsolve.puzzle.read import read_puzzle
from jaxsolve.puzzle.types import Puzzle

DEMO_FILE = Path(__file__).with_name("demo.zip")


def demo_puzzle() -> Puzzle:
    """Return a small dropped network, trained by ``scripts/make_demo.py``; only the hash of its answer is kept."""
    return read_puzzle(DEMO_FILE)
