"""Cycles of relaxation and rounds of annealing take turns, and share what they find."""

import itertools

import numpy as np
import pytest
from jaxsolve.guided import Found, guided_rounds
from jaxsolve.guided.annealing import AnnealingRounds
from jaxsolve.guided.relaxation import RelaxationRounds

from jaxsolve.run import OutOfTime, Run
from tests import reference
from tests.guided.examples import FLOOR, disordered, mispaired, noisy, right, starting


def guided(puzzle, *assemblies, run=None, seed=0, found=None, held=False):
    found = [] if found is None else found
    return guided_rounds(puzzle, starting(*assemblies), run or Run(), seed, None, found, held=held, floor=FLOOR)


@pytest.mark.parametrize("wrong", [disordered, lambda answer: disordered(mispaired(answer))])
def test_rounds_end_at_the_right_assembly(wrong):
    puzzle, answer = right()
    ends = (one for one in itertools.islice(guided(puzzle, wrong(answer)), 30) if one.population.losses[0] <= FLOOR)
    np.testing.assert_array_equal(next(ends).population.best, answer)


def test_cycles_and_rounds_of_annealing_take_turns_and_begin_with_what_the_others_have_found(monkeypatch):
    puzzle, answer = right()
    told = []
    found = starting(answer)._replace(losses=np.zeros(1))

    def cycle(self):
        told.append(("cycle", self.guide))
        assert self.held
        yield from [Found(found, 0.5, arrived=False)] * 2

    def annealed(self):
        told.append(("annealed", self.guide))
        return found

    monkeypatch.setattr(RelaxationRounds, "cycle", cycle)
    monkeypatch.setattr(AnnealingRounds, "round", annealed)
    got = []
    ends = list(itertools.islice(guided(puzzle, disordered(answer), found=got, held=True), 10))
    assert [one.arrived for one in ends] == [*[False] * 4, True] * 2
    assert [what for what, _ in told] == ["cycle", "cycle", "annealed"] * 2
    assert {id(guide) for _, guide in told} == {id(told[0][1])}
    assert len(got) == 8, "what a cycle finds is kept; rounds of annealing see to that themselves"


def test_losses_are_those_of_the_assemblies():
    puzzle, answer = noisy(right()[0]), right()[1]
    for found in (one.population for one in itertools.islice(guided(puzzle, disordered(answer)), 6)):
        expected = [reference.loss(puzzle, *one) for one in zip(found.ins, found.outs, strict=True)]
        np.testing.assert_allclose(found.losses, expected, rtol=1e-4)


@pytest.mark.parametrize("error", [OutOfTime, KeyboardInterrupt])
@pytest.mark.parametrize("after", [0, 100, 2000])
def test_stops_are_passed_on(error, after):
    def watch(progress):
        if progress.evaluations > after:
            raise error

    with pytest.raises(error):
        list(itertools.islice(guided(noisy(right()[0]), disordered(right()[1]), run=Run(watch=watch)), 20))


def test_large_seeds_are_seeds():
    *_, found = itertools.islice(guided(noisy(right()[0]), disordered(right()[1]), seed=2**31 - 1), 5)
    assert found.population.size
