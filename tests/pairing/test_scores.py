"""Every score equals its definition, product by product."""

import numpy as np
import pytest

from jaxsolve.pairing import PAIRINGS
from jaxsolve.puzzle import padded
from tests import reference


def standardised(scores):
    return (scores - scores.mean()) / scores.std()


def cosine(a, b):
    a, b = np.ravel(a) - np.mean(a), np.ravel(b) - np.mean(b)
    return a @ b / np.sqrt((a @ a) * (b @ b))


def each(puzzle, score):
    scores = np.zeros((len(puzzle.w_in), len(puzzle.w_out)))
    for i, j in np.ndindex(*scores.shape):
        scores[i, j] = score(puzzle.w_in[i], puzzle.b_in[i], puzzle.w_out[j])
    return scores


def readout_trace(puzzle):
    u = puzzle.w_last / np.sqrt(puzzle.w_last @ puzzle.w_last)
    trace = each(puzzle, lambda w_in, b_in, w_out: np.trace(w_out @ w_in))
    along = each(puzzle, lambda w_in, b_in, w_out: u @ (w_out @ w_in) @ u)
    return -(standardised(trace) + 0.5 * standardised(along))


def probe(puzzle):
    design = np.column_stack([np.ones(puzzle.rows), puzzle.x])
    left = puzzle.y - design @ np.linalg.pinv(design) @ puzzle.y
    left /= np.std(left)
    common = [left @ reference.hidden_units(puzzle, puzzle.x, i) / puzzle.rows for i in range(len(puzzle.w_in))]
    return np.array([[puzzle.w_last @ w_out @ one for w_out in puzzle.w_out] for one in common])


def antisymmetric_share(w_in, b_in, w_out):
    m = w_out @ w_in
    return 1 - np.sum((m - m.T) ** 2) / (2 * np.sum(m**2))


DEFINITIONS = {
    "trace": lambda p: each(p, lambda w_in, b_in, w_out: -np.trace(w_out @ w_in)),
    "diagonal_dominance": lambda p: each(
        p, lambda w_in, b_in, w_out: abs(np.trace(w_out @ w_in)) / np.sqrt(np.sum((w_out @ w_in) ** 2))
    ),
    "readout_trace": readout_trace,
    "asymmetry": lambda p: each(p, antisymmetric_share),
    "gram": lambda p: each(p, lambda w_in, b_in, w_out: cosine(w_in @ w_in.T, w_out.T @ w_out)),
    "norm_balance": lambda p: each(p, lambda w_in, b_in, w_out: cosine((w_in**2).sum(1) + b_in**2, (w_out**2).sum(0))),
    "probe": probe,
}


DOUBLE = {"rtol": 1e-9, "atol": 1e-12}
EXACT = {"probe": {"rtol": 1e-4, "atol": 1e-5}}
"""The data are gone through in float32."""


@pytest.mark.parametrize("name", PAIRINGS)
@pytest.mark.parametrize(("d", "h"), [(4, 7), (5, 3)])
def test_scores_equal_their_definitions(name, d, h):
    puzzle, _ = reference.random_puzzle(6, n=4, d=d, h=h)
    np.testing.assert_allclose(PAIRINGS[name](puzzle), DEFINITIONS[name](puzzle), **EXACT.get(name, DOUBLE))


@pytest.mark.parametrize("name", PAIRINGS)
@pytest.mark.parametrize(("lost_ins", "lost_outs"), [(0, 2), (3, 0), (0, 0)])
def test_scores_do_not_see_null_halves(name, lost_ins, lost_outs):
    puzzle, _ = reference.random_puzzle(6, n=4)
    few = puzzle.replace(
        w_in=puzzle.w_in[lost_ins:], b_in=puzzle.b_in[lost_ins:], in_ids=puzzle.in_ids[lost_ins:],
        w_out=puzzle.w_out[lost_outs:], b_out=puzzle.b_out[lost_outs:], out_ids=puzzle.out_ids[lost_outs:],
    )  # fmt: skip
    wide = padded(few, 1)
    real = ~(wide.null_ins[:, None] | wide.null_outs)
    scores = PAIRINGS[name](wide)
    assert scores.shape == (5, 5)
    shape = 4 - lost_ins, 4 - lost_outs
    np.testing.assert_allclose(scores[real].reshape(shape), DEFINITIONS[name](few), **EXACT.get(name, DOUBLE))
    np.testing.assert_array_equal(scores[~real], scores[real].reshape(shape).mean())


@pytest.mark.parametrize("name", PAIRINGS)
def test_scores_of_empty_weights_are_finite(name):
    puzzle, _ = reference.random_puzzle(6, n=2)
    puzzle = puzzle.replace(w_in=0 * puzzle.w_in, w_out=0 * puzzle.w_out, w_last=0 * puzzle.w_last)
    assert np.isfinite(PAIRINGS[name](puzzle)).all()


@pytest.mark.parametrize("name", PAIRINGS)
def test_a_single_block_has_a_score(name):
    assert np.isfinite(PAIRINGS[name](reference.random_puzzle(6, n=1)[0])).all()


@pytest.mark.parametrize("activation", ["gelu", "tanh", "silu"])
def test_what_the_data_say_of_pairs_goes_through_the_activation(activation):
    puzzle, _ = reference.random_puzzle(6, n=4, rows=40, activation=activation)
    np.testing.assert_allclose(PAIRINGS["probe"](puzzle), probe(puzzle), **EXACT["probe"])
