"""Joint searches from nothing take turns, get slower, and go on from wherever they were stored."""

import json

import numpy as np
import pytest

from jaxsolve.run import Run
from jaxsolve.search import MOST_SEED
from jaxsolve.solver import restarts
from jaxsolve.solver.restarts import Restarts, RestartsArm
from tests import reference
from tests.search.examples import FLOOR, ROWS, copied, noisy, right, same, setting_of, starting

CHUNK = 64
DESIGNS = ["probe_beam", "grand_canonical,descent", "iterated,descent", "annealing,descent"]
SMALL = Restarts(
    beam_rows=40,
    beam_width=2,
    growing_rows=40,
    growing_work=60.0,
    iterated_rows=40,
    iterated_steps=1,
    annealing_rows=40,
    annealing_steps=16,
)


def test_searches_double_their_work_and_iterated_ones_begin_with_what_the_last_has_found(monkeypatch):
    (puzzle, answer), seen, settings = right(), [], []
    puzzle, stages_named = noisy(puzzle), restarts.stages_named

    class Instant:
        at, finished, elites = 0, False, None

        def __init__(self, stages, setting):
            self.stages = stages
            settings.append(setting)

        def advance(self):
            few = starting(answer)
            losses = np.array([1.0, 1.2, 1.4, 2.0]) + len(settings)
            self.elites = type(few)(few.ins.repeat(4, axis=0), few.outs.repeat(4, axis=0), losses)
            self.finished = True

    monkeypatch.setattr(
        restarts, "stages_named", lambda names, own: seen.append((names, own)) or stages_named(names, own)
    )
    monkeypatch.setattr(restarts, "Pipeline", Instant)
    numbers = Restarts(
        beam_rows=45,
        beam_width=3,
        growing_rows=50,
        growing_work=9.0,
        iterated_rows=40,
        iterated_steps=1,
        annealing_steps=CHUNK,
    )
    arm, infos = RestartsArm(setting_of(puzzle, seed=3), numbers), []
    for name in ("probe_beam", "grand_canonical", "iterated", "annealing") * 2:
        infos.append(arm.advance())
        assert arm.name == name
    assert [names for names, _ in seen] == DESIGNS * 2
    unit = np.var(puzzle.y)
    annealed = {"annealing.hot": 0.03 * unit, "annealing.cold": 1e-5 * unit, "annealing.chains": 2}
    for k, more in enumerate((1, 2)):
        (_, beam), (_, growing), (_, iterated), (_, cooling) = seen[4 * k : 4 * k + 4]
        assert beam == {"probe_beam.width": 3 * more, "probe_beam.rows": 45 * more**2, "probe_beam.rounds": 2}
        assert growing == {"grand_canonical.forwards": 9.0 * more}
        assert iterated == {"iterated.steps": more}
        assert cooling == pytest.approx(annealed | {"annealing.steps": CHUNK * more})
    assert [setting.problem.rows for setting in settings] == [45, 50, 40, ROWS] * 2
    assert [setting.seed for setting in settings] == [3] * 4 + [103] * 4
    assert all(setting.floor == FLOOR and setting.puzzle is puzzle for setting in settings)
    assert all((setting.starts is None) == (k % 4 != 2) for k, setting in enumerate(settings))
    for k in (2, 6):
        assert settings[k].starts is infos[k - 1].candidates
    assert [info.candidates.losses.tolist() for info in infos[:2]] == [[2.0, 2.2, 2.4, 3.0], [3.0, 3.2, 3.4, 4.0]]


def test_a_hundred_rounds_later_seeds_are_seeds():
    arm = RestartsArm(setting_of(reference.random_puzzle(71, n=4, rows=40)[0], seed=MOST_SEED - 1), SMALL)
    arm._k = 4
    assert arm._begun().setting.seed == 99


def test_beams_are_as_wide_as_memory_and_time_allow():
    puzzle = reference.random_puzzle(71, n=4, rows=40)[0]

    def widths(memory=None, **numbers):
        run = Run() if memory is None else Run(memory=memory)
        arm = RestartsArm(setting_of(puzzle, run=run), Restarts(**numbers))
        for arm._k in (0, 4, 8, 400):
            yield arm._begun().stages[0].method.width

    assert [*widths()][:3] == [32, 64, 128]
    assert [*widths(memory=4 * 2 * puzzle.x[:40].size * 100)] == [32, 64, 100, 100]
    assert [*widths(beam_flops=1.0)][:3] == [1, 1, 1]


def test_of_what_a_search_has_found_the_best_are_handed_on():
    few = starting(*[reference.random_puzzle(71, n=4, rows=40)[1]] * 9)
    few = few._replace(losses=np.array([2.0, 2.5, 2.9, 3.1, 4, 5, 6, 7, np.nan]))
    assert restarts._best(few).losses.tolist() == [2.0, 2.5, 2.9]
    assert restarts._best(few._replace(losses=np.full(9, 2.0))).size == 6


@pytest.fixture
def small():
    return noisy(reference.random_puzzle(71, n=4, rows=40)[0])


def from_a_file(arm):
    """Another arm, at another setting, that goes on from what a file would have."""
    meta, arrays = arm.stored()
    run = Run(memory=arm._setting.run.memory)
    other = RestartsArm(setting_of(arm._setting.puzzle, run=run, seed=arm._setting.seed), SMALL)
    other.restore(json.loads(json.dumps(meta)), copied(arrays))
    run.evaluations = arm._setting.run.evaluations
    return other


def place_of(arm):
    meta, arrays = arm.stored()
    pipeline = {name: one for name, one in (meta["pipeline"] or {}).items() if name not in ("seconds", "curve")}
    return meta | {"pipeline": pipeline}, arrays


def test_stored_between_any_two_steps_it_goes_on_in_the_same_bits(small):
    whole = RestartsArm(setting_of(small, run=Run(memory=1e9), seed=5), SMALL)
    other, found, names = from_a_file(whole), [], []
    while len(found) < 5:
        told, told_too = whole.advance(), other.advance()
        assert other.name == whole.name
        names.append(whole.name)
        (meta, arrays), (meta_too, arrays_too) = place_of(whole), place_of(other)
        assert meta == meta_too
        assert [*arrays] == [*arrays_too]
        for name, table in arrays.items():
            np.testing.assert_array_equal(table, arrays_too[name], err_msg=name)
        assert (told.candidates is None) == (told_too.candidates is None)
        assert (whole.unfinished() is None) == (other.unfinished() is None)
        if told.candidates is not None:
            same(told.candidates, told_too.candidates)
            found.append(told.candidates)
            assert whole.unfinished() is None
        other = from_a_file(other)
    assert [name for k, name in enumerate(names) if name != "descent" and (not k or name != names[k - 1])] == [
        "probe_beam",
        "grand_canonical",
        "iterated",
        "annealing",
        "probe_beam",
    ]


def test_what_is_found_are_assemblies_and_their_losses(small):
    arm, found = RestartsArm(setting_of(small), SMALL), []
    while len(found) < 4:
        info = arm.advance()
        if info.candidates is not None:
            found.append(info.candidates)
    for some in found:
        expected = [reference.loss(small, *one) for one in zip(some.ins, some.outs, strict=True)]
        np.testing.assert_allclose(some.losses, expected, rtol=1e-4)
