"""Joint searches from elsewhere take turns, get slower, and are told what the weights say."""

import itertools

import numpy as np
import pytest

from jaxsolve import blind
from jaxsolve.run import Run
from jaxsolve.search import stages_named
from tests.guided.examples import FLOOR, ROWS, N, noisy, right, starting

CHUNK = 64


def test_searches_from_elsewhere_double_their_work_and_are_told_what_the_weights_say(monkeypatch):
    (puzzle, answer), seen, settings, found = right(), [], [], []

    class Instant:
        def __init__(self, stages, setting):
            settings.append(setting)
            self.elites = starting(answer)

        def drive(self, floor):
            assert floor == FLOOR

    monkeypatch.setattr(blind, "stages_named", lambda names, own: seen.append((names, own)) or stages_named(names, own))
    monkeypatch.setattr(blind, "Pipeline", Instant)
    designs = ("iterated,descent", 40, {"iterated.steps": 1}), ("annealing,descent", ROWS, {"annealing.steps": CHUNK})
    prior = np.random.default_rng(1).normal(size=(N, N))
    ways = blind.joint_starts(noisy(puzzle), Run(), 3, None, found, FLOOR, designs, prior)
    yields = list(itertools.islice(ways, 4))
    unit = np.var(noisy(puzzle).y)
    annealed = {"annealing.hot": 0.03 * unit, "annealing.cold": 1e-5 * unit, "annealing.chains": 2}
    assert [names for names, _ in seen] == ["iterated,descent", "annealing,descent"] * 2
    assert [own for _, own in seen[::2]] == [{"iterated.steps": 1}, {"iterated.steps": 2}]
    for (_, own), steps in zip(seen[1::2], (CHUNK, 2 * CHUNK), strict=True):
        assert own == pytest.approx(annealed | {"annealing.steps": steps})
    assert [given.problem.rows for given in settings] == [40, ROWS] * 2
    assert all(given.prior is prior for given in settings)
    assert [given.starts for given in settings] == [None, None, found[1], None]
    assert all(one is other for one, other in zip(yields, found, strict=True))
