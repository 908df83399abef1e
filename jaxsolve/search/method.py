"""Host: what a joint search is, so that one loop drives all of them.

A search is a pair of functions, ``init`` and ``step``. Its *state* is a named tuple of NumPy arrays: all that the
next step needs and nothing else, so that a search that is killed goes on from a stored state as if nothing had
happened. What can be computed again from the state (network states on the devices) is its *work*: `place` makes it
anew, bit by bit the same, and `step` passes it on. Randomness is counted: a step depends on the seed and its number.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from jaxsolve import engine
from jaxsolve.errors import UsageError
from jaxsolve.puzzle import Assembly, Puzzle
from jaxsolve.run import Evaluator, Run

Count = NDArray[np.int64] | np.int64
"""A number that counts; an array without axes where it comes from a file."""
Amount = NDArray[np.float64] | np.float64
"""A number that measures, likewise."""
State = Any
Work = Any
S = TypeVar("S")
"""The named tuple of arrays that is a method's state."""
W = TypeVar("W")
"""What the devices hold at a state."""


class Population(NamedTuple):
    """Assemblies with their mean squared errors on the rows of a search, the best first."""

    ins: NDArray[np.int32]
    """`[B, N]`"""
    outs: NDArray[np.int32]
    """`[B, N]`"""
    losses: NDArray[np.float64]
    """`[B]`"""

    @property
    def size(self) -> int:
        """B."""
        return len(self.losses)

    @property
    def best(self) -> Assembly:
        """The first assembly."""
        return Assembly(self.ins[0], self.outs[0])

    def take(self, index: slice | NDArray[np.integer]) -> "Population":
        """Return some of them."""
        return Population(self.ins[index], self.outs[index], self.losses[index])

    def with_more(self, others: "Population") -> "Population":
        """Return these and others, as they come."""
        ins, outs = np.concatenate([self.ins, others.ins]), np.concatenate([self.outs, others.outs])
        return Population(ins, outs, np.concatenate([self.losses, others.losses]))


def population(ins: NDArray[np.integer], outs: NDArray[np.integer], losses: NDArray[np.floating]) -> Population:
    """Return assemblies as a population: the best first, each once."""
    words = np.concatenate([ins, outs], axis=1)
    _, first = np.unique(words, axis=0, return_index=True)
    order = first[np.lexsort((first, losses[first]))]
    return Population(ins[order].astype(np.int32), outs[order].astype(np.int32), losses[order].astype(np.float64))


def unjudged(assemblies: Sequence[Assembly]) -> Population:
    """Return assemblies, at least one, as they come, whose errors are not known: infinite ones."""
    ins, outs = (np.stack(half) for half in zip(*assemblies, strict=True))
    return Population(ins, outs, np.full(len(ins), np.inf))


@dataclass(eq=False)
class Setting:
    """What a search works on: the rows it compares candidates on, the run that counts, and where it begins."""

    problem: "engine.Problem"
    run: Run
    seed: int = 0
    """Start of all randomness."""
    starts: Population | None = None
    """Where to begin, the best first; None: nowhere."""
    whole: "engine.Problem | None" = None
    """More rows, for what is cheap to know of all of them; None: those candidates are compared on."""
    partner: NDArray[np.int32] | None = None
    """`[N]` second half of each first half, where the pairs are given and only the order is searched."""
    prior: NDArray[np.float64] | None = None
    """`[N, N]` costs of all pairs, in standard deviations of a score or as -log odds, where there are any."""
    places: NDArray[np.float64] | None = None
    """`[N, N]` how much less likely each first half is at each position than where it is expected, as -log odds."""
    puzzle: Puzzle | None = None
    """The puzzle, for methods that look at its weights; None: they cannot be used."""
    floor: float = 0.0
    """Mean squared error at which there is nothing left to search."""
    shared: dict[Any, Any] = field(default_factory=dict)
    """What methods that work in turn at the same setting hold together, made anew from their states."""

    @property
    def blocks(self) -> int:
        """N."""
        return self.problem.blocks

    @property
    def every(self) -> "engine.Problem":
        """The problem on as many rows as there are."""
        return self.whole or self.problem

    def rng(self, step: int) -> np.random.Generator:
        """Return the random numbers of a step."""
        return np.random.default_rng([self.seed, step])

    def losses(self, ins: NDArray[np.integer], outs: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the loss of each of some assemblies, `[B]`."""
        stay = np.arange(self.blocks, dtype=np.int32)
        return Evaluator(self.problem, Assembly(stay, stay), self.run).losses(engine.as_moves(Assembly(ins, outs)))

    def random(self, count: int, step: int = 0) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return random assemblies, `[B, N]` each; of the given pairs where there are any."""
        rng, stay = self.rng(step), np.tile(np.arange(self.blocks, dtype=np.int32), (count, 1))
        ins = rng.permuted(stay, axis=1)
        return ins, rng.permuted(stay, axis=1) if self.partner is None else self.partner[ins]

    def begin(self, count: int) -> Population:
        """Return so many assemblies to start from: those given, and again the best of them; else random ones."""
        if self.starts is None:
            ins, outs = self.random(count)
            return Population(ins, outs, self.losses(ins, outs))
        index = np.arange(count) % self.starts.size
        ins, outs = self.starts.ins[index], self.starts.outs[index]
        few = self.losses(ins[: self.starts.size], outs[: self.starts.size])
        return Population(ins, outs, few[index])


def check_options(method: "Method", *, positive: tuple[str, ...] = ()) -> None:
    """Refuse negative options, and those below 1 that are named; `UsageError` names the option."""
    for option in fields(method):
        value = getattr(method, option.name)
        if option.name in positive and value is not None and value < 1:
            raise UsageError(f"{option.name} is {value}; expected at least 1")
        if isinstance(value, int | float) and not value >= 0:
            raise UsageError(f"{option.name} is {value}; expected 0 or more")


def check_memory(setting: Setting, name: str, count: int, numbers: int) -> None:
    """Refuse more of something than fits into the memory of a run, so many numbers each, and what is made of them."""
    fits = int(room(setting) // numbers)
    if count > fits:
        raise UsageError(
            f"{name} is {count}; on {setting.problem.rows} rows {fits} fit into memory: take fewer rows or more memory"
        )


def room(setting: Setting) -> float:
    """Return how many numbers fit into the memory of a run, beside what is made of them."""
    problem = setting.problem
    sharing = 1 if problem.over.devices.flat[0].platform == "cpu" else problem.over.size
    return sharing * setting.run.memory_on(problem) / (2 * 4)


def filled(setting: Setting, table: NDArray[Any]) -> NDArray[Any]:
    """Return chains filled up to as many on each device."""
    devices = setting.problem.over.size
    return np.concatenate([table, np.repeat(table[-1:], -len(table) % devices, axis=0)])


class Info(NamedTuple):
    """What a step has come to, for those who look at a search; its state is what the next step needs."""

    candidates: Population | None
    """What may be searched from now; None: the step was one on the way."""
    relaxed_loss: float = float("inf")
    """Lowest error so far of what is not yet an assembly, on rows that it has not seen: what may come of the search."""
    improving: bool | None = None
    """Whether the last of these errors was lower than those before; None: that is not known."""
    ripe: bool = True
    """Whether a local search from the candidates is worth its time."""
    over: bool = True
    """Whether this is a good place to let another method go on."""


class Method(Protocol[S, W]):
    """A joint search: a frozen dataclass whose fields are its options."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def state_type(self) -> type[S]:
        """The named tuple that states are."""
        ...

    def init(self, setting: Setting) -> S:
        """Return the state before the first step."""
        ...

    def place(self, setting: Setting, state: S) -> W:
        """Return what the devices hold at a state."""
        ...

    def step(self, setting: Setting, state: S, work: W) -> tuple[S, W]:
        """Return the next state; a step takes about a second."""
        ...

    def finished(self, state: S) -> bool:
        """Return whether there is no next step."""
        ...

    def found(self, state: S) -> Population:
        """Return the best assemblies so far; none before there is one."""
        ...


def info_of(method: Method[S, Any], state: S) -> Info:
    """Return what the last step of a method has come to; methods that do not say have found something in each."""
    own = getattr(method, "info", None)
    return Info(method.found(state)) if own is None else own(state)
