"""Tiers mean on every platform what they promise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsolve.backend import PRECISIONS, precision


def test_what_decides_is_float32_everywhere():
    for tiers in PRECISIONS.values():
        assert set(tiers) == {"screen", "accept"}
        assert tiers["accept"] == jax.lax.Precision.HIGHEST


@pytest.mark.parametrize(("platform", "tier", "said"), [("gpu", "accept", "HIGHEST"), ("gpu", "screen", "DEFAULT")])
def test_products_ask_for_their_tier(platform, tier, said, monkeypatch):
    monkeypatch.setattr(precision.jax, "default_backend", lambda: platform)
    a = np.ones((4, 4), np.float32)
    text = jax.jit(lambda a: precision.product(a, a, tier)).lower(a).as_text()
    assert text.count("dot_general") == 1
    assert ("precision = [HIGHEST, HIGHEST]" in text) == (said == "HIGHEST")


def test_on_a_cpu_both_tiers_are_float32():
    if jax.default_backend() != "cpu":
        pytest.skip("not a CPU")
    rng = np.random.default_rng(0)
    a, b = jnp.asarray(rng.normal(size=(2, 64, 64)), jnp.float32)
    for tier in ("screen", "accept"):
        np.testing.assert_allclose(
            precision.product(a, b, tier), np.asarray(a, float) @ np.asarray(b, float), rtol=1e-4, atol=1e-5
        )
