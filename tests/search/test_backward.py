"""Beams that grow backwards: every end of a network has the loss of the slow reference."""

import itertools

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.run import Run
from jaxsolve.search import Setting
from jaxsolve.search.backward import BackwardBeam
from tests import reference
from tests.search import states


def ended(width, puzzle, partner=None):
    setting = Setting(engine.to_device(puzzle), Run(), partner=partner)
    beam = BackwardBeam(width)
    seen = states(beam, setting)
    for state in seen[1:]:
        for ins, outs, loss in zip(state.ins, state.outs, state.losses, strict=True):
            assert loss == pytest.approx(reference.loss(puzzle, ins, outs), rel=1e-4)
    return beam.found(seen[-1])


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_ends_of_networks_have_the_losses_of_the_reference(activation):
    puzzle, _ = reference.random_puzzle(3, n=4, rows=40, activation=activation, scale=0.5)
    found = ended(3, puzzle)
    assert (np.sort(found.ins) == np.arange(4)).all()
    assert (np.sort(found.outs) == np.arange(4)).all()


def test_a_beam_as_wide_as_there_are_networks_finds_the_best():
    puzzle, answer = reference.random_puzzle(3, n=3, rows=20)
    best = ended(36, puzzle).best
    assert (best.ins.tolist(), best.outs.tolist()) == (answer.ins.tolist(), answer.outs.tolist())


def test_given_pairs_stay_together():
    puzzle, _ = reference.random_puzzle(3, n=4, rows=40)
    partner = np.array([2, 0, 3, 1], np.int32)
    found = ended(3, puzzle, partner)
    assert (found.outs == partner[found.ins]).all()


def test_first_order_is_exact_where_blocks_are_small():
    puzzle, _ = reference.random_puzzle(3, n=3, rows=300)
    small = puzzle.replace(w_out=puzzle.w_out * 1e-3, b_out=puzzle.b_out * 1e-3)
    problem, left = engine.to_device(small, devices=1), np.ones((1, 2, 3), bool)
    ins, outs = np.array([[0, 0, 2]], np.int32), np.array([[0, 0, 1]], np.int32)
    losses = np.asarray(engine.prepended_losses(problem, ins, outs, np.int32(2), left))[0]
    for i, j in itertools.product(range(3), range(3)):
        assert losses[i, j] == pytest.approx(reference.loss(small, [i, 2], [j, 1]), rel=1e-4)
