"""Put a dropped residual network back together, and prove it.

>>> import jaxsolve
>>> puzzle = jaxsolve.read_puzzle("demo")                  # doctest: +SKIP
>>> solution = jaxsolve.solve(puzzle)                      # doctest: +SKIP
>>> solution.certificate.permutation                       # doctest: +SKIP

``jaxsolve manual python`` says more.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
