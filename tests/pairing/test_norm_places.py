"""LayerNorms and RMSNorms with parameters find their blocks by weights, and change places where that helps."""

import numpy as np
import pytest

from jaxsolve.pairing.norm_places import norm_scores, placed, replaced
from jaxsolve.puzzle import Puzzle, mean_squared_error, running
from jaxsolve.puzzle.norm_pieces import with_norms
from jaxsolve.solver import Config, solve
from tests import reference

N, D, H, ROWS = 4, 16, 24, 400


def normed_pile(seed, kind="layer_norm", last=True, balanced=True):
    """Pieces of a pre-norm stack, a table, and the ids of the pieces in the order they run.

    In a balanced one, features that a norm scales up are weighed more behind it, as training leaves them.
    """
    rng = np.random.default_rng(seed)
    draw = lambda *shape, size: reference.single(size * rng.normal(size=shape))
    ids, pieces, order = rng.permutation(3 * N + 1 + last).tolist(), {}, []
    x = draw(ROWS, D, size=1.0)
    h = x.copy()

    def add(own):
        pieces[ids[len(order)]] = own
        order.append(ids[len(order)])
        return own

    def norm(h):
        own = {"weight": reference.single(np.exp(0.6 * rng.normal(size=D)))}
        if kind == "layer_norm":
            own["bias"] = draw(D, size=0.1)
        add(own)
        return reference.SEEN[kind](h) * own["weight"] + own.get("bias", 0.0), own["weight"]

    def layer(o, i, size=1.0, scale=1.0):
        weight = reference.single(draw(o, i, size=size / np.sqrt(i)) * scale)
        return add({"weight": weight, "bias": draw(o, size=0.3)})

    for _ in range(N):
        seen, scale = norm(h)
        first = layer(H, D, scale=scale if balanced else 1.0)
        second = layer(D, H, 0.6)
        h = h + np.maximum(seen @ first["weight"].T + first["bias"], 0) @ second["weight"].T + second["bias"]
    h, scale = norm(h) if last else (h, 1.0)
    readout = layer(1, D, scale=scale if balanced else 1.0)
    return pieces, x, reference.single(h @ readout["weight"][0] + readout["bias"][0]), order


@pytest.mark.parametrize(("kind", "last"), [("layer_norm", True), ("layer_norm", False), ("rms_norm", True)])
def test_answers_with_norms_reproduce_every_prediction(kind, last):
    pieces, x, y, order = normed_pile(4, kind, last)
    puzzle = Puzzle.from_arrays(pieces, x, y)
    assert puzzle.activation == f"{kind}+relu" + f"+{kind}" * last
    alone, assembly = running(puzzle, order)
    assert alone.permutation(assembly) == order
    assert mean_squared_error(alone, assembly) < 1e-11


def test_a_stack_is_put_back_with_its_norms():
    pieces, x, y, order = normed_pile(4, last=False)
    puzzle = Puzzle.from_arrays(pieces, x, y)
    solution = solve(puzzle, Config(budget=60))
    assert solution.status == "solved"
    assert solution.certificate.permutation == order
    np.testing.assert_allclose(solution.predict(x), y, atol=1e-4)
    tensors = solution.state_dict()
    np.testing.assert_array_equal(tensors["blocks.0.norm.weight"], pieces[order[0]]["weight"].astype(np.float32))
    np.testing.assert_array_equal(tensors["last.weight"], pieces[order[-1]]["weight"].astype(np.float32))


def test_scores_are_correlations_of_squared_scales_and_weights():
    pieces, x, y, order = normed_pile(5)
    puzzle = Puzzle.from_arrays(pieces, x, y)
    scores, norms, places = norm_scores(puzzle)
    scale = np.stack([pieces[k]["weight"] ** 2 for k in norms])
    weigh = np.stack([(pieces[k]["weight"] ** 2).sum(axis=0) for k in places])
    weigh = weigh / weigh.mean(axis=1, keepdims=True)
    scale, weigh = scale - scale.mean(axis=0), weigh - weigh.mean(axis=0)
    for a in range(len(norms)):
        for b in range(len(places)):
            assert scores[a, b] == pytest.approx(np.corrcoef(scale[a], weigh[b])[0, 1], abs=1e-9)
    before = placed(puzzle).given.normed.before
    assert sum(before[i] == k for k, i in zip(order[:-2:3], order[1:-2:3], strict=True)) >= N - 1


def test_norms_change_places_where_that_makes_an_answer_better():
    pieces, x, y, order = normed_pile(6)
    puzzle, assembly = running(Puzzle.from_arrays(pieces, x, y), order)
    assert mean_squared_error(puzzle, assembly) < 1e-11
    assert replaced(puzzle, assembly) is None
    before = dict(puzzle.given.normed.before)
    a, b, c = [*before][:3]
    turned = {**before, a: before[b], b: before[c], c: before[a]}
    wrong = with_norms(puzzle, turned, active=False)
    assert mean_squared_error(wrong, assembly) > 1e-6
    better = replaced(wrong, assembly)
    assert better.given.normed.before == before
    assert mean_squared_error(better, assembly) < 1e-11


def test_an_activation_that_was_said_keeps_its_norms():
    pieces, x, y, _ = normed_pile(7)
    assert Puzzle.from_arrays(pieces, x, y, activation="gelu").activation == "layer_norm+gelu+layer_norm"
    said = Puzzle.from_arrays(pieces, x, y, activation="rms_norm:1e-6+gelu")
    assert said.activation == "rms_norm:1e-06+gelu+layer_norm"
