"""Host: the rounds by turns: two cycles of relaxation, and a round of annealing."""

import itertools
from collections.abc import Iterator

from jaxsolve.guided.annealing import CHAINS, AnnealingRounds
from jaxsolve.guided.guide import Guide
from jaxsolve.guided.relaxation import Found, RelaxationRounds
from jaxsolve.puzzle import Puzzle
from jaxsolve.run import Run
from jaxsolve.search import MOST_SEED, Population


def guided_rounds(
    puzzle: Puzzle,
    start: Population,
    run: Run,
    seed: int,
    devices: int | None,
    found: list[Population],
    *,
    held: bool,
    lined: bool = False,
    floor: float,
) -> Iterator[Found]:
    """Yield what each of the rounds by turns has found, the best first, without end.

    Parameters
    ----------
    puzzle
        The puzzle.
    start
        Assemblies to begin with, the best supported first; their losses are not looked at.
    run, seed, devices
        What counts, the start of all randomness, and the devices of each process to use.
    found
        Gets what every round has found, also one that the budget cuts off.
    held
        Whether the pairs are taken for known, so that only the order is searched at first.
    lined
        Whether the first of the assemblies is in a line (`ordering.seriation`).
    floor
        Loss at which there is nothing left to search.

    Raises
    ------
    OutOfTime, KeyboardInterrupt, ProcessLost
        As `Run.spend` does, by the next round.
    """
    guide = Guide(puzzle, run, devices, start, CHAINS)
    relaxation = RelaxationRounds(guide, start.best, seed % MOST_SEED, held=held, lined=lined)
    annealing = AnnealingRounds(guide, seed % MOST_SEED, found, floor)
    while True:
        for one in itertools.chain(relaxation.cycle(), relaxation.cycle()):
            found.append(one.population)
            yield one
        yield Found(annealing.round())
