"""Forms have one spelling, norms their derivatives, and a new norm is one entry."""

import numpy as np
import pytest

from jaxsolve.architecture import NORMS, Network, canonical, form_of, unusual, usual
from jaxsolve.architecture.forms import Seen, respelled, same
from jaxsolve.architecture.norms import Norm
from jaxsolve.errors import UsageError
from jaxsolve.puzzle import Assembly, read_as
from jaxsolve.solver import Config, solve
from tests import reference


@pytest.mark.parametrize(
    ("said", "spelled"),
    [
        ("LayerNorm+GELU", "layer_norm+gelu"),
        (" rms norm + relu + none", "rms_norm+relu"),
        ("none+relu+none", "relu"),
        ("none+relu+RMSNorm", "none+relu+rms_norm"),
        ("relu/relu", "relu/relu"),
        ("none/relu", "relu"),
        ("layer_norm:1e-05+relu", "layer_norm+relu"),
        ("layer_norm:1e-6+relu", "layer_norm:1e-06+relu"),
        ("0.5*tanh/layer_norm+leaky_relu:0.2", "0.5*tanh/layer_norm+leaky_relu:0.2"),
        ("1*relu", "relu"),
    ],
)
def test_every_form_has_one_spelling(said, spelled):
    assert canonical(said) == canonical(spelled) == spelled


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("batch_norm+relu", "'batch_norm\\+relu': no norm or activation 'batch_norm'; did you mean 'layer_norm'"),
        ("layer_norm+rms_norm", "'layer_norm\\+rms_norm': no activation 'rms_norm'"),
        ("layer_norm/relu", "'layer_norm/relu': no activation 'layer_norm'"),
        ("a+b+c+d", "has 4 parts; expected NORM\\+ACTIVATION\\+NORM"),
        ("half*relu", "expected a number before the star"),
        ("0*relu", "expected a number before the star"),
        ("layer_norm:x+relu", "expected a number behind the colon"),
        ("none", "no activation 'none'"),
    ],
)
def test_what_is_no_form_is_named(said, why):
    with pytest.raises(UsageError, match=why):
        canonical(said)


def test_parts_are_what_was_said():
    form = form_of("0.5*relu/rms_norm:1e-6+gelu+layer_norm")
    assert form.scale == 0.5
    assert form.first == Seen("relu", None)
    assert form.before == Seen("rms_norm", 1e-6)
    assert form.last == Seen("layer_norm", 1e-5)
    assert not form.plain
    assert form_of("relu/tanh").plain


@pytest.mark.parametrize("name", [*NORMS, "tanh", "leaky_relu:0.3", "none"])
def test_what_is_seen_has_its_derivative(name):
    how = form_of(f"{name}+relu").before
    rng = np.random.default_rng(0)
    h, gradient = rng.normal(size=(2, 5, 6))
    found = how.pullback(h, gradient)
    for d, step in enumerate(1e-6 * np.eye(6)):
        change = (how.function(h + step) - how.function(h - step)) / 2e-6
        np.testing.assert_allclose(found[:, d], (change * gradient).sum(axis=1), rtol=1e-5, atol=1e-8)
    single = how.function(h.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, how.function(h), rtol=1e-5, atol=1e-6)


def test_what_is_tried_where_nobody_says():
    assert usual("layer_norm+silu")[:2] == ["layer_norm+silu", "layer_norm+relu"]
    assert "relu/relu" in usual("relu", embeds=True)
    assert "relu/relu" not in usual("relu")
    assert unusual()[:2] == ["layer_norm+relu", "layer_norm+gelu"]
    assert all(canonical(name) == name for name in unusual(embeds=True))
    assert same("layer_norm+gelu_tanh") == "layer_norm+gelu"
    assert respelled("relu/layer_norm+gelu", activation="tanh") == "relu/layer_norm+tanh"


def test_a_scale_is_in_the_second_halves():
    puzzle, answer = reference.random_puzzle(4)
    half = read_as(puzzle, "0.5*relu")
    np.testing.assert_array_equal(half.w_out, 0.5 * puzzle.w_out)
    np.testing.assert_array_equal(read_as(half, "relu").w_out, puzzle.w_out)
    updates = [Network(one, one.activation).residual(one.x, *(h[0] for h in answer)) for one in (puzzle, half)]
    np.testing.assert_allclose(updates[1], 0.5 * updates[0])


def test_a_norm_of_ones_own_is_one_entry(monkeypatch):
    """Blocks that see their states divided by the largest of them: nothing else has to know."""
    largest = lambda x: np.abs(x).max(axis=-1, keepdims=True)

    def pullback(x, gradient, _):
        size, k = largest(x), np.abs(x).argmax(axis=-1)
        back = gradient / size
        rows = np.arange(len(x))
        back[rows, k] -= np.sign(x[rows, k]) * (gradient * x).sum(axis=-1) / size[:, 0] ** 2
        return back

    on_devices = lambda jnp: lambda x, _: x / jnp.max(jnp.abs(x), axis=-1, keepdims=True)
    monkeypatch.setitem(NORMS, "max_norm", Norm(lambda x, _: x / largest(x), pullback, on_devices, 0.0))
    puzzle, answer = reference.random_puzzle(6, n=5, d=6, h=9, rows=200, scale=0.7)
    puzzle = read_as(puzzle, "max_norm+relu")
    y = Network(puzzle, puzzle.activation).predict(puzzle.x, Assembly(*answer))
    puzzle = puzzle.replace(y=reference.single(y), activation_given=True)
    solution = solve(puzzle, Config(budget=120, pairing="none"))
    assert solution.status == "solved"
    assert solution.certificate.permutation == puzzle.permutation(answer)
