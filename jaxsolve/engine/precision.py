"""Device: the arithmetic of matrix products, by what their result is used for.

*screen* ranks: on accelerators it may round products to fewer digits. *accept* decides between candidates:
float32 throughout. *certify*, which alone may say that a puzzle is solved, is float64 on the host and not
in this room (`jaxsolve.certificate`). CPUs have no cheaper product than float32, and refuse the presets of GPUs
(https://docs.jax.dev/en/latest/jax.lax.html#jax.lax.DotAlgorithmPreset).
"""

from collections.abc import Mapping
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

from jaxsolve.engine.shapes import Array, Float

Tier = Literal["screen", "accept"]
Precision = lax.Precision | lax.DotAlgorithmPreset

PRECISIONS: Mapping[str, Mapping[Tier, Precision]] = {
    "cpu": {"screen": lax.Precision.HIGHEST, "accept": lax.Precision.HIGHEST},
    "gpu": {"screen": lax.DotAlgorithmPreset.TF32_TF32_F32, "accept": lax.DotAlgorithmPreset.F32_F32_F32},
    "tpu": {"screen": lax.Precision.HIGH, "accept": lax.Precision.HIGHEST},
}
"""Precision of products for each platform and tier; platforms not named here compute as a CPU does."""


def product(a: Float[Array, "..."], b: Float[Array, "..."], tier: Tier) -> Float[Array, "..."]:
    """Return the matrix product `a @ b` in the precision of a tier on the default platform."""
    precisions = PRECISIONS.get(jax.default_backend(), PRECISIONS["cpu"])
    return jnp.matmul(a, b, precision=precisions[tier])
