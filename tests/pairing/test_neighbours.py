"""Pairs are like those near them in depth: what is common to neighbours alone tells them from others."""

import numpy as np
import pytest

from jaxsolve.pairing import factors, likeness, pair
from jaxsolve.pairing.neighbours import ROUNDS
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
    right = {name: int((pair(puzzle, name).partner == partner).sum()) for name in ("discriminant", "neighbours")}
    assert right["neighbours"] > right["discriminant"] + 2


def test_likeness_is_that_of_pairs_near_in_depth():
    puzzle, partner, depth = turning(0)
    pairs, known = (np.arange(N), partner), factors(puzzle)
    above = lambda found: sum(found[name][pairs].mean() / found[name].std() for name in ("near_left", "near_right"))
    ranks = depth.argsort().argsort().astype(float)
    assert above(likeness(known, pairs, ranks)) > 1.2 * above(likeness(known, pairs, np.zeros(N)))


def test_a_pair_is_no_template_for_its_own_halves():
    puzzle, partner, _ = turning(0)
    one = (np.array([3]), partner[[3]])
    for scores in likeness(factors(puzzle), one, np.zeros(1)).values():
        np.testing.assert_array_equal(scores, 0)


def test_templates_are_made_anew_only_until_the_pairs_stay_as_they_are(monkeypatch):
    puzzle, _, _ = turning(0)
    seen = []
    monkeypatch.setattr("jaxsolve.pairing.neighbours.likeness", lambda *of: seen.append(of) or likeness(*of))
    pair(puzzle, "neighbours")
    assert 1 < len(seen) < ROUNDS
    assert not np.array_equal(seen[0][1][1], seen[-1][1][1])
