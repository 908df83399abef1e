"""The famous puzzle without its weights being compared: a published beam, and the answer from the data alone."""

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.ordering import Paired, seed_order
from jaxsolve.pairing import assign, pair
from jaxsolve.puzzle import Assembly
from jaxsolve.run import Run
from jaxsolve.search import Setting
from jaxsolve.search.beam import Beam
from jaxsolve.solver import Config, solve
from tests.conftest import REAL_SHA256
from tests.search import states


def test_a_beam_over_all_rows_comes_out_as_published(real_puzzle):
    setting, beam = Setting(engine.to_device(real_puzzle), Run()), Beam(10)
    best = beam.found(states(beam, setting)[-1])
    assert best.losses[0] == pytest.approx(0.5097, abs=5e-5)
    first = real_puzzle.permutation(best.best)
    assert [87, 71] in [first[2 * t : 2 * t + 2] for t in range(real_puzzle.blocks)]


def test_the_data_alone_tell_all_pairs(real_puzzle):
    assert (pair(real_puzzle, "probe").partner == pair(real_puzzle, "trace").partner).all()


def test_they_tell_none_where_the_predictions_are_shuffled(real_puzzle):
    shuffled = real_puzzle.replace(y=np.random.default_rng(0).permutation(real_puzzle.y))
    assert (pair(shuffled, "probe").partner == pair(real_puzzle, "trace").partner).sum() <= 6


def test_the_answer_from_the_data_alone(real_puzzle):
    assert solve(real_puzzle, Config(pairing="none")).certificate.sha256 == REAL_SHA256


@pytest.mark.parametrize("wrong", [4, 16])
def test_wrong_partners_are_told_by_what_others_would_gain(real_puzzle, wrong):
    problem = engine.to_device(real_puzzle, 2000)
    partner = pair(real_puzzle, "trace").partner.astype(np.int32)
    paired = Paired(real_puzzle.first_rows(2000), partner, Run())
    ins, outs = paired.assembly(seed_order(paired, "delta_greedy"))
    some = np.random.default_rng(wrong).permutation(real_puzzle.blocks)[:wrong]
    outs[some] = outs[np.roll(some, 1)]
    gains = np.asarray(engine.partner_gains(problem, Assembly(ins, outs)), np.float64)
    assert (assign(gains) == partner[ins]).all()
