"""Puzzles of what is in memory are those of files, and what was found can be used at once."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxsolve.errors import AnswerError, PuzzleError
from jaxsolve.puzzle import Puzzle, in_units, read_puzzle, write_puzzle
from jaxsolve.solver import Config, solve
from tests import reference


@pytest.fixture(scope="module")
def given():
    puzzle, answer = reference.random_puzzle(12, n=4, d=4, h=7, rows=120, scale=0.8)
    return puzzle, answer


def layers(puzzle):
    """Weights and biases by piece ids."""
    halves = {int(k): (w, b) for k, w, b in zip(puzzle.in_ids, puzzle.w_in, puzzle.b_in, strict=True)}
    halves |= {int(k): (w, b) for k, w, b in zip(puzzle.out_ids, puzzle.w_out, puzzle.b_out, strict=True)}
    return halves | {puzzle.last_id: (puzzle.w_last[None], np.array([puzzle.b_last]))}


class Tensor:
    """What a tensor of PyTorch on a GPU does."""

    def __init__(self, array):
        self._array, self._steps = array, 0

    def detach(self):
        self._steps += 1
        return self

    def cpu(self):
        self._steps += 1
        return self

    def numpy(self):
        assert self._steps == 2
        return self._array


class Module:
    def __init__(self, weight, bias):
        self._state = {"weight": Tensor(weight), "bias": Tensor(bias)}

    def state_dict(self):
        return self._state


def test_arrays_make_the_puzzle_that_files_do(given, tmp_path):
    puzzle, _ = given
    write_puzzle(puzzle, tmp_path / "p")
    expected = read_puzzle(tmp_path / "p")
    found = Puzzle.from_arrays(layers(puzzle), expected.x, expected.y, activation="relu")
    assert found.fingerprint == expected.fingerprint
    assert found.in_ids.tolist() == expected.in_ids.tolist()
    turned = {k: {"weight": jnp.asarray(w, jnp.float32), "bias": b} for k, (w, b) in layers(puzzle).items()}
    assert Puzzle.from_arrays(turned, expected.x, expected.y, activation="relu").fingerprint == expected.fingerprint


def test_state_dicts_and_modules_are_numbered_as_they_come(given):
    puzzle, _ = given
    ordered = [layer for _, layer in sorted(layers(puzzle).items())]
    flat = {
        f"layer.{k}.{part}": t
        for k, layer in enumerate(ordered)
        for part, t in zip(("weight", "bias"), layer, strict=True)
    }
    for found in (
        Puzzle.from_state_dict(flat, puzzle.x, puzzle.y, activation="relu"),
        Puzzle.from_modules([Module(*layer) for layer in ordered], puzzle.x, puzzle.y, activation="relu"),
    ):
        assert found.in_ids.tolist() == puzzle.in_ids.tolist()
        np.testing.assert_array_equal(found.w_out, puzzle.w_out)


def test_what_was_found_can_be_used(given, tmp_path):
    puzzle, answer = given
    moved = puzzle.replace(b_last=puzzle.b_last + 50.0, y=reference.single(puzzle.y + 50.0))  # is conditioned
    found = Puzzle.from_arrays(layers(moved), moved.x, moved.y)
    assert not found.activation_given
    solution = solve(in_units(found), Config(budget=60))
    assert solution.status == "solved"
    np.testing.assert_allclose(solution.predict(moved.x), moved.y, atol=1e-4)
    tensors = solution.state_dict()
    np.testing.assert_allclose(tensors["last.bias"], [moved.b_last], rtol=1e-6)
    first = int(answer.ins[0])
    np.testing.assert_array_equal(tensors["blocks.0.inp.weight"], puzzle.w_in[first].astype(np.float32))
    solution.export(tmp_path / "net.safetensors")
    assert (tmp_path / "net.safetensors").exists()


def test_without_an_answer_there_is_nothing_to_use(given):
    puzzle, _ = given
    solution = solve(puzzle.replace(y=np.ones(puzzle.rows)), Config(budget=5))
    assert solution.certificate is None
    for use in (solution.state_dict, lambda: solution.predict(puzzle.x), lambda: solution.export("a.safetensors")):
        with pytest.raises(AnswerError, match="there is no answer"):
            use()


@pytest.mark.parametrize(
    ("pieces", "x", "y", "why"),
    [
        ([], np.ones((3, 2)), np.ones(3), "no pieces"),
        ({0: (np.ones((2, 2, 2)),)}, np.ones((3, 2)), np.ones(3), "piece 0: weight"),
        ({5: (np.full((3, 2), np.nan),)}, np.ones((3, 2)), np.ones(3), "piece 5: weight holds NaN"),
        ({0: (np.ones((3, 2)),)}, np.ones((3, 2)), np.ones(4), r"x and y are \[3, 2\] and \[4\]"),
        ({0: (np.ones((3, 2)),)}, np.full((3, 2), np.inf), np.ones(3), "x or y holds NaN or infinite"),
    ],
)
def test_what_does_not_fit_is_named(pieces, x, y, why):
    with pytest.raises(PuzzleError, match=why):
        Puzzle.from_arrays(pieces, x, y)
