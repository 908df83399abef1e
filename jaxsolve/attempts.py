"""Host: the ways that a solver goes, the best supported first: pairs by one score, an order by one seed, a search."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from jaxsolve import engine
from jaxsolve.blind import joint_starts
from jaxsolve.certificate import Certificate, certify, tolerance
from jaxsolve.engine import NEIGHBOURHOODS
from jaxsolve.errors import UsageError
from jaxsolve.ordering import QUICK_SEEDS, Order, Paired, seed_order
from jaxsolve.pairing import PAIRINGS, Pairing, pair, rank_pairings
from jaxsolve.puzzle import Assembly, Puzzle, check_sha256
from jaxsolve.run import Evaluator, OutOfTime, Run
from jaxsolve.search import Descent, Population, begin, search_named

AUTO = "auto"
NONE = "none"
"""Pairs that come from no weights."""
AUTO_ROWS = 512
"""Rows on which candidates are compared at first: a few hundred rank orders as all of them do."""
AUTO_STARTS = 3
"""Quick seeds that are searched from, the one with the lowest loss first."""
GREEDY_INSERTION_BLOCKS = 64
"""Most blocks for which ``auto`` tries greedy insertion, whose cost grows as the fourth power of them."""
MISLEADING = 1.2
"""Loss on all rows over loss on the rows of the search above which more rows are taken."""


@dataclass(frozen=True)
class Config:
    """How to solve: the names of registered methods, or ``auto`` to let the evidence choose."""

    pairing: str = AUTO
    """A score of `PAIRINGS`, or ``none``: pairs from the data alone, searched together with the order."""
    order_seed: str = AUTO
    search: str = AUTO
    rows: int | None = None
    """Compare candidates on the first so many rows. None begins with a few and takes more where they mislead."""
    budget: float = 300.0
    """Seconds, where `solve` is not given a run with a budget of its own."""
    seed: int = 0
    """Start of all randomness."""
    sha256: str | None = None
    """The published hash of the answer, if known."""
    trace: bool = False
    """Judge every round on all rows."""
    devices: int | None = None
    """Devices of each process that candidates are spread over; None: all."""
    memory: float | None = None
    """Bytes that evaluations may take, where `solve` is not given a run; None: half of what is free."""

    def __post_init__(self) -> None:
        """Refuse what no search could be run with; `UsageError` names the option."""
        if self.rows is not None and (not isinstance(self.rows, int) or self.rows < 1):
            raise UsageError(f"rows is {self.rows}; expected a whole number, at least 1")
        if not self.budget > 0:
            raise UsageError(f"budget is {self.budget}; expected more than 0 seconds")
        if self.memory is not None and not self.memory > 0:
            raise UsageError(f"memory is {self.memory}; expected more than 0 bytes")
        if self.seed < 0:
            raise UsageError(f"seed is {self.seed}; expected 0 or more")
        if self.sha256 is not None:
            object.__setattr__(self, "sha256", check_sha256(self.sha256, "sha256"))


@dataclass(frozen=True, eq=False)
class Start:
    """What the host finds out by itself: pairs by the weights, and first orders."""

    pairing: Pairing
    orders: dict[str, Order]
    """By the names of their seeds."""


@dataclass(eq=False)
class Attempt:
    """One way down: pairs by one score, an order by one seed, and the search from there."""

    pairing: Pairing
    order_seed: str
    search: str
    problem: "engine.Problem"
    descent: Descent
    start: Assembly
    """What the seed gave."""
    start_loss: float
    """Its mean squared error on the rows of the search."""
    certificate: Certificate | None = None

    @property
    def mse(self) -> float:
        """Float64 mean squared error over all rows; infinite while unknown."""
        return float("inf") if self.certificate is None else self.certificate.mse

    def judge(self, puzzle: Puzzle, sha256: str | None, run: Run) -> Certificate:
        """Certify where the descent stands now."""
        with run.phase("certify"):
            self.certificate = certify(puzzle, self.descent.assembly, expected_sha256=sha256, mse=self.descent.measured)
        return self.certificate


def first_start(puzzle: Puzzle, config: Config) -> Start:
    """Return the start that `solve` begins with; needs no device, so that it may run while JAX is loaded."""
    pairing = next(_ranked_pairings(puzzle, config))
    paired = _paired(puzzle, pairing, config, Run())
    return Start(pairing, {name: seed_order(paired, name) for name in _quick(config)})


def attempts(puzzle: Puzzle, config: Config, run: Run, tried: list[Attempt], start: Start | None) -> Iterator[Attempt]:
    """Yield starts, the best supported first; then, where something is left to choose, kicks of the best answer."""
    if config.search != AUTO:
        search_named(config.search)
    problem = engine.place(puzzle, config.rows or AUTO_ROWS, config.devices)
    if engine.processes() == 1:  # several have to do all things in the same order
        stay, memory = np.arange(puzzle.blocks, dtype=np.int32), run.memory_on(problem)
        engine.compile_ahead(lambda: Evaluator(problem, Assembly(stay, stay), Run(memory=memory)).loss())
    for pairing in _pairings(puzzle, config, run, start):
        paired = _paired(puzzle, pairing, config, run)
        paired.placed = problem
        if not tried:  # whatever happens from here on, there is an answer to show
            blank = Descent(paired.assembly(np.arange(puzzle.blocks)), float("inf"))
            tried.append(Attempt(pairing, "none", "none", problem, blank, blank.assembly, blank.loss))
        settled = pairing.certain == puzzle.blocks
        search = config.search if config.search != AUTO else "screened" if settled else "joint_screened"
        known = start.orders if start and pairing is start.pairing else {}
        for name, order in _orders(paired, config, known):
            with run.phase("seed"):
                descent = begin(problem, paired.assembly(order), run)
            yield Attempt(pairing, name, search, problem, descent, descent.assembly, descent.loss)
    if puzzle.blocks > 1 and config.pairing == NONE:
        yield from _joint(puzzle, config, run, tried)
    elif puzzle.blocks > 1 and AUTO in (config.order_seed, config.search):
        yield from _kicks(puzzle, config, run, tried)


def _ranked_pairings(puzzle: Puzzle, config: Config) -> Iterator[Pairing]:
    """Yield the pairing asked for, or all that the weights suggest, the best supported first."""
    if config.pairing == AUTO:
        return rank_pairings(puzzle, PAIRINGS)
    return iter([pair(puzzle, "probe" if config.pairing == NONE else config.pairing)])


def _pairings(puzzle: Puzzle, config: Config, run: Run, start: Start | None) -> Iterator[Pairing]:
    """Yield the pairings, that of the start, if there is one, without ranking them once more."""
    if start:
        yield start.pairing
    with run.phase("pair"):
        ranked = _ranked_pairings(puzzle, config)
        if start:
            next(ranked)
    while True:
        with run.phase("pair"):
            pairing = next(ranked, None)
        if pairing is None:
            return
        yield pairing


def _paired(puzzle: Puzzle, pairing: Pairing, config: Config, run: Run) -> Paired:
    few = puzzle.first_rows(config.rows or AUTO_ROWS)
    return Paired(few, pairing.partner.astype(np.int32), run, config.seed)


def _quick(config: Config) -> tuple[str, ...]:
    """Return the seeds that cost about as much as evaluating them, if they are wanted."""
    return QUICK_SEEDS if config.order_seed == AUTO else tuple({config.order_seed} & {*QUICK_SEEDS})


def _orders(paired: Paired, config: Config, known: dict[str, Order]) -> Iterator[tuple[str, Order]]:
    """Yield the order asked for, or those of the quick seeds by their loss, both directions, and then slower ones."""
    run = paired.run
    if config.order_seed == "random":
        for k in count(config.seed):
            yield "random", seed_order(replace(paired, seed=k), "random")
    quick = _quick(config) or (config.order_seed,)
    with run.phase("seed"):
        orders = {name: known[name] if name in known else seed_order(paired, name) for name in quick}
        losses = paired.losses(list(orders.values()))
    for rank in np.argsort(losses, kind="stable")[:AUTO_STARTS]:
        yield quick[rank], orders[quick[rank]]
    if config.order_seed == AUTO:
        slow = ("bradley_terry", *(["greedy_insertion"] if paired.blocks <= GREEDY_INSERTION_BLOCKS else []))
        for name in slow:
            with run.phase("seed"):
                order = seed_order(paired, name)
            yield name, order


def _joint(puzzle: Puzzle, config: Config, run: Run, tried: list[Attempt]) -> Iterator[Attempt]:
    """Yield the best of joint searches, which find pairs and order together; also what the last one had found."""
    found: list[Population] = []
    last, floor = tried[-1], tolerance(puzzle, tried[-1].descent.assembly)

    def attempt(best: Population) -> Attempt:
        descent = Descent(best.best, float(best.losses[0]))
        return replace(
            last, order_seed="joint", descent=descent, start=best.best, start_loss=descent.loss, certificate=None
        )

    searches = joint_starts(puzzle, run, config.seed, config.devices, found, floor)
    try:
        for best in searches:
            with run.phase("seed"):
                descent = begin(last.problem, best.best, run)
            yield replace(attempt(best), descent=descent, start_loss=descent.loss)
    except (OutOfTime, KeyboardInterrupt, engine.ProcessLost):
        tried.extend(attempt(best) for best in found[-1:])
        raise


def _kicks(puzzle: Puzzle, config: Config, run: Run, tried: list[Attempt]) -> Iterator[Attempt]:
    """Yield starts near the best answer so far, without end: iterated local search.

    Where its loss on all rows is much higher than on those it was found on, the search goes on from it with
    more rows; otherwise a few random moves lead out of its basin (Lourenço, Martin & Stützle 2003,
    https://doi.org/10.1007/0-306-48056-5_11).
    """
    rng = np.random.default_rng([config.seed, puzzle.blocks])
    widened: list[Attempt] = []
    for k in count():
        best = min(tried[1:], key=lambda attempt: attempt.mse)
        problem, assembly, search = best.problem, best.descent.assembly, best.search
        misled = config.rows is None and best.mse > MISLEADING * best.descent.loss
        if misled and problem.rows < puzzle.rows and best not in widened:
            widened.append(best)
            problem = engine.place(puzzle, 4 * problem.rows, config.devices)
        else:
            # settled pairs are let alone every other time: while the order is wrong, exchanges do them harm
            joint = k % 2 == 1 or best.pairing.certain < puzzle.blocks
            kinds = ("swaps", "insertions", "partner_swaps") if joint else ("swaps", "insertions")
            search = config.search if config.search != AUTO else "joint_shortlisted" if joint else "shortlisted"
            for _ in range(2 + k % 4):
                assembly = _random_move(assembly, kinds, rng)
        with run.phase("seed"):
            descent = begin(problem, assembly, run, best.descent.rounds)
        yield replace(best, search=search, problem=problem, descent=descent, certificate=None)


def _random_move(assembly: Assembly, kinds: tuple[str, ...], rng: np.random.Generator) -> Assembly:
    moves = NEIGHBOURHOODS[rng.choice(kinds)](len(assembly.ins))
    (ins,), (outs,), _ = moves.take(rng.integers(moves.size, size=1))
    return Assembly(assembly.ins[ins], assembly.outs[outs])
