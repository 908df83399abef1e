"""Every score equals its definition, product by product."""

import itertools

import numpy as np
import pytest

from jaxsolve.pairing import PAIRINGS
from jaxsolve.puzzle import padded
from tests import reference
from tests.pairing.messages import matched


def standardised(scores):
    return (scores - scores.mean()) / (scores.std() or 1)


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


def along(puzzle, direction):
    """How what each pair adds along a direction varies with what is not linear in the inputs."""
    design = np.column_stack([np.ones(puzzle.rows), puzzle.x])
    left = puzzle.y - design @ np.linalg.pinv(design) @ puzzle.y
    left /= np.std(left)
    common = [left @ reference.hidden_units(puzzle, puzzle.x, i) / puzzle.rows for i in range(len(puzzle.w_in))]
    return np.array([[direction @ w_out @ one for w_out in puzzle.w_out] for one in common])


def probe(puzzle):
    return along(puzzle, puzzle.w_last)


def products(puzzle):
    """What is compared of each pair's product, the two parts of its halves taken off, in standard deviations.

    The last is what the data alone say.
    """
    unit = lambda v: v / np.sqrt(v @ v) if v @ v > 0 else v
    x, y = puzzle.x - np.mean(puzzle.x, axis=0), puzzle.y - np.mean(puzzle.y)
    u, mean, slope = unit(puzzle.w_last), unit(np.mean(puzzle.x, axis=0)), unit(np.linalg.pinv(x) @ y)
    common = unit(sum(one * row for one, row in zip(y, x, strict=True)))
    covariance = sum(np.outer(row, row) for row in x) / len(x)
    tables = [each(puzzle, lambda w_in, b_in, w_out, v=v: u @ w_out @ w_in @ v) for v in (u, common, slope, mean)]
    tables.append(each(puzzle, lambda w_in, b_in, w_out: u @ w_out @ b_in))
    tables.append(each(puzzle, lambda w_in, b_in, w_out: np.trace(w_out @ w_in)))
    tables.append(each(puzzle, lambda w_in, b_in, w_out: np.trace(w_out @ w_in @ covariance)))
    tables += [DEFINITIONS["norm_balance"](puzzle), along(puzzle, slope), along(puzzle, u)]
    return [of_both(table) for table in tables]


def of_both(table):
    """A table without the parts of its rows and columns, in standard deviations."""
    own = np.zeros_like(table)
    for i, j in np.ndindex(*table.shape):
        own[i, j] = table[i, j] - table[i].mean() - table[:, j].mean() + table.mean()
    rounding = np.abs(own).max() <= 1e-12 * np.abs(table).max()
    return 0 * own if rounding else standardised(own)


def best_pairs(scores):
    """The pairs with the largest total, of all ways to pair as many as there can be."""
    few, many = sorted(scores.shape)
    wide = scores if scores.shape[0] == few else scores.T
    best = max(itertools.permutations(range(many), few), key=lambda to: sum(wide[i, j] for i, j in enumerate(to)))
    return {(i, j) if wide is scores else (j, i) for i, j in enumerate(best)}


def learned(tables, means, near=None):
    """The log odds of pairs by tables, by turns with the means of the tables over the posterior of matchings.

    With `near`, means are those of each row: others count as they are near to it.
    """
    within = 0.3 * np.eye(len(tables))
    rows = [np.array([table[at] for table in tables]) for at in np.ndindex(*tables[0].shape)]
    for row in rows:
        within += np.outer(row, row) / len(rows)
    shape, posterior = tables[0].shape, np.zeros(tables[0].shape)
    near = np.ones(shape[:1] * 2) if near is None else near
    means = np.broadcast_to(means, (shape[0], len(tables)))
    for _ in range(60):
        to_means = np.linalg.solve(within, means.T).T
        odds = [to_means[k // shape[1]] @ (row - means[k // shape[1]] / 2) for k, row in enumerate(rows)]
        before, (posterior, total) = posterior, matched(np.exp(odds).reshape(shape))
        if np.abs(posterior - before).max() < 1e-3:
            break
        means = [weighted_mean(tables, posterior * near[i][:, None]) for i in range(shape[0])]
        means = np.array(means)
    return np.reshape(odds, shape), total


def weighted_mean(tables, weights):
    return np.array([np.sum(table * weights) for table in tables]) / np.sum(weights)


def discriminant(puzzle):
    tables = products(puzzle)
    found = []
    for uu, traces, tells in itertools.product((-1.5, 0), (-1.5, 0), (1.2, 0, -1.2)):
        if uu or traces or tells:
            found.append(learned(tables, np.array([uu, 0, 0, 0, 0, traces, traces, 0, tells, tells])))
    return max(found, key=lambda one: one[1])[0]


def like_neighbours(puzzle, posterior, depths):
    """How like each pair's product, its readout, what reads the readout, and its answers are to those around it."""
    first, second = puzzle.w_in - np.mean(puzzle.w_in, axis=0), puzzle.w_out - np.mean(puzzle.w_out, axis=0)
    told = (puzzle.y - np.mean(puzzle.y)) / np.std(puzzle.y)
    answers = [told @ reference.hidden_units(puzzle, puzzle.x, i) / puzzle.rows for i in range(len(first))]
    answers -= np.mean(answers, axis=0)
    products = (
        lambda i, j: second[j] @ first[i],
        lambda i, j: puzzle.w_last @ second[j] @ first[i],
        lambda i, j: second[j] @ first[i] @ puzzle.w_last,
        lambda i, j: second[j] @ answers[i],
    )
    for product in products:
        every = {at: product(*at) for at in np.ndindex(len(first), len(second))}
        deviation = np.sqrt(np.mean([np.square(one) for one in every.values()]))
        table = np.zeros((len(first), len(second)))
        for i, depth in enumerate(depths):
            weights = {
                (k, j): posterior[k, j] * np.exp(-(((depth - depths[k]) / (0.4 * len(depths))) ** 2) / 2)
                for k, j in every
                if k != i
            }
            total = sum(weights.values()) or 1
            template = sum(weight * every[at] for at, weight in weights.items()) / total
            if np.ndim(template) == 2:
                template = without_noise(template, deviation * np.linalg.norm([*weights.values()]) / total)
            for j in range(len(second)):
                table[i, j] = np.sum(template * every[i, j])
        yield of_both(table)


def without_noise(square, deviation):
    """A square matrix with its singular values shrunk as Gavish and Donoho do, by the eigenvectors of its square."""
    edge = deviation * np.sqrt(len(square))
    squares, right = np.linalg.eigh(square.T @ square)
    factors = [np.sqrt(1 - 4 * edge**2 / value) if value > 4 * edge**2 else 0 for value in squares]
    return square @ right @ np.diag(factors) @ right.T


def template(puzzle):
    tables, ends = products(puzzle), []
    b = np.linalg.pinv(puzzle.x - np.mean(puzzle.x, axis=0)) @ (puzzle.y - np.mean(puzzle.y))
    slopes = of_both(each(puzzle, lambda w_in, b_in, w_out: b @ w_out @ w_in @ b))
    chosen = best_pairs(readout_trace(puzzle))
    pairs = np.array([[float((i, j) in chosen) for j in range(len(puzzle.w_out))] for i in range(len(puzzle.w_in))])
    for posterior in (matched(np.exp(discriminant(puzzle)))[0], pairs):
        for _ in range(12):
            along = [standardised(np.sum(posterior * table, axis=1)) for table in (tables[0], slopes, tables[6])]
            along = -along[0] - along[1] / 2 + along[2] / 2
            depths = [sum(other < one for other in along) for one in along]
            near = np.exp(-((np.subtract.outer(depths, depths) / (0.5 * len(depths))) ** 2) / 2)
            more = [*tables, *like_neighbours(puzzle, posterior, depths)]
            means = np.array([weighted_mean(more, posterior * row[:, None]) for row in near])
            scores, total = learned(more, means, near)
            posterior = matched(np.exp(scores))[0]
        ends.append((total, scores))
    return max(ends, key=lambda one: one[0])[1]


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
    "discriminant": discriminant,
    "template": template,
    "probe": probe,
}


DOUBLE = {"rtol": 1e-9, "atol": 1e-12}
EXACT = {
    "probe": {"rtol": 1e-4, "atol": 1e-5},
    "discriminant": {"rtol": 1e-4, "atol": 1e-4},
    "template": {"rtol": 2e-3, "atol": 1e-3},
}
"""The data are gone through in float32, and messages are sent until they have settled a little."""


def scored(name, puzzle):
    """Scores after as many rounds as the definitions take."""
    return PAIRINGS[name](puzzle, **({"tolerance": 0} if name == "template" else {}))


@pytest.mark.parametrize("name", PAIRINGS)
@pytest.mark.parametrize(("d", "h"), [(4, 7), (5, 3)])
def test_scores_equal_their_definitions(name, d, h):
    puzzle, _ = reference.random_puzzle(6, n=4, d=d, h=h)
    np.testing.assert_allclose(scored(name, puzzle), DEFINITIONS[name](puzzle), **EXACT.get(name, DOUBLE))


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
    scores = scored(name, wide)
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
