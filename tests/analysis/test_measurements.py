"""Every measurement equals its definition, taken slowly and in float64 from a network that shares no code with it."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from jaxsolve.analysis import (
    forward,
    isometry,
    norms,
    pair_scores,
    products,
    rescaling,
    residuals,
    seeds,
    subject_of,
    summary_of,
    transitivity,
)
from jaxsolve.ordering import SEEDS
from jaxsolve.pairing import PAIRINGS
from tests import reference


def known(activation="relu", n=5, rows=12, **options):
    puzzle, answer = reference.random_puzzle(11, n=n, rows=rows, activation=activation, **options)
    return puzzle, answer, subject_of(puzzle, puzzle.permutation(answer))


def size(values):
    return math.sqrt(math.fsum(float(v) ** 2 for v in np.ravel(values)))


def slope(name, value, step=1e-5):
    return (reference.activate(name, value + step) - reference.activate(name, value - step)) / (2 * step)


def test_norms_are_roots_of_sums_of_squares():
    puzzle, _, subject = known()
    found = norms(subject)
    for name in ("w_in", "b_in", "w_out", "b_out"):
        np.testing.assert_allclose(getattr(found, name), [size(half) for half in getattr(puzzle, name)], rtol=1e-14)
        sizes = getattr(found, name).tolist()
        summary = found.summaries[name]
        mean = math.fsum(sizes) / 5
        assert summary.mean == pytest.approx(mean)
        assert summary.std == pytest.approx(math.sqrt(math.fsum((s - mean) ** 2 for s in sizes) / 5))
        assert (summary.min, summary.max, summary.count) == (min(sizes), max(sizes), 5)
    assert found.in_ids == puzzle.in_ids.tolist()
    assert found.w_last == pytest.approx(size(puzzle.w_last))


def test_the_rescaling_test_tries_all_matchings():
    puzzle, answer, subject = known()
    log = lambda i, j: abs(math.log(size(puzzle.w_in[i]) / size(puzzle.w_out[j])))
    every = {p: math.fsum(log(i, j) for i, j in enumerate(p)) / 5 for p in itertools.permutations(range(5))}
    found, best = rescaling(subject), min(every, key=every.get)
    assert found.matched == pytest.approx(min(every.values()))
    assert found.unlike == pytest.approx(max(every.values()))
    assert found.random == pytest.approx(math.fsum(every.values()) / len(every))
    assert found.pairs == pytest.approx(math.fsum(log(i, j) for i, j in zip(*answer, strict=True)) / 5)
    assert every[best] == pytest.approx(found.matched)
    assert 0 <= found.found <= 5


@pytest.mark.parametrize("activation", reference.ACTIVATIONS)
def test_residuals_of_every_pair(activation):
    puzzle, answer, subject = known(activation)
    found = residuals(subject)
    for i, j in itertools.product(range(5), repeat=2):
        updates = reference.states(puzzle, [i], [j], 12)[-1] - puzzle.x
        ratios = [size(update) / size(x) for update, x in zip(updates, puzzle.x, strict=True)]
        assert found.ratios[i, j] == pytest.approx(math.fsum(ratios) / 12, rel=1e-5)
    assert found.input_norm == pytest.approx(math.fsum(map(size, puzzle.x)) / 12)
    assert found.rows == 12
    assert sorted(zip(*np.nonzero(found.right), strict=True)) == sorted(zip(*answer, strict=True))
    assert found.pairs.count == 5
    assert found.every.max == found.ratios.max()


def test_residuals_do_not_depend_on_the_rows_held_at_once():
    _, _, subject = known()
    np.testing.assert_allclose(residuals(subject, chunk_rows=5).ratios, residuals(subject).ratios, rtol=1e-6)


def test_scores_of_blocks_and_of_others():
    puzzle, answer, subject = known()
    partner = dict(zip(answer.ins.tolist(), answer.outs.tolist(), strict=True))
    found = pair_scores(subject)
    assert [score.name for score in found] == [*PAIRINGS]
    for score in found:
        scores = PAIRINGS[score.name](puzzle)
        np.testing.assert_allclose(score.scores, scores, rtol=1e-12)
        own = [scores[i, partner[i]] for i in range(5)]
        others = [scores[i, j] for i, j in np.ndindex(5, 5) if partner[i] != j]
        assert score.gap == pytest.approx(min(own) - max(others))
        assert (score.pairs.min, score.others.max) == (min(own), max(others))
        rivals = [
            max(scores[a, b] for a, b in np.ndindex(5, 5) if (a == i) != (b == partner[i])) for i in range(5)
        ]  # of either half, and no pair of both
        above = [(s - r) / scores.std() for s, r in zip(own, rivals, strict=True)]
        np.testing.assert_allclose(score.margins, above, rtol=1e-9)
        assert score.certain == sum(a > 0 for a in above)
        assert score.argmax == sum(scores[i].argmax() == j for i, j in partner.items())
        edges, pairs, rest = score.histogram(7)
        assert (pairs.sum(), rest.sum()) == (5, 20)
        for k, (low, high) in enumerate(itertools.pairwise(edges)):
            last = k == 6
            assert pairs[k] == sum(low <= s < high or (last and s == high) for s in own)


def test_products_and_their_spectra():
    puzzle, answer, subject = known(d=5)
    found = products(subject)
    for t, (i, j) in enumerate(zip(*answer, strict=True)):
        m = np.array([[math.fsum(puzzle.w_out[j][c] * puzzle.w_in[i][:, d]) for d in range(5)] for c in range(5)])
        np.testing.assert_allclose(found.matrices[t], m, rtol=1e-12, atol=1e-14)
        assert found.traces[t] == pytest.approx(math.fsum(m[c, c] for c in range(5)))
        assert found.frobenius[t] == pytest.approx(size(m))
        for value in found.eigenvalues[t]:  # each is a root of the characteristic polynomial, and they are all
            assert abs(np.linalg.det(m - value * np.eye(5))) < 1e-10
        np.testing.assert_allclose(np.poly(found.eigenvalues[t]).real, np.poly(m), atol=1e-10)
        squares = np.sort(np.linalg.eigvalsh(m.T @ m))[::-1]
        np.testing.assert_allclose(found.singular_values[t] ** 2, squares, atol=1e-12)
        shares = [s / math.fsum(found.singular_values[t]) for s in found.singular_values[t]]
        entropy = -math.fsum(p * math.log(p) for p in shares)
        assert found.effective_rank[t] == pytest.approx(math.exp(entropy))
        other = answer.outs[(t + 1) % 5]
        np.testing.assert_allclose(found.unpaired[t], puzzle.w_out[other] @ puzzle.w_in[i], rtol=1e-12)
    negative = [sum(v.real < 0 for v in np.linalg.eigvals(m)) for m in found.matrices]
    assert found.negative_share == sum(negative) / 25
    np.testing.assert_allclose(found.negative_shares, [k / 5 for k in negative])


def test_effective_ranks_of_known_matrices():
    puzzle, _, subject = known(d=4, h=4, n=2)
    eye = np.broadcast_to(np.eye(4), (2, 4, 4))
    rank_one = np.zeros((2, 4, 4))
    rank_one[0, 0, 0] = 3.0
    found = products(subject_of(puzzle.replace(w_in=eye, w_out=eye), subject.permutation))
    np.testing.assert_allclose(found.effective_rank, 4)
    found = products(subject_of(puzzle.replace(w_in=eye, w_out=rank_one), subject.permutation))
    assert sorted(found.effective_rank.round(12)) == [0, 1]


@pytest.mark.parametrize("activation", reference.ACTIVATIONS)
def test_a_forward_pass_by_loops(activation):
    puzzle, answer, subject = known(activation)
    found, states = forward(subject), reference.states(puzzle, *answer, 12)
    mean = lambda values: math.fsum(values) / 12
    np.testing.assert_allclose(found.state_norm, [mean(map(size, h)) for h in states], rtol=1e-9)
    for t, (i, j) in enumerate(zip(*answer, strict=True)):
        updates = states[t + 1] - states[t]
        on_inputs = reference.states(puzzle, [i], [j], 12)[-1] - puzzle.x
        inputs = states[t] @ puzzle.w_in[i].T + puzzle.b_in[i]
        jacobians = [
            puzzle.w_out[j] @ np.diag([slope(activation, v) for v in row]) @ puzzle.w_in[i] for row in inputs.tolist()
        ]
        assert found.update_norm[t] == pytest.approx(mean(map(size, updates)))
        assert found.ratio[t] == pytest.approx(mean(size(u) / size(h) for u, h in zip(updates, states[t], strict=True)))
        assert found.delta_norm[t] == pytest.approx(mean(map(size, on_inputs)))
        assert found.active_fraction[t] == pytest.approx(np.mean([[v > 0 for v in row] for row in inputs]))
        assert found.jacobian_trace[t] == pytest.approx(mean(np.trace(one) for one in jacobians), rel=1e-6)
        assert found.jacobian_square[t] == pytest.approx(mean(size(one) ** 2 for one in jacobians), rel=1e-6)


def test_both_sides_of_proposition_1():
    puzzle, answer, subject = known()
    seen = forward(subject)
    found = isometry(subject, seen)
    traces = [np.trace(puzzle.w_out[j] @ puzzle.w_in[i]) for i, j in zip(*answer, strict=True)]
    np.testing.assert_allclose(found.trace, traces, rtol=1e-12)
    stretch = []
    for t, (i, j) in enumerate(zip(*answer, strict=True)):
        h = reference.states(puzzle, answer.ins[:t], answer.outs[:t], 12)[-1]
        opened = h @ puzzle.w_in[i].T + puzzle.b_in[i] > 0
        jacobians = [np.eye(4) + puzzle.w_out[j] @ np.diag(row) @ puzzle.w_in[i] for row in opened.astype(float)]
        stretch.append(np.mean([size(one) ** 2 for one in jacobians]) / 4)
    np.testing.assert_allclose(found.stretch, stretch, rtol=1e-6)
    assert found.negative == sum(t < 0 for t in traces)
    assert found.ratio == pytest.approx(np.median(-np.array(traces) / seen.jacobian_square))
    assert found.isometry_ratio == pytest.approx(np.median(-2 * seen.jacobian_trace / seen.jacobian_square))
    assert found.half_open_ratio == pytest.approx(np.median(2 * seen.jacobian_trace / np.array(traces)))
    assert found.correlation == pytest.approx(np.corrcoef(traces, -seen.jacobian_square)[0, 1])


def test_a_block_that_meets_the_assumptions_meets_the_proposition():
    puzzle, _ = reference.random_puzzle(1, n=1, d=2, h=4, rows=64)
    # every unit and its opposite: one of the two is open, so that J_r = -W Wᵀ/2 whatever the input
    w = np.array([[1.0, 1.0], [1.0, -1.0]])
    puzzle = puzzle.replace(
        w_in=np.concatenate([w, -w])[None], w_out=-np.hstack([w.T, -w.T])[None], b_in=np.zeros((1, 4))
    )
    subject = subject_of(puzzle, [*puzzle.in_ids, *puzzle.out_ids, puzzle.last_id])
    found = isometry(subject, forward(subject))
    assert (found.ratio, found.isometry_ratio, found.half_open_ratio) == pytest.approx((1, 1, 1))
    assert found.stretch == pytest.approx(1)


def test_contradictions_are_those_of_all_triples():
    puzzle, answer, subject = known(n=7)
    found = transitivity(subject)
    pieces = {pair: t for t, pair in enumerate(subject.piece_ids)}
    order = [pieces[pair] for pair in found.pairs]
    assert sorted(order) == list(range(7))
    np.testing.assert_array_equal(found.depth, order)
    loss = lambda some: reference.loss(puzzle, answer.ins[some], answer.outs[some])
    base = loss(order)
    sizes = lambda t: np.mean(
        np.linalg.norm(reference.states(puzzle, answer.ins[[t]], answer.outs[[t]], 12)[1] - puzzle.x, axis=1)
    )
    ascending = sorted(range(7), key=sizes)
    assert order == (ascending if found.order_seed == "delta_norm" else ascending[::-1])
    assert base == pytest.approx(min(loss(ascending), loss(ascending[::-1])))
    assert found.seed_mse == pytest.approx(base)
    for s, t in itertools.combinations(range(7), 2):
        swapped = [*order]
        swapped[s], swapped[t] = order[t], order[s]
        assert found.gaps[s, t] == -found.gaps[t, s] == pytest.approx(loss(swapped) - base, rel=1e-3, abs=1e-4)
    ahead = found.gaps > 0
    triples = [
        [a, b, c]
        for a, b, c in itertools.permutations(range(7), 3)
        if a == min(a, b, c) and ahead[a, b] and ahead[b, c] and ahead[c, a]
    ]
    assert sorted(found.cycles.tolist()) == sorted(triples)
    assert len(triples) > 0
    assert found.triples == 35
    for (a, b, c), margins, span in zip(found.cycles, found.cycle_margins, found.spans, strict=True):
        assert margins.tolist() == sorted(abs(found.gaps[s, t]) for s, t in ((a, b), (b, c), (c, a)))
        assert span == max(order[k] for k in (a, b, c)) - min(order[k] for k in (a, b, c))


def test_a_sample_of_blocks_has_the_gaps_of_all():
    _, _, subject = known(n=7)
    whole = transitivity(subject)
    found = transitivity(subject, work=0.5 * 7 * 4 * 4 * 6 * 12 * 4**2 / 2)
    assert len(found.positions) == 4
    assert found.triples == 4
    np.testing.assert_allclose(found.gaps, whole.gaps[np.ix_(found.positions, found.positions)], rtol=1e-5)
    assert found.pairs == [whole.pairs[t] for t in found.positions]
    np.testing.assert_array_equal(found.depth, whole.depth[found.positions])


def test_every_seed_beside_the_answer():
    puzzle, answer, subject = known()
    found = seeds(subject)
    assert [one.name for one in found.orders] == [*SEEDS]
    assert not found.left_out
    for one in found.orders:
        assert one.spearman == pytest.approx(spearmanr(one.depth, np.arange(5)).statistic)
        assert one.mse == pytest.approx(reference.loss(puzzle, answer.ins[one.depth], answer.outs[one.depth]), rel=1e-9)
    by_name = {one.name: one for one in found.orders}
    sizes = [size(puzzle.w_out[j]) for j in answer.outs]
    np.testing.assert_array_equal(by_name["w_out_frobenius"].depth, np.argsort(sizes))


def test_seeds_that_would_take_too_long_are_left_out_with_a_reason():
    _, _, subject = known(n=6)
    found = seeds(subject, work=6.0 * 4 * 4 * 6 * 12)
    assert set(found.left_out) == {"delta_greedy", "greedy_insertion", "bradley_terry"}
    assert all("6 blocks leave it" in why for why in found.left_out.values())


def test_summaries_skip_what_is_not_finite():
    found = summary_of([1.0, np.inf, 3.0, np.nan])
    assert (found.count, found.mean, found.std, found.min, found.median, found.max) == (2, 2, 1, 1, 2, 3)
    assert summary_of([np.nan]) is None
