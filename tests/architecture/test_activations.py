"""Every activation of the registry is the same function wherever it is computed, and its slope is its derivative."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsolve import backend
from jaxsolve.architecture import ACTIVATIONS, activation_of, canonical, usual
from jaxsolve.architecture.device import activation as on_devices, kernel_activation
from jaxsolve.errors import UsageError
from tests import reference

NAMES = [*ACTIVATIONS, *(f"{name}:0.2" for name, one in ACTIVATIONS.items() if one.option is not None)]
NEAR = np.sort(np.random.default_rng(0).uniform(-8, 8, 400))
KINKS = -3, 0, 3, 6
SMOOTH = NEAR[np.abs(NEAR[:, None] - KINKS).min(axis=1) > 1e-2]
FAR = np.array([1e2, 1e3, 1e5, 1e15]) * np.array([[-1], [1]])


@pytest.mark.parametrize("name", NAMES)
def test_the_slope_is_the_derivative(name):
    one, step = activation_of(name), 1e-5
    differences = (one.function(SMOOTH + step) - one.function(SMOOTH - step)) / (2 * step)
    np.testing.assert_allclose(one.slope(SMOOTH), differences, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_devices_compute_what_the_host_does(name):
    single, one = NEAR.astype(np.float32), activation_of(name)
    expected = one.function(single.astype(np.float64))
    found = backend.compiled()(lambda x: (on_devices(name)(x), kernel_activation(name)(x)))(single)
    for table in found:
        np.testing.assert_allclose(table, expected, rtol=2e-6, atol=1e-6)
    smooth = SMOOTH.astype(np.float32)
    slopes = backend.compiled()(jax.vmap(jax.grad(on_devices(name))))(smooth)
    np.testing.assert_allclose(slopes, one.slope(smooth.astype(np.float64)), rtol=2e-5, atol=5e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_it_keeps_the_type_and_never_warns(name, dtype):
    one, table = activation_of(name), np.concatenate([NEAR, FAR.ravel()]).astype(dtype).reshape(-1, 8)
    with warnings.catch_warnings(action="error"), np.errstate(all="raise", under="ignore"):
        for part in (one.function, one.slope):
            found = part(table)
            assert (found.dtype, found.shape) == (dtype, table.shape)
            assert np.isfinite(found).all()
            exact = part(table.astype(np.float64))
            np.testing.assert_allclose(found, exact, rtol=4e-6, atol=5e-6)


def test_tails_are_accurate():
    far = np.array([-40.0, -600.0])
    for name, expected in (("sigmoid", np.exp(far)), ("softplus", np.exp(far)), ("elu", [-1, -1])):
        np.testing.assert_allclose(activation_of(name).function(far), expected, rtol=1e-14)
    np.testing.assert_allclose(activation_of("mish").function(far), far * np.exp(far), rtol=1e-14)
    np.testing.assert_allclose(activation_of("tanh").slope(-far[:1]), 4 * np.exp(2 * far[:1]), rtol=1e-14)


@pytest.mark.parametrize("name", reference.ACTIVATIONS)
def test_the_usual_ones_are_those_of_the_reference(name):
    expected = [reference.activate(name, value) for value in NEAR]
    np.testing.assert_allclose(activation_of(name).function(NEAR), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_units_can_be_closed_for_certain_and_held_at_a_constant(name):
    one = activation_of(name)
    closed, (point, value) = np.full(8, one.closed), one.carrier
    for dtype in (np.float32, np.float64):
        assert not one.function(closed.astype(dtype)).any()
    for function in (on_devices(name), kernel_activation(name)):
        assert not np.asarray(jax.jit(function)(jnp.asarray(closed, jnp.float32))).any()
        np.testing.assert_allclose(function(jnp.float32(point)), value, rtol=1e-6)
    assert 0.1 < abs(value) < 10


def test_names_are_taken_in_any_spelling():
    for name in ACTIVATIONS:
        for spelled in (name.upper(), name.title().replace("_", ""), name.replace("_", "-")):
            assert canonical(spelled) == name
    for spelled, name in {
        "GELU": "gelu", "LeakyReLU": "leaky_relu", "LeakyReLU:0.20": "leaky_relu:0.2", "leaky_relu:.01": "leaky_relu",
        "SiLU": "silu", "ReLU6": "relu6",
    }.items():  # fmt: skip
        assert canonical(spelled) == canonical(canonical(spelled)) == name
    assert activation_of("LeakyReLU:0.2").function(np.array([-1.0])) == -0.2


@pytest.mark.parametrize(
    ("name", "words"),
    [("step", "no activation 'step'; choose one of relu, gelu"), ("relu:2", "no activation"), ("", "no activation"),
     ("leaky_relu:much", "expected a number"), ("leaky_relu:nan", "expected a number"), ("leaky_relu:", "a number")],
)  # fmt: skip
def test_others_are_refused(name, words):
    with pytest.raises(UsageError, match=words):
        activation_of(name)


def test_the_usual_ones_are_tried_where_none_is_told():
    assert usual("relu") == ["relu", "gelu", "gelu_tanh", "tanh", "silu"]
    assert usual("tanh") == ["tanh", "relu", "gelu", "gelu_tanh", "silu"]
    assert usual("mish")[:2] == ["mish", "relu"]
