"""Host: the judge of answers, in float64 NumPy, so that no compiler has to be trusted."""

from jaxsolve.certificate.certify import Certificate, certify, tolerance, with_neighbour
from jaxsolve.certificate.neighbour import Neighbour

__all__ = ["Certificate", "Neighbour", "certify", "tolerance", "with_neighbour"]
