"""Host: the judge of answers."""

from jaxsolve.certificate.certify import (
    Certificate,
    Neighbour,
    certify,
    single_moves,
    tolerance,
    with_neighbour,
)

__all__ = ["Certificate", "Neighbour", "certify", "single_moves", "tolerance", "with_neighbour"]
