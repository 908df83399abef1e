"""Host: the judge of answers, in float64 NumPy, so that no compiler has to be trusted."""

from jaxsolve.certificate.certify import Certificate, certify, with_neighbour
from jaxsolve.certificate.evidence import Evidence, weigh
from jaxsolve.certificate.grid import Quantum, quantum
from jaxsolve.certificate.missing import Gap, find_gap
from jaxsolve.certificate.neighbour import Neighbour, Rival
from jaxsolve.certificate.rounding import tolerance
from jaxsolve.certificate.weighing import promising, reachable, twins, with_evidence

__all__ = [
    "Certificate",
    "Evidence",
    "Gap",
    "Neighbour",
    "Quantum",
    "Rival",
    "certify",
    "find_gap",
    "promising",
    "quantum",
    "reachable",
    "tolerance",
    "twins",
    "weigh",
    "with_evidence",
    "with_neighbour",
]
