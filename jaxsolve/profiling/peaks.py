"""Host: the peak that works are held against: large matrix products in the arithmetic that theirs are in.

Products of *accept* are float32 everywhere. Where there are tensor cores, those of *screen* are TF32, and those of the
kernel (`engine.fused`) in *accept* are three of TF32 each, so that a third of the rate of TF32 is their peak: held
against float32 without tensor cores, they could come out above it.
"""

import statistics
from collections.abc import Callable
from functools import cache, cached_property
from typing import Any

import ml_dtypes

from jaxsolve import backend


class Peaks:
    """What some devices do at most, measured when it is asked for."""

    def __init__(self, devices: int | None = None) -> None:
        """Take the first `devices` of every process; `UsageError` where there are not as many."""
        self.over = backend.mesh(devices)
        self._products: dict[str, Callable[[], float]] = {}

    @cached_property
    def bandwidth(self) -> float:
        """Bytes a second of copying large arrays, read and written."""
        copying = backend.copy_bytes(self.over)
        return statistics.median(copying() for _ in range(3))

    def of(self, tier: "backend.Tier", way: str) -> tuple[str, Callable[[], float]]:
        """Return the arithmetic of products of a tier, and what measures the rate of large ones a second."""
        arithmetic = arithmetic_of(self.over.devices.flat[0], tier)
        if way == "fused" and tier == "accept" and arithmetic_of(self.over.devices.flat[0], "screen") == "TF32":
            rounded = self._large("TF32")
            return "3 x TF32", lambda: rounded() / 3
        return arithmetic, self._large(arithmetic)

    def all(self) -> dict[str, float]:
        """Return the rate of large products in every arithmetic of the devices, operations a second.

        bfloat16 is among those of accelerators, to say what they are made for: nothing of this package runs in it.
        """
        device = self.over.devices.flat[0]
        names = [arithmetic_of(device, "accept"), arithmetic_of(device, "screen")]
        names += [] if device.platform == "cpu" else ["bfloat16"]
        return {name: statistics.median(self._large(name)() for _ in range(3)) for name in dict.fromkeys(names)}

    def _large(self, arithmetic: str) -> Callable[[], float]:
        if arithmetic not in self._products:
            if arithmetic == "bfloat16":
                measure = backend.matmul_flops(self.over, "screen", ml_dtypes.bfloat16)
            else:
                exact = arithmetic == arithmetic_of(self.over.devices.flat[0], "accept")
                measure = backend.matmul_flops(self.over, "accept" if exact else "screen")
            self._products[arithmetic] = measure
        return self._products[arithmetic]


@cache
def peaks_on(devices: int | None) -> Peaks:
    """Return the same peaks each time it is asked for so many devices."""
    return Peaks(devices)


def arithmetic_of(device: Any, tier: "backend.Tier") -> str:
    """Return the arithmetic of products of float32 numbers of a tier on a device: float32, TF32 or another."""
    if tier == "accept" or device.platform not in backend.PRECISIONS or device.platform == "cpu":
        return "float32"
    if device.platform != "gpu":
        return "reduced"
    try:
        major = int(str(getattr(device, "compute_capability", "")).partition(".")[0])
    except ValueError:  # of another maker
        return "reduced"
    return "TF32" if major >= 8 else "float32"  # tensor cores take TF32 since Ampere
