"""Device: the arithmetic of matrix products, by what their result is used for.

*screen* ranks: on accelerators it may round products to fewer digits. *accept* decides between candidates:
float32 throughout. *certify*, which alone may say that a puzzle is solved, is float64 on the host and not
in this room (`jaxsolve.certificate`). Levels rather than named algorithms, because every platform knows them:
on GPUs the default is TF32 where there is such a thing and the highest is float32; CPUs have nothing cheaper
than float32 (https://docs.jax.dev/en/latest/jax.lax.html#jax.lax.Precision).
"""

from collections.abc import Mapping
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

from jaxsolve.backend.shapes import Array, Float

Tier = Literal["screen", "accept"]

PRECISIONS: Mapping[str, Mapping[Tier, lax.Precision]] = {
    "cpu": {"screen": lax.Precision.HIGHEST, "accept": lax.Precision.HIGHEST},
    "gpu": {"screen": lax.Precision.DEFAULT, "accept": lax.Precision.HIGHEST},
    "tpu": {"screen": lax.Precision.HIGH, "accept": lax.Precision.HIGHEST},
}
"""Precision of products for each platform and tier; platforms not named here compute as a CPU does."""


def product(a: Float[Array, "..."], b: Float[Array, "..."], tier: Tier) -> Float[Array, "..."]:
    """Return the matrix product `a @ b` in the precision of a tier on the default platform."""
    precisions = PRECISIONS.get(jax.default_backend(), PRECISIONS["cpu"])
    return jnp.matmul(a, b, precision=precisions[tier])
