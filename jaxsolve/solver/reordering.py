"""Host: the order of whole blocks of any kind, such as transformer layers, from what they once answered together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxsolve import engine
from jaxsolve.architecture.own import Apply, Read
from jaxsolve.engine import Moves
from jaxsolve.engine.own_blocks import (
    check_own,
    own_predictions,
    own_probe_errors,
    own_problem,
    own_states,
    seen_by_probe,
)
from jaxsolve.errors import UsageError
from jaxsolve.puzzle import Assembly
from jaxsolve.run import Evaluator, Run
from jaxsolve.search import begin, descend

Order = NDArray[np.int32]


@dataclass(frozen=True)
class Reordering:
    """Numbers of the search for an order."""

    rows: int = 512
    """Rows that candidates are compared on; the order found is judged on all."""
    width: int = 8
    """Partial orders that are kept while networks are grown block by block."""
    starts: int = 4
    """Local searches from the best grown orders, before the best of all is shaken."""
    kick: int = 3
    """Blocks that are put elsewhere at random where a local search has ended."""


@dataclass(frozen=True, eq=False)
class Reordered:
    """An order, and the evidence for it."""

    order: list[int]
    """Blocks in the order they run."""
    mse: float
    """Mean squared error over all rows, in float64 where the functions take it."""
    tolerance: float
    """Mean squared error that float32 arithmetic explains, by a factor of 100 in its favour."""
    variance: float
    """Of the predictions."""
    rival: float
    """Lowest mean squared error of any other order a single move away, on the rows that candidates are compared on."""
    evaluations: int
    seconds: float

    @property
    def solved(self) -> bool:
        """Whether every prediction is reproduced to float32 rounding, and no order a move away does the same."""
        return self.mse <= self.tolerance < self.rival

    def __repr__(self) -> str:
        """Return what was found, in a line."""
        state = "solved" if self.solved else "unidentifiable" if self.mse <= self.tolerance else "unsolved"
        share = f", R² {1 - self.mse / self.variance:.6g}" if self.variance > 0 else ""
        return f"Reordered({state}, order {self.order}, MSE {self.mse:.3g}{share}; closest rival {self.rival:.3g})"


def reorder(
    blocks: Any,
    apply: Apply,
    x: Any,
    y: Any,
    *,
    embed: Callable[[Any], Any] | None = None,
    readout: Read,
    features: Read = seen_by_probe,
    start: Sequence[int] | None = None,
    budget: float = 300.0,
    seed: int = 0,
    devices: int | None = None,
    numbers: Reordering = Reordering(),
) -> Reordered:
    """Put whole blocks in the order in which they gave predictions.

    Networks are grown block by block, scored by linear probes of their states (Alain & Bengio 2016,
    https://arxiv.org/abs/1610.01644); the best orders go down to local optima by swaps and insertions, ranked to first
    order by `jax.vjp` and decided by exact losses over shared prefixes; the best is shaken until it reproduces every
    prediction or the budget is spent.

    Parameters
    ----------
    blocks
        Parameters of N blocks: a pytree of arrays `[N, …]`.
    apply
        ``apply(parameters, states) -> states``, a JAX function of the parameters of one block and states `[R, …]`,
        every row by itself: the residual is part of it.
    x, y
        Inputs `[R, …]`, and what the network answered, `[R]` or `[R, K]`.
    embed
        Returns the states that blocks begin with, of inputs; None: the inputs.
    readout
        Returns predictions, as `y`, of the last states.
    features
        What probes see of states, `[R, F]`: by default the mean and the last of each channel.
    start
        An order to begin with, instead of grown ones.
    budget
        Seconds.
    seed, devices
        Start of all randomness, and devices to use; None: all.
    numbers
        Of the search.

    Raises
    ------
    UsageError
        Blocks do not agree on how many they are, or sizes of rows, states or predictions do not fit.
    """
    run = Run(budget)
    states, targets = np.asarray(x if embed is None else embed(x)), np.asarray(y)
    count = check_own(blocks, apply, states, targets, readout)
    if start is not None and sorted(start) != list(range(count)):
        raise UsageError(f"start is no order of {count} blocks")
    few = slice(min(numbers.rows, len(targets)))
    problem = own_problem(blocks, apply, states[few], targets[few], readout, features, devices=devices)
    rng, best = np.random.default_rng(seed), np.arange(count, dtype=np.int32)
    lowest, floor = np.inf, 0.0
    with run.stoppable():
        given = [np.asarray(start, np.int32)] if start is not None else _grown(problem, numbers.width, run)
        waiting = [*given[: numbers.starts]]
        while True:
            order = waiting.pop(0) if waiting else _shaken(best, rng, numbers.kick)
            found = begin(problem, Assembly(order, order), run)
            descend(problem, found, "screened", run)
            if found.loss < lowest:
                lowest, best = found.loss, np.asarray(found.assembly.ins)
                mse, floor = _judged(blocks, apply, states, targets, readout, best)
                if mse <= floor:
                    break
            if count < 3 and not waiting:
                break
    mse, floor = _judged(blocks, apply, states, targets, readout, best)
    rival = _rival(problem, best)
    return Reordered(
        best.tolist(), mse, floor, float(np.var(targets, axis=0).mean()), rival, run.evaluations, run.elapsed
    )


def _grown(problem: "engine.Problem", width: int, run: Run) -> list[Order]:
    """Return orders grown by a beam that is scored by linear probes, the best first."""
    n, devices = problem.blocks, problem.over.size
    orders, states = [np.zeros(0, np.int32)], problem.x[None]
    for _ in range(n):
        pairs = [(w, k) for w, order in enumerate(orders) for k in range(n) if k not in order]
        run.spend(len(pairs))
        filled = np.array([*pairs, *pairs[:1] * (-len(pairs) % devices)], np.int32)
        errors = np.asarray(own_probe_errors(problem, states, filled[:, 0].copy(), filled[:, 1].copy()))[: len(pairs)]
        ranked = np.argsort(np.where(np.isfinite(errors), errors, np.inf), kind="stable")
        chosen, seen = list[tuple[int, int]](), set[tuple[int, ...]]()
        for at in ranked.tolist():  # orders of the same blocks come once
            w, k = pairs[at]
            blocks = tuple(sorted((*orders[w].tolist(), k)))
            if blocks not in seen or len(blocks) == n:
                seen.add(blocks)
                chosen.append((w, k))
            if len(chosen) == width:
                break
        parents, added = (np.array(side, np.int32) for side in zip(*chosen, strict=True))
        states = own_states(problem, states, parents, added)
        orders = [np.append(orders[w], np.int32(k)) for w, k in chosen]
    return orders


def _shaken(order: Order, rng: np.random.Generator, kick: int) -> Order:
    """Return an order with some blocks put elsewhere."""
    for _ in range(kick):
        block = rng.integers(len(order))
        order = np.insert(np.delete(order, block), rng.integers(len(order)), order[block])
    return order.astype(np.int32)


def _rival(problem: "engine.Problem", order: Order) -> float:
    """Return the lowest loss of the orders a swap or an insertion away."""
    n = problem.blocks
    if n < 2:
        return float("inf")
    moves: Any = engine.NEIGHBOURHOODS["reorderings"](n)
    evaluator, losses = Evaluator(problem, Assembly(order, order), Run()), list[float]()
    for first in range(0, moves.size, Evaluator.room):
        some: Moves = moves.take(slice(first, first + Evaluator.room))
        changed = (some.ins != np.arange(n)).any(axis=1)
        losses += np.asarray(evaluator.losses(some))[changed].tolist()
    return min(losses, default=float("inf"))


def _judged(
    blocks: Any, apply: Apply, states: NDArray[Any], y: NDArray[Any], readout: Read, order: Order
) -> tuple[float, float]:
    """Return the mean squared error of an order over all rows, and that which float32 arithmetic explains."""
    single, double = (own_predictions(blocks, apply, states, readout, order, double=wide) for wide in (False, True))
    with np.errstate(over="ignore", invalid="ignore"):
        mse = float(np.mean((double - y) ** 2))
        storage = float(np.mean(np.spacing(np.abs(y).astype(np.float32)).astype(np.float64) ** 2))
        arithmetic = float(np.mean((single - double) ** 2))
        most = 1e-6 * float(np.var(y, axis=0).mean())
    return mse if np.isfinite(mse) else float("inf"), min(100.0 * max(storage, arithmetic), most)
