"""Host: the tensors of a network in what people save: state dicts, checkpoints that hold one, modules, lists."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

Tensors = dict[str, np.ndarray[Any, Any]]

STATE_DICTS = (
    "state_dict", "model_state_dict", "model_state", "model", "network", "net", "module", "weights", "params",
)  # fmt: skip
"""Where checkpoints keep the parameters of a network, the most telling first."""
STATISTICS = "batch_stats"
"""Where Flax keeps the running statistics of norms, beside the parameters."""
BESIDES = ("optim", "sched", "lr_", "scaler", "amp", "ema", "callback", "loop", "hyper", "hparam")
"""What the names of what else they keep begin with."""
AMOUNTS = ("scale", "scales", "weight_scale", "zero_point", "zero_points", "weight_zero_point", "offset", "scb")
"""What may be a plain number beside a weight of whole numbers."""


@dataclass
class Module:
    """A module of PyTorch: parameters, buffers and modules in it, by name."""

    state: dict[Any, Any] = field(default_factory=dict)


def tensors_in(state: Any, *, most: int, depth: int = 64) -> Tensors:
    """Return the tensors in something nested, in their order; a tensor alone has the empty name.

    Names of what is nested are joined by dots; what is in a list or tuple is named by its number.

    Raises
    ------
    ValueError
        It has more than `most` parts, or is nested deeper: references make a small file a large tree.
    """
    found, todo, parts = Tensors(), [("", state, 0)], 0
    while todo:
        name, value, level = todo.pop()
        parts += 1
        if parts > most or level > depth:
            raise ValueError(f"more than {most} parts" if parts > most else f"parts nested deeper than {depth}")
        match value:
            case np.ndarray():
                found[name] = value
            case Module() | dict() | list() | tuple():
                inside = [(f"{name}.{key}" if name else str(key), one, level + 1) for key, one in _inside(value)]
                todo += inside[::-1]
                parts += len(inside)
    return found


def _inside(value: Any) -> list[tuple[Any, Any]]:
    """Return what something holds of a network, and nothing of how it was trained."""
    if isinstance(value, list | tuple):
        return list(enumerate(value))
    state = value.state if isinstance(value, Module) else value
    key = next((key for key in STATE_DICTS if isinstance(state.get(key), dict | Module)), None)
    if key is not None:
        return [(name, state[name]) for name in (key, STATISTICS) if name in state]
    plain = any(isinstance(one, np.ndarray) for one in state.values())
    found = list[tuple[Any, Any]]()
    for name, one in state.items():
        if str(name).lower().startswith(BESIDES) and not (plain and isinstance(one, np.ndarray)):
            continue
        if plain and str(name).lower().rpartition(".")[2] in AMOUNTS and isinstance(one, int | float | list):
            one = np.asarray(one)
        found.append((name, one))
    return found
