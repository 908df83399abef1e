"""Host: the ways that a solver goes, the best supported first: pairs by one score, an order by one seed, a search."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import cycle, islice

import numpy as np

from jaxsolve import backend, engine
from jaxsolve.architecture import Network
from jaxsolve.blind import FROM_THE_BEST, joint_starts
from jaxsolve.certificate import Certificate, certify, reachable
from jaxsolve.config import AUTO, NONE, Config
from jaxsolve.guided import Found, guided_rounds
from jaxsolve.pairing import Pairing
from jaxsolve.puzzle import Assembly, Puzzle, padded
from jaxsolve.run import Evaluator, OutOfTime, Run
from jaxsolve.search import Descent, Population, begin, search_named, unjudged
from jaxsolve.starts import AUTO_ROWS, LINES, Start, first_orders, paired_by, ranked_pairings, round_start

ARRIVED = 0.2
"""Loss of an attempt over that of first orders by the weights, at most, where rounds go on from it."""
LEANER = 0.7
"""Share of its loss that the best answer has without a block, at most, where that is looked into."""
TURNS = (*["guided", "leaner"] * 6, "joint")
"""Rounds near the best answer, the same with fewer blocks where that helps, and searches that begin elsewhere."""
BRIEF = 1500
"""Evaluations that the first search takes at most, where rounds may follow: what a good order needs, and fewer than a
round."""
GIVEN = "given"
"""Order seed of an attempt that begins with an assembly that was given."""
PAIRINGS_TRIED = 3
"""Pairings that rounds may begin with; first orders of the best supported are searched from before."""


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
    most: float = float("inf")
    """Evaluations after which the search is left where it is."""
    certificate: Certificate | None = None
    promise: float = float("inf")
    """Lowest error so far of mixtures of assemblies, where there were any, on rows that they have not seen."""
    falls: bool | None = None
    """Whether the last of them had lowered it; None if that is not known."""
    puzzle: Puzzle | None = None
    """What the assemblies are of, if not the puzzle itself: the same with null halves for blocks that are left out."""

    @property
    def mse(self) -> float:
        """Float64 mean squared error over all rows; infinite while unknown."""
        return float("inf") if self.certificate is None else self.certificate.mse

    def judge(self, puzzle: Puzzle, sha256: str | None, run: Run) -> Certificate:
        """Certify where the descent stands now."""
        with run.phase("certify"):
            self.certificate = certify(puzzle, self.descent.assembly, expected_sha256=sha256, mse=self.descent.measured)
        return self.certificate


def attempts(
    puzzle: Puzzle, config: Config, run: Run, tried: list[Attempt], start: Start | None, begin_with: Assembly | None
) -> Iterator[Attempt]:
    """Yield starts, the best supported first; then, where there is a choice, what rounds near the best find.

    `begin_with` is an assembly that goes before all of them.
    """
    if config.search != AUTO:
        search_named(config.search)
    problem = engine.place(puzzle, config.rows or AUTO_ROWS, config.devices)
    engine.check_memory(problem, run.memory)
    if backend.processes() == 1:  # several have to do all things in the same order
        stay, memory = np.arange(puzzle.blocks, dtype=np.int32), run.memory_on(problem)
        backend.compile_ahead(lambda: Evaluator(problem, Assembly(stay, stay), Run(memory=memory)).loss())
    rounds = puzzle.blocks > 1 and AUTO in (config.order_seed, config.search)
    pairings = ranked_pairings(puzzle, config, run, start)
    for pairing in islice(pairings, 1) if rounds else pairings:
        paired = paired_by(puzzle, pairing, config, run)
        paired.placed = problem
        if not tried:  # whatever happens from here on, there is an answer to show
            blank = Descent(paired.assembly(np.arange(puzzle.blocks)), float("inf"))
            tried.append(Attempt(pairing, NONE, NONE, problem, blank, blank.assembly, blank.loss))
        search = config.search if config.search != AUTO else "shortlisted"
        if begin_with is not None:
            with run.phase("seed"):
                descent = begin(problem, begin_with, run)
            yield Attempt(pairing, GIVEN, "joint_shortlisted", problem, descent, begin_with, descent.loss)
            begin_with = None
        known = start.orders if start and pairing is start.pairing else {}
        for name, order in first_orders(paired, config, known):
            with run.phase("seed"):
                descent = begin(problem, paired.assembly(order), run)
            most = BRIEF if rounds and config.search == AUTO else np.inf
            yield Attempt(pairing, name, search, problem, descent, descent.assembly, descent.loss, most)
    if puzzle.blocks > 1 and config.pairing == NONE:
        yield from _joint(puzzle, config, run, tried)
    elif rounds:
        yield from _rounds(puzzle, config, run, tried, islice(pairings, PAIRINGS_TRIED - 1))


def _joint(puzzle: Puzzle, config: Config, run: Run, tried: list[Attempt]) -> Iterator[Attempt]:
    """Yield the best of joint searches, which find pairs and order together; also what the last one had found."""
    found: list[Population] = []
    last, floor = tried[-1], reachable(puzzle, tried[-1].descent.assembly)

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
    except (OutOfTime, KeyboardInterrupt, backend.ProcessLost):
        tried.extend(attempt(best) for best in found[-1:])
        raise


def _rounds(
    puzzle: Puzzle, config: Config, run: Run, tried: list[Attempt], others: Iterator[Pairing]
) -> Iterator[Attempt]:
    """Yield what rounds near the best answer find, and searches that begin elsewhere, by turns, without end.

    Neither hope is given up before the budget.
    """
    best = min(tried[1:], key=lambda attempt: attempt.mse)
    pairing, floor = best.pairing, reachable(puzzle, best.descent.assembly)
    first, losses, lined = list[Assembly](), list[float](), list[bool]()
    for one in dict.fromkeys((pairing, *others)):
        paired = replace(paired_by(puzzle, one, config, run), placed=best.problem)
        with run.phase("seed"):
            begun = round_start(paired)
        losses.append(begun.loss)
        first.append(paired.assembly(begun.order))
        lined.append(begun.seed in LINES)
    if not best.descent.loss > ARRIVED * min(losses):  # else its basin is a wrong one, which rounds would not leave
        first.append(best.descent.assembly)
    held, found = pairing.certain == puzzle.blocks, list[Population]()
    elsewhere = joint_starts(
        puzzle, run, config.seed, config.devices, found, floor, FROM_THE_BEST, -pairing.standardised
    )
    ways: dict[str, Iterator[Found]] = {
        "guided": _guided(puzzle, first, config, run, floor, found, held=held, lined=lined[0]),
        "joint": map(Found, elsewhere),
    }
    like = dict.fromkeys(ways, best)
    search = config.search if config.search != AUTO else "joint_shortlisted"

    def attempt(name: str, some: Found, descent: Descent) -> Attempt:
        return replace(
            like[name],
            order_seed=name,
            search=search if some.arrived else NONE,
            descent=descent,
            start=some.population.best,
            start_loss=descent.loss,
            most=np.inf,
            certificate=None,
            promise=some.error,
            falls=some.falls,
        )

    try:
        for name in cycle(TURNS):
            if name not in ways:
                own = min((one for one in tried[1:] if one.puzzle is None), key=lambda one: one.mse)
                lean = _leaner(puzzle, own, 0 if held else 1)
                if lean is None or lean.puzzle is None:
                    continue
                like[name] = lean
                ways[name] = _guided(lean.puzzle, [lean.start], config, run, floor, [])
            arrived = False
            while not arrived:
                with run.phase("search"):
                    some = next(ways[name])
                arrived = some.arrived
                with run.phase("seed"):
                    descent = begin(like[name].problem, some.population.best, run)
                yield attempt(name, some, descent)
    except (OutOfTime, KeyboardInterrupt, backend.ProcessLost):
        tried.extend(attempt("guided", Found(some), Descent(some.best, float(some.losses[0]))) for some in found[-1:])
        raise


def _guided(
    puzzle: Puzzle,
    starts: list[Assembly],
    config: Config,
    run: Run,
    floor: float,
    found: list[Population],
    *,
    held: bool = False,
    lined: bool = False,
) -> Iterator[Found]:
    chosen = {"held": held, "lined": lined, "floor": floor}
    return guided_rounds(puzzle, unjudged(starts), run, config.seed, config.devices, found, **chosen)


def _leaner(puzzle: Puzzle, best: Attempt, least: int) -> Attempt | None:
    """Return the best attempt without the blocks that it is much better without, and room for `least` that do nothing.

    As many decoys among first halves as among second ones make blocks of their own, which no count can tell. None if
    there is neither.
    """
    few, assembly = puzzle.first_rows(best.problem.rows), best.descent.assembly
    network, x = Network(few, few.activation, np.float32), few.x.astype(np.float32)
    loss_of = lambda some: float(np.mean((network.predict(x, some) - few.y) ** 2))
    loss, gone = best.descent.loss, 0
    while len(assembly.ins) > 1:
        without = [Assembly(*(np.delete(half, t) for half in assembly)) for t in range(len(assembly.ins))]
        losses = np.nan_to_num([loss_of(some) for some in without], nan=np.inf)
        if not losses.min() < LEANER * loss:
            break
        loss, assembly, gone = float(losses.min()), without[int(losses.argmin())], gone + 1
    idle = max(gone, least)
    if not idle:
        return None
    wide = padded(puzzle, idle)
    problem = engine.place(wide, best.problem.rows)
    start = wide.assembly(puzzle.permutation(assembly))
    return replace(best, puzzle=wide, problem=problem, start=start, descent=Descent(start, loss), certificate=None)
