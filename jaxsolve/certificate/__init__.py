"""Host: the judge of answers, in float64 NumPy, so that no compiler has to be trusted."""

from jaxsolve.certificate.causes import Cause, find_cause
from jaxsolve.certificate.certify import Certificate, Verdict, certify, error_words, share_words, with_neighbour
from jaxsolve.certificate.evidence import Evidence
from jaxsolve.certificate.grid import Quantum, grid_of, quantum
from jaxsolve.certificate.information import Information, information
from jaxsolve.certificate.missing import Gap, find_gap
from jaxsolve.certificate.neighbour import Neighbour, Rival
from jaxsolve.certificate.rounding import tolerance
from jaxsolve.certificate.weighing import concluded, promising, reachable, twins, weigh, with_evidence

__all__ = [
    "Cause",
    "Certificate",
    "Evidence",
    "Gap",
    "Information",
    "Neighbour",
    "Quantum",
    "Rival",
    "Verdict",
    "certify",
    "concluded",
    "error_words",
    "find_cause",
    "find_gap",
    "grid_of",
    "information",
    "promising",
    "quantum",
    "reachable",
    "share_words",
    "tolerance",
    "twins",
    "weigh",
    "with_evidence",
    "with_neighbour",
]
