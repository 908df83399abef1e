"""Device: the arithmetic. The only room that imports JAX, and it does so when a name is first used."""

from typing import TYPE_CHECKING

from jaxsolve._lazy import lazy_exports
from jaxsolve.engine.moves import NEIGHBOURHOODS, Moves, Neighbourhood, as_moves, exchanges

if TYPE_CHECKING:
    from jaxsolve.engine.compile import compile_seconds, compiled
    from jaxsolve.engine.construction import delta_greedy_order, insertion_losses
    from jaxsolve.engine.neighbourhood import default_lanes, input_states, neighbourhood_losses
    from jaxsolve.engine.network import ACTIVATIONS, Pieces, Problem, device_names, place

__all__ = [
    "ACTIVATIONS",
    "NEIGHBOURHOODS",
    "Moves",
    "Neighbourhood",
    "Pieces",
    "Problem",
    "as_moves",
    "compile_seconds",
    "compiled",
    "default_lanes",
    "delta_greedy_order",
    "device_names",
    "exchanges",
    "input_states",
    "insertion_losses",
    "neighbourhood_losses",
    "place",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "ACTIVATIONS": "network",
        "Pieces": "network",
        "Problem": "network",
        "compile_seconds": "compile",
        "compiled": "compile",
        "default_lanes": "neighbourhood",
        "delta_greedy_order": "construction",
        "device_names": "network",
        "input_states": "neighbourhood",
        "insertion_losses": "construction",
        "neighbourhood_losses": "neighbourhood",
        "place": "network",
    },
)
