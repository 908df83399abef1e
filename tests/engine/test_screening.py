"""First-order predictions equal finite differences of the slow reference, and screen what they claim to."""

import numpy as np
import pytest

from jaxsolve import engine
from jaxsolve.engine import NEIGHBOURHOODS
from jaxsolve.run import Run, screen
from tests import reference

N = 6


def gradients(puzzle, ins, outs, rows, step=1e-5):
    """Gradient of every prediction with respect to the states before each position, by finite differences."""
    states = reference.states(puzzle, ins, outs, rows)
    found = np.zeros_like(states)
    for t in range(len(states)):
        for d in range(puzzle.features):
            ends = []
            for sign in (1, -1):
                x = states[t].copy()
                x[:, d] += sign * step
                moved = puzzle.replace(x=x)
                ends.append(reference.states(moved, ins[t:], outs[t:], rows)[-1] @ puzzle.w_last)
            found[t, :, d] = (ends[0] - ends[1]) / (2 * step)
    return states, found


def added(puzzle, h, i, j):
    """What a block adds to given states."""
    return reference.states(puzzle.replace(x=h), [i], [j], len(h))[-1] - h


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_predictions_are_those_of_finite_differences(activation):
    puzzle, answer = reference.random_puzzle(5, n=N, rows=6, activation=activation, scale=0.6)
    rng = np.random.default_rng(3)
    ins, outs = rng.permutation(N), rng.permutation(N)
    states, g = gradients(puzzle, ins, outs, puzzle.rows)
    error = states[-1] @ puzzle.w_last + puzzle.b_last - puzzle.y
    assembly = type(answer)(ins.astype(np.int32), outs.astype(np.int32))
    own = [(g[t + 1] * (states[t + 1] - states[t])).sum(axis=1) for t in range(N)]

    def here(p, s, gradient):
        h = states[p] - (states[s + 1] - states[s] if s < p else 0)
        return (gradient * added(puzzle, h, ins[s], outs[s])).sum(axis=1)

    def change(i, a, j, b, half):
        if half == 2:
            return sum(
                (g[t + 1] * added(puzzle, states[t], ins[t], outs[s])).sum(axis=1) - own[t] for t, s in ((i, j), (j, i))
            )
        if half == 1:
            return sum(
                (g[t + 1] * added(puzzle, states[t], ins[s], outs[t])).sum(axis=1) - own[t] for t, s in ((i, j), (j, i))
            )
        if a == b == 1:
            return here(i, j, g[i + 1]) - own[i] + here(j, i, g[j + 1]) - own[j]
        if a <= b:
            return sum(here(j + b, s, g[j + b]) - own[s] for s in range(i, i + a))
        return sum(here(i, s, g[i]) - own[s] for s in range(j, j + b))

    moves = NEIGHBOURHOODS["joint_moves"](N)
    expected = [
        np.mean((error + 0.6 * change(*map(int, segment), int(half))) ** 2)
        for segment, half in zip(moves.segments, moves.halves, strict=True)
    ]
    predicted = screen(engine.to_device(puzzle), assembly, moves, Run())
    np.testing.assert_allclose(predicted, expected, rtol=2e-3)
    alone = NEIGHBOURHOODS["reorderings"](N)
    np.testing.assert_allclose(
        screen(engine.to_device(puzzle), assembly, alone, Run()), expected[: alone.size], rtol=2e-3
    )


@pytest.mark.parametrize("name", NEIGHBOURHOODS)
@pytest.mark.parametrize("n", [1, 2])
def test_small_networks_have_predictions_too(name, n):
    puzzle, answer = reference.random_puzzle(5, n=n)
    moves = NEIGHBOURHOODS[name](n)
    losses = screen(engine.to_device(puzzle), type(answer)(*(half.astype(np.int32) for half in answer)), moves, Run())
    assert losses.shape == (moves.size,)
    assert np.isfinite(losses).all()


def test_undefined_predictions_rank_last():
    puzzle, answer = reference.random_puzzle(5, n=3)
    blown = puzzle.replace(w_out=puzzle.w_out * 1e30, w_in=puzzle.w_in * 1e30)
    assert np.isinf(screen(engine.to_device(blown), answer, NEIGHBOURHOODS["swaps"](3), Run())).all()
