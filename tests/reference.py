"""A slow float64 network and random puzzles. Shares no code with the package but the `Puzzle` it fills.

Activations that it does not know are those of the package, which tests of its registry compare with others.
"""

import math

import numpy as np

from jaxsolve.architecture import activation_of
from jaxsolve.puzzle import Assembly, Puzzle
from jaxsolve.puzzle.given import Gates, Layer


def activate(name: str, value: float) -> float:
    match name:
        case "relu":
            return value if value > 0 else 0.0
        case "gelu":
            return value * 0.5 * math.erfc(-value / math.sqrt(2.0))
        case "gelu_tanh":
            return value / (1.0 + math.exp(-2.0 * math.sqrt(2.0 / math.pi) * (value + 0.044715 * value**3)))
        case "tanh":
            return math.tanh(value)
        case "silu":
            return value / (1.0 + math.exp(-value))
    return float(activation_of(name).function(np.array([value]))[0])


def states(puzzle: Puzzle, ins, outs, rows: int) -> np.ndarray:
    """States before every position and after the last, `[N+1, rows, D]`, one number at a time."""
    all_states = [[list(map(float, puzzle.x[r])) for r in range(rows)]]
    for i, j in zip(ins, outs, strict=True):
        after = []
        for h in all_states[-1]:
            hidden = [
                activate(puzzle.activation, math.fsum([*(w * v for w, v in zip(row, h, strict=True)), b]))
                for row, b in zip(puzzle.w_in[i].tolist(), puzzle.b_in[i].tolist(), strict=True)
            ]
            after.append(
                [
                    math.fsum([v, *(w * a for w, a in zip(row, hidden, strict=True)), b])
                    for v, row, b in zip(h, puzzle.w_out[j].tolist(), puzzle.b_out[j].tolist(), strict=True)
                ]
            )
        all_states.append(after)
    return np.array(all_states)


def readout_loss(puzzle: Puzzle, h: np.ndarray) -> float:
    """Mean squared error of the readout applied to states."""
    errors = [
        math.fsum([*(w * v for w, v in zip(puzzle.w_last, row, strict=True)), puzzle.b_last]) - y
        for row, y in zip(h, puzzle.y[: len(h)], strict=True)
    ]
    return math.fsum(e * e for e in errors) / len(errors)


def loss(puzzle: Puzzle, ins, outs, rows: int | None = None) -> float:
    """Mean squared error of an assembly over the first rows."""
    return readout_loss(puzzle, states(puzzle, ins, outs, rows or puzzle.rows)[-1])


def random_puzzle(
    seed: int,
    n: int = 5,
    d: int = 4,
    h: int = 6,
    rows: int = 12,
    activation: str = "relu",
    scale: float = 1.0,
) -> tuple[Puzzle, Assembly]:
    """A puzzle of random float32 weights, and the assembly that made its predictions."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int, size: float = 1.0) -> np.ndarray:
        return (rng.normal(size=shape) * size).astype(np.float32).astype(np.float64)

    ids = rng.permutation(2 * n + 1)
    puzzle = Puzzle(
        name=f"random{seed}",
        w_in=draw(n, h, d, size=scale / np.sqrt(d)),
        b_in=draw(n, h, size=0.3),
        w_out=draw(n, d, h, size=scale / np.sqrt(h)),
        b_out=draw(n, d, size=0.1),
        w_last=draw(d),
        b_last=float(draw(1)[0]),
        in_ids=np.sort(ids[:n]),
        out_ids=np.sort(ids[n : 2 * n]),
        last_id=int(ids[-1]),
        x=draw(rows, d),
        y=np.zeros(rows),
        activation=activation,
    )
    answer = Assembly(rng.permutation(n), rng.permutation(n))
    final = states(puzzle, *answer, rows)[-1]
    predictions = np.array([math.fsum(puzzle.w_last * row) + puzzle.b_last for row in final])
    return puzzle.replace(y=predictions.astype(np.float32).astype(np.float64)), answer


ACTIVATIONS = {
    "relu": lambda v: np.maximum(v, 0.0),
    "gelu": lambda v: 0.5 * v * np.vectorize(math.erfc)(-v / math.sqrt(2.0)),
    "gelu_tanh": lambda v: 0.5 * v * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (v + 0.044715 * v**3))),
    "tanh": np.tanh,
    "silu": lambda v: v / (1.0 + np.exp(-v)),
}


def hidden_units(puzzle: Puzzle, h: np.ndarray, i: int) -> np.ndarray:
    """Hidden units of a first half on states, `[rows, H]`."""
    act = ACTIVATIONS.get(puzzle.activation) or activation_of(puzzle.activation).function
    return act(h @ puzzle.w_in[i].T + puzzle.b_in[i])


def final_state(puzzle: Puzzle, ins, outs, h: np.ndarray) -> np.ndarray:
    """States after some blocks, many rows at a time: as `states`, for tests that ask for it thousands of times."""
    for i, j in zip(ins, outs, strict=True):
        h = h + hidden_units(puzzle, h, i) @ puzzle.w_out[j].T + puzzle.b_out[j]
    return h


def squared_errors(puzzle: Puzzle, ins, outs) -> np.ndarray:
    """Squared errors of a network of any number of blocks, `[rows]`."""
    return (final_state(puzzle, ins, outs, puzzle.x) @ puzzle.w_last + puzzle.b_last - puzzle.y) ** 2


def fitted_readout(puzzle: Puzzle, h: np.ndarray, ridge: float) -> tuple[np.ndarray, float]:
    """Weights and bias of the least-squares readout of states, drawn towards the network's own."""
    mean, d = h.mean(axis=0), h.shape[1]
    pull = math.sqrt(ridge * np.mean(h**2) * len(h)) * np.eye(d)
    design = np.vstack([h - mean, pull])
    target = np.concatenate([puzzle.y - puzzle.y.mean(), pull @ puzzle.w_last])
    weights = np.linalg.lstsq(design, target)[0]
    return weights, float(puzzle.y.mean() - mean @ weights)


def unit_probe(puzzle: Puzzle, h: np.ndarray, units: list[np.ndarray], ridge: float) -> float:
    """The error of the best readout of states and units: least squares with rows more that hold its weights down."""
    table, targets = np.concatenate([h, *units], axis=1), puzzle.y.reshape(len(h), -1)
    table, targets = table - table.mean(axis=0), targets - targets.mean(axis=0)
    table /= np.where(table.std(axis=0) > 0, table.std(axis=0), 1.0)
    table = np.concatenate([table, np.sqrt(ridge * len(h)) * np.eye(table.shape[1])])
    targets = np.concatenate([targets, np.zeros((table.shape[1], targets.shape[1]))])
    weights = np.linalg.lstsq(table, targets, rcond=None)[0]
    return float(np.sum((table @ weights - targets) ** 2) / len(h) / targets.shape[1])


def single(values) -> np.ndarray:
    """Numbers as float32 holds them."""
    return np.asarray(values).astype(np.float32).astype(np.float64)


def exchanged(answer: Assembly, i: int, j: int, ins: bool = True, outs: bool = True) -> Assembly:
    """An assembly with first or second halves of two positions exchanged, or both."""
    new = Assembly(*(half.copy() for half in answer))
    for half, wanted in zip(new, (ins, outs), strict=True):
        if wanted:
            half[[i, j]] = half[[j, i]]
    return new


SEEN = {
    "none": lambda h: h,
    "layer_norm": lambda h: (h - h.mean(axis=1, keepdims=True)) / np.sqrt(h.var(axis=1, keepdims=True) + 1e-5),
    "rms_norm": lambda h: h / np.sqrt((h**2).mean(axis=1, keepdims=True) + np.finfo(np.float32).eps),
    **ACTIVATIONS,
}


def formed_puzzle(
    seed: int,
    form: tuple[str, str, str],
    n: int = 4,
    outputs: int = 1,
    head: int | None = None,
    rows: int = 30,
    gated: bool = False,
) -> tuple[Puzzle, Assembly]:
    """A puzzle of gated blocks, or whose blocks and readout see something else than states, or with several outputs."""
    puzzle, answer = random_puzzle(seed, n=n, rows=rows, activation="+".join(form), scale=0.7)
    rng = np.random.default_rng(seed + 1)
    draw = lambda *shape: single(rng.normal(size=shape) / np.sqrt(shape[-1]))
    width = puzzle.features if head is None else head
    axis = () if outputs == 1 else (outputs,)
    puzzle = puzzle.replace(
        w_last=draw(*axis, width),
        b_last=draw(outputs) if axis else 0.25,
        head=None if head is None else Layer(99, draw(head, puzzle.features), draw(head)),
        gates=Gates(draw(*puzzle.w_in.shape), draw(*puzzle.b_in.shape)) if gated else None,
    )
    y = outputs_of(puzzle, *answer, puzzle.x)
    return puzzle.replace(y=single(y)), answer


def formed_units(puzzle: Puzzle, h: np.ndarray, i: int) -> np.ndarray:
    """Hidden units of a first half on states, of any form, `[rows, H]`."""
    before, act, _ = puzzle.activation.split("+")
    own = SEEN[before](h) @ puzzle.w_in[i].T + puzzle.b_in[i]
    if puzzle.gates is None:
        return SEEN[act](own)
    weight, bias = puzzle.gates
    return SEEN[act](SEEN[before](h) @ weight[i].T + bias[i]) * own


def formed_states(puzzle: Puzzle, ins, outs, h: np.ndarray) -> list[np.ndarray]:
    """States before every position and after the last, of any form."""
    found = [h]
    for i, j in zip(ins, outs, strict=True):
        h = found[-1]
        found.append(h + formed_units(puzzle, h, i) @ puzzle.w_out[j].T + puzzle.b_out[j])
    return found


def read_of(puzzle: Puzzle, h: np.ndarray) -> np.ndarray:
    """Predictions of last states, of any form, `[rows]` or `[rows, K]`."""
    _, act, last = puzzle.activation.split("+")
    h = SEEN[last](h)
    if puzzle.head is not None:
        h = SEEN[act](h @ puzzle.head.weight.T + puzzle.head.bias)
    return np.tensordot(h, puzzle.w_last, (1, puzzle.w_last.ndim - 1)) + puzzle.b_last


def outputs_of(puzzle: Puzzle, ins, outs, h: np.ndarray) -> np.ndarray:
    """Predictions of a network of any form that begins in some states."""
    return read_of(puzzle, formed_states(puzzle, ins, outs, h)[-1])
