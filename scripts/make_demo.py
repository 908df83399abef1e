"""Train the small network of the demo puzzle, drop it, and write ``jaxsolve/puzzle/demo.zip``.

    python scripts/make_demo.py [OUT.zip]

Everything follows from `SEED`. The answer is not kept: the archive holds its SHA-256 only.
"""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxsolve.backend import compiled
from jaxsolve.puzzle import Assembly, Puzzle, predict, sha256_of, write_puzzle

SEED = 2026
BLOCKS, FEATURES, HIDDEN = 16, 24, 48
TRAINING_ROWS, ROWS = 20_000, 2000
EPOCHS, BATCH, LEARNING_RATE = 30, 50, 1e-3
DECIMALS = 2
"""Of the inputs, so that the table packs well."""

Weights = dict[str, jax.Array]


def data(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and labels of all training rows: noisy bits, and a smooth count of the bits in disguise."""
    bits = rng.random((TRAINING_ROWS, FEATURES)) < 0.5
    x = (np.where(bits, 1.0, -1.0) + rng.normal(scale=0.4, size=bits.shape)).round(DECIMALS)
    votes = bits.astype(float) @ rng.choice([-1.0, 1.0], FEATURES)
    label = np.sin(votes) + 0.2 * votes + rng.normal(scale=0.1, size=TRAINING_ROWS)
    return x, (label - label.mean()) / label.std()


def initial(rng: np.random.Generator) -> Weights:
    """Return weights as PyTorch's ``nn.Linear`` draws them: uniform within 1/√(inputs)."""

    def uniform(inputs: int, *shape: int) -> jax.Array:
        return jnp.asarray(rng.uniform(-(inputs**-0.5), inputs**-0.5, shape), jnp.float32)

    return {
        "w_in": uniform(FEATURES, BLOCKS, HIDDEN, FEATURES),
        "b_in": uniform(FEATURES, BLOCKS, HIDDEN),
        "w_out": uniform(HIDDEN, BLOCKS, FEATURES, HIDDEN),
        "b_out": uniform(HIDDEN, BLOCKS, FEATURES),
        "w_last": uniform(FEATURES, FEATURES),
        "b_last": uniform(FEATURES),
    }


def forward(weights: Weights, x: jax.Array) -> jax.Array:
    """Return predictions `[R]`."""

    def block(h: jax.Array, w: tuple[jax.Array, ...]) -> tuple[jax.Array, None]:
        w_in, b_in, w_out, b_out = w
        return h + jax.nn.relu(h @ w_in.T + b_in) @ w_out.T + b_out, None

    stacked = tuple(weights[name] for name in ("w_in", "b_in", "w_out", "b_out"))
    return jax.lax.scan(block, x, stacked)[0] @ weights["w_last"] + weights["b_last"]


@compiled()
def trained(weights: Weights, x: jax.Array, y: jax.Array, order: jax.Array) -> Weights:
    """Return the weights after one step of Adam for each batch of row numbers in `order` `[steps, BATCH]`."""
    adam = optax.adam(LEARNING_RATE)

    def loss(weights: Weights, rows: jax.Array) -> jax.Array:
        return jnp.mean((forward(weights, x[rows]) - y[rows]) ** 2)

    def step(state: tuple, rows: jax.Array) -> tuple[tuple, None]:
        weights, moments = state
        updates, moments = adam.update(jax.grad(loss)(weights, rows), moments)
        return (optax.apply_updates(weights, updates), moments), None

    return jax.lax.scan(step, (weights, adam.init(weights)), order)[0][0]


def dropped(weights: Weights, x: np.ndarray, label: np.ndarray, rng: np.random.Generator) -> Puzzle:
    """Return the puzzle: pieces numbered at random, and the hash of the order they stood in."""
    w = {name: np.asarray(value, np.float64) for name, value in weights.items()}
    ids = rng.permutation(2 * BLOCKS + 1)
    ins, outs = ids[:BLOCKS], ids[BLOCKS : 2 * BLOCKS]
    first, second = np.argsort(ins), np.argsort(outs)
    puzzle = Puzzle(
        name="demo",
        w_in=w["w_in"][first],
        b_in=w["b_in"][first],
        w_out=w["w_out"][second],
        b_out=w["b_out"][second],
        w_last=w["w_last"],
        b_last=float(w["b_last"]),
        in_ids=ins[first],
        out_ids=outs[second],
        last_id=int(ids[-1]),
        x=x,
        y=np.zeros(len(x)),
        label=label,
    )
    answer = Assembly(np.argsort(first), np.argsort(second))
    pred = predict(puzzle, answer, dtype=np.float32)
    return puzzle.replace(y=pred, expected_sha256=sha256_of(puzzle.permutation(answer)))


def main() -> None:
    """Write the archive."""
    default = Path(__file__).parent.parent / "jaxsolve" / "puzzle" / "demo.zip"
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    rng = np.random.default_rng(SEED)
    x, label = data(rng)
    batches = [rng.permutation(TRAINING_ROWS).reshape(-1, BATCH) for _ in range(EPOCHS)]
    weights = trained(
        initial(rng), jnp.asarray(x, jnp.float32), jnp.asarray(label, jnp.float32), jnp.concatenate(batches)
    )
    puzzle = dropped(weights, x[:ROWS], label[:ROWS], rng)
    write_puzzle(puzzle, out)
    assert puzzle.label is not None
    print(f"{out}: {out.stat().st_size} bytes, MSE of pred against true {np.mean((puzzle.y - puzzle.label) ** 2):.4f}")


if __name__ == "__main__":
    main()
