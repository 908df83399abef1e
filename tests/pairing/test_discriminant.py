"""What right pairs have in common is learned from first guesses that are mostly wrong, and nothing from nothing."""

import itertools

import numpy as np
import pytest

from jaxsolve.pairing import PAIRINGS, discriminant, of_pairs, pair, standardised, statistics
from jaxsolve.pairing.discriminant import Discriminant, assigned
from jaxsolve.pairing.matching import matching
from jaxsolve.puzzle import padded
from tests import reference

N, D, H, ROWS = 24, 8, 12, 200


def templated(seed, strength=2.2, lean=-0.5):
    """A puzzle whose right pairs have noise and a common u bᵀ in their products, and its pairs.

    The slope b of the predictions leans on the readout's direction u, so that `readout_trace` sees a part of it.
    """
    rng = np.random.default_rng(seed)
    puzzle, _ = reference.random_puzzle(seed, n=N, d=D, h=H, rows=1)
    unit = lambda v: v / np.linalg.norm(v, axis=-1, keepdims=True)
    u, across, via = unit(puzzle.w_last), rng.normal(size=D), unit(rng.normal(size=(N, H)))
    b = lean * u + np.sqrt(1 - lean**2) * unit(across - u * (u @ across))
    partner, w_out, x = rng.permutation(N), puzzle.w_out.copy(), rng.normal(size=(ROWS, D))
    w_out[partner] += strength * u[:, None] * via[:, None]
    w_in = puzzle.w_in + strength * via[..., None] * b
    return puzzle.replace(w_in=w_in, w_out=w_out, x=x, y=x @ b + 0.1 * rng.normal(size=ROWS)), partner


def from_pairs(known, ins, outs, **parameters):
    pairs = np.zeros(next(iter(known.values())).shape)
    pairs[ins, outs] = 1
    return Discriminant(**parameters).learned_from(known, pairs)


@pytest.mark.parametrize("seed", range(5))
def test_what_right_pairs_have_in_common_is_found_from_a_few_of_them(seed):
    puzzle, partner = templated(seed)
    right = {name: int((pair(puzzle, name).partner == partner).sum()) for name in PAIRINGS}
    assert right["trace"] <= right["readout_trace"] < right["discriminant"] - 4
    assert right["discriminant"] > 0.8 * N


def test_better_pairs_to_learn_from_give_no_fewer_right_ones():
    puzzle, partner = templated(2, strength=1.8, lean=-0.3)
    rows, known = np.arange(N), statistics(puzzle)
    right = lambda scores: int((assigned(scores)[1] == partner).sum())
    wrong = np.roll(partner, 1)
    assert right(from_pairs(known, rows, wrong).scores) < right(PAIRINGS["discriminant"](puzzle))
    assert right(PAIRINGS["discriminant"](puzzle)) <= right(from_pairs(known, rows, partner).scores)


def test_pairs_may_come_in_any_order():
    puzzle, partner = templated(0)
    known, order = statistics(puzzle), np.random.default_rng(1).permutation(N)
    shuffled = from_pairs(known, order, partner[order]).scores
    np.testing.assert_allclose(shuffled, from_pairs(known, np.arange(N), partner).scores, rtol=1e-9, atol=1e-9)


def test_means_are_learned_until_the_posterior_stays_as_it_is_or_some_rounds_long(monkeypatch):
    puzzle, partner = templated(1)
    known, seen = statistics(puzzle), []
    monkeypatch.setattr(discriminant, "matching", lambda *given: seen.append(matching(*given)) or seen[-1])
    found = from_pairs(known, np.arange(N), np.roll(partner, 1))
    changes = [np.abs(one.posterior - other.posterior).max() for one, other in itertools.pairwise(seen)]
    assert 2 < len(seen) < Discriminant.rounds
    assert changes[-1] < Discriminant.tolerance <= min(changes[:-1])
    assert (found.posterior, found.evidence) == seen[-1][:2]
    seen.clear()
    from_pairs(known, np.arange(N), np.roll(partner, 1), rounds=2)
    assert len(seen) == 2


def test_pairs_of_noise_learn_that_nothing_is_known():
    """The best matching of noise stands out as much as these pairs do."""
    rng = np.random.default_rng(3)
    for k in range(5):
        noise = {str(name): of_pairs(np.outer(*rng.normal(size=(2, N)))) for name in range(3)}
        begun = from_pairs(noise, *assigned(noise["0"]))
        assert begun.evidence < 1, k
        assert begun.posterior.max() < 0.9, k


def test_evidence_tells_right_pairs_from_none():
    puzzle, partner = templated(0)
    known, rng = statistics(puzzle), np.random.default_rng(2)
    right = from_pairs(known, np.arange(N), partner)
    shuffled = {name: values[rng.permutation(N)] for name, values in known.items()}
    assert right.evidence > 20 + from_pairs(shuffled, np.arange(N), partner).evidence
    assert right.posterior[np.arange(N), partner].mean() > 0.8


def test_statistics_have_nothing_in_them_that_belongs_to_one_half():
    puzzle, _ = templated(0)
    for values in statistics(puzzle).values():
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(values.mean(axis=1), 0, atol=1e-12)


NOTHING = {
    "inputs_that_do_not_vary": lambda p: p.replace(x=np.full_like(p.x, 0.7)),
    "inputs_of_zero": lambda p: p.replace(x=0 * p.x),
    "predictions_that_do_not_vary": lambda p: p.replace(y=np.full_like(p.y, 0.1)),
    "one_row": lambda p: p.first_rows(1),
    "fewer_rows_than_features": lambda p: p.first_rows(3),
    "weights_of_zero": lambda p: p.replace(w_in=0 * p.w_in, b_in=0 * p.b_in, w_out=0 * p.w_out),
    "no_readout": lambda p: p.replace(w_last=0 * p.w_last),
    "equal_halves": lambda p: p.replace(w_in=p.w_in[[0] * N], b_in=p.b_in[[0] * N]),
    "huge_weights": lambda p: p.replace(w_in=1e30 * p.w_in, w_out=1e30 * p.w_out),
    "tiny_weights": lambda p: p.replace(w_in=1e-30 * p.w_in, w_out=1e-30 * p.w_out),
    "responses_that_overflow": lambda p: p.replace(w_in=1e38 * p.w_in),
    "null_halves": lambda p: padded(p, 2),
}


@pytest.mark.parametrize("what", NOTHING)
def test_scores_are_finite_with(what):
    puzzle = NOTHING[what](templated(0)[0])
    known = statistics(puzzle)
    assert all(np.isfinite(values).all() for values in known.values())
    n = puzzle.blocks
    assert np.isfinite(from_pairs(known, np.arange(n), np.roll(np.arange(n), 1)).scores).all()
    for name in ("discriminant", "template"):
        assert np.isfinite(standardised(PAIRINGS[name](puzzle))).all()


def test_weights_that_say_nothing_prefer_no_pair():
    np.testing.assert_array_equal(PAIRINGS["discriminant"](NOTHING["weights_of_zero"](templated(0)[0])), 0)


def test_a_single_second_half_prefers_no_first_half():
    puzzle, _ = templated(0)
    few = puzzle.replace(w_out=puzzle.w_out[:1], b_out=puzzle.b_out[:1], out_ids=puzzle.out_ids[:1])
    np.testing.assert_array_equal(PAIRINGS["discriminant"](padded(few))[:, 0], 0)
