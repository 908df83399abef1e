"""Relaxation and re-annealing take turns, share what they find, and go on from wherever they were stored."""

import itertools
import json

import numpy as np
import pytest

from jaxsolve.puzzle import padded
from jaxsolve.run import OutOfTime, Run
from jaxsolve.search.elimination import Elimination
from jaxsolve.search.incumbents import Guide
from jaxsolve.search.probe_beam import ProbeBeam
from jaxsolve.search.reannealing import Reannealing
from jaxsolve.search.relaxation import Relaxation
from jaxsolve.search.rollout_beam import RolloutBeam
from jaxsolve.search.storing import flattened
from jaxsolve.solver.arm import TurnsArm
from tests import reference
from tests.search.examples import (
    FLOOR,
    Walk,
    copied,
    disordered,
    mispaired,
    noisy,
    right,
    same,
    scripted,
    setting_of,
    starting,
)

CHUNK = 64
TURNS = "relaxation", "relaxation", "reannealing"


def arm_at(setting, opening=(), turns=TURNS, **options):
    methods = {
        "elimination": Elimination(),
        "rollout_beam": RolloutBeam(width=2, rounds=1, widening=1, refine=None),
        "relaxation": Relaxation(cycles=None, **options),
        "reannealing": Reannealing(rounds=None, chunk=CHUNK, chunks=4, longer=2.0),
    }
    return TurnsArm(setting, methods, turns, opening)


def arm_of(puzzle, *assemblies, run=None, seed=0, **options):
    return arm_at(setting_of(puzzle, *assemblies, run=run, seed=seed), **options)


def advances(arm):
    while True:
        yield arm.advance()


def candidates(arm):
    return (info.candidates for info in advances(arm) if info.candidates is not None)


def test_a_beam_that_has_not_ended_has_found_nothing():
    puzzle, answer = right()
    methods = {"probe_beam": ProbeBeam(width=2, rounds=1), "relaxation": Relaxation()}
    arm = TurnsArm(setting_of(puzzle, answer), methods, ("relaxation",), ("probe_beam",))
    assert arm.unfinished() is None
    assert arm.advance().candidates is None
    assert arm.unfinished() is None


@pytest.mark.parametrize("wrong", [disordered, lambda answer: disordered(mispaired(answer))])
def test_turns_end_at_the_right_assembly(wrong):
    puzzle, answer = right()
    found = itertools.islice(candidates(arm_of(puzzle, wrong(answer))), 60)
    np.testing.assert_array_equal(next(one for one in found if one.losses[0] <= FLOOR).best, answer)


def test_cycles_and_rounds_of_annealing_take_turns_and_begin_with_what_the_others_have_found(monkeypatch):
    puzzle, answer = noisy(right()[0]), right()[1]
    ends, begun = itertools.cycle([mispaired(answer), answer]), []
    scripted(monkeypatch, lambda assembly, state: (next(ends), 0.5))
    for kind in (Relaxation, Reannealing):

        def step(self, setting, state, work, step=kind.step):
            begun.append(state.incumbents)
            return step(self, setting, state, work)

        monkeypatch.setattr(kind, "step", step)
    arm, turns, guides, known = arm_of(puzzle, disordered(answer), known_pairs=True), [[]], set(), None
    while len(turns) < 7:
        info = arm.advance()
        assert known is None or begun[-1] is known
        known = arm._setting.shared["incumbents"]
        guides |= {id(one) for one in arm._setting.shared.values() if isinstance(one, Guide)}
        turns[-1].append((arm.name, info))
        if info.over:
            turns.append([])
    names = [{name for name, _ in turn} for turn in turns[:6]]
    assert names == [{name} for name in TURNS * 2]
    assert len(guides) == 1
    for turn in turns[:6]:
        assert [info.over for _, info in turn] == [False] * (len(turn) - 1) + [True]
        if turn[0][0] == "relaxation":
            assert all(info.candidates.size == 1 for _, info in turn), "what each round finds"
        else:
            assert [info.candidates is None for _, info in turn] == [True] * (len(turn) - 1) + [False]
            np.testing.assert_array_equal(turn[-1][1].candidates.best, arm._setting.shared["incumbents"].best)
            assert len(turn) > 1


def test_losses_are_those_of_the_assemblies():
    puzzle, answer = noisy(right()[0]), right()[1]
    arm = arm_of(puzzle, disordered(answer))
    for _ in range(12):
        info = arm.advance()
        for found in (info.candidates, arm.unfinished()):
            if found is not None:
                expected = [reference.loss(puzzle, *one) for one in zip(found.ins, found.outs, strict=True)]
                np.testing.assert_allclose(found.losses, expected, rtol=1e-4)


@pytest.mark.parametrize("error", [OutOfTime, KeyboardInterrupt])
@pytest.mark.parametrize("after", [0, 100, 2000])
def test_stops_are_passed_on(error, after):
    def watch(progress):
        if progress.evaluations > after:
            raise error

    with pytest.raises(error):
        list(itertools.islice(advances(arm_of(noisy(right()[0]), disordered(right()[1]), run=Run(watch=watch))), 60))


def test_large_seeds_are_seeds():
    found = list(itertools.islice(candidates(arm_of(noisy(right()[0]), disordered(right()[1]), seed=2**31 - 1)), 5))
    assert all(one.size for one in found)


def with_a_decoy():
    """A puzzle with null halves, whose predictions are made without one of its blocks, and all of them."""
    puzzle, answer = right()
    rest = (np.delete(half, 2) for half in answer)
    made = reference.final_state(puzzle, *rest, puzzle.x) @ puzzle.w_last + puzzle.b_last
    wide = padded(noisy(puzzle.replace(y=made)), 1)
    return wide, wide.assembly(puzzle.permutation(answer))


def test_opening_methods_go_before_all_others_which_begin_with_what_they_have_found():
    puzzle, start = with_a_decoy()
    puzzle = puzzle.replace(y=puzzle.y - noisy(right()[0]).y + right()[0].y)  # without the noise
    setting, names = setting_of(puzzle, start), []
    arm = arm_at(setting, ("elimination",), known_pairs=True)
    alone = Walk(Elimination(), setting_of(puzzle, start))
    while not alone.method.finished(alone.state):
        assert arm.unfinished() is None or arm.name == "elimination"
        alone.step()
        info = arm.advance()
        names.append(arm.name)
    assert names == ["elimination"] * 2
    same(info.candidates, alone.method.found(alone.state))
    same(setting.starts, info.candidates)
    arm.advance()
    assert arm.name == "relaxation"
    begun = Relaxation().init(setting_of(puzzle, setting.starts.best))
    np.testing.assert_array_equal(arm._states["relaxation"].incumbents.best, begun.incumbents.best)


def test_methods_that_are_finished_are_passed_over():
    setting, options = setting_of(noisy(right()[0]), disordered(right()[1])), {"patience": 1, "steps": 1}
    arm = arm_at(setting, (), ("relaxation", "rollout_beam"), known_pairs=True, **options)
    names = [name for name, _ in itertools.groupby(arm.advance() and arm.name for _ in range(20))]
    assert names == ["relaxation", "rollout_beam", "relaxation"]


def test_where_all_are_finished_they_go_on():
    arm = arm_at(setting_of(*right()), (), ("rollout_beam",))
    assert {arm.advance() and arm.name for _ in range(12)} == {"rollout_beam"}


def from_a_file(arm, **options):
    """Another arm, at another setting, that goes on from what a file would have."""
    meta, arrays = arm.stored()
    setting = setting_of(arm._setting.puzzle)
    other = arm_at(setting, arm._opening, **options)
    other.restore(json.loads(json.dumps(meta)), copied(arrays))
    return other


def alike(one, other):
    """Two arms are at the same place."""
    (meta, arrays), (meta_too, arrays_too) = one.stored(), other.stored()
    assert meta == meta_too
    assert [*arrays] == [*arrays_too]
    for name, table in arrays.items():
        np.testing.assert_array_equal(table, arrays_too[name], err_msg=name)


@pytest.mark.parametrize("opening", [(), ("elimination",)])
def test_stored_between_any_two_steps_it_goes_on_in_the_same_bits(opening):
    puzzle, start = with_a_decoy() if opening else (noisy(right()[0]), disordered(right()[1]))
    options = {"known_pairs": True, "patience": 1, "steps": 2}
    whole = arm_at(setting_of(puzzle, start), opening, **options)
    other, names = from_a_file(whole, **options), []
    for _ in range(20):
        told, told_too = whole.advance(), other.advance()
        assert told.over == told_too.over
        assert other.name == whole.name
        same(whole._states[whole.name], other._states[other.name])
        found, found_too = whole.unfinished(), other.unfinished()
        assert (found is None) == (found_too is None)
        names.append(whole.name)
        alike(whole, other)
        other = from_a_file(other, **options)
    assert [name for name, _ in itertools.groupby(names)][: 4 + len(opening)] == [*opening, *TURNS[1:], *TURNS[1:]]


def test_arrays_that_are_none_are_refused():
    arm = arm_of(noisy(right()[0]), disordered(right()[1]))
    arm.advance()
    meta, arrays = arm.stored()
    for name, table in (
        ("starts.ins", arrays["starts.ins"][:, :-1]),
        ("relaxation.ins", arrays["relaxation.ins"] + 1),
        ("relaxation.incumbents.losses", np.zeros(9)),
        ("incumbents.outs", np.zeros_like(arrays["incumbents.outs"])),
        ("incumbents.rows", np.zeros(2)),
    ):
        with pytest.raises(ValueError, match=r"half|halves|shape"):
            arm_at(setting_of(right()[0])).restore(meta, arrays | {name: table})
    with pytest.raises(KeyError):
        arm_at(setting_of(right()[0])).restore(meta | {"begun": ["annealing"]}, arrays)
    with pytest.raises(KeyError):
        arm_at(setting_of(right()[0])).restore(meta, flattened(starting(right()[1]), "starts."))
