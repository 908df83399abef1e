"""Host: the rounds by turns: a cycle of relaxation, and some rounds of annealing."""

from collections.abc import Iterator

from jaxsolve.guided.annealing import RACERS, AnnealingRounds
from jaxsolve.guided.guide import Guide
from jaxsolve.guided.relaxation import RelaxationRounds
from jaxsolve.joint import MOST_SEED
from jaxsolve.puzzle import Puzzle
from jaxsolve.run import Run
from jaxsolve.search import Population

ANNEALED = 3
"""Rounds of annealing behind every cycle of relaxation."""


def guided_rounds(
    puzzle: Puzzle,
    start: Population,
    run: Run,
    seed: int,
    devices: int | None,
    found: list[Population],
    *,
    held: bool,
    floor: float,
) -> Iterator[Population]:
    """Yield what each round has found, the best first, without end.

    Parameters
    ----------
    puzzle
        The puzzle.
    start
        Assemblies to begin with; their losses are not looked at.
    run, seed, devices
        What counts, the start of all randomness, and the devices of each process to use.
    found
        Gets what every round has found, also one that the budget cuts off.
    held
        Whether the pairs are known, so that only the order is searched.
    floor
        Loss at which there is nothing left to search.

    Raises
    ------
    OutOfTime, KeyboardInterrupt, ProcessLost
        As `Run.spend` does.
    """
    guide = Guide(puzzle, run, devices, start, RACERS)
    relaxation = RelaxationRounds(guide, seed % MOST_SEED, held=held)
    annealing = AnnealingRounds(guide, seed % MOST_SEED, found, held=held, floor=floor)
    while True:
        for one in relaxation.cycle():
            found.append(one)
            yield one
        for _ in range(ANNEALED):
            yield annealing.round()
