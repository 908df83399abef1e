"""Pairs are like those near them in depth: what is common to neighbours alone tells them from others."""

import numpy as np
import pytest

from jaxsolve.pairing import PAIRINGS, factors, learned_around, of_pairs, pair, similarity
from jaxsolve.pairing.discriminant import Discriminant
from jaxsolve.pairing.template import denoised
from tests import reference

N, D, H, ROWS = 32, 12, 16, 50


def turning(seed, strength=1.8, fall=1.0):
    """A puzzle whose right pairs have u a(t)ᵀ and b(t) uᵀ in their products, which turn by half a circle with depth t.

    What they have in common over all depths is little but uᵀMu, which falls with depth. Also its pairs.
    """
    rng = np.random.default_rng(seed)
    puzzle, _ = reference.random_puzzle(seed, n=N, d=D, h=H, rows=ROWS)
    unit = lambda v: v / np.linalg.norm(v, axis=-1, keepdims=True)
    u, partner, depth = unit(puzzle.w_last), rng.permutation(N), rng.permutation(N) / (N - 1)
    plane = np.linalg.qr(np.column_stack([u, rng.normal(size=(D, 4))]))[0].T[1:]
    angle = np.pi * depth[:, None]
    a = np.cos(angle) * plane[0] + np.sin(angle) * plane[1] - fall * depth[:, None] * u
    b = np.cos(angle) * plane[2] + np.sin(angle) * plane[3]
    w_in, w_out = puzzle.w_in.copy(), puzzle.w_out.copy()
    for i in range(N):
        for left, right in ((u, a[i]), (b[i], u)):
            via = unit(rng.normal(size=H))
            w_in[i] += strength * np.outer(via, right)
            w_out[partner[i]] += strength * np.outer(left, via)
    return puzzle.replace(w_in=w_in, w_out=w_out), partner, depth


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_pairs_whose_products_turn_with_depth_are_found_by_their_neighbours(seed):
    puzzle, partner, _ = turning(seed)
    right = {name: int((pair(puzzle, name).partner == partner).sum()) for name in ("discriminant", "template")}
    assert right["template"] > right["discriminant"] + 2


def test_similarity_is_that_of_pairs_near_in_depth():
    puzzle, partner, depth = turning(0)
    pairs, known = np.eye(N)[partner], factors(puzzle)
    above = lambda found: sum(found[name][pairs > 0].mean() / found[name].std() for name in ("near_left", "near_right"))
    ranks = depth.argsort().argsort().astype(float)
    assert above(similarity(known, pairs, ranks)) > 1.2 * above(similarity(known, pairs, np.zeros(N)))


def test_a_pair_is_no_template_for_its_own_first_half(monkeypatch):
    monkeypatch.setattr("jaxsolve.pairing.template.of_pairs", lambda values: values)
    puzzle, partner, _ = turning(0)
    one = np.zeros((N, N))
    one[3, partner[3]] = 1
    for scores in similarity(factors(puzzle), one, np.zeros(N)).values():
        np.testing.assert_array_equal(scores[3], 0)
        assert np.all(np.delete(scores, 3, axis=0).any(axis=1))


def test_templates_are_made_anew_only_until_the_posterior_stays_as_it_is(monkeypatch):
    puzzle, _, _ = turning(0)
    seen = []
    monkeypatch.setattr("jaxsolve.pairing.template.similarity", lambda *of: seen.append(of) or similarity(*of))
    PAIRINGS["template"](puzzle, rounds=12)
    assert 2 < len(seen) < 2 * 12
    assert np.abs(seen[0][1] - seen[-1][1]).max() > 0.5
    seen.clear()
    PAIRINGS["template"](puzzle, rounds=1)
    assert len(seen) == 2


@pytest.mark.parametrize("d", [12, 128])
def test_what_two_directions_hold_is_told_from_noise(d):
    """Of the error of a mean, almost all is noise in directions that it does not have, which go."""
    rng = np.random.default_rng(d)
    ends = [np.linalg.qr(rng.normal(size=(5, d, 2)))[0] for _ in range(2)]
    true = 6 * np.sqrt(d) * ends[0] @ ends[1].swapaxes(1, 2)
    noise = np.array([0.3, 0.6, 1, 1, 1])
    seen = true + noise[:, None, None] * rng.normal(size=true.shape)
    away = lambda found: np.linalg.norm(found - true, axis=(1, 2))
    kept = denoised(seen, noise)
    assert np.all(away(kept) < (0.75 if d == 12 else 0.4) * away(seen))
    assert np.all(np.linalg.matrix_rank(kept, tol=1e-9 * d) == 2)


@pytest.mark.parametrize("d", [12, 128])
def test_of_noise_alone_next_to_nothing_is_kept(d):
    """The largest singular value of so small a matrix may lie a little above those of all large ones."""
    noise = np.random.default_rng(3).normal(size=(40, d, d))
    assert np.linalg.norm(denoised(noise, np.ones(40))) < 0.1 * np.linalg.norm(noise)


@pytest.mark.parametrize("d", [12, 128])
def test_noise_is_told_in_any_unit(d):
    seen = np.random.default_rng(7).normal(size=(2, d, d)) + np.full(d, 1.0)
    for unit in (1e-200, 1e200):
        np.testing.assert_allclose(
            denoised(unit * seen, np.full(2, unit)) / unit, denoised(seen, np.ones(2)), atol=1e-9
        )


def test_without_noise_and_of_vectors_all_is_kept():
    rng = np.random.default_rng(4)
    square, row = rng.normal(size=(3, 5, 5)), rng.normal(size=(3, 1, 5))
    np.testing.assert_allclose(denoised(square, np.zeros(3)), square, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(denoised(row, np.full(3, 9.0)), row)
    np.testing.assert_array_equal(denoised(np.full((1, 2, 2), np.inf), np.ones(1)), np.inf)


def test_what_right_pairs_have_in_common_may_change_with_depth():
    """Some of it is there early, some late: nothing says the same everywhere."""
    more = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        partner, depth, known = rng.permutation(N), np.linspace(0, 1, N), {}
        for name, most in (("uu", 0), ("early", 0), ("ue", 1), ("late", 1)):
            values = rng.normal(size=(N, N))
            values[np.arange(N), partner] += 4 * np.maximum(1 - 2 * np.abs(depth - most), 0)
            known[name] = of_pairs(values)
        pairs = np.eye(N)[np.where(rng.random(N) < 0.5, partner, np.roll(partner, 2))]
        right = lambda found, partner=partner: int((found.scores.argmax(axis=1) == partner).sum())
        more += right(learned_around(known, pairs, np.arange(N, dtype=float)))
        more -= right(Discriminant().learned_from(known, pairs))
    assert more > 6 * 2


def test_halves_without_a_pair_learn_from_all():
    rng = np.random.default_rng(6)
    known = {"uu": of_pairs(rng.normal(size=(6, 4)))}
    pairs = np.zeros((6, 4))
    pairs[[0, 2, 3, 5], [3, 1, 0, 2]] = 1
    found = learned_around(known, pairs, np.arange(6.0))
    assert np.isfinite(found.scores).all()
    np.testing.assert_allclose(found.posterior.sum(axis=0), 1, atol=1e-3)
