"""Host: initial candidates: pairs by one score, an order by one seed, both chosen by evidence."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from jaxsolve.ordering import QUICK_SEEDS, Order, Paired, seed_order, seriated_order
from jaxsolve.ordering.norm_walk import walked
from jaxsolve.pairing import PAIRINGS, Pairing, oriented, pair, placed, rank_pairings
from jaxsolve.puzzle import Assembly, Puzzle, conditioned, mean_squared_error
from jaxsolve.puzzle.units import AffineFit, matched
from jaxsolve.run import Run
from jaxsolve.solver.config import AUTO, NONE, Config


@dataclass(frozen=True)
class Initial:
    """Numbers by which first pairs and orders are chosen."""

    rows: int = 512
    """Rows on which candidates are compared at first: a few hundred rank orders as all of them do."""
    near: float = 0.05
    """Share of the variance up to which the loss of a quick order is that of nearly the right one."""
    believed: float = 0.07
    """Expected distance at most of a block from its place in the order of `ordering.seriate` where that is believed."""
    backwards: float = 0.25
    """Share of its loss that an order from seriation has backwards where it is taken to run so."""
    units_rows: int = 256
    """Rows on which units are compared."""
    correlated: float = 0.5
    """Share of the variance that an affine map of the outputs leaves at most where it is believed."""
    other_units: float = 0.25
    """Share of an answer's error below which such a map leaves so little that the units are taken for others."""

    @property
    def line(self) -> dict[str, float]:
        """What `ordering.seriated_order` takes."""
        return {"believed": self.believed, "backwards": self.backwards}


@dataclass(frozen=True, eq=False)
class Start:
    """What the host finds out by itself: pairs by the weights, and first orders."""

    pairing: Pairing
    orders: dict[str, Order]
    """By the names of their seeds."""
    units: AffineFit | None = None
    """Map of the outputs of one of them to predictions that are in other units, where they look so."""
    others: tuple[Pairing, ...] | None = None
    """Pairings behind the first, the best supported first; None: they are ranked when they are asked for."""

    @property
    def assemblies(self) -> list[Assembly]:
        """The first orders of those pairs."""
        whole = lambda half: np.asarray(half, np.int32)
        return [Assembly(whole(order), whole(self.pairing.partner[order])) for order in self.orders.values()]


def first_start(puzzle: Puzzle, config: Config) -> Start:
    """Return the start that `solve` begins with; needs no device, so that it may run while JAX is loaded."""
    puzzle = told(conditioned(puzzle))
    ranked = _ranked(puzzle, config)
    pairing = next(ranked)
    # where no score settles all pairs, the first was ranked with all others
    others = None if pairing.certain == len(pairing.partner) else tuple(ranked)
    paired = paired_by(puzzle, pairing, config, Run())
    orders = {name: seed_order(paired, name) for name in _quick(config)}
    # where norms have told an order, it is that which shows the units
    walked_along = puzzle.given.normed is not None and puzzle.given.normed.walk
    units = None if walked_along else _other_units(paired, list(orders.values()), initial_of(config))
    return Start(pairing, orders, units, others)


def told(puzzle: Puzzle) -> Puzzle:
    """Return a puzzle whose pieces all have roles: those of square halves and the places of norms are told, too."""
    return walked(placed(oriented(puzzle)))


def initial_of(config: Config) -> Initial:
    """Return the numbers that a configuration gives."""
    return config.given("initial", Initial())


def _other_units(paired: Paired, orders: list[Order], numbers: Initial) -> AffineFit | None:
    """Return the affine map of the first order that it fits best, where its units are far from those of the outputs.

    Where it is known that there is a map, that order's is the one to begin with in any case.
    """
    puzzle = paired.puzzle
    known = puzzle.units.link == "affine"
    if puzzle.link_given and not known:
        return None
    some = puzzle.first_rows(numbers.units_rows)
    found = [(matched(some, paired.assembly(order), numbers.units_rows), paired.assembly(order)) for order in orders]
    found = [(fit, odd, order) for (fit, odd), order in found if fit is not None]
    if not found:
        return None
    fit, odd, order = min(found, key=lambda one: one[0].mse)
    with np.errstate(over="ignore", invalid="ignore"):
        loss = mean_squared_error(some, order, np.float32)
    least = numbers.other_units * float(np.nan_to_num(loss, nan=np.inf))
    far = odd and fit.mse < min(least, numbers.correlated * some.variance)
    return fit if known or far else None


def _ranked(puzzle: Puzzle, config: Config) -> Iterator[Pairing]:
    """Yield the pairing asked for, or all that the weights suggest, the best supported first."""
    if config.pairing == AUTO:
        return rank_pairings(puzzle, PAIRINGS)
    return iter([pair(puzzle, "probe" if config.pairing == NONE else config.pairing)])


def ranked_pairings(puzzle: Puzzle, config: Config, run: Run, start: Start | None) -> Iterator[Pairing]:
    """Yield the pairings, those of the start, if there is one, without ranking them once more."""
    if start:
        yield start.pairing
        if start.others is not None:
            yield from start.others
            return
    with run.phase("pair"):
        ranked = _ranked(puzzle, config)
        if start:
            next(ranked)
    while True:
        with run.phase("pair"):
            pairing = next(ranked, None)
        if pairing is None:
            return
        yield pairing


def paired_by(puzzle: Puzzle, pairing: Pairing, config: Config, run: Run) -> Paired:
    """Return a puzzle with its pairs on the rows that first orders are compared on."""
    few = puzzle.first_rows(config.rows or initial_of(config).rows)
    return Paired(few, pairing.partner.astype(np.int32), run, config.seed)


def _quick(config: Config) -> tuple[str, ...]:
    """Return the seeds that cost about as much as evaluating them, if they are wanted."""
    return QUICK_SEEDS if config.order_seed == AUTO else tuple({config.order_seed} & {*QUICK_SEEDS})


def first_orders(paired: Paired, config: Config, known: dict[str, Order]) -> Iterator[tuple[str, Order]]:
    """Yield the order asked for, or that of the quick seeds, both directions, with the lowest loss.

    Instead of that, or after it where it is nearly right, a line is yielded, if one is to be believed.
    """
    run, numbers = paired.run, initial_of(config)
    if config.order_seed == "random":
        for k in count(config.seed):
            yield "random", seed_order(replace(paired, seed=k), "random")
    quick = _quick(config) or (config.order_seed,)
    with run.phase("seed"):
        orders = {name: known[name] if name in known else seed_order(paired, name) for name in quick}
        losses = paired.losses(list(orders.values()))
    best = quick[int(np.argmin(losses))]
    near = losses.min() <= numbers.near * paired.puzzle.variance
    if near:
        yield best, orders[best]
    with run.phase("seed"):
        line = seriated_order(paired, **numbers.line) if config.order_seed == AUTO else None
    if line is not None:
        yield line.seed, line.order
    elif not near:
        yield best, orders[best]
