"""Host: the residual network, spelled once: its forms, its NumPy twin, and in `device` its JAX one."""

from jaxsolve.architecture.activations import ACTIVATIONS, Activation
from jaxsolve.architecture.blocks import ARCHITECTURES, Architecture
from jaxsolve.architecture.forms import activation_of, bare, canonical, form_of, respelled, same, unusual, usual
from jaxsolve.architecture.network import Network, parallel, workers
from jaxsolve.architecture.norms import NORMS

__all__ = [
    "ACTIVATIONS",
    "ARCHITECTURES",
    "NORMS",
    "Activation",
    "Architecture",
    "Network",
    "activation_of",
    "bare",
    "canonical",
    "form_of",
    "parallel",
    "respelled",
    "same",
    "unusual",
    "usual",
    "workers",
]
