"""Which beam is chosen follows from what is known of a net, and how wide it is from what it may cost."""

from types import SimpleNamespace

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.puzzle import Assembly
from jaxsolve.run import OutOfTime, Run
from jaxsolve.search import METHODS, Info, Setting, stages_named, unjudged
from jaxsolve.solver import Config, solve
from jaxsolve.solver.beams import Beams
from jaxsolve.solver.hypothesis import Hypothesis
from tests import reference

N = 4


@pytest.fixture(scope="module")
def setting():
    puzzle, answer = reference.random_puzzle(9, n=N, rows=60)
    return Setting(engine.to_device(puzzle), Run(), starts=unjudged([Assembly(*answer)]), puzzle=puzzle)


def beam_of(beams, setting, about):
    """The name and options of a beam: along a line, or as `Beams.grown` takes what is known."""
    return ("rollout_beam", beams.along(setting)) if about is None else ("probe_beam", beams.grown(setting, **about))


@pytest.mark.parametrize(
    ("about", "width"),
    [
        ({"known": False, "ranks": "error"}, 32),
        ({"known": False, "ranks": "action"}, 32),
        ({"known": True, "ranks": "error"}, 512),
        (None, 64),
    ],
    ids=str,
)
def test_beams_are_made_for_what_is_known(setting, about, width):
    name, options = beam_of(Beams(rows=60, line_rows=60), setting, about)
    assert options["width"] == width
    assert options["refine"] is None, "the methods that follow go on from it"
    assert bool(options.get("units")) == (about is not None and about["ranks"] == "error")
    ((_, method),) = stages_named(name, options)
    assert isinstance(method, type(METHODS[name]()))


@pytest.mark.parametrize("about", [None, {"known": True, "ranks": "error"}], ids=str)
def test_beams_are_as_wide_as_their_operations_allow_or_there_are_none(setting, about):
    of = lambda flops: beam_of(Beams(rows=60, line_rows=60, flops=flops, least_width=4), setting, about)[1]
    widths = [options and options["width"] for options in map(of, np.logspace(4, 12, 50))]
    assert widths[0] is None
    found = [width for width in widths if width is not None]
    assert found == sorted(found)
    assert len({*found}) > 3
    assert found[0] >= 4


@pytest.mark.parametrize(("deep", "beams"), [(N, 6), (N + 1, 0)])
def test_a_line_of_a_deep_net_is_followed_before_other_activations_are_tried(deep, beams):
    puzzle = reference.random_puzzle(9, n=N, rows=60)[0]
    puzzle = puzzle.replace(y=puzzle.y[::-1].copy(), link_given=True, activation_given=False)
    about = {"attempts.deep": deep, "attempts.pairings": 1, "initial.believed": 0.5}
    about |= {"beams.known": 0.0, "beams.line_rows": 50, "beams.line_width": 3, "beams.least_width": 1}
    about |= {"relaxation.steps": 1, "relaxation.last_rounds": 1, "relaxation.patience": 1}
    done = list[tuple[str, str]]()

    class Told(Run):
        def begin(self, label, start=None, loss=float("inf")):
            done.append((label.activation, label.order_seed))
            if label.activation != puzzle.activation:
                raise OutOfTime
            super().begin(label, start, loss)

    solve(puzzle, Config(options=about), Told())
    assert [seed for _, seed in done].count("rollout_beam") == beams == (Beams().line_rounds if beams else 0)
    assert done[-1][0] != puzzle.activation


@pytest.mark.parametrize("right", [True, False])
def test_what_is_right_is_judged_even_if_its_method_does_not_call_it_ripe(setting, right):
    puzzle, answer = reference.random_puzzle(9, n=N, rows=60)
    hypothesis = Hypothesis(puzzle, Config(), Run())
    hypothesis.pairing = SimpleNamespace()
    found = Assembly(*answer) if right else Assembly(answer.ins[::-1].copy(), answer.outs[::-1].copy())
    arm = SimpleNamespace(name="rollout_beam", advance=lambda: Info(unjudged([found]), ripe=False, over=True))
    problem = setting.problem
    hypothesis.sites["all"] = SimpleNamespace(arm=arm, puzzle=puzzle, problem=problem, search="shortlisted", most=9.0)
    assert hypothesis._next_of_arms().search == ("shortlisted" if right else "none")
