"""Host: the parameters of layers, by whatever names libraries give them, as PyTorch has them.

A layer is what tensors have in common that are called alike but for the parameter: ``fc1.weight`` and ``fc1.bias``,
``dense/kernel:0``, ``params.Dense_0.kernel``, ``W3`` and ``b3``, ``layer_3_weight``. Weights may be in parts: as
PyTorch's weight_norm keeps them (Salimans & Kingma 2016, https://arxiv.org/abs/1602.07868), with the mask of a pruned
one, or as whole numbers with what they are multiplied by.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from jaxsolve.formats.natural import natural
from jaxsolve.formats.state_dicts import STATISTICS, Tensors

NAMES = {
    "weight": "weight", "weights": "weight", "w": "weight", "kernel": "kernel", "bias": "bias", "biases": "bias",
    "b": "bias", "gamma": "weight", "beta": "bias", "running_mean": "running_mean", "running_var": "running_var",
    "moving_mean": "running_mean", "moving_variance": "running_var", "mean": "running_mean", "var": "running_var",
    "num_batches_tracked": "num_batches_tracked", "scale": "scale", "scales": "scale", "weight_scale": "scale",
    "weight_scales": "scale", "scb": "eighth", "zero_point": "zero", "zero_points": "zero",
    "weight_zero_point": "zero", "weight_g": "weight_g", "weight_v": "weight_v", "weight_orig": "weight_orig",
    "weight_mask": "weight_mask", "bias_orig": "bias_orig", "bias_mask": "bias_mask", "qweight": "weight",
    "weight_int8": "weight", "weight_q": "weight", "weight_quantized": "weight", "w_scale": "scale",
}  # fmt: skip
"""Parameters by the last word of their names in PyTorch, NumPy, Flax, Haiku, Keras, TensorFlow and bitsandbytes."""
KNOWN = {*NAMES.values()}
BESIDES = ("n_averaged", "weight_format")
"""Tensors beside those of layers, which say how they were made."""
NUMBER = re.compile(r"(arr_)?\d*")
"""What NumPy and lists call what has no name."""
WORD = re.compile(r"(.+?)(\d*)")
COLLECTIONS = {"params", STATISTICS}
"""Words in Flax's names that are no layers."""
PARAMETRISED = {"original0": "weight_g", "original1": "weight_v"}
"""What weight_norm calls its parts as a parametrisation."""
WHOLE = ("int8", "uint8", "int16", "int32")


class Layer(NamedTuple):
    """The parameters of one layer."""

    tensors: Tensors
    """By PyTorch's names."""
    kernel: bool
    """Whether its weight is called a kernel, which is `[in, out]`."""


def by_layer(tensors: Mapping[str, np.ndarray]) -> dict[str, Tensors]:
    """Return tensors by what their layers are called, and in these by their parameters, in their order.

    Tensors that have numbers for names are layers in turn, each matrix with the vector after it; so are those of which
    none is called as parameters are. Others keep their names, in the layer that they belong to.
    """
    told = {name: split(name) for name in tensors}
    plain = len(tensors) > 2 and not any(part in KNOWN for _, part in told.values())
    found, last = dict[str, Tensors](), ""
    counted = all(NUMBER.fullmatch(part) for _, part in told.values())
    for name in sorted(tensors, key=natural) if counted else tensors:
        tensor, (layer, part) = tensors[name], told[name]
        if part in BESIDES or (tensor.ndim == 0 and tensor.dtype.kind in "iu" and part not in KNOWN):  # an epoch
            continue
        if plain or NUMBER.fullmatch(part):
            name = ".".join(filter(None, [layer, str(len(found)) if counted and not layer else part]))
            last = last if tensor.ndim == 1 and last and [*found[last]] == ["weight"] else name
            layer, part = last, "bias" if last != name else "weight"
        elif part in found.get(layer, {}):
            part = name
        found.setdefault(layer, {})[part] = tensor
    return found


def split(name: str) -> tuple[str, str]:
    """Return what a tensor's layer is called, and which parameter it is, by PyTorch's name if there is one."""
    name = re.sub(r"\[(\d+)\]", r"_\1", name.removesuffix(":0"))
    words = [word for word in re.split(r"[./]", name) if word and word not in COLLECTIONS]
    if words[-3:-1] == ["parametrizations", "weight"] and words[-1] in PARAMETRISED:
        return ".".join(words[:-3]), PARAMETRISED[words[-1]]
    if not words:
        return "", ""
    *before, last = words
    if last.lower() in BESIDES:
        return ".".join(before), last.lower()
    if last.lower() in NAMES:
        part = NAMES[last.lower()]
        before = before[:-1] if part in ("scale", "zero") and before[-1:] == ["weight"] else before
        return ".".join(before), part
    if before and before[-1].lower() in NAMES and NAMES[before[-1].lower()] in ("weight", "kernel", "bias"):
        return ".".join([*before[:-1], last]), NAMES[before[-1].lower()]  # of weights/3 and biases/3
    parts = re.split(r"[_\- ]", re.sub(r"^(\d+)([a-zA-Z]+)$", r"\1_\2", last))
    ends = [len(parts) - 1] * (len(parts) > 2 and parts[-1].isdecimal())  # model_W_3
    for size in (2, 1):  # weight_scale before scale
        for first, end in ((len(parts) - size, len(parts)), (0, size), *((end - size, end) for end in ends)):
            word = WORD.fullmatch("_".join(parts[first:end])) if first >= 0 else None
            if word and word[1].lower() in NAMES and len(parts) + len(word[2]) > size:
                rest = [*parts[:first], *([word[2]] if word[2] else []), *parts[end:]]
                layer, part = ".".join([*before, "_".join(rest)]), NAMES[word[1].lower()]
                outer = split(layer) if part in ("scale", "zero") else ("", "")  # of W3_scale
                return (outer[0] if outer[1] in ("weight", "kernel") else layer), part
    return ".".join(before), last


def is_named(name: str) -> bool:
    """Whether the name of a tensor says which parameter it is, or is a number."""
    part = split(name)[1]
    return part in KNOWN or bool(NUMBER.fullmatch(part))


def parameters(parts: Mapping[str, np.ndarray]) -> Layer:
    """Return the parameters of a layer by PyTorch's names; what is none of them keeps its own.

    Raises
    ------
    ValueError
        Parts of a weight are not there, or do not fit.
    """
    found = {name: np.asarray(tensor) for name, tensor in parts.items()}
    if "bias" in found and not found["bias"].size:
        found.pop("bias")
    if "scale" in found and "weight" not in found and "kernel" not in found:
        found["weight"] = found.pop("scale")  # of a norm
    kernel = "kernel" in found
    if kernel:
        found = {name if name != "kernel" else "weight": tensor for name, tensor in found.items()}
    if "weight_v" in found and "weight_g" in found:
        found["weight"] = _normalised(found.pop("weight_v"), found.pop("weight_g"))
    if "weight" in found and "weight_mask" in found:
        found |= {"weight_orig": found.pop("weight")}
    for part in ("weight", "bias"):
        if f"{part}_orig" in found and f"{part}_mask" in found:
            own, mask = found.pop(f"{part}_orig"), found.pop(f"{part}_mask")
            if own.shape != mask.shape:
                raise ValueError(f"{part}_orig {list(own.shape)} and {part}_mask {list(mask.shape)} of other shapes")
            found[part] = own * mask.astype(own.dtype)
    if "weight" in found and found["weight"].dtype.name in WHOLE:
        found["weight"] = _dequantised(found, kernel)
        found = {name: tensor for name, tensor in found.items() if name not in ("scale", "eighth", "zero")}
    return Layer({name: _squeezed(name, tensor, kernel) for name, tensor in found.items()}, kernel)


def _normalised(direction: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the weight that weight_norm makes of its direction and the norms of rows or columns."""
    if size.ndim != direction.ndim:  # of rows, or of everything
        size = size.reshape(-1, *[1] * (direction.ndim - 1))
    axes = tuple(axis for axis, n in enumerate(size.shape) if n == 1)
    norms = np.sqrt((direction.astype(np.float64) ** 2).sum(axis=axes, keepdims=True))
    if size.shape != norms.shape or not norms.all():
        raise ValueError(f"weight_v {list(direction.shape)} with weight_g {list(size.shape)}, or a direction of zeros")
    return (direction * (size / norms)).astype(direction.dtype)


def _dequantised(found: Mapping[str, np.ndarray], kernel: bool) -> np.ndarray:
    """Return the weight of whole numbers with a scale: of all, of rows, of columns, or of what its shape says."""
    weight = found["weight"]
    # of LLM.int8() (Dettmers et al. 2022, https://arxiv.org/abs/2208.07339) the scale is that of 127
    scale = found["scale"] if "scale" in found else found["eighth"] / 127 if "eighth" in found else None
    if scale is None:
        raise ValueError(
            f"a weight of type {weight.dtype.name} without its scale; save that beside it, as weight_scale"
        )

    def spread(side: np.ndarray) -> np.ndarray:
        if side.size == 1:
            return side.reshape(())
        if side.ndim == 1 and weight.ndim == 2 and side.size in weight.shape:
            rows = side.size == weight.shape[0] and not (kernel and side.size == weight.shape[1])
            return side[:, None] if rows else side
        if side.ndim != weight.ndim or any(n not in (1, m) for n, m in zip(side.shape, weight.shape, strict=True)):
            raise ValueError(f"a scale {list(side.shape)} of a weight {list(weight.shape)}; expected one a row")
        return side

    zero = spread(found["zero"]).astype(np.float64) if "zero" in found else 0.0
    dtype = scale.dtype if scale.dtype.kind == "f" or scale.dtype.name == "bfloat16" else np.dtype(np.float32)
    return ((weight - zero) * spread(scale).astype(np.float64)).astype(dtype)


def _squeezed(name: str, tensor: np.ndarray, kernel: bool) -> np.ndarray:
    """Return a tensor without the axes that convolutions of one point have, and biases as vectors."""
    if name == "bias" and (tensor.ndim == 0 or (tensor.ndim == 2 and 1 in tensor.shape)):
        return tensor.reshape(-1)
    if name != "weight" or tensor.ndim not in (3, 4):
        return tensor
    rows, columns = tensor.shape[-2:] if kernel else tensor.shape[:2]
    return tensor.reshape(rows, columns) if tensor.size == rows * columns else tensor
