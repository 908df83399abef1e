"""Which beam is chosen follows from what is known of a net, and how wide it is from what it may cost."""

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.puzzle import Assembly
from jaxsolve.run import Run
from jaxsolve.search import METHODS, Setting, stages_named, unjudged
from jaxsolve.solver.beams import Beams
from tests import reference

N = 4


@pytest.fixture(scope="module")
def setting():
    puzzle, answer = reference.random_puzzle(9, n=N, rows=60)
    return Setting(engine.to_device(puzzle), Run(), starts=unjudged([Assembly(*answer)]), puzzle=puzzle)


@pytest.mark.parametrize(
    ("about", "name", "width"),
    [
        ({"known": False, "along": False, "ranks": "error"}, "probe_beam", 32),
        ({"known": False, "along": False, "ranks": "action"}, "probe_beam", 32),
        ({"known": True, "along": False, "ranks": "error"}, "probe_beam", 512),
        ({"known": True, "along": True, "ranks": "error"}, "rollout_beam", 64),
    ],
    ids=str,
)
def test_a_line_is_followed_where_there_is_one(setting, about, name, width):
    chosen, options = Beams(rows=60, line_rows=60).chosen(setting, **about)
    assert (chosen, options["width"]) == (name, width)
    assert options["refine"] is None, "the methods that follow go on from it"
    assert bool(options.get("units")) == (about["ranks"] == "error" and name == "probe_beam")
    ((_, method),) = stages_named(name, options)
    assert isinstance(method, type(METHODS[name]()))


@pytest.mark.parametrize("along", [False, True])
def test_beams_are_as_wide_as_their_operations_allow_or_there_are_none(setting, along):
    of = lambda flops: Beams(rows=60, line_rows=60, flops=flops, least_width=4).chosen(
        setting, known=True, along=along, ranks="error"
    )
    widths = [chosen and chosen[1]["width"] for chosen in map(of, np.logspace(4, 12, 50))]
    assert widths[0] is None
    found = [width for width in widths if width is not None]
    assert found == sorted(found)
    assert len({*found}) > 3
    assert found[0] >= 4
