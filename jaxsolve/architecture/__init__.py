"""Host: the residual network, spelled once: its activations, its NumPy twin, and in `device` its JAX one."""

from jaxsolve.architecture.activations import ACTIVATIONS, Activation, activation_of, canonical, usual
from jaxsolve.architecture.network import Network, parallel, workers

__all__ = ["ACTIVATIONS", "Activation", "Network", "activation_of", "canonical", "parallel", "usual", "workers"]
