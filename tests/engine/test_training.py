"""Training takes the steps that backpropagation by hand takes in float64, however a batch is split."""

import math

import jax
import numpy as np
import pytest
from jaxtyping import install_import_hook

with install_import_hook("jaxsolve.engine.training", "beartype.beartype"):
    import jaxsolve.engine.training

from jaxsolve import backend, engine
from jaxsolve.architecture import ACTIVATIONS, activation_of
from jaxsolve.generation.initial import INITIAL

N, D, H, ROWS, BATCH = 3, 4, 6, 20, 7
RATE, DECAY = 0.01, 0.02
NAMES = ("w_in", "b_in", "w_out", "b_out", "w_last", "b_last")
DEVICES = backend.mesh().size


def slope(name, z):
    """Value and derivative of an activation."""
    phi = np.array([[math.exp(-v * v / 2) / math.sqrt(2 * math.pi) for v in row] for row in z])
    cdf = np.array([[0.5 * math.erfc(-v / math.sqrt(2)) for v in row] for row in z])
    s, c = 1 / (1 + np.exp(-z)), math.sqrt(2 / math.pi)
    t = np.tanh(c * (z + 0.044715 * z**3))
    known = {
        "relu": (np.where(z > 0, z, 0), (z > 0) * 1.0),
        "gelu": (z * cdf, cdf + z * phi),
        "gelu_tanh": (z * (1 + t) / 2, (1 + t) / 2 + z * (1 - t * t) * c * (1 + 3 * 0.044715 * z * z) / 2),
        "tanh": (np.tanh(z), 1 - np.tanh(z) ** 2),
        "silu": (z * s, s * (1 + z * (1 - s))),
    }
    return known.get(name) or (activation_of(name).function(z), activation_of(name).slope(z))


def gradients(net, x, y, activation):
    """Loss and gradients, by hand."""
    h, kept = x, []
    for t in range(N):
        a, da = slope(activation, h @ net["w_in"][t] + net["b_in"][t])
        kept.append((h, a, da))
        h = h + a @ net["w_out"][t] + net["b_out"][t]
    e = h @ net["w_last"] + net["b_last"] - y
    back = 2 * e / len(y)
    found = {name: np.zeros_like(net[name]) for name in NAMES}
    found["w_last"], found["b_last"] = h.T @ back, back.sum()
    g = back[:, None] * net["w_last"]
    for t in reversed(range(N)):
        h, a, da = kept[t]
        found["w_out"][t], found["b_out"][t] = a.T @ g, g.sum(axis=0)
        z = (g @ net["w_out"][t].T) * da
        found["w_in"][t], found["b_in"][t] = h.T @ z, z.sum(axis=0)
        g = g + z @ net["w_in"][t].T
    return np.mean(e * e), found


def stepped(optimiser, w, g, state, k):
    """One weight array after step `k`, with decay."""
    if optimiser not in ("adamw", "lion"):
        g = g + DECAY * w
    m, v = state.get("m", 0.0), state.get("v", 0.0)
    if optimiser == "sgd":
        return w - RATE * g
    if optimiser == "momentum":
        state["m"] = g + 0.9 * m
        return w - RATE * state["m"]
    if optimiser == "rmsprop":
        state["v"] = 0.99 * v + 0.01 * g * g
        return w - RATE * g / (np.sqrt(state["v"]) + 1e-8)
    if optimiser == "lion":
        state["m"] = 0.99 * m + 0.01 * g
        return w - RATE * (np.sign(0.9 * m + 0.1 * g) + DECAY * w)
    state["m"], state["v"] = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    update = state["m"] / (1 - 0.9**k) / (np.sqrt(state["v"] / (1 - 0.999**k)) + 1e-8)
    return w - RATE * (update + (DECAY * w if optimiser == "adamw" else 0.0))


def epoch_by_hand(first, x, y, order, activation, optimiser):
    net = {name: np.asarray(w, np.float64) for name, w in zip(NAMES, first[:6], strict=True)}
    states, losses = {name: {} for name in NAMES}, []
    for k, start in enumerate(range(0, len(order), BATCH), 1):
        rows = order[start : start + BATCH]
        loss, found = gradients(net, x[rows], y[rows], activation)
        losses.append(loss)
        net = {name: stepped(optimiser, net[name], found[name], states[name], k) for name in NAMES}
    return net, losses


def given_rows(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ROWS, D)).astype(np.float32).astype(float)
    y = rng.normal(size=ROWS).astype(np.float32).astype(float)
    first = INITIAL["pytorch"](rng, N, D, H)
    return first, x, y, rng.permutation(ROWS)


def placed(x, y, activation="relu", optimiser="sgd", devices=None):
    return engine.training_placed(
        x, y, activation=activation, optimiser=optimiser, learning_rate=RATE, weight_decay=DECAY, devices=devices
    )


def epoch_on_devices(first, x, y, order, *options, steps=None):
    """One epoch; where the devices are not named, seven rows are no multiple of them."""
    task = placed(x, y, *options)
    batches = engine.dealt(order, BATCH, task.over)
    count = np.int32(len(batches) if steps is None else steps)
    state, loss = engine.trained(engine.learner(first, task), task, batches, count)
    return {name: np.array(w) for name, w in zip(NAMES, state.net[:6], strict=True)}, float(loss)


def assert_same_steps(found, expected, first, rtol=2e-4):
    for name, start in zip(NAMES, first[:6], strict=True):
        moved = np.abs(expected[name] - start).max()
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=rtol * moved, err_msg=name)


@pytest.mark.parametrize(("activation", "optimiser"), [*((name, "sgd") for name in ACTIVATIONS), ("gelu", "adam")])
def test_an_epoch_is_backpropagation_by_hand(activation, optimiser):
    first, x, y, order = given_rows()
    found, loss = epoch_on_devices(first, x, y, order, activation, optimiser)
    expected, losses = epoch_by_hand(first, x, y, order, activation, optimiser)
    assert loss == pytest.approx(np.mean(losses), rel=1e-5)
    assert_same_steps(found, expected, first)


@pytest.mark.parametrize("optimiser", engine.OPTIMISERS)
def test_every_optimiser_steps_as_it_is_defined(optimiser):
    rng = np.random.default_rng(1)
    first, gradients = rng.normal(size=5).astype(np.float32), rng.normal(size=(4, 5)).astype(np.float32)

    @backend.compiled()
    def taken(w, gradients):
        rule = engine.OPTIMISERS[optimiser](RATE, DECAY)
        state = rule.init(w)
        for g in gradients:
            update, state = rule.update(g, state, w)
            w = w + update
        return w

    expected, state = first.astype(float), {}
    for k, g in enumerate(gradients.astype(float), 1):
        expected = stepped(optimiser, expected, g, state, k)
    np.testing.assert_allclose(taken(first, gradients), expected, rtol=0, atol=1e-4 * np.abs(expected - first).max())


def test_parts_of_a_batch_add_up(monkeypatch):
    first, x, y, order = given_rows(2)
    monkeypatch.setattr(jaxsolve.engine.training, "PART_ROWS", {jax.default_backend(): 2})
    assert engine.dealt(order, BATCH, backend.mesh(1)).shape == (3, 1, 4, 2)
    found, _ = epoch_on_devices(first, x, y, order, "silu", "sgd", 1)
    assert_same_steps(found, epoch_by_hand(first, x, y, order, "silu", "sgd")[0], first)


@pytest.mark.skipif(DEVICES < 2, reason="one device only")
def test_one_device_and_several_agree_to_rounding():
    first, x, y, order = given_rows(3)
    alone, loss = epoch_on_devices(first, x, y, order, "gelu", "adam", 1)
    together, same = epoch_on_devices(first, x, y, order, "gelu", "adam", DEVICES)
    assert loss == pytest.approx(same, rel=1e-6)
    assert_same_steps(together, alone, first)


def test_only_the_first_steps_are_taken():
    first, x, y, order = given_rows(4)
    found, loss = epoch_on_devices(first, x, y, order, steps=2)
    expected, losses = epoch_by_hand(first, x, y, order[: 2 * BATCH], "relu", "sgd")
    assert loss == pytest.approx(np.mean(losses), rel=1e-5)
    assert_same_steps(found, expected, first)


def test_the_loss_is_over_all_rows():
    first, x, y, order = given_rows(5)
    task = placed(x, y, "tanh")
    net = {name: np.asarray(w, np.float64) for name, w in zip(NAMES, first[:6], strict=True)}
    found = engine.training_loss(engine.learner(first, task).net, task, engine.dealt(order, ROWS, task.over))
    assert float(found) == pytest.approx(gradients(net, x, y, "tanh")[0], rel=1e-5)


@pytest.mark.parametrize(("rows", "batch"), [(20, 7), (20, 20), (5, 1), (9, 4), (1, 1), (1003, 600)])
def test_every_row_is_dealt_once_and_to_its_batch(rows, batch):
    order = np.random.default_rng(rows).permutation(rows)
    batches = engine.dealt(order, batch, backend.mesh())
    assert batches.shape[0] == -(-rows // batch)
    for t, places in enumerate(batches):
        there = places[places >= 0]
        assert sorted(there) == sorted(order[t * batch : (t + 1) * batch])
        shares = (places >= 0).sum(axis=(1, 2))
        assert shares.max() - shares.min() <= places.shape[1]  # a row for each part at most


def test_a_second_call_and_another_rate_compile_nothing():
    first, x, y, order = given_rows(6)
    task = placed(x, y)
    batches = engine.dealt(order, BATCH, task.over)
    state, _ = engine.trained(engine.learner(first, task), task, batches, np.int32(3))
    other = engine.training_placed(x, y, activation="relu", optimiser="sgd", learning_rate=0.5, weight_decay=0.0)
    before = backend.compile_seconds()
    engine.trained(state, other, batches, np.int32(1))
    assert backend.compile_seconds() == before


def test_operations_are_three_forward_passes():
    first, x, y, _ = given_rows()
    net = engine.learner(first, placed(x, y)).net
    assert engine.training_flops(net, 10) == 3 * 10 * N * (2 * D * H + 2 * H * D)
