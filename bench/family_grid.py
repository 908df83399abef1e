"""The grid of the family benchmark: which nets are trained and dropped, by which methods they are solved, how long.

A group is a tuple of nets, each a recipe with one puzzle for each of its epochs, and is solved by every one of its
methods. `family.py` runs it and says what came of it; nothing here is run by itself. What class a puzzle turns out to
have is measured, and not promised by the name of its group.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from jaxsolve.generation import DATA, Recipe

SEED_STEP = 1000
"""Between the seeds of a net's repetitions."""
STEP_SECONDS = 2.5e-7
"""Of a training step in a small batch, for each weight of the net: measured on two cores, rounded up."""
START_SECONDS = 15.0
"""Of a training's process before its first step, compilation included."""

FAMOUS: dict[str, Any] = {"blocks": 48, "features": 48, "hidden": 96}
HALF: dict[str, Any] = {"blocks": 24, "features": 24, "hidden": 48}
FAST: dict[str, Any] = {"learning_rate": 3e-3}
"""Steps with which weights leave their random beginning behind in a few epochs."""
DECAY: dict[str, Any] = {"optimiser": "adamw", "weight_decay": 3.0}
"""Decay of the weights themselves, so strong that norms of second halves come to rise with the depth."""


@dataclass(frozen=True)
class Net:
    """A net, and the epochs after which it is dropped."""

    name: str
    recipe: Recipe


@dataclass(frozen=True)
class Group:
    """Nets that are solved in the same ways."""

    what: str
    budget: float
    """Seconds for each puzzle and method."""
    nets: tuple[Net, ...]
    methods: tuple[str, ...] = ("auto",)


@dataclass(frozen=True)
class Case:
    """A puzzle to solve in one way."""

    group: str
    net: str
    recipe: Recipe
    """With all epochs of its net."""
    epoch: int
    method: str
    budget: float

    @property
    def puzzle(self) -> str:
        """What the puzzle is called."""
        return f"{self.group}/{self.net}/seed-{self.recipe.seed}/epoch-{self.epoch}"


def net(name: str, epochs: tuple[int, ...], *parts: dict[str, Any], **changes: Any) -> Net:
    """Return a net whose recipe is put together from parts."""
    given = {key: value for part in (*parts, changes) for key, value in part.items()}
    return Net(name, Recipe(epochs=epochs, **given))


def two(name: str, epochs: tuple[int, ...], **changes: Any) -> tuple[Net, ...]:
    """Return a net of the famous shape, and one of half of it on other data, with the same accidents."""
    return (
        net(f"{name}-48", epochs, FAMOUS, FAST, seed=31, **changes),
        net(f"{name}-24", epochs, HALF, FAST, seed=32, data="teacher", **changes),
    )


_ACTIVATIONS = ("relu", "gelu", "gelu_tanh", "tanh", "silu")

_SIZES: dict[str, dict[str, Any]] = {"12": {"blocks": 12, "features": 16}, "24": {"blocks": 24, "features": 24}}
_KINDS: dict[str, dict[str, Any]] = {
    "outputs": {"outputs": 4},
    "first-layer": {"inputs": 30},
    "first-layer-relu": {"inputs": 30, "activation": "relu/relu"},
    "head": {"head": 12},
    "no-biases": {"biases": "outer"},
    "widths": {"widths": (24, 32, 40)},
    "square": {"hidden": "features"},
    "bottleneck": {"hidden": 6},
    "layer-norm": {"activation": "layer_norm+relu"},
    "rms-norm-all": {"activation": "rms_norm+silu+rms_norm"},
    "pre-activation": {"activation": "relu+relu"},
    "scaled": {"activation": "0.5*relu"},
    "gates": {"gates": "pieces", "activation": "rms_norm+silu"},
    "packed-gates": {"gates": "packed", "activation": "rms_norm+silu"},
}
_MIXED: tuple[dict[str, Any], ...] = (
    {"blocks": 16, "features": 20, "inputs": 12, "outputs": 3, "widths": (24, 40)},
    {"blocks": 16, "features": 20, "inputs": 40, "head": 10, "outputs": 2, "activation": "gelu/gelu"},
    {"blocks": 24, "features": 24, "outputs": 5, "biases": "outer", "activation": "layer_norm+gelu+layer_norm"},
    {"blocks": 32, "features": 24, "inputs": 16, "biases": "none", "activation": "silu"},
    {"blocks": 48, "features": 32, "outputs": 10, "inputs": 20},
    {"blocks": 12, "features": 16, "hidden": 16, "outputs": 2, "biases": "outer", "head": 8},
)


def _of_size(kind: dict[str, Any], sizes: dict[str, Any], seed: int) -> dict[str, Any]:
    """Return what a kind of stack is in a size; with another activation for the second seed, where it has its own."""
    own = kind | ({"hidden": sizes["features"]} if kind.get("hidden") == "features" else {})
    other = {"activation": "gelu"} if seed % 2 == 0 and "activation" not in kind else {}
    return sizes | own | other


GROUPS: dict[str, Group] = {
    "settled": Group(
        "famous shape; trained until the weights give every pair away; norms rise or fall",
        120,
        (
            *(net(f"usual-{data}", (4, 8, 12), FAMOUS, data=data, seed=4) for data in ("votes", "waves")),
            *(net(f"fast-{data}", (4, 12), FAMOUS, FAST, data=data, seed=1) for data in DATA),
            *(net(f"decay-{data}", (8, 12), FAMOUS, DECAY, data=data, seed=2) for data in ("votes", "correlated")),
            net("small-votes", (1, 4), FAMOUS, initial="small", seed=25),
            *(
                net(f"zero-{data}", (4,), FAMOUS, initial="zero_out", data=data, seed=3)
                for data in ("teacher", "waves")
            ),
        ),
    ),
    "nearly": Group(
        "famous shape; a few epochs at rates around the usual one, other seeds, data and batches",
        600,
        (
            net("votes", (2, 3, 6), FAMOUS, seed=0),
            net("votes-other", (2, 3), FAMOUS, seed=11),
            net("votes-batch-50", (2, 4), FAMOUS, seed=12, batch=50, learning_rate=1.2e-3),
            net("teacher-batch-50", (2, 4), FAMOUS, seed=13, batch=50, data="teacher"),
            net("waves", (2, 4), FAMOUS, seed=14, data="waves", learning_rate=1.4e-3),
            net("correlated", (2, 3), FAMOUS, seed=15, data="correlated", learning_rate=2e-3),
        ),
    ),
    "middle": Group(
        "famous shape; hardly trained",
        1200,
        (
            net("votes", (1,), FAMOUS, seed=0),
            net("votes-slow", (2, 6), FAMOUS, seed=21, learning_rate=5e-4),
            net("teacher", (1, 2), FAMOUS, seed=22, data="teacher"),
            net("correlated", (1, 3), FAMOUS, seed=23, data="correlated"),
            net("waves-slow", (1,), FAMOUS, seed=24, data="waves", learning_rate=5e-4),
            net("waves", (2, 4), FAMOUS, seed=14, data="waves"),
        ),
    ),
    "small": Group(
        "8 to 12 narrow blocks, also without believing the weights",
        300,
        tuple(
            net(f"{blocks}-{data}", (1, 5, 20), blocks=blocks, features=8, hidden=16, data=data, seed=41)
            for blocks, data in product((8, 10, 12), ("votes", "waves"))
        ),
        ("auto", "none"),
    ),
    "activations": Group(
        "every activation, which is guessed where the solver can",
        300,
        (
            *(
                net(f"{name}-24-{seed}", (8,), HALF, FAST, activation=name, data=data, seed=seed)
                for name in _ACTIVATIONS
                for seed, data in ((51, "votes"), (52, "waves"))
            ),
            *(net(f"{name}-48", (6,), FAMOUS, FAST, activation=name, seed=53) for name in _ACTIVATIONS),
        ),
    ),
    "architectures": Group(
        "stacks of other kinds, each in two sizes and with two seeds; no form is told",
        300,
        tuple(
            net(
                f"{name}-{size}-{seed}",
                (10,),
                _of_size(kind, sizes, seed),
                FAST,
                seed=seed,
                train_rows=6000,
                data="teacher" if seed % 2 else "votes",
            )
            for name, kind in _KINDS.items()
            for size, sizes in _SIZES.items()
            for seed in (81, 82)
        )
        + tuple(
            net(f"mixture-{k}", (10,), FAST, seed=90 + k, train_rows=6000, **kind) for k, kind in enumerate(_MIXED)
        ),
    ),
    "few_rows": Group("300 rows in the table", 300, two("rows-300", (6,), table_rows=300)),
    "noise": Group(
        "predictions that are not those of the net to the last digit",
        300,
        (
            *two("noise-0.001", (6,), noise=0.001),
            *two("noise-0.01", (6,), noise=0.01),
            *two("decimals-3", (6,), decimals=3),
        ),
    ),
    "deep": Group(
        "twice and four times as deep as the famous one",
        900,
        (
            net("96", (4,), FAST, blocks=96, features=32, hidden=64, initial="small", seed=61),
            net("96-decay", (8,), DECAY, blocks=96, features=32, hidden=64, seed=62),
            net("96-zero", (4,), blocks=96, features=32, hidden=64, initial="zero_out", data="teacher", seed=65),
            net("96-usual", (8,), blocks=96, features=48, hidden=96, seed=66),
            net("192", (4,), FAST, blocks=192, features=24, hidden=48, initial="small", seed=63),
            net("192-zero", (4,), blocks=192, features=24, hidden=48, initial="zero_out", data="teacher", seed=64),
            net("192-small", (4,), blocks=192, features=24, hidden=48, initial="small", seed=67),
        ),
    ),
    "decoys": Group(
        "halves of another net among the pieces",
        300,
        (
            *two("in-and-out", (6,), decoy_ins=1, decoy_outs=1),
            *two("two-ins", (6,), decoy_ins=2),
            *two("two-outs", (6,), decoy_outs=2),
        ),
    ),
    "missing": Group(
        "a half is lost; the rest cannot reproduce the predictions",
        300,
        (*two("one-in", (6,), missing_ins=1), *two("one-out", (6,), missing_outs=1)),
    ),
    "training": Group(
        "half the famous shape, from untrained to settled: the phase diagram",
        120,
        tuple(net("votes", (0, 1, 2, 4, 8, 16), HALF, FAST, seed=70 + k) for k in range(3)),
        ("auto", "trace", "seeds_descent"),
    ),
}


def cases(names: list[str], *, seeds: int = 1, budget: float | None = None, only: str = "") -> Iterator[Case]:
    """Yield what groups ask for, each net `seeds` times; only what has `only` in the name of its puzzle or method."""
    for name in names:
        group = GROUPS[name]
        for one, repetition in product(group.nets, range(seeds)):
            recipe = replace(one.recipe, seed=one.recipe.seed + SEED_STEP * repetition)
            for epoch, method in product(recipe.epochs, group.methods):
                case = Case(name, one.name, recipe, epoch, method, budget or group.budget)
                if only in f"{case.puzzle} {method}":
                    yield case


def training_seconds(recipe: Recipe, epochs: int) -> float:
    """Return about how long training takes on two cores."""
    assert recipe.features
    hidden = max(recipe.widths, default=0) or recipe.hidden or recipe.hidden_share * recipe.features
    nets = 2 if recipe.decoy_ins or recipe.decoy_outs else 1
    steps = -(-(recipe.train_rows or 10_000) // recipe.batch) * epochs
    return START_SECONDS + nets * steps * STEP_SECONDS * 2 * recipe.blocks * recipe.features * hidden
