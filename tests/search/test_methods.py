"""What every joint search keeps to: sorted assemblies with exact losses, decided by the seed, whenever it is killed."""

from dataclasses import dataclass

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.errors import UsageError
from jaxsolve.puzzle import padded
from jaxsolve.run import Run, load_checkpoint, save_checkpoint
from jaxsolve.search import METHODS, Pipeline, Population, Setting, options_of, stages_named
from jaxsolve.search.beam import Beam
from jaxsolve.search.storing import flattened
from tests import reference

N, ROWS = 4, 40
SMALL = {
    "beam": {"width": 3, "signature": 1, "grid": 1.5},
    "stochastic_beam": {"width": 3, "noise": 1.0},
    "probe_beam": {"width": 3, "rounds": 2, "refine": "descent"},
    "rollout_beam": {"width": 3, "rounds": 2, "window": 2, "ahead": 2, "refine": "descent"},
    "backward_beam": {"width": 3},
    "annealing": {"chains": 3, "steps": 80, "chunk": 16},
    "tempering": {"chains": 3, "steps": 80, "chunk": 16},
    "grand_canonical": {"forwards": 60.0, "hot": 3.0, "cold": 0.3, "remove": 0.1, "chunk": 20},
    "iterated": {"steps": 5, "elites": 3},
    "descent": {"search": "joint_descent", "best": 2},
    "relaxation": {"cycles": 2, "steps": 2, "last_rounds": 1},
    "reannealing": {"rounds": 2, "chunks": 1},
    "exchange_regression": {"near": 1e9, "ridge": 0.1},
}
CERTAIN = "beam", "probe_beam", "rollout_beam", "backward_beam", "elimination", "relaxation", "reannealing"
CERTAIN += ("exchange_regression",)
RANDOM = [name for name in METHODS if name not in CERTAIN]
"""Where chance shows in two steps: relaxation draws all rows where there are few, and these begin without chance."""
SPARE = {"elimination": 2}
"""Null halves that some methods need."""


def setting(name="beam", seed=0, starts=None, devices=None, memory=None, partner=None):
    puzzle, _ = reference.random_puzzle(71, n=N, rows=ROWS)
    puzzle = padded(puzzle, SPARE.get(name, 0))
    problem = engine.to_device(puzzle, devices=devices)
    return puzzle, Setting(problem, Run(memory=memory), seed, starts, partner=partner, puzzle=puzzle)


def pipeline(name, *arguments, **options):
    return Pipeline(stages_named(name, SMALL.get(name)), setting(name, *arguments, **options)[1])


def driven(name, *arguments, **options):
    one = pipeline(name, *arguments, **options)
    one.drive()
    return one


def same(one, other):
    assert type(one) is type(other)
    tables, again = flattened(one, ""), flattened(other, "")
    assert tables.keys() == again.keys()
    for name, table in tables.items():
        np.testing.assert_array_equal(table, again[name])


@pytest.mark.parametrize("name", METHODS)
def test_methods_come_to_an_end_with_exact_losses_the_best_first(name):
    puzzle, given = setting(name)
    (_, method), *_ = stages_named(name, SMALL.get(name))
    state, steps = method.init(given), 0
    work = method.place(given, state)
    while not method.finished(state):
        assert type(state) is method.state_type
        state, work = method.step(given, state, work)
        steps += 1
        assert steps < 500
    found = method.found(state)
    assert found.size > 0
    assert (found.losses == np.sort(found.losses)).all()
    assert len({*map(bytes, np.concatenate([found.ins, found.outs], axis=1))}) == found.size
    for ins, outs, loss in zip(*found, strict=True):
        assert sorted(ins) == sorted(outs) == list(range(puzzle.blocks))
        assert loss == pytest.approx(reference.loss(puzzle, ins, outs), rel=1e-4, abs=1e-8)
    assert given.run.evaluations > 0


@pytest.mark.parametrize("name", METHODS)
def test_states_are_arrays_that_are_left_as_they_are(name):
    _, given = setting(name)
    (_, method), *_ = stages_named(name, SMALL.get(name))
    before = method.init(given)
    copy = {key: np.array(part) for key, part in flattened(before, "").items()}
    method.step(given, before, method.place(given, before))
    for key, part in flattened(before, "").items():
        np.testing.assert_array_equal(part, copy[key])
        assert part.dtype != object


@pytest.mark.parametrize("name", METHODS)
def test_the_seed_decides_everything(name):
    ends = [driven(name, seed) for seed in (0, 0)]
    same(ends[0].elites, ends[1].elites)
    assert ends[0].setting.run.evaluations == ends[1].setting.run.evaluations
    assert [one.loss for one in ends[0].curve] == [one.loss for one in ends[1].curve]


@pytest.mark.parametrize("name", METHODS)
def test_devices_change_no_bit_of_any_state(name):
    one, all_of_them = driven(name, devices=1), driven(name)
    assert one.digest == all_of_them.digest
    assert [point.loss for point in one.curve] == [point.loss for point in all_of_them.curve]
    same(one.elites, all_of_them.elites)


@pytest.mark.parametrize("name", RANDOM)
def test_another_seed_goes_another_way(name):
    def first_states(seed):
        one = pipeline(name, seed)
        method, seen = one.stages[0].method, []
        state = method.init(one.setting)
        work = method.place(one.setting, state)
        for _ in range(2):
            if not method.finished(state):
                state, work = method.step(one.setting, state, work)
                tables = flattened(state, "").items()
                seen += [table.tolist() for key, table in tables if key.endswith(("ins", "outs"))]
        return seen

    assert first_states(1) != first_states(2)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("k", [1, 3])
def test_killed_after_every_few_steps_it_ends_in_the_same_bits(name, k, tmp_path):
    whole, deaths = driven(name), 0
    one = pipeline(name)
    while not one.finished:
        left = k

        def dies(pipeline):
            nonlocal left
            left -= 1
            save_checkpoint(tmp_path, *pipeline.stored())
            if not left:
                raise KeyboardInterrupt

        try:
            one.drive(dies)
        except KeyboardInterrupt:
            deaths += 1
        one = pipeline(name)
        one.restore(*load_checkpoint(tmp_path))
    assert deaths > 0 or name == "elimination", "which comes to its end in a step or two"
    assert one.digest == whole.digest
    same(one.elites, whole.elites)
    assert one.setting.run.evaluations == whole.setting.run.evaluations
    assert [(p.stage, p.evaluations, p.loss) for p in one.curve] == [
        (p.stage, p.evaluations, p.loss) for p in whole.curve
    ]


@pytest.mark.parametrize("name", [name for name in METHODS if "beam" not in name and name not in SPARE])
def test_methods_begin_with_what_they_are_given(name):
    rng = np.random.default_rng(3)
    ins, outs = (rng.permutation(N)[None].astype(np.int32) for _ in range(2))
    puzzle, given = setting(starts=Population(ins, outs, np.array([np.inf])))
    state = stages_named(name, SMALL.get(name))[0].method.init(given)
    state = getattr(state, "incumbents", state)
    np.testing.assert_array_equal(state.ins, np.tile(ins, (len(state.ins), 1)))
    np.testing.assert_array_equal(state.outs, np.tile(outs, (len(state.outs), 1)))
    if name not in ("grand_canonical", "relaxation", "reannealing", "exchange_regression"):
        found = stages_named(name, SMALL.get(name))[0].method.found(state)
        assert found.losses[0] == pytest.approx(reference.loss(puzzle, ins[0], outs[0]), rel=1e-4)


@pytest.mark.parametrize("name", ["annealing", "tempering", "iterated", "relaxation", "reannealing"])
def test_given_pairs_are_kept(name):
    partner = np.array([3, 1, 0, 2], np.int32)
    elites = driven(name, partner=partner).elites
    np.testing.assert_array_equal(elites.outs, partner[elites.ins])


@pytest.mark.parametrize(("name", "noun"), [("annealing", "chains"), ("grand_canonical", "chains"), ("beam", "width")])
def test_what_does_not_fit_into_memory_is_refused_in_one_line(name, noun):
    _, given = setting(memory=1000)
    with pytest.raises(UsageError, match=rf"^{noun} is \d+; on 40 rows .*fit into memory: take fewer rows.*$"):
        stages_named(name, SMALL[name])[0].method.init(given)


@pytest.mark.parametrize("name", METHODS)
def test_options_have_a_type_and_a_default(name):
    method = METHODS[name]()
    assert options_of(method)
    for option, kind in options_of(method).items():
        value = getattr(method, option)
        assert value is None or isinstance(value, kind)
        assert stages_named(name, {option: value})[0].method == method


@pytest.mark.parametrize(
    ("method", "options", "why"),
    [
        ("beam", {"width": 0}, "width is 0"),
        ("beam", {"pool": 0}, "pool is 0"),
        ("beam", {"noise": -0.1}, "noise is -0.1"),
        ("beam", {"noise": "nan"}, "noise is nan"),
        ("beam", {"signature": -1}, "signature is -1"),
        ("beam", {"grid": 0}, "grid is 0"),
        ("beam", {"width": 2.5}, "width is 2.5; expected a whole number"),
        ("beam", {"width": "many"}, "width is 'many'; expected a whole number"),
        ("beam", {"width": "inf"}, "width is 'inf'; expected a whole number"),
        ("beam", {"noise": "much"}, "noise is 'much'; expected a number"),
        ("beam", {"chains": 2}, "beam has no option 'chains'; it has grid, noise, pool"),
        ("annealing", {"chains": 0}, "chains is 0"),
        ("annealing", {"steps": 0}, "steps is 0"),
        ("annealing", {"hot": 1e-9}, "cold is 0.0001 and hot is 1e-09"),
        ("annealing", {"cold": 0}, "cold is 0"),
        ("annealing", {"confidence": -1}, "confidence is -1"),
        ("annealing", {"chunk": 0}, "chunk is 0"),
        ("annealing", dict.fromkeys(["swap", "partner", "reversal", "insertion"], 0), "swap, partner, reversal and"),
        ("tempering", {"cold": 1}, "cold is 1"),
        ("grand_canonical", {"chains": 0}, "chains is 0"),
        ("grand_canonical", {"forwards": -1}, "forwards is -1"),
        ("grand_canonical", {"cold": 1}, "expected 0 < cold <= hot"),
        ("grand_canonical", {"loose": 1000}, "expected 0 < loose <= tight"),
        ("grand_canonical", {"add": 0}, "add is 0"),
        ("iterated", {"elites": 0}, "elites is 0"),
        ("iterated", {"depth": 0}, "depth is 0"),
        ("descent", {"search": "nonsense"}, "no search 'nonsense'"),
        ("descent", {"best": 0}, "best is 0"),
        ("nonsense", {}, "no method 'nonsense'; choose one or several, joined by commas, of beam"),
        ("beam,nonsense", {}, "no method 'nonsense'"),
        ("beam,", {}, "no method ''"),
        ("anealing", {}, "no method 'anealing'; did you mean 'annealing'? Choose"),
        ("beam", {"widht": 3}, "beam has no option 'widht'; did you mean 'width'? It has grid"),
        ("beam,annealing", {"baem.width": 3}, "no option 'baem.width'; did you mean 'beam.width'?"),
        ("beam,annealing", {"beam.chains": 3}, "beam and annealing have no option 'beam.chains'"),
    ],
    ids=str,
)
def test_wrong_options_are_named(method, options, why):
    with pytest.raises(UsageError) as error:
        stages_named(method, options)
    assert why in str(error.value)
    assert "\n" not in str(error.value)


def test_options_go_to_all_stages_that_have_them_or_to_the_one_they_name():
    one, two, three = stages_named(["annealing", "tempering", "beam"], {"chains": "3", "tempering.steps": 7, "grid": 2})
    assert (one.method.chains, two.method.chains) == (3, 3)
    assert (one.method.steps, two.method.steps) == (20_000, 7)
    assert three.method.grid == 2.0
    assert [stage.name for stage in stages_named("beam, descent")] == ["beam", "descent"]


def test_options_may_be_switches(monkeypatch):
    @dataclass(frozen=True)
    class Switched(Beam):
        on: bool = False

    monkeypatch.setitem(METHODS, "switched", Switched)
    assert [stages_named("switched", {"on": text})[0].method.on for text in ("true", "0")] == [True, False]
    with pytest.raises(UsageError, match="on is 'maybe'; expected true or false"):
        stages_named("switched", {"on": "maybe"})
