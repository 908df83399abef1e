"""Put a dropped residual network back together, and prove it.

>>> import jaxsolve
>>> puzzle = jaxsolve.read_puzzle("path/to/puzzle")        # doctest: +SKIP
>>> solution = jaxsolve.solve(puzzle)                      # doctest: +SKIP
>>> solution.certificate.permutation                       # doctest: +SKIP
"""

from typing import TYPE_CHECKING

from jaxsolve._lazy import lazy_exports

if TYPE_CHECKING:
    from jaxsolve.certificate.certify import Certificate, certify
    from jaxsolve.errors import JaxsolveError
    from jaxsolve.joint import JointConfig, JointSolution, joint_search
    from jaxsolve.puzzle.demo import demo_puzzle
    from jaxsolve.puzzle.read import read_puzzle
    from jaxsolve.puzzle.types import Puzzle
    from jaxsolve.puzzle.units import in_units
    from jaxsolve.solve import Config, Solution, solve

__version__ = "0.1.0"

__all__ = [
    "Certificate",
    "Config",
    "JaxsolveError",
    "JointConfig",
    "JointSolution",
    "Puzzle",
    "Solution",
    "certify",
    "demo_puzzle",
    "in_units",
    "joint_search",
    "read_puzzle",
    "solve",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "Certificate": "certificate.certify",
        "Config": "solve",
        "JaxsolveError": "errors",
        "JointConfig": "joint",
        "JointSolution": "joint",
        "Puzzle": "puzzle.types",
        "Solution": "solve",
        "certify": "certificate.certify",
        "demo_puzzle": "puzzle.demo",
        "in_units": "puzzle.units",
        "joint_search": "joint",
        "read_puzzle": "puzzle.read",
        "solve": "solve",
    },
)
