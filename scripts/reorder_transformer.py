"""Train a small transformer, shuffle its layers, and put them in order by what it answered: `jaxsolve.reorder`.

    python scripts/reorder_transformer.py [--layers 12] [--steps 600] [--rows 1000] [--budget 300] [--seed 0]

The layers are pre-LN encoder layers: attention and a feed-forward network, each behind a LayerNorm with parameters.
They learn to tell, of sequences of tokens, how often the most frequent one is there, where it is first, and two sums.
"""

import argparse
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxsolve
from jaxsolve.backend import compiled

TOKENS, LENGTH, WIDTH, HEADS, INNER, OUTPUTS = 12, 10, 32, 4, 64, 4
Weights = dict[str, Any]


def normed(h: jax.Array, scale: jax.Array, shift: jax.Array) -> jax.Array:
    """Return LayerNorm of states."""
    centred = h - h.mean(axis=-1, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5) * scale + shift


def layer(p: Weights, h: jax.Array) -> jax.Array:
    """Return states `[R, T, C]` after one encoder layer."""
    seen = normed(h, p["scale_1"], p["shift_1"])
    split = lambda table: (seen @ table).reshape(*h.shape[:2], HEADS, -1)
    query, key, value = (split(p[name]) for name in ("query", "key", "value"))
    weights = jax.nn.softmax(jnp.einsum("rthc,rshc->rhts", query, key) / np.sqrt(WIDTH / HEADS), axis=-1)
    h = h + jnp.einsum("rhts,rshc->rthc", weights, value).reshape(h.shape) @ p["out"]
    seen = normed(h, p["scale_2"], p["shift_2"])
    return h + jax.nn.gelu(seen @ p["inward"] + p["bias_in"]) @ p["outward"] + p["bias_out"]


def initial(rng: np.random.Generator, layers: int) -> Weights:
    """Return the weights of an untrained transformer, layers stacked."""
    draw = lambda *shape: jnp.asarray(rng.normal(size=shape) / np.sqrt(shape[-2]), jnp.float32)
    square = {name: draw(layers, WIDTH, WIDTH) for name in ("query", "key", "value", "out")}
    norms = {f"scale_{k}": jnp.ones((layers, WIDTH)) for k in (1, 2)}
    norms |= {f"shift_{k}": jnp.zeros((layers, WIDTH)) for k in (1, 2)}
    inner = {"inward": draw(layers, WIDTH, INNER), "bias_in": jnp.zeros((layers, INNER))}
    inner |= {"outward": draw(layers, INNER, WIDTH), "bias_out": jnp.zeros((layers, WIDTH))}
    ends = {"tokens": draw(TOKENS, WIDTH), "places": draw(LENGTH, WIDTH), "read": draw(WIDTH, OUTPUTS)}
    return {"layers": square | norms | inner, **ends}


def embedded(net: Weights, tokens: Any) -> jax.Array:
    """Return the states that layers begin with."""
    return net["tokens"][jnp.asarray(tokens)] + net["places"]


def read(net: Weights, h: jax.Array) -> jax.Array:
    """Return predictions of last states: an affine map of their mean."""
    return h.mean(axis=1) @ net["read"]


def answered(net: Weights, tokens: jax.Array) -> jax.Array:
    """Return what the whole network answers."""
    h, _ = jax.lax.scan(lambda h, p: (layer(p, h), None), embedded(net, tokens), net["layers"])
    return read(net, h)


def data(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return sequences, and what is to be told of them, standardised."""
    tokens = rng.integers(TOKENS, size=(rows, LENGTH))
    counts = (tokens[:, :, None] == np.arange(TOKENS)).sum(axis=1)
    first = (tokens == counts.argmax(axis=1)[:, None]).argmax(axis=1)
    weights = rng.normal(size=TOKENS), rng.normal(size=LENGTH)
    sums = np.sin(weights[0][tokens].sum(axis=1)), (weights[0][tokens] * weights[1]).sum(axis=1)
    label = np.stack([counts.max(axis=1), first, *sums], axis=1)
    return tokens, (label - label.mean(axis=0)) / label.std(axis=0)


def trained(net: Weights, tokens: np.ndarray, label: np.ndarray, steps: int, rng: np.random.Generator) -> Weights:
    """Train by Adam in batches of 128."""
    rule = optax.adam(1e-3)

    @compiled()
    def step(net: Any, moments: Any, tokens: jax.Array, label: jax.Array) -> tuple[Any, Any, jax.Array]:
        loss, gradients = jax.value_and_grad(lambda net: jnp.mean((answered(net, tokens) - label) ** 2))(net)
        updates, moments = rule.update(gradients, moments)
        return optax.apply_updates(net, updates), moments, loss

    moments, loss = rule.init(net), jnp.zeros(())
    for _ in range(steps):
        rows = rng.integers(len(tokens), size=128)
        net, moments, loss = step(net, moments, tokens[rows], label[rows].astype(np.float32))
    print(f"trained for {steps} steps, loss {float(loss):.3g}")
    return net


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("layers", 12), ("steps", 600), ("rows", 1000), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--budget", type=float, default=300.0)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    tokens, label = data(rng, 20_000)
    net = trained(initial(rng, given.layers), tokens, label, given.steps, rng)
    shuffled = rng.permutation(given.layers)
    pile = jax.tree.map(lambda table: np.asarray(table)[shuffled], net["layers"])
    x = tokens[: given.rows]
    y = np.asarray(compiled()(answered)(net, x), np.float32)
    found = jaxsolve.reorder(
        pile, layer, x, y, embed=lambda x: embedded(net, x), readout=lambda h: read(net, h),
        budget=given.budget, seed=given.seed,
    )  # fmt: skip
    print(found)
    right = shuffled[found.order].tolist() == list(range(given.layers))
    print(f"{'right' if right else 'wrong'}, {found.evaluations} evaluations, {found.seconds:.1f} s")


if __name__ == "__main__":
    main()
